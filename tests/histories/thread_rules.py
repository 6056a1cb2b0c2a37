"""What employees do in hidden threads: reply, let helpers in, and let them go."""

from __future__ import annotations

from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain.errors import InactiveEmployee, Refused, UnknownReference, UnknownThing
from domain.ids import message_id
from tests.histories.alphabet import ADDRESSES, CHATS, EMPLOYEES, chat_id
from tests.histories.messenger_rules import News, PeopleRules
from tests.projections.history import named

employees = st.sampled_from(EMPLOYEES)
chats = st.sampled_from(list(CHATS))
messages = st.sampled_from(["0", "1"])


class ThreadRules(PeopleRules):
    @rule(chat=chats, message=messages, address=st.sampled_from(ADDRESSES))
    def ask(self, chat: str, message: str, address: str) -> None:
        """One of the few messages that threads are under."""
        self.hear([News("message", chat, address, message, ago=0, how=0)])

    @rule(
        chat=chats,
        message=messages,
        author=employees,
        text=st.none() | st.sampled_from(["first", "second"]),
        added=st.sets(employees, max_size=2),
        removed=st.sets(employees, max_size=2),
    )
    def write_in_thread(
        self, chat: str, message: str, author: str, text: str | None, added: set[str], removed: set[str]
    ) -> None:
        """The same reply twice is one; of the same employee, adding and removing at once is not asked for."""
        added -= removed
        seen = self.model.seen(author, chat) if chat in self.model.chats else []
        parts = {chat, *(part.name for part in seen)}
        if self.carry_out(
            self.app.write_in_thread,
            message_id(chat_id(chat), message),
            UUID(named(f"{text} under {message} in {chat}")),
            author_id=author,
            text=text,
            add_ids=sorted(added),
            remove_ids=sorted(removed),
            chat_ids=[chat_id(part) for part in parts],
            refusal=self.refusal_in_thread(chat, message, author, added),
        ):
            under = str(message_id(chat_id(chat), message))
            for helper in removed:
                self.model.helpers.pop((helper, under), None)
            for helper in added:
                self.model.helpers.setdefault((helper, under), (chat, parts))

    def refusal_in_thread(
        self, chat: str, message: str, author: str, added: set[str]
    ) -> type[Refused] | None:
        """In this order: the author, the message, then the new helpers one after the other."""
        if refusal := self.refusal_of_active(author):
            return refusal
        if chat not in self.model.chats or message not in self.model.chats[chat].messages:
            return UnknownThing
        return next(filter(None, map(self.refusal_of_active, sorted(added))), None)

    def refusal_of_active(self, employee: str) -> type[Refused] | None:
        if employee not in self.model.employees:
            return UnknownReference
        return None if self.model.employees[employee].active else InactiveEmployee
