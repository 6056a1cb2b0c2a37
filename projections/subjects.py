"""All events about a subject, in the order of the ledger, and what auditors have asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.ids import thread_id
from projections.answer import Answer, Pool, ask
from projections.statements import Statements

KINDS = (
    *("chat", "conversation", "message", "deal", "contact", "employee", "staff", "address"),
    *("channel", "webhook", "token"),
)
"""What can be asked about. Of a channel there is what happens to it, and not every message in it."""

STREAMS = ("conversation", "message")
"""Kinds that are known by an id of ours in other places than the events that name them."""

QUESTION = "question"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Which of the events are meant. Times: by the provider's clock, from the first on, before the second."""

    topic: str | None = None
    occurred_from: datetime | str = "-infinity"
    occurred_until: datetime | str = "infinity"


EVERYTHING = Narrowed()


class Subjects:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("subjects")

    async def events(
        self,
        workspace_id: str,
        kind: str,
        thing_id: str,
        *,
        narrowed: Narrowed = EVERYTHING,
        at: int | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> Answer:
        """A page of what was recorded about a thing after one position and up to another.

        kind: one of KINDS; a conversation and a message are known by a UUID.
        body: `{items, next_cursor}`; None where no event of the workspace ever named it.
        """
        return await ask(
            self.pool,
            self.statements["events"],
            workspace_id=workspace_id,
            kind=kind,
            id=thing_id,
            conversation_id=thing_id if kind == "conversation" else None,
            message_id=thing_id if kind == "message" else None,
            thread_id=str(thread_id(UUID(thing_id))) if kind == "message" else None,
            topic=narrowed.topic,
            occurred_from=narrowed.occurred_from,
            occurred_until=narrowed.occurred_until,
            at=at,
            after=after,
            limit=limit,
        )

    async def questions(
        self, workspace_id: str, *, actor: str | None = None, after: int = 0, limit: int = 50
    ) -> Answer:
        """A page of what was asked, by this actor or by anybody; body: `{items, next_cursor}`."""
        return await self.events(workspace_id, QUESTION, actor or "", after=after, limit=limit)
