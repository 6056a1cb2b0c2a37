"""Commands of the hidden threads: writing under a message, and letting helpers in and out (P10).

Whether the author sees the conversation, and which of its chats, is asked before, by the one predicate of
the read side. Quality control may write here: it never writes to clients, and nothing of a thread gets there.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from domain.chat import Chat
from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.directory import require_active
from domain.errors import UnknownThing
from domain.fact import By, Noun
from domain.ids import thread_id
from domain.message import Message
from domain.thread import Place, Thread


class ThreadCommands(Deciding):
    def write_in_thread(
        self,
        message_id: UUID,
        reply_id: UUID,
        *,
        author_id: str,
        text: str | None,
        add_ids: Collection[str] = (),
        remove_ids: Collection[str] = (),
        chat_ids: Collection[str],
        by: By,
    ) -> Accepted:
        """Reply under a message, and change who helps, in one step.

        chat_ids: those of the conversation's chats that the author sees. text: None for no reply.

        Raises:
            UnknownThing: there is no such message in these chats.
            UnknownReference: there is no such employee.
            InactiveEmployee: the author or a new helper is gone.
        """

        def command(decision: Decision) -> None:
            require_active(decision, author_id, field="employee_id")
            place = _place(decision, message_id, chat_ids)
            thread = decision.change(Thread, thread_id(message_id))
            for employee_id in remove_ids:
                thread.remove_helper(employee_id, by_id=author_id, place=place, by=by)
            for employee_id in add_ids:
                require_active(decision, employee_id, field="add_employee_ids")
                thread.add_helper(employee_id, chat_ids, by_id=author_id, place=place, by=by)
            if text is not None:
                thread.reply(str(reply_id), text, author_id=author_id, place=place, by=by)

        return self.carry_out(by, command)

    def move_help(self, message_id: str, employee_id: str, together: Collection[str], *, by: By) -> Accepted:
        """Show a helper those chats that stand in one conversation with the message, now that others do.

        together: the message's chat, and those that stand with it.
        """

        def command(decision: Decision) -> None:
            place = _place(decision, UUID(message_id), together)
            thread = decision.change(Thread, thread_id(place.message_id))
            thread.move_help(employee_id, together, place=place, by=by)

        return self.carry_out(by, command)


def _place(decision: Decision, message_id: UUID, chat_ids: Collection[str]) -> Place:
    """Where the message is; the id may be of anything, since a caller wrote it."""
    message: Noun = decision.read(Message, message_id)
    if not isinstance(message, Message) or message.chat_id is None or message.chat_id not in chat_ids:
        raise UnknownThing("message", str(message_id))
    chat = decision.read(Chat, UUID(message.chat_id))
    return Place(str(message_id), message.chat_id, chat.conversation_id)
