"""Random histories: of each message is notified whom the pure rule says, at its position and ever after.

The ledger is folded event by event into what the rule has to know; the read model takes it over in ranges of
any size. Hours are muted by the real clock, so which of them count depends on when the test is run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain.application import Chatledger
from domain.errors import Refused
from domain.fact import By
from domain.inbound import ChatRef, MessageArrived, ParticipantLeft
from domain.muted_hours import DAYS, MutedHours
from domain.notification import Written, who_is_notified
from projections.feed import NOTIFICATION, Asked, Feed
from projections.notifications import Notifications
from tests.histories.alphabet import (
    CHAT_NAMES,
    CHATS,
    EMPLOYEES,
    POLICIES,
    ROLES,
    WORKSPACE,
    at,
    chat_id,
    conversation_id,
    refs,
)
from tests.histories.conftest import Opened
from tests.histories.ledger_oracle import LedgerOracle, Row, ledger_rows
from tests.histories.world import World

PAGE = 3
FOLLOW = "follow"

Command = Callable[[Chatledger, By], Any]
Told = tuple[Any, ...]
"""What happens: its name, and what it needs to know."""

employees, chats = st.sampled_from(EMPLOYEES), st.sampled_from(list(CHATS))
hours = st.builds(
    MutedHours,
    st.just(frozenset(DAYS)) | st.frozensets(st.sampled_from(DAYS), min_size=1),
    st.sampled_from(["00:00", "06:00", "12:00"]),
    st.sampled_from(["06:00", "18:00", "24:00"]),
).filter(lambda one: one.begin != one.end)
zones = st.sampled_from(["UTC", "Europe/Moscow", "Pacific/Auckland", "America/Los_Angeles"])
written = st.tuples(st.just("write"), chats, st.sampled_from(["1", "1", "2"]))
turns = st.tuples(st.sampled_from(["claim", "assign", "release", "snooze", "close"]), chats, employees)
news: st.SearchStrategy[Told] = st.one_of(
    written,
    written,
    written,
    turns,
    turns,
    st.just((FOLLOW,)),
    st.tuples(st.just("state"), employees, st.sampled_from(ROLES), st.booleans()),
    st.tuples(st.just("link"), employees | st.none()),
    st.tuples(st.just("leave"), st.just("family")),
    st.tuples(st.just("policy"), st.sampled_from(POLICIES)),
    st.tuples(st.just("mute"), employees, st.lists(hours, max_size=2)),
    st.tuples(st.just("move"), zones),
)
sizes = st.lists(st.sampled_from([1, 2, 5, 1000]), min_size=1, max_size=3)


class NotifiedOracle(LedgerOracle):
    """notified: position of a message → its chat, and whom to notify of it."""

    def __init__(self) -> None:
        super().__init__()
        self.holders: dict[str, str | None] = {}
        self.muted: dict[str, list[MutedHours]] = {}
        self.timezone = "UTC"
        self.notified: dict[int, tuple[str, set[str]]] = {}

    def read(self, rows: list[Row]) -> None:
        for row, (_, witnesses) in zip(rows, self.sweep(rows), strict=True):
            if row.topic == "message.received":
                self._notify(row, set(witnesses[CHAT_NAMES[row.facts["chat_id"]]]))

    def _notify(self, row: Row, seeing: set[str]) -> None:
        name = CHAT_NAMES[row.facts["chat_id"]]
        message = Written(
            row.facts["direction"],
            row.facts["author_id"],
            row.recorded_at,
            seeing,
            self.holders.get(name),
            self.timezone,
            self.muted,
        )
        if whom := who_is_notified(message):
            self.notified[row.position] = (name, whom)

    def _note_employee(self, row: Row) -> None:
        super()._note_employee(row)
        if row.topic == "employee.hours_muted":
            self.muted[row.facts["employee_id"]] = [
                MutedHours.stated(one) for one in row.facts["muted_hours"]
            ]

    def _note_workspace(self, row: Row) -> None:
        self.timezone = row.facts["timezone"] or self.timezone

    def _note_conversation(self, row: Row) -> None:
        name = CHAT_NAMES[row.facts["chat_id"]]
        match row.topic:
            case "conversation.claimed" | "conversation.assigned":
                self.holders[name] = row.facts["holder_id"]
            case "conversation.dismissed":
                pass
            case _:
                self.holders[name] = None


class Play:
    """One history: a command after the other, followed by the read models now and then."""

    def __init__(self, world: World, sizes: list[int]) -> None:
        self.world = world
        self.app = world.application
        self.sizes = cycle(sizes)
        self.messages = 0
        self.app.put_channel("wa", kind="phone", title="", visibility="client_owners", by=self.by())
        self.app.put_channel("team", kind="phone", title="", visibility="whole_team", by=self.by())
        for employee, role in zip(EMPLOYEES, ROLES, strict=True):
            self.state(employee, role, True)

    def by(self) -> By:
        return self.world.by()

    def tell(self, what: str, *told: Any) -> None:
        """Whatever is refused is no news."""
        with suppress(Refused):
            getattr(self, what)(*told)

    def follow(self) -> None:
        self.world.follow(self.sizes)

    def write(self, chat: str, address: str) -> None:
        self.messages += 1
        channel, kind = CHATS[chat]
        message = MessageArrived(ChatRef(chat, kind), str(self.messages), at(self.messages), address)
        self.app.receive(channel, [message], by=self.by())

    def leave(self, chat: str) -> None:
        self.messages += 1
        left = ParticipantLeft(ChatRef(chat, "group"), "1", at(self.messages))
        self.app.receive("wa", [left], by=self.by())

    def claim(self, chat: str, employee: str) -> None:
        self.app.claim([chat_id(chat)], employee, by=self.by())

    def assign(self, chat: str, employee: str) -> None:
        self.app.assign([chat_id(chat)], "oleg", employee, by=self.by())

    def release(self, chat: str, employee: str) -> None:
        self.app.release([chat_id(chat)], employee, by=self.by())

    def snooze(self, chat: str, employee: str) -> None:
        self.app.snooze([chat_id(chat)], employee, at(1000), seen_position=self.app.head(), by=self.by())

    def close(self, chat: str, employee: str) -> None:
        self.app.close_conversation([chat_id(chat)], employee, seen_position=self.app.head(), by=self.by())

    def state(self, employee: str, role: str, active: bool) -> None:
        self.app.put_employee(
            employee,
            name=employee,
            role=role,
            receives_new_clients=active,
            active=active,
            addresses=[],
            by=self.by(),
        )

    def link(self, employee: str | None) -> None:
        self.app.put_contact("wife", name="", responsible_id=employee, addresses=refs(["1"]), by=self.by())

    def policy(self, policy: str) -> None:
        self.app.put_channel("wa", kind="phone", title="", visibility=policy, by=self.by())

    def mute(self, employee: str, hours: list[MutedHours]) -> None:
        self.app.mute_hours(employee, hours, by=self.by())

    def move(self, zone: str) -> None:
        self.app.configure_workspace(timezone=zone, by=self.by())


def check(world: World, employee: str, oracle: NotifiedOracle) -> None:
    """Of the messages that he was to be notified of, he has those whose chats he still sees."""
    notifications = Notifications(world.pool)
    expected = [
        (position, chat_id(name), conversation_id(oracle.conversation(name)[0]))
        for position, (name, whom) in oracle.notified.items()
        if employee in whom and employee in oracle.chats[name].witnesses
    ]
    assert list(paged(world, notifications, employee)) == expected
    assert world.run(fed(world, employee)) == [one[0] for one in expected]
    told = world.run(notifications.next_messages(WORKSPACE, after=0, limit=1000))
    assert [one.position for one in told if employee in one.employee_ids] == [one[0] for one in expected]


async def fed(world: World, employee: str) -> list[int]:
    """The positions of which a feed from the beginning notifies him."""
    async with Feed(world.pool).moment() as moment:
        part = await moment.part(Asked(WORKSPACE, [employee, "nobody"], (), 0, moment.position))
    notices = [each for each in part.changes if each.event == NOTIFICATION and employee in each.employee_ids]
    return sorted(json.loads(each.data)["position"] for each in notices)


def paged(world: World, notifications: Notifications, employee: str) -> Iterator[tuple[int, str, str]]:
    cursor: str | None = "0"
    while cursor is not None:
        page = world.ask(notifications.page(WORKSPACE, employee, after=int(cursor), limit=PAGE))
        yield from ((item["position"], item["chat_id"], item["conversation_id"]) for item in page["items"])
        cursor = page["next_cursor"]


HELD_BY_ONE_WHO_SEES_NOTHING: list[Told] = [
    ("write", "p1", "1"),
    ("link", "vera"),
    ("assign", "p1", "oleg"),
    ("write", "p1", "1"),
    ("link", "oleg"),
    ("write", "p1", "1"),
]

EVERY_TURN: list[Told] = [
    ("write", "family", "1"),
    ("link", "oleg"),
    *(
        ("write", "family", "1") if turn == "write" else (turn, "family", "oleg")
        for turn in [
            "claim",
            "write",
            "snooze",
            "write",
            "claim",
            "close",
            "write",
            "assign",
            "write",
            "release",
            "write",
        ]
    ),
]


@example(HELD_BY_ONE_WHO_SEES_NOTHING, [1])
@example(EVERY_TURN, [1000])
@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(news, min_size=40, max_size=80), sizes)
def test_whom_a_message_notifies_is_what_the_rule_says(
    empty: Opened, told: list[Told], sizes: list[int]
) -> None:
    with empty() as world:
        play = Play(world, sizes)
        for what, *more in [*told, (FOLLOW,)]:
            play.tell(what, *more)
        oracle = NotifiedOracle()
        oracle.read(ledger_rows(world.connection, WORKSPACE))
        for employee in EMPLOYEES:
            check(world, employee, oracle)
        live = world.rows()
        for table, rows in world.rows_made_anew(["notifications"], play.sizes).items():
            assert rows == live[table], table
