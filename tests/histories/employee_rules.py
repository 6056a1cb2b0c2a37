"""What the employees do about the conversations: answer, take, give, put away, and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain.errors import AlreadyHeld, Invalid, ReadOnlyRole, Refused, SnoozeInThePast, UnknownReference
from projections.inbox import Glance
from tests.histories.alphabet import (
    ADDRESSES,
    ANSWERS,
    CHAT_NAMES,
    CHATS,
    EMPLOYEES,
    MESSAGES,
    answer_id,
    answer_name,
    at,
    chat_id,
    conversation_id,
)
from tests.histories.messenger_rules import News, PeopleRules
from tests.histories.model_chat import ModelChat
from tests.histories.play import Play


@dataclass(frozen=True)
class Turn:
    """An employee does something about a chat.

    pause: for how many minutes. ago: how many steps ago he looked at it. other: the employee to give it to.
    """

    chat: str
    employee: str
    action: str
    pause: int
    ago: int
    other: str


@dataclass(frozen=True)
class Look:
    """Up to where a conversation was seen: as the ledger counts, and as the model does."""

    position: int
    arrivals: int


AWAY = ["close_conversation", "snooze"]
ACTIONS = [*AWAY, "claim", "assign", "release", "reopen", "dismiss", "read_up_to", "read_up_to"]
LOOKING = {*AWAY, "dismiss"}

chats = st.sampled_from(list(CHATS))
employees = st.sampled_from(EMPLOYEES)


def turns(actions: list[str]) -> st.SearchStrategy[Turn]:
    return st.builds(
        Turn,
        chat=chats,
        employee=employees,
        action=st.sampled_from(actions),
        pause=st.integers(0, 3),
        ago=st.sampled_from([0, 0, 1, 2]),
        other=employees,
    )


class TurnRules(Play):
    def __init__(self) -> None:
        super().__init__()
        self.read_at: dict[tuple[str, str], int] = {}

    @rule(turns=st.lists(turns(ACTIONS), min_size=1, max_size=4))
    def act(self, turns: list[Turn]) -> None:
        """Whether somebody sees a chat is asked before a command, so he may have lost sight of it by then."""
        for turn in turns:
            if turn.chat in self.model.chats:
                self.act_once(turn)

    def act_once(self, turn: Turn) -> None:
        glance = self.answers.glance(turn.employee, turn.chat)
        parts = self.parts_of(turn, glance)
        look = self.look(turn, glance)
        chat_ids = [chat_id(chat.name) for chat in parts]
        if turn.action == "read_up_to":
            self.read(turn, parts, look)
            return
        arguments: list[Any] = [chat_ids, turn.employee]
        match turn.action:
            case "assign":
                arguments.append(turn.other)
            case "snooze":
                arguments.append(at(self.world.minute + turn.pause))
        seen = {"seen_position": look.position} if turn.action in LOOKING else {}
        command: Callable[..., Any] = getattr(self.app, turn.action)
        if self.carry_out(command, *arguments, **seen, refusal=self.refusal_of(turn, parts)):
            for chat in parts:
                self.move(turn, chat, look.arrivals)

    def parts_of(self, turn: Turn, glance: Glance | None) -> list[ModelChat]:
        """What he sees of the conversation; who does not see the chat any more acts on it alone."""
        found = [] if glance is None else [CHAT_NAMES[each] for each in glance.chat_ids]
        if self.world.position == self.app.head():
            oldest = conversation_id(self.model.conversation(turn.chat)[0])
            assert sorted(found) == sorted(chat.name for chat in self.model.seen(turn.employee, turn.chat))
            assert glance is None or glance.conversation_id == oldest
        return [self.model.chats[name] for name in found or [turn.chat]]

    def read(self, turn: Turn, parts: list[ModelChat], look: Look) -> None:
        """There is no more than one a minute of an employee and a conversation."""
        conversation = self.model.conversation(turn.chat)[0]
        chat_ids = [chat_id(chat.name) for chat in parts]
        told = (conversation_id(conversation), chat_ids, turn.employee, look.position)
        before = self.app.head()
        self.carry_out(self.app.read_up_to, *told)
        if self.read_at.get((turn.employee, conversation)) == self.world.minute:
            assert self.app.head() == before
        elif self.app.head() > before:
            self.read_at[turn.employee, conversation] = self.world.minute
            for chat in parts:
                chat.read_up_to(turn.employee, look.arrivals)

    def look(self, turn: Turn, glance: Glance | None) -> Look:
        """What he saw when he looked; just now, he saw the last client message and not the ledger's head."""
        ago = min(turn.ago, len(self.ends))
        if ago == 0:
            position = self.world.position if glance is None else glance.client_position
            return Look(position, self.model.arrivals)
        return Look(*self.ends[-ago])

    def move(self, turn: Turn, chat: ModelChat, seen: int) -> None:
        """Tell the model."""
        match turn.action:
            case "claim":
                chat.claim(turn.employee)
            case "assign":
                chat.claim(turn.other)
            case "release":
                chat.release()
            case "close_conversation":
                chat.close(seen)
            case "reopen":
                chat.reopen()
            case "dismiss":
                chat.dismiss(seen)
            case "snooze":
                chat.snooze(self.world.minute + turn.pause, seen)

    def refusal_of(self, turn: Turn, parts: list[ModelChat]) -> type[Refused] | None:
        if refusal := self.refusal_of_writer(turn.employee):
            return refusal
        if turn.action == "claim" and any(chat.holder not in (None, turn.employee) for chat in parts):
            return AlreadyHeld
        if turn.action == "snooze" and turn.pause == 0:
            return SnoozeInThePast
        if turn.action == "assign" and (refusal := self.refusal_of_writer(turn.other)):
            return Invalid if refusal is ReadOnlyRole else refusal
        return None

    def refusal_of_writer(self, employee: str) -> type[Refused] | None:
        """Who is nobody here does nothing, and who only reads writes nothing."""
        if employee not in self.model.employees:
            return UnknownReference
        return ReadOnlyRole if self.model.employees[employee].role == "quality_control" else None


class AnswerRules(TurnRules, PeopleRules):
    @rule(
        turn=turns(AWAY),
        address=st.sampled_from(ADDRESSES),
        message=st.sampled_from(MESSAGES),
        crossing=st.sampled_from(["written before", "written after", "time passes"]),
    )
    def put_away(self, turn: Turn, address: str, message: str, crossing: str) -> None:
        """What is put away comes back with a message that was not seen, or when its time comes."""
        if turn.chat not in self.model.chats:
            return
        news = [News("message", turn.chat, address, message, ago=0, how=0)]
        if crossing == "written before":
            self.hear(news)
            turn = replace(turn, ago=max(turn.ago, 1))
        self.act_once(turn)
        if crossing == "written after":
            self.hear(news)
        if crossing == "time passes":
            self.follow()
            self.world.minute += turn.pause

    @rule(chat=chats, answer=st.sampled_from(ANSWERS), employee=employees)
    def answer(self, chat: str, answer: str, employee: str) -> None:
        if chat not in self.model.chats:
            return
        if self.carry_out(
            self.app.send_message,
            chat_id(chat),
            UUID(answer_id(chat, answer)),
            author_id=employee,
            text=answer,
            attachments=[],
            reply_to=None,
            refusal=self.refusal_of_writer(employee),
        ):
            name = answer_name(chat, answer)
            self.model.queue(self.model.chats[chat], name, employee, self.world.minute, answer)

    @rule(passed=st.integers(1, 2))
    def let_time_pass(self, passed: int) -> None:
        self.world.minute += passed
