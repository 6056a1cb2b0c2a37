"""Whatever happens, each finds exactly those messages that he sees and that have the words: by an oracle.

The oracle knows whose client writes in which chat, and which forms belong to one word. It is asked in small
pages, by a search whose steps and lists of chats are so small that a history of a dozen messages has several.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.statements import Statements
from tests.databases import Databases
from tests.histories.world import World, open_world
from tests.projections.history import noon
from tests.projections.searched import ROLES, Company

FORMS = {
    "договор": ("договор", "Договоры", "ДОГОВОРОМ"),
    "contract": ("contract", "Contracts", "contracted"),
    "ёлка": ("ёлка", "елки", "Ёлку"),
}
WORDS = list(FORMS)
CHATS = ["c1", "c2", "c3", "c4"]
MOMENTS = [0, 1, 16_384, 32_768, 49_152, 700_000, 5_000_000]
"""Seconds: within one span of time, in neighbouring ones, in other large ones."""

LIMIT, BY_CHAT = "principals, 10000", "<= 8"
STEPS = {":= 4096": ":= 2", "262144": "6", "4194304": "6"}
BY_STEPS = {**STEPS, "went < 131072": "went < 0"}
RARE_ONES = {**STEPS, "<= went * (CASE": "<= 0 * (CASE"}
SMALL = {
    "each chat": {**BY_STEPS, LIMIT: "principals, 2"},
    "a list of chats": {**BY_STEPS, LIMIT: "principals, 3", BY_CHAT: "<= 0"},
    "no list": {**BY_STEPS, LIMIT: "principals, 0"},
    "all at once": {**STEPS, LIMIT: "principals, 3", BY_CHAT: "<= 0"},
    "more than was thought": {
        **STEPS,
        LIMIT: "principals, 3",
        BY_CHAT: "<= 0",
        "found <= 10000": "false",
        "found > 10000": "true",
    },
    "through his chats": {**RARE_ONES, LIMIT: "principals, 3", BY_CHAT: "<= 0", "matches * 2 > own": "true"},
}
"""Of the thresholds in search.sql: for each way in which it may go, what makes a small history go so."""

text = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 2)), min_size=1, max_size=3)
hearing = st.tuples(st.just("hear"), st.sampled_from(CHATS), st.sampled_from(MOMENTS), text)
step = st.one_of(
    *[hearing] * 4,
    st.tuples(st.just("edit"), st.integers(0, 11), text),
    st.tuples(st.just("delete"), st.integers(0, 11)),
    st.tuples(st.just("give"), st.sampled_from(CHATS), st.sampled_from(["oleg", "vera", None])),
)
question = st.tuples(st.sets(st.sampled_from(WORDS), min_size=1, max_size=2), st.sets(st.sampled_from(WORDS)))


@dataclass
class Written:
    chat: str
    at: datetime
    nth: int
    words: set[str]


@dataclass
class Oracle:
    """What was told, and who is who."""

    clients_of: dict[str, str | None] = field(default_factory=dict)
    messages: dict[str, Written] = field(default_factory=dict)

    def found(self, employee: str, wanted: set[str], unwanted: set[str]) -> list[str]:
        seen = sorted(self.messages.items(), key=lambda told: (told[1].at, told[1].nth), reverse=True)
        return [
            message
            for message, written in seen
            if self.sees(employee, written.chat) and wanted <= written.words and not unwanted & written.words
        ]

    def sees(self, employee: str, chat: str) -> bool:
        if ROLES[employee] != "seller":
            return True
        answers = self.clients_of.get(chat)
        return employee == "nina" if answers is None else employee == answers


class Play:
    def __init__(self, company: Company) -> None:
        self.company, self.oracle = company, Oracle()

    def hear(self, chat: str, second: int, written: list[tuple[str, int]]) -> None:
        moment = noon() + timedelta(seconds=second)
        message = self.company.hear(told(written), chat, moment)
        nth = len(self.oracle.messages) + self.company.heard
        self.oracle.messages[message] = Written(chat, moment, nth, {word for word, _ in written})

    def edit(self, nth: int, written: list[tuple[str, int]]) -> None:
        if message := self._message(nth):
            self.company.edit(message, told(written), self.oracle.messages[message].chat)
            self.oracle.messages[message].words = {word for word, _ in written}

    def delete(self, nth: int) -> None:
        if message := self._message(nth):
            self.company.delete(message, self.oracle.messages.pop(message).chat)

    def give(self, chat: str, to: str | None) -> None:
        self.company.contact(chat, chat, of=to)
        self.oracle.clients_of[chat] = to

    def check(self, wanted: set[str], unwanted: set[str], forms: Iterator[int]) -> None:
        q = " ".join(
            [*(form(word, forms) for word in wanted), *(f"-{form(word, forms)}" for word in unwanted)]
        )
        for employee in ROLES:
            pages = self.company.pages(employee, q, limit=2)
            found = [item["external_id"] for page in pages for item in page]
            assert found == self.oracle.found(employee, wanted, unwanted), (employee, q)

    def _message(self, nth: int) -> str | None:
        known = list(self.oracle.messages)
        return known[nth % len(known)] if known else None


def told(written: list[tuple[str, int]]) -> str:
    return " ".join(FORMS[word][nth] for word, nth in written)


def form(word: str, forms: Iterator[int]) -> str:
    return FORMS[word][next(forms) % 3]


@pytest.fixture(scope="module")
def world(databases: Databases, migrated: str) -> Iterator[World]:
    url = databases.create(template=migrated)
    with open_world(url) as world:
        yield world
    databases.drop(url)


@pytest.fixture(scope="module")
def workspaces() -> Iterator[str]:
    return (f"workspace {number}" for number in count())


@pytest.mark.parametrize("way", SMALL)
def test_each_finds_what_he_sees_and_nothing_else(world: World, workspaces: Iterator[str], way: str) -> None:
    functions = Statements.load("search")["functions"]
    for threshold, small in SMALL[way].items():
        assert threshold in functions
        functions = functions.replace(threshold, small)
    world.connection.execute(functions.encode())
    forms = count()

    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(step, min_size=8, max_size=24), st.lists(question, min_size=1, max_size=2))
    def check(steps: list[Any], questions: list[tuple[set[str], set[str]]]) -> None:
        play = Play(Company(world, next(workspaces)))
        for what, *how in steps:
            getattr(play, what)(*how)
        for wanted, unwanted in questions:
            play.check(wanted, unwanted, forms)

    check()
