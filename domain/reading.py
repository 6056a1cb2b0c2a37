"""How far an employee has read a conversation: an event, since an auditor wants to know who looked.

There is one a minute at most of an employee and a conversation: who has it open reads on all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from domain.fact import By, Fact, Noun

BETWEEN_READINGS = timedelta(minutes=1)


class Reading(Noun):
    TOPIC = "reading"
    cached: ClassVar[bool] = False

    class Advanced(Fact):
        """The employee has read what is in these chats of the conversation, up to this ledger position."""

        TOPIC = "reading.advanced"
        class_version = 2
        conversation_id: str
        chat_ids: list[str]
        employee_id: str
        read_position: int

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """A conversation was one chat."""
            state["chat_ids"] = [state.pop("chat_id")]

        def apply(self, reading: Reading) -> None:
            reading.at = self.timestamp
            for chat_id in self.chat_ids:
                reading.positions[chat_id] = max(self.read_position, reading.positions.get(chat_id, 0))

    def __init__(self) -> None:
        self.positions: dict[str, int] = {}
        self.at: datetime | None = None

    def advance(
        self, position: int, *, conversation_id: str, chat_ids: Sequence[str], employee_id: str, by: By
    ) -> datetime | None:
        """Note how far he read; nobody reads backwards.

        Returns when it can be noted, where that is too soon after the last time.
        """
        if all(position <= self.positions.get(chat_id, 0) for chat_id in chat_ids):
            return None
        if self.at is not None and by.at < self.at + BETWEEN_READINGS:
            return self.at + BETWEEN_READINGS
        self.record(
            Reading.Advanced,
            by,
            conversation_id=conversation_id,
            chat_ids=list(chat_ids),
            employee_id=employee_id,
            read_position=position,
        )
        return None
