"""Old list + feed = new list: from every earlier position, of everybody, whatever happened in between."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from projections.feed import CHANGED, HIDDEN, MESSAGE, VISIBLE, Asked, Change, Feed
from tests.histories.alphabet import EMPLOYEES, NEXT_DOOR, WORKSPACE
from tests.histories.client_rules import ClientRules
from tests.histories.company_rules import CompanyRules
from tests.histories.conftest import Opened
from tests.histories.employee_rules import AnswerRules
from tests.histories.messenger_rules import MessageRules, News
from tests.histories.world import MORNING

Item = dict[str, Any]
List = dict[str, Item]
"""Conversation → item."""

EARLIER = 3
"""From so many earlier positions each step is told: the last, and others in turns."""


class ListsAreTold(ClientRules, CompanyRules, AnswerRules, MessageRules):
    """What the rules check against the model is left out: here lists are held against earlier lists."""

    def found_the_company(self) -> None:
        self.lists: list[tuple[int, dict[str, List]]] = []
        self.set_policy("wa", "client_owners")
        self.set_policy("team", "whole_team")
        self.put_employee("oleg", "seller", True, True)
        self.put_contact("wife", "oleg", {"1"})
        self.hear([News("message", chat, "1", "0", MORNING, 0) for chat in ("family", "p1")])
        self.put_employee("irina", "supervisor", False, True)
        self.put_employee("vera", "seller", True, True)

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        self.follow()
        now = {employee: self.list_of(employee) for employee in EMPLOYEES}
        shown = {employee: self.messages_in(now[employee], employee) for employee in EMPLOYEES}
        for nth, (position, then) in enumerate(self.earlier()):
            events = self.told(position, chats=(1, 2, 200)[nth], size=(1_000, 1_000, 3)[nth])
            for employee in EMPLOYEES:
                assert folded(then[employee], events[employee]) == now[employee]
                check_messages_told(events[employee], shown[employee], position)
        self.ends.append((self.world.position, self.model.arrivals))
        self.lists.append((self.world.position, now))

    def teardown(self) -> None:
        with self.stack:
            everything = self.told(0, workspace=NEXT_DOOR)
            here = {
                conversation for _, lists in self.lists for each in lists.values() for conversation in each
            }
            for employee in EMPLOYEES:
                assert not here & folded({}, everything[employee]).keys(), "it is another company's"

    def earlier(self) -> list[tuple[int, dict[str, List]]]:
        known = len(self.lists)
        return [self.lists[index] for index in (-1, known // 2, known * 7 % 11) if -known <= index < known]

    def list_of(self, employee: str) -> List:
        return {item["conversation_id"]: item for item in self.answers.items(employee)}

    def told(
        self, after: int, *, workspace: str = WORKSPACE, chats: int = 200, size: int = 1_000
    ) -> dict[str, list[tuple[str, Any]]]:
        """Everything since a position, in parts of so many chats, of ranges of so many events."""

        async def ask() -> list[Change]:
            changes: list[Change] = []
            async with Feed(self.world.pool).moment() as moment:
                assert moment.position == self.world.position
                for start in range(after, moment.position, size):
                    until = min(start + size, moment.position)
                    moved = await moment.moved(workspace, start, until)
                    asked = Asked(workspace, EMPLOYEES, moved, start, until)
                    while True:
                        part = await moment.part(asked, chats=chats)
                        changes += part.changes
                        if part.beyond is None:
                            break
                        asked = asked.going_on(part.beyond)
            return changes

        events: dict[str, list[tuple[str, Any]]] = {employee: [] for employee in EMPLOYEES}
        for change in self.world.run(ask()):
            assert "\n" not in change.data
            for employee in change.employee_ids:
                events[employee].append((change.event, json.loads(change.data)))
        return events

    def messages_in(self, items: List, employee: str) -> dict[str, Item]:
        """All that he may read, as the feed has it."""
        read = self.answers.timeline.messages
        return {
            message["message_id"]: message | {"conversation_id": conversation}
            for conversation in items
            for message in self.world.ask(read(WORKSPACE, employee, conversation, limit=200))["items"]
        }


def check_messages_told(events: list[tuple[str, Any]], shown: dict[str, Item], after: int) -> None:
    """Each as it is now, and only of what he sees; none that came since is missing."""
    told = {data["message_id"]: data for event, data in events if event == MESSAGE}
    assert told == {name: shown[name] for name in told}
    assert {name for name, message in shown.items() if message["position"] > after} <= told.keys()


def folded(then: List, events: list[tuple[str, Any]]) -> List:
    items = dict(then)
    for event, data in events:
        if event in (VISIBLE, CHANGED):
            items[data["conversation_id"]] = data
        elif event == HIDDEN:
            assert data.keys() == {"conversation_id"}
            items.pop(data["conversation_id"], None)
    return items


def playing(opened: Opened) -> type[ListsAreTold]:
    """The history, each time in a database of its own."""
    return type("ListsAreTold", (ListsAreTold,), {"opened": staticmethod(opened)})


def test_an_old_list_and_the_feed_make_the_new_list(beside_another: Opened) -> None:
    run_state_machine_as_test(
        playing(beside_another),
        settings=settings(
            max_examples=5,
            stateful_step_count=16,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


def test_who_left_keeps_nothing_of_what_the_team_lost_after_him(beside_another: Opened) -> None:
    play = playing(beside_another)()
    with play.stack:
        play.begin(sizes=[1], again=[1], names={"inbox"})
        play.set_policy(channel="wa", policy="whole_team")
        play.follow()
        position, then = play.world.position, play.list_of("vera")
        play.put_employee(employee="vera", role="seller", receives_new_clients=True, active=False)
        play.set_policy(channel="wa", policy="client_owners")
        play.follow()
        assert then
        assert folded(then, play.told(position, size=1)["vera"]) == play.list_of("vera") == {}
