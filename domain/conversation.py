"""A conversation, as far as it is one chat: its folder and who holds it (P4 to P8).

Direct chats of one client stand in the inbox as one conversation; each stays a part with a folder and a
holder of its own, so that nothing has to be taken apart where a wrong link is undone. A holder exists only in
the folder `in_progress`. The messages are no events of the conversation: who appends a client's message does
so only if the conversation has not moved since he read it, so that a closing and a message that cross can't
hide the message. A closing also says up to which position its client's messages were seen, so that one that
slipped in before it brings the conversation back.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.errors import AlreadyHeld, SnoozeInThePast
from domain.fact import By, Fact, Noun


class Folder(StrEnum):
    INCOMING = "incoming"
    IN_PROGRESS = "in_progress"
    SNOOZED = "snoozed"
    CLOSED = "closed"


class Cause(StrEnum):
    """Why a conversation moved."""

    ASKED = "asked"
    MESSAGE = "message"
    TIME = "time"
    LOST_SIGHT = "lost_sight"


class ConversationFact(Fact):
    """What all events of a conversation name."""

    conversation_id: str
    chat_id: str


class Conversation(Noun):
    TOPIC = "conversation"

    class Claimed(ConversationFact):
        """An employee took the conversation into work."""

        TOPIC = "conversation.claimed"
        holder_id: str

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.IN_PROGRESS, holder_id=self.holder_id)

    class Assigned(ConversationFact):
        """An employee was given the conversation. from_id: who held it."""

        TOPIC = "conversation.assigned"
        from_id: str | None
        holder_id: str

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.IN_PROGRESS, holder_id=self.holder_id)

    class Released(ConversationFact):
        """The holder let it go (asked), or does not see it any more (lost_sight)."""

        TOPIC = "conversation.released"
        holder_id: str
        cause: str

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.INCOMING)

    class Snoozed(ConversationFact):
        """Out of the way until a time, or until the client writes. holder_id: who held it."""

        TOPIC = "conversation.snoozed"
        until: datetime
        seen_position: int
        holder_id: str | None

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.SNOOZED, until=self.until, seen_position=self.seen_position)

    class Woken(ConversationFact):
        """The snooze ended: its time came, or the client wrote before it."""

        TOPIC = "conversation.woken"
        until: datetime
        cause: str

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.INCOMING)

    class Closed(ConversationFact):
        """Done, until the client writes again. holder_id: who held it."""

        TOPIC = "conversation.closed"
        seen_position: int
        holder_id: str | None

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.CLOSED, seen_position=self.seen_position)

    class Reopened(ConversationFact):
        """Back in `incoming`: somebody asked, or the client wrote (message)."""

        TOPIC = "conversation.reopened"
        cause: str

        def apply(self, conversation: Conversation) -> None:
            conversation.move(Folder.INCOMING)

    class Dismissed(ConversationFact):
        """What the client wrote up to this position needs no answer."""

        TOPIC = "conversation.dismissed"
        seen_position: int

        def apply(self, conversation: Conversation) -> None:
            conversation.dismissed_position = self.seen_position

    def __init__(self) -> None:
        self.folder = Folder.INCOMING
        self.holder_id: str | None = None
        self.until: datetime | None = None
        self.seen_position = 0
        self.dismissed_position = 0

    def move(
        self,
        folder: Folder,
        *,
        holder_id: str | None = None,
        until: datetime | None = None,
        seen_position: int = 0,
    ) -> None:
        """Apply a change of folder; what belongs to the former folder goes with it."""
        self.folder, self.holder_id, self.until = folder, holder_id, until
        self.seen_position = seen_position

    def note(self, event_class: type[Fact], chat_id: str, by: By, **facts: Any) -> None:
        self.record(event_class, by, conversation_id=str(self.id), chat_id=chat_id, **facts)

    def claim(self, chat_id: str, employee_id: str, *, by: By) -> None:
        """Take it into work.

        Raises:
            AlreadyHeld: another employee was first.
        """
        if self.holder_id == employee_id:
            return
        if self.holder_id is not None:
            raise AlreadyHeld(str(self.id), self.holder_id)
        self.note(Conversation.Claimed, chat_id, by, holder_id=employee_id)

    def assign(self, chat_id: str, employee_id: str, *, by: By) -> None:
        if self.holder_id != employee_id:
            self.note(Conversation.Assigned, chat_id, by, from_id=self.holder_id, holder_id=employee_id)

    def release(self, chat_id: str, *, by: By) -> None:
        if self.holder_id is not None:
            self.note(Conversation.Released, chat_id, by, holder_id=self.holder_id, cause=Cause.ASKED.value)

    def release_blind(self, chat_id: str, holder_id: str, *, by: By) -> None:
        """Take it from a holder who does not see it any more (G10)."""
        if self.holder_id == holder_id:
            self.note(Conversation.Released, chat_id, by, holder_id=holder_id, cause=Cause.LOST_SIGHT.value)

    def snooze(self, chat_id: str, until: datetime, *, seen_position: int, by: By) -> None:
        """Put it away until a time.

        Raises:
            SnoozeInThePast: the time is not after now.
        """
        if until <= by.at:
            raise SnoozeInThePast(until.isoformat(), by.at.isoformat())
        if (self.folder, self.until) != (Folder.SNOOZED, until):
            self.note(
                Conversation.Snoozed,
                chat_id,
                by,
                until=until,
                seen_position=seen_position,
                holder_id=self.holder_id,
            )

    def close(self, chat_id: str, *, seen_position: int, by: By) -> None:
        if self.folder is not Folder.CLOSED:
            self.note(Conversation.Closed, chat_id, by, seen_position=seen_position, holder_id=self.holder_id)

    def reopen(self, chat_id: str, *, by: By) -> None:
        if self.folder in (Folder.CLOSED, Folder.SNOOZED):
            self.note(Conversation.Reopened, chat_id, by, cause=Cause.ASKED.value)

    def dismiss(self, chat_id: str, *, seen_position: int, by: By) -> None:
        """Say that the client's messages up to this position need no answer (P8)."""
        if seen_position > self.dismissed_position:
            self.note(Conversation.Dismissed, chat_id, by, seen_position=seen_position)

    def hear_client(self, chat_id: str, *, by: By, position: int | None = None) -> None:
        """The client wrote: a closed or snoozed conversation comes back (P6, P7).

        position: where the message stands in the ledger, if it is there already; one that was seen
        before the closing changes nothing.
        """
        if position is not None and position <= self.seen_position:
            return
        if self.folder is Folder.CLOSED:
            self.note(Conversation.Reopened, chat_id, by, cause=Cause.MESSAGE.value)
        elif self.folder is Folder.SNOOZED:
            self.note(Conversation.Woken, chat_id, by, until=self.until, cause=Cause.MESSAGE.value)

    def wake(self, chat_id: str, *, by: By) -> None:
        """End a snooze whose time has come."""
        if self.folder is Folder.SNOOZED and self.until is not None and self.until <= by.at:
            self.note(Conversation.Woken, chat_id, by, until=self.until, cause=Cause.TIME.value)
