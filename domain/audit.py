"""What an auditor asked: to look into everybody's chats is itself something that happened.

A question is a stream of its own with one event. It decides nothing about who sees what.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.fact import By, Fact, Noun, Private


class Question(Noun):
    TOPIC = "audit"
    cached: ClassVar[bool] = False

    class Asked(Fact):
        """Somebody asked this. asked: the ids and moments that he named; wording: what quotes a person."""

        TOPIC = "audit.asked"
        question_id: str
        question: str
        asked: dict[str, Any]
        wording: Private[dict[str, Any]]

        def apply(self, question: Question) -> None:
            """The question is there now; nothing else follows from it."""

    def ask(self, question: str, asked: dict[str, Any], wording: dict[str, Any], *, by: By) -> None:
        """Note the question; told twice, it is noted once."""
        if not self.exists:
            self.record(
                Question.Asked,
                by,
                question_id=str(self.id),
                question=question,
                asked=asked,
                wording=wording,
            )


class AuditCommands(Deciding):
    async def note_question(
        self, question_id: UUID, question: str, asked: dict[str, Any], wording: dict[str, Any], *, by: By
    ) -> Accepted:
        """Put on record what is asked, before it is answered. asked: ids and moments; wording: the rest."""

        def command(decision: Decision, attempt: int) -> None:
            take = decision.change if attempt else decision.begin
            take(Question, question_id).ask(question, asked, wording, by=by)

        _, accepted = await self.decide_async(by, command)
        return accepted
