"""Random histories: of each message is notified whom the pure rule says, at its position and ever after.

The ledger is folded event by event into what the rule has to know; the read model takes it over in ranges of
any size. Hours are muted by the real clock, so which of them count depends on when the test is run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from domain.errors import UnknownReference
from domain.muted_hours import DAYS, MutedHours
from domain.notification import Written, who_is_notified
from projections.notifications import Notifications
from tests.databases import Databases
from tests.histories.alphabet import CHAT_NAMES, EMPLOYEES, WORKSPACE, chat_id, conversation_id
from tests.histories.client_rules import ClientRules
from tests.histories.employee_rules import AnswerRules
from tests.histories.ledger_oracle import LedgerOracle, Row, ledger_rows
from tests.histories.messenger_rules import MessageRules
from tests.histories.test_histories import History
from tests.histories.world import World, open_world
from tests.projections.conftest import migrated as migrated

ZONES = ["UTC", "Europe/Moscow", "Pacific/Auckland", "America/Los_Angeles"]
PAGE = 3

hours = st.builds(
    MutedHours,
    st.just(frozenset(DAYS)) | st.frozensets(st.sampled_from(DAYS), min_size=1),
    st.sampled_from(["00:00", "06:00", "12:00"]),
    st.sampled_from(["06:00", "18:00", "24:00"]),
).filter(lambda one: one.begin != one.end)


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


class NotifiedRules(ClientRules, AnswerRules, MessageRules, History):
    """Who sees what is compared elsewhere; here it is only followed."""

    @rule(employee=st.sampled_from(EMPLOYEES), hours=st.lists(hours, max_size=2))
    def mute_hours(self, employee: str, hours: list[MutedHours]) -> None:
        refusal = None if employee in self.model.employees else UnknownReference
        self.carry_out(self.app.mute_hours, employee, hours, refusal=refusal)

    @rule(zone=st.sampled_from(ZONES))
    def move_the_company(self, zone: str) -> None:
        self.carry_out(self.app.configure_workspace, timezone=zone)

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        self.follow()
        self.ends.append((self.world.position, self.model.arrivals))

    def check_messages(self, employee: str) -> None:
        """Of the messages that he was to be notified of, each employee has those that he still sees."""
        notifications, oracle = Notifications(self.world.pool), NotifiedOracle()
        oracle.read(ledger_rows(self.world.connection, WORKSPACE))
        seen = {name for name in self.model.chats if employee in self.model.sights(name)}
        expected = [
            (position, chat_id(name), conversation_id(name))
            for position, (name, whom) in oracle.notified.items()
            if employee in whom and name in seen
        ]
        assert self.pages(notifications, employee) == expected
        rows = self.world.run(notifications.delta(WORKSPACE, [employee, "nobody"], 0, self.world.position))
        assert [(who, position) for who, position, _ in rows] == [(employee, one[0]) for one in expected]
        told = self.world.run(notifications.next_messages(WORKSPACE, after=0, limit=1000))
        assert [one.position for one in told if employee in one.employee_ids] == [one[0] for one in expected]

    def pages(self, notifications: Notifications, employee: str) -> list[tuple[int, str, str]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = "0"
        while cursor is not None:
            asked = notifications.page(WORKSPACE, employee, after=int(cursor), limit=PAGE)
            page = self.world.ask(asked)
            found += page["items"]
            cursor = page["next_cursor"]
        return [(item["position"], item["chat_id"], item["conversation_id"]) for item in found]

    def check_every_position(self) -> None:
        """That is compared elsewhere too."""

    def inboxes_next_door(self) -> list[Any]:
        return []


def test_whom_a_message_notifies_is_what_the_rule_says(databases: Databases, migrated: str) -> None:
    @contextmanager
    def opened() -> Iterator[World]:
        url = databases.create(template=migrated)
        try:
            with open_world(url) as world:
                yield world
        finally:
            databases.drop(url)

    run_state_machine_as_test(
        type("Notified", (NotifiedRules,), {"opened": staticmethod(opened)}),
        settings=settings(
            max_examples=6, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
