"""Commands of the employees: answering a client, and whose turn it is.

They go by chat: each chat has a folder and a holder of its own, and a conversation is the chats of one
client (P3), as far as the employee sees them. A command takes these, and changes all of them or none. Whether
the employee may see the chats is asked before, by the one predicate of the read side.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.chat import Chat
from domain.conversation import Conversation
from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.directory import require_employee
from domain.errors import Invalid, ReadOnlyRole, UnknownReference, UnknownThing
from domain.fact import By
from domain.ids import conversation_id as conversation_id_of
from domain.ids import delivery_id, derive
from domain.message import Message
from domain.reading import Reading

Chats = list[str]
"""The chats of a conversation that the employee sees."""

Change = Callable[[Conversation, str], None]
"""What is done with each of them: the chat as a part of the conversation, and its id."""


class ConversationCommands(Deciding):
    def send_message(
        self,
        chat_id: str,
        message_id: UUID,
        *,
        author_id: str,
        text: str | None,
        attachments: list[dict[str, Any]],
        reply_to: str | None,
        by: By,
    ) -> Accepted:
        """Queue an answer to the client, with its author (P2)."""

        def command(decision: Decision) -> None:
            require_writer(decision, author_id)
            chat = decision.read(Chat, UUID(chat_id))
            if not chat.exists:
                raise UnknownThing("chat", chat_id)
            _require_message(decision, reply_to, chat_id)
            message = decision.change(Message, message_id)
            message.queue(
                by,
                chat_id=chat_id,
                conversation_id=chat.conversation_id,
                channel_id=chat.channel_id,
                delivery_id=str(delivery_id(by.workspace_id, chat.channel_id, str(message_id))),
                author_id=author_id,
                reply_to=reply_to,
                attachment_count=len(attachments),
                text=text,
                attachments=attachments,
            )

        return self.carry_out(by, command)

    def claim(self, chat_ids: Chats, employee_id: str, *, by: By) -> Accepted:
        """Take the conversation into work; of two at once exactly one wins (P4).

        Raises:
            AlreadyHeld: another employee was first.
        """
        return self._as_writer(
            chat_ids, employee_id, by, lambda part, chat_id: part.claim(chat_id, employee_id, by=by)
        )

    def release(self, chat_ids: Chats, employee_id: str, *, by: By) -> Accepted:
        return self._as_writer(chat_ids, employee_id, by, lambda part, chat_id: part.release(chat_id, by=by))

    def close_conversation(
        self, chat_ids: Chats, employee_id: str, *, seen_position: int, by: By
    ) -> Accepted:
        """Put it into `closed`; seen_position: up to where the client's messages were seen.

        A later message brings it back. (The library's `close` closes the application.)
        """
        return self._as_writer(
            chat_ids,
            employee_id,
            by,
            lambda part, chat_id: part.close(chat_id, seen_position=seen_position, by=by),
        )

    def reopen(self, chat_ids: Chats, employee_id: str, *, by: By) -> Accepted:
        return self._as_writer(chat_ids, employee_id, by, lambda part, chat_id: part.reopen(chat_id, by=by))

    def dismiss(self, chat_ids: Chats, employee_id: str, *, seen_position: int, by: By) -> Accepted:
        """Say that no answer is needed to what the client wrote up to seen_position (P8)."""
        return self._as_writer(
            chat_ids,
            employee_id,
            by,
            lambda part, chat_id: part.dismiss(chat_id, seen_position=seen_position, by=by),
        )

    def snooze(
        self, chat_ids: Chats, employee_id: str, until: datetime, *, seen_position: int, by: By
    ) -> Accepted:
        """Put it away until a time, or until the client writes (P6).

        Raises:
            SnoozeInThePast: the time is not after now.
        """
        return self._as_writer(
            chat_ids,
            employee_id,
            by,
            lambda part, chat_id: part.snooze(chat_id, until, seen_position=seen_position, by=by),
        )

    def assign(self, chat_ids: Chats, employee_id: str, to_id: str, *, by: By) -> Accepted:
        """Give the conversation to an employee, who is known to see it."""

        def command(decision: Decision) -> None:
            require_writer(decision, employee_id)
            if require_employee(decision, to_id, field="employee_id").read_only:
                raise Invalid(
                    f"Employee {to_id!r} is in quality control and can't hold a conversation.",
                    field="employee_id",
                )
            for chat_id in chat_ids:
                _conversation(decision, chat_id).assign(chat_id, to_id, by=by)

        return self.carry_out(by, command)

    def read_up_to(
        self, conversation_id: str, chat_ids: Chats, employee_id: str, position: int, *, by: By
    ) -> tuple[Accepted, datetime | None]:
        """Note that the employee has read everything in these chats up to this ledger position.

        Returns also when that can be noted, where it is too soon after the last time.
        """

        def command(decision: Decision, _: int) -> datetime | None:
            stream_id = derive("reading", by.workspace_id, conversation_id, employee_id)
            return decision.change(Reading, stream_id).advance(
                position,
                conversation_id=conversation_id,
                chat_ids=chat_ids,
                employee_id=employee_id,
                by=by,
            )

        due, accepted = self.decide(by, command)
        return accepted, due

    def release_blind(self, chat_id: str, holder_id: str, *, by: By) -> Accepted:
        """Take a conversation from a holder who does not see it any more (G10)."""
        return self._on_parts(
            [chat_id], by, lambda part, chat_id: part.release_blind(chat_id, holder_id, by=by)
        )

    def bring_back(self, chat_id: str, message_position: int, *, by: By) -> Accepted:
        """Bring a conversation back whose client wrote after the closer had looked (P7)."""
        return self._on_parts(
            [chat_id], by, lambda part, chat_id: part.hear_client(chat_id, position=message_position, by=by)
        )

    def wake(self, chat_id: str, *, by: By) -> Accepted:
        """End a snooze whose time has come (P6)."""
        return self._on_parts([chat_id], by, lambda part, chat_id: part.wake(chat_id, by=by))

    def _on_parts(self, chat_ids: Chats, by: By, change: Change) -> Accepted:
        return self.carry_out(by, lambda decision: _change_parts(decision, chat_ids, change))

    def _as_writer(self, chat_ids: Chats, employee_id: str, by: By, change: Change) -> Accepted:
        def command(decision: Decision) -> None:
            require_writer(decision, employee_id)
            _change_parts(decision, chat_ids, change)

        return self.carry_out(by, command)


def _change_parts(decision: Decision, chat_ids: Chats, change: Change) -> None:
    """All parts of a conversation or none: what is refused for one is refused for all."""
    for chat_id in chat_ids:
        change(_conversation(decision, chat_id), chat_id)


def _conversation(decision: Decision, chat_id: str) -> Conversation:
    return decision.change(Conversation, conversation_id_of(chat_id))


def require_writer(decision: Decision, employee_id: str) -> None:
    """Refuse whoever reads and never writes (G3).

    Raises:
        ReadOnlyRole: the employee is in quality control.
    """
    if require_employee(decision, employee_id, field="employee_id").read_only:
        raise ReadOnlyRole(employee_id)


def _require_message(decision: Decision, message_id: str | None, chat_id: str) -> None:
    """Refuse an answer to a message that is not in this chat."""
    if message_id is None:
        return
    try:
        answered = decision.read(Message, UUID(message_id))
    except ValueError:
        raise UnknownReference("message", message_id, field="reply_to") from None
    if not isinstance(answered, Message) or answered.chat_id != chat_id:
        raise UnknownReference("message", message_id, field="reply_to")
