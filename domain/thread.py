"""A hidden thread: what employees say to each other under one message, and whom they ask for help (P10).

Nothing of it ever reaches the client. A helper sees the conversation while he is in the thread: those of its
chats that whoever added him saw then, which the event names, as long as they stand in one conversation with
the message. A link that was wrong and is undone takes from him what it gave.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from domain.fact import By, Fact, Noun, Private


class Place(NamedTuple):
    """Under which message a thread hangs, and where that is."""

    message_id: str
    chat_id: str
    conversation_id: str


class ThreadFact(Fact):
    """What all events of a thread name."""

    thread_id: str
    message_id: str
    chat_id: str
    conversation_id: str


class Thread(Noun):
    TOPIC = "thread"

    class Replied(ThreadFact):
        """An employee wrote something that stays among the employees."""

        TOPIC = "thread.replied"
        reply_id: str
        author_id: str
        text: Private[str]

        def apply(self, thread: Thread) -> None:
            thread.reply_ids.add(self.reply_id)

    class HelperAdded(ThreadFact):
        """An employee is asked for help. chat_ids: the chats that he sees because of it."""

        TOPIC = "thread.helper_added"
        employee_id: str
        by_id: str
        chat_ids: list[str]

        def apply(self, thread: Thread) -> None:
            thread.helpers[self.employee_id] = thread.shown[self.employee_id] = self.chat_ids

    class HelperRemoved(ThreadFact):
        """An employee helps no longer. chat_ids: the chats that he saw because of it."""

        TOPIC = "thread.helper_removed"
        employee_id: str
        by_id: str
        chat_ids: list[str]

        def apply(self, thread: Thread) -> None:
            del thread.helpers[self.employee_id]

    class HelpMoved(ThreadFact):
        """Of the chats that a helper was let into others stand in the conversation now.

        chat_ids: those that he sees from now on; former_chat_ids: those that he saw.
        """

        TOPIC = "thread.help_moved"
        employee_id: str
        chat_ids: list[str]
        former_chat_ids: list[str]

        def apply(self, thread: Thread) -> None:
            thread.shown[self.employee_id] = self.chat_ids

    def __init__(self) -> None:
        self.reply_ids: set[str] = set()
        self.helpers: dict[str, list[str]] = {}
        self.shown: dict[str, list[str]] = {}

    def reply(self, reply_id: str, text: str, *, author_id: str, place: Place, by: By) -> None:
        """Note what an employee wrote; asked twice, it is noted once."""
        if reply_id not in self.reply_ids:
            self._note(Thread.Replied, place, by, reply_id=reply_id, author_id=author_id, text=text)

    def add_helper(
        self, employee_id: str, chat_ids: Iterable[str], *, by_id: str, place: Place, by: By
    ) -> None:
        """Let an employee in, with sight of these chats; who is in already keeps what he sees."""
        if employee_id not in self.helpers:
            self._note(
                Thread.HelperAdded,
                place,
                by,
                employee_id=employee_id,
                by_id=by_id,
                chat_ids=sorted({place.chat_id, *chat_ids}),
            )

    def remove_helper(self, employee_id: str, *, by_id: str, place: Place, by: By) -> None:
        """Let a helper go; who is not in the thread is gone already."""
        if employee_id in self.helpers:
            self._note(
                Thread.HelperRemoved,
                place,
                by,
                employee_id=employee_id,
                by_id=by_id,
                chat_ids=self.helpers[employee_id],
            )

    def move_help(self, employee_id: str, together: Iterable[str], *, place: Place, by: By) -> None:
        """Show a helper, of the chats that he was let into, those that stand together with the message's."""
        chat_ids = sorted({place.chat_id, *together} & set(self.helpers.get(employee_id, ())))
        if chat_ids and chat_ids != self.shown[employee_id]:
            self._note(
                Thread.HelpMoved,
                place,
                by,
                employee_id=employee_id,
                chat_ids=chat_ids,
                former_chat_ids=self.shown[employee_id],
            )

    def _note(self, event_class: type[Fact], place: Place, by: By, **facts: Any) -> None:
        self.record(event_class, by, thread_id=str(self.id), **place._asdict(), **facts)
