"""How far an employee has read a conversation: an event, since an auditor wants to know who looked."""

from __future__ import annotations

from typing import ClassVar

from domain.fact import By, Fact, Noun


class Reading(Noun):
    TOPIC = "reading"
    cached: ClassVar[bool] = False

    class Advanced(Fact):
        """The employee has read everything up to this ledger position."""

        TOPIC = "reading.advanced"
        conversation_id: str
        chat_id: str
        employee_id: str
        read_position: int

        def apply(self, reading: Reading) -> None:
            reading.position = self.read_position

    def __init__(self) -> None:
        self.position = 0

    def advance(self, position: int, *, conversation_id: str, chat_id: str, employee_id: str, by: By) -> None:
        """Note how far he read; nobody reads backwards."""
        if position > self.position:
            self.record(
                Reading.Advanced,
                by,
                conversation_id=conversation_id,
                chat_id=chat_id,
                employee_id=employee_id,
                read_position=position,
            )
