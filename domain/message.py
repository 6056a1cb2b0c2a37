"""A message: a small stream of its own. Its edit or deletion may reach us before it does, and waits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from domain.fact import By, Fact, Noun, Private


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class AuthorKind(StrEnum):
    """Who wrote a message, as the company saw it when the message came."""

    CLIENT = "client"
    EMPLOYEE = "employee"
    EXTERNAL_STAFF = "external_staff"
    AUTOMATIC = "automatic"
    """The company's side by itself: a greeting, an out-of-office, a bot. It answers nobody."""

    @property
    def direction(self) -> Direction:
        return Direction.IN if self is AuthorKind.CLIENT else Direction.OUT


class Message(Noun):
    TOPIC = "message"
    cached: ClassVar[bool] = False
    WRITTEN_BY: ClassVar = ("message.received", "message.queued")

    class Received(Fact):
        """A message came through a messenger: a client's, or one that the company wrote elsewhere."""

        TOPIC = "message.received"
        message_id: str
        chat_id: str
        conversation_id: str
        channel_id: str
        delivery_id: str
        direction: str
        author_kind: str
        author_id: str | None
        sender_id: str | None
        echo: bool
        reply_to: str | None
        attachment_count: int
        external_id: Private[str]
        text: Private[str | None]
        sender_address: Private[str | None]
        sender_name: Private[str | None]
        attachments: Private[list[dict[str, Any]]]

        def apply(self, message: Message) -> None:
            message.chat_id = self.chat_id

    class Queued(Fact):
        """An employee wrote a message here; a connector is to deliver it."""

        TOPIC = "message.queued"
        message_id: str
        chat_id: str
        conversation_id: str
        channel_id: str
        delivery_id: str
        direction: str
        author_kind: str
        author_id: str
        reply_to: str | None
        attachment_count: int
        text: Private[str | None]
        attachments: Private[list[dict[str, Any]]]

        def apply(self, message: Message) -> None:
            message.chat_id = self.chat_id

    class Edited(Fact):
        """The author changed the text in the messenger; what it was stays in the history (G11)."""

        TOPIC = "message.edited"
        message_id: str
        chat_id: str
        text: Private[str | None]

        def apply(self, message: Message) -> None:
            message.edits.add((self.timestamp, self.text))
            if self.erased:
                message.erased_edits.add(self.timestamp)

    class Deleted(Fact):
        """The author deleted the message in the messenger; it stays in the history (G11)."""

        TOPIC = "message.deleted"
        message_id: str
        chat_id: str

        def apply(self, message: Message) -> None:
            message.deletions.add(self.timestamp)

    def __init__(self) -> None:
        self.chat_id: str | None = None
        self.edits: set[tuple[datetime, str | None]] = set()
        self.erased_edits: set[datetime] = set()
        self.deletions: set[datetime] = set()

    @property
    def written(self) -> bool:
        """Whether the message itself is here, not just news about it."""
        return self.chat_id is not None

    def receive(self, by: By, **facts: Any) -> None:
        """Note a message that a messenger brought; brought twice, it is noted once."""
        if not self.written:
            self.record(Message.Received, by, message_id=str(self.id), **facts)

    def queue(self, by: By, **facts: Any) -> None:
        """Note a message that an employee wrote here; asked twice, it is noted once."""
        if not self.written:
            self.record(
                Message.Queued,
                by,
                message_id=str(self.id),
                direction=Direction.OUT.value,
                author_kind=AuthorKind.EMPLOYEE.value,
                **facts,
            )

    def edit(self, chat_id: str, text: str | None, *, by: By) -> None:
        """Note another text; told again it is no news, also if another edit of that moment came between.

        Nor is it if the text was erased since: what was erased must not come back because it is told again.
        """
        if (by.at, text) not in self.edits and by.at not in self.erased_edits:
            self.record(Message.Edited, by, message_id=str(self.id), chat_id=chat_id, text=text)

    def delete(self, chat_id: str, *, by: By) -> None:
        if by.at not in self.deletions:
            self.record(Message.Deleted, by, message_id=str(self.id), chat_id=chat_id)
