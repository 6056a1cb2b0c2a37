"""What the messengers tell: in any order, twice, several things at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain import inbound
from domain.fact import By
from tests.histories.alphabet import (
    ADDRESSES,
    ANSWERS,
    AUTOMATIC,
    CHANNELS,
    CHATS,
    ECHOES,
    MESSAGES,
    NAMELESS,
    STATUSES,
    TEXTS,
    TITLES,
    answer_id,
    answer_name,
    at,
)
from tests.histories.play import Play


@dataclass(frozen=True)
class News:
    """One inbound event. ago: how many minutes before now, by the messenger's clock, which may be fast.

    how: which of TITLES, TEXTS or STATUSES, and how the address is spelled.
    """

    what: str
    chat: str
    address: str
    message: str
    ago: int
    how: int


def news_about(
    *what: str, chats: Sequence[str] = tuple(CHATS), messages: Sequence[str] = MESSAGES
) -> st.SearchStrategy[list[News]]:
    return st.lists(
        st.builds(
            News,
            what=st.sampled_from(what),
            chat=st.sampled_from(chats),
            address=st.sampled_from(ADDRESSES),
            message=st.sampled_from(messages),
            ago=st.sampled_from([0, 0, 1, 2, -1]),
            how=st.integers(0, len(STATUSES) - 1),
        ),
        min_size=1,
        max_size=6,
    )


class PeopleRules(Play):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, list[inbound.Inbound]]] = []

    @rule(
        news=news_about(
            "message", "message", "joined", "left", "renamed", chats=["family", "family", "p1", "p2"]
        )
    )
    def hear_people(self, news: list[News]) -> None:
        self.hear(news)

    @rule(times=st.integers(1, 6))
    def hear_again(self, times: int) -> None:
        """What a messenger told so many times ago and tells again is no news, whatever came meanwhile."""
        before = self.app.head()
        for channel, items in self.heard[-times:][:1]:
            self.receive(channel, items, by=self.by())
        assert self.app.head() == before

    def hear(self, news: list[News]) -> None:
        """Each channel tells its own, in one request; nothing of it is refused."""
        for channel in CHANNELS:
            told = [one for one in news if CHATS[one.chat][0] == channel]
            if told:
                items = [ITEMS[one.what](one, self.minute_of(one)) for one in told]
                self.carry_out(self.receive, channel, items)
                self.heard.append((channel, items))
            for one in told:
                self.note(one, self.minute_of(one))

    def receive(self, channel: str, items: list[inbound.Inbound], *, by: By) -> None:
        results, _ = self.app.receive(channel, items, by=by)
        assert [result.refusal for result in results] == [None] * len(items)

    def note(self, one: News, minute: int) -> None:
        """Tell the model."""
        match one.what:
            case "message":
                address = None if one.message in NAMELESS else one.address
                echo, automatic = one.message in ECHOES, one.message in AUTOMATIC
                told = one.message, address, minute, text_of(one), spelled(one)
                chat = self.model_chat(one.chat, minute)
                self.model.write(chat, *told, echo=echo, automatic=automatic)
            case "joined" | "left":
                chat = self.model_chat(one.chat, minute)
                self.model.join_or_leave(
                    chat, one.address, minute, spelled(one), present=one.what == "joined"
                )
            case "renamed":
                self.model.rename(self.model_chat(one.chat, minute), titled(one), minute)
            case "edit":
                self.model.edit(one.chat, one.message, minute, edited(one))
            case "deletion":
                self.model.deletions[one.chat, one.message].append(minute)
            case "report":
                self.model.reports[CHATS[one.chat][0], one.message].append(STATUSES[one.how])
            case "report of an answer":
                answer = answer_name(one.chat, answer_of(one))
                self.model.reports[CHATS[one.chat][0], answer].append(STATUSES[one.how])

    def minute_of(self, one: News) -> int:
        return self.world.minute - one.ago


class MessageRules(PeopleRules):
    @rule(
        news=news_about(
            "message", "edit", "edit", "deletion", chats=["family", "family", "p2"], messages=["0", "1", "9"]
        )
    )
    def hear_edits(self, news: list[News]) -> None:
        self.hear(news)

    @rule(news=news_about("message", "report", "report of an answer", messages=["0", "9", "10", "11"]))
    def hear_reports(self, news: list[News]) -> None:
        self.hear(news)


def chat_of(one: News, title: str | None = None) -> inbound.ChatRef:
    return inbound.ChatRef(one.chat, CHATS[one.chat][1], title)


def spelled(one: News) -> str:
    """An address as it is told, which is not always in the same way."""
    return "+" * (one.how % 2) + one.address


def titled(one: News) -> str:
    return TITLES[one.how % len(TITLES)]


def text_of(one: News) -> str:
    return f"{one.message} in {one.chat}"


def edited(one: News) -> str | None:
    return TEXTS[one.how % len(TEXTS)]


def answer_of(one: News) -> str:
    return ANSWERS[int(one.message) % len(ANSWERS)]


def message(one: News, minute: int) -> inbound.Inbound:
    sender = None if one.message in NAMELESS else spelled(one)
    echo, automatic = one.message in ECHOES, one.message in AUTOMATIC
    return inbound.MessageArrived(
        *(chat_of(one), one.message, at(minute), sender, sender, text_of(one)),
        echo=echo,
        automatic=automatic,
    )


ITEMS: dict[str, Callable[[News, int], inbound.Inbound]] = {
    "message": message,
    "joined": lambda one, minute: inbound.ParticipantJoined(chat_of(one), spelled(one), at(minute)),
    "left": lambda one, minute: inbound.ParticipantLeft(chat_of(one), spelled(one), at(minute)),
    "renamed": lambda one, minute: inbound.ChatRenamed(chat_of(one, titled(one)), at(minute)),
    "edit": lambda one, minute: inbound.MessageEdited(chat_of(one), one.message, at(minute), edited(one)),
    "deletion": lambda one, minute: inbound.MessageDeleted(chat_of(one), one.message, at(minute)),
    "report": lambda one, minute: inbound.DeliveryReported(one.message, STATUSES[one.how], at(minute)),
    "report of an answer": lambda one, minute: inbound.DeliveryReported(
        answer_id(one.chat, answer_of(one)), STATUSES[one.how], at(minute)
    ),
}
