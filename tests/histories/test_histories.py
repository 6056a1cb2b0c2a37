"""Random histories of a company: at every step, what everybody sees is what the pure rule says.

At the end the visibility asked for at each earlier position is what the model had then, and the read models
rebuilt from the ledger equal the live ones row by row, however the ranges were cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from domain import ids, inbound
from domain.address import AddressRef
from domain.employee import Standing
from domain.errors import AlreadyHeld, DealLost, ReadOnlyRole, Refused
from domain.visibility import DealFacts
from tests.databases import Databases
from tests.histories.model import ModelChat, ModelCompany
from tests.histories.world import World, at, open_world, reasons_of

EMPLOYEES = ["oleg", "vera", "irina"]
ADDRESSES = ["1", "2", "3"]
CONTACTS = ["wife", "son"]
DEALS = ["house"]
CHANNELS = ["wa", "team"]
CHATS = {"family": ("wa", "group"), "p1": ("wa", "direct"), "p2": ("team", "direct")}

employees = st.sampled_from(EMPLOYEES)
minutes = st.integers(0, 3)
chats = st.sampled_from(list(CHATS))
addresses = st.sampled_from(ADDRESSES)
sizes = st.sampled_from([1, 2, 1000])


def _claim(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    chat.folder, chat.holder = "in_progress", employee


def _release(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    if chat.holder is not None:
        chat.folder, chat.holder = "incoming", None


def _close(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    if chat.folder != "closed":
        chat.folder, chat.holder = "closed", None
        _dismiss(chat, employee, until, arrival)


def _reopen(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    if chat.folder in ("closed", "snoozed"):
        chat.folder = "incoming"


def _dismiss(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    chat.dismissed = max(chat.dismissed, chat.last_client_arrival)


def _snooze(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    chat.folder, chat.holder, chat.until = "snoozed", None, until


def _read(chat: ModelChat, employee: str, until: int, arrival: int) -> None:
    chat.read[employee] = arrival


MOVES = {
    "claim": _claim,
    "release": _release,
    "close_conversation": _close,
    "reopen": _reopen,
    "dismiss": _dismiss,
    "snooze": _snooze,
    "read_up_to": _read,
}
actions = st.sampled_from(list(MOVES))


@pytest.fixture(scope="module")
def world(databases: Databases) -> Iterator[World]:
    url = databases.create()
    with open_world(url) as world:
        yield world
    databases.drop(url)


def test_what_everybody_sees_is_what_the_rule_says(world: World) -> None:
    class Play(History):
        pass

    Play.world = world
    run_state_machine_as_test(
        Play,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


class History(RuleBasedStateMachine):
    """Commands that collide often, since there are few of everything."""

    world: World

    @initialize()
    def open_the_company(self) -> None:
        self.workspace = uuid4().hex
        self.model = ModelCompany()
        self.then: list[tuple[int, dict[str, Any]]] = []
        self.size = 1000
        for channel, policy in (("wa", "client_owners"), ("team", "whole_team")):
            self.set_policy(channel, policy)
        self.put_employee("oleg", "seller", True, True)
        self.put_employee("vera", "seller", True, True)
        self.put_employee("irina", "supervisor", False, True)
        self.put_contact("wife", "oleg", {"1"})
        self.put_contact("son", None, {"3"})
        self.put_deal("house", "vera", "open", {"wife"})
        self.write([("family", "1", 1, 0), ("p1", "1", 1, 0), ("p2", "2", 1, 0)])

    def teardown(self) -> None:
        if not hasattr(self, "model"):
            return
        for position, sights in self.then:
            for name, expected in sights.items():
                assert self.world.who_saw(self.workspace, self.chat_id(name), position) == expected
        live = self.world.rows()
        self.world.rebuild(size=7 if self.world.position < 500 else 1000)
        assert self.world.rows() == live

    # The company and its clients

    @rule(channel=st.sampled_from(CHANNELS), policy=st.sampled_from(["client_owners", "whole_team"]))
    def set_policy(self, channel: str, policy: str) -> None:
        self.app.put_channel(channel, kind="whatsapp", title=channel, visibility=policy, by=self.by())
        self.model.policies[channel] = policy

    @rule(
        employee=employees,
        role=st.sampled_from(["seller", "supervisor", "quality_control"]),
        new=st.booleans(),
        active=st.sampled_from([True, True, False]),
    )
    def put_employee(self, employee: str, role: str, new: bool, active: bool) -> None:
        stated = self.model.stated.get(("employee", employee), [])
        self.app.put_employee(
            employee,
            name=employee,
            role=role,
            receives_new_clients=new,
            active=active,
            addresses=refs(stated),
            by=self.by(),
        )
        self.model.employees[employee] = Standing(role, new, active)

    @rule(person=st.sampled_from(["arkady", "oleg"]), stated=st.lists(addresses, unique=True, max_size=1))
    def state_addresses(self, person: str, stated: list[str]) -> None:
        if person == "arkady":
            self.app.put_staff("arkady", name="Arkady", addresses=refs(stated), by=self.by())
            self.model.state_addresses(("external_staff", person), stated)
        else:
            self.model.state_addresses(("employee", person), stated)
            standing = self.model.employees[person]
            self.put_employee(person, standing.role, standing.receives_new_clients, standing.active)

    @rule(
        contact=st.sampled_from(CONTACTS),
        responsible=st.none() | employees,
        linked=st.sets(addresses, min_size=1, max_size=2),
    )
    def put_contact(self, contact: str, responsible: str | None, linked: set[str]) -> None:
        self.app.put_contact(
            contact, name=contact, responsible_id=responsible, addresses=refs(sorted(linked)), by=self.by()
        )
        self.model.contacts[contact] = (responsible, linked)

    @rule(contact=st.sampled_from(CONTACTS), address=addresses, on=st.booleans())
    def link_or_unlink(self, contact: str, address: str, on: bool) -> None:
        if contact not in self.model.contacts:
            return
        linked = set(self.model.contacts[contact][1])
        if on:
            self.app.link_address(contact, ref(address), name="?", responsible_id="oleg", by=self.by())
            linked.add(address)
        else:
            self.app.unlink_address(contact, ref(address), by=self.by())
            linked.discard(address)
        self.model.contacts[contact] = (self.model.contacts[contact][0], linked)

    @rule(
        deal=st.sampled_from(DEALS),
        owner=employees,
        status=st.sampled_from(["open", "won", "lost"]),
        contacts=st.sets(st.sampled_from(CONTACTS)),
    )
    def put_deal(self, deal: str, owner: str, status: str, contacts: set[str]) -> None:
        known = contacts & self.model.contacts.keys()
        self.app.put_deal(
            deal, title=deal, owner_id=owner, status=status, contact_ids=sorted(known), by=self.by()
        )
        self.model.deals[deal] = DealFacts(owner, status, frozenset(known))

    @rule(deal=st.sampled_from(DEALS), owner=employees, with_contacts=st.booleans())
    def reassign(self, deal: str, owner: str, with_contacts: bool) -> None:
        if deal not in self.model.deals:
            return
        facts = self.model.deals[deal]
        try:
            self.app.reassign_deal(deal, owner, reason="", with_contacts=with_contacts, by=self.by())
        except DealLost:
            assert facts.status == "lost"
            assert facts.owner_id != owner
            return
        self.model.deals[deal] = DealFacts(owner, facts.status, facts.contact_ids)
        for contact in facts.contact_ids if with_contacts else ():
            self.model.contacts[contact] = (owner, self.model.contacts[contact][1])

    @rule(giver=employees, taker=employees)
    def hand_over(self, giver: str, taker: str) -> None:
        self.app.hand_over(
            giver,
            taker,
            deal_ids=list(self.model.deals),
            contact_ids=list(self.model.contacts),
            reason="",
            by=self.by(),
        )
        for deal, facts in self.model.deals.items():
            if facts.owner_id == giver:
                self.model.deals[deal] = DealFacts(taker, facts.status, facts.contact_ids)
        for contact, (responsible, linked) in self.model.contacts.items():
            if responsible == giver:
                self.model.contacts[contact] = (taker, linked)

    # The messengers

    @rule(messages=st.lists(st.tuples(chats, addresses, minutes, st.integers(0, 12)), min_size=1, max_size=4))
    def write(self, messages: list[tuple[str, str, int, int]]) -> None:
        """Some messages at once; of the numbers above 9, the company wrote them on its own phone."""
        for channel in CHANNELS:
            told = [
                inbound.MessageArrived(
                    self.chat_ref(chat), str(number), at(minute), address, address, "hello", echo=number > 9
                )
                for chat, address, minute, number in messages
                if CHATS[chat][0] == channel
            ]
            results, _ = self.app.receive(channel, told, by=self.by())
            assert all(result.refusal is None for result in results)
            for chat, address, minute, number in messages:
                if CHATS[chat][0] == channel:
                    known = self.model_chat(chat, minute)
                    self.model.write(known, str(number), address, minute, number > 9)

    @rule(chat=chats, address=addresses, minute=minutes, present=st.booleans())
    def join_or_leave(self, chat: str, address: str, minute: int, present: bool) -> None:
        told = inbound.ParticipantJoined if present else inbound.ParticipantLeft
        self.tell(told(self.chat_ref(chat), address, at(minute), address))
        self.model.tell(self.model_chat(chat, minute), address, minute, present)

    # The employees' turn

    @rule(
        turns=st.lists(
            st.tuples(chats, st.integers(0, 5), actions, st.integers(1, 4)), min_size=1, max_size=3
        )
    )
    def act(self, turns: list[tuple[str, int, str, int]]) -> None:
        """Employees do something about conversations that they see; each is done before the next begins."""
        for chat, who, action, pause in turns:
            seeing = sorted(self.model.sights(chat))
            if seeing:
                employee = seeing[who % len(seeing)]
                self.act_once(self.model.chats[chat], chat, employee, action, pause)
                self.world.follow(self.size)
                self.model.react(self.world.minute)

    def act_once(self, known: ModelChat, chat: str, employee: str, action: str, pause: int) -> None:
        before, refused = self.app.head(), None
        try:
            self.command(action, chat, employee, pause)
        except Refused as refusal:
            refused = type(refusal)
        assert refused is self.expected_refusal(action, known, employee)
        if refused is None:
            MOVES[action](known, employee, self.world.minute + pause, self.model.arrivals)
        else:
            assert self.app.head() == before

    def command(self, action: str, chat: str, employee: str, pause: int) -> None:
        arguments: list[Any] = [self.chat_id(chat), employee]
        seen = {}
        if action in ("close_conversation", "dismiss", "snooze"):
            seen["seen_position"] = self.client_position(chat)
        if action == "snooze":
            arguments.append(at(self.world.minute + pause))
        if action == "read_up_to":
            arguments.append(self.world.position)
        getattr(self.app, action)(*arguments, **seen, by=self.by())

    def expected_refusal(self, action: str, chat: ModelChat, employee: str) -> type[Refused] | None:
        if action != "read_up_to" and self.model.employees[employee].role == "quality_control":
            return ReadOnlyRole
        if action == "claim" and chat.holder not in (None, employee):
            return AlreadyHeld
        return None

    @rule(passed=st.integers(1, 3))
    def let_time_pass(self, passed: int) -> None:
        self.world.minute += passed

    @rule(size=sizes)
    def cut_ranges(self, size: int) -> None:
        self.size = size

    # What must hold after each step

    @invariant()
    @precondition(lambda self: hasattr(self, "model"))
    def everybody_sees_what_is_theirs(self) -> None:
        self.world.follow(self.size)
        self.model.react(self.world.minute)
        for employee in EMPLOYEES:
            self.check_inbox_of(employee)
        sights = {name: self.model.sights(name) for name in self.model.chats}
        self.then.append((self.world.position, sights))

    def check_inbox_of(self, employee: str) -> None:
        expected = self.model.seen_by(employee)
        items = self.world.items(self.workspace, employee, limit=3)
        assert len(items) == len(expected)
        shown = {item["chats"][0]["external_id"]: item for item in items}
        assert {name: reasons_of(item) for name, item in shown.items()} == expected
        assert {name: summary(item) for name, item in shown.items()} == {
            name: expected_summary(self.model.chats[name], employee) for name in expected
        }
        order = [self.model.chats[item["chats"][0]["external_id"]].activity for item in items]
        assert order == sorted(order, reverse=True)
        assert self.world.counts(self.workspace, employee) == counted(items)

    # Between the two

    @property
    def app(self) -> Any:
        return self.world.application

    def by(self) -> Any:
        return self.world.by(self.workspace)

    def tell(self, item: inbound.Inbound) -> None:
        channel = CHATS[item.chat.external_id][0]  # type: ignore[union-attr]
        results, _ = self.app.receive(channel, [item], by=self.by())
        assert results[0].refusal is None

    def chat_ref(self, name: str) -> inbound.ChatRef:
        return inbound.ChatRef(name, CHATS[name][1], name)

    def chat_id(self, name: str) -> str:
        return str(ids.chat_id(self.workspace, CHATS[name][0], name))

    def model_chat(self, name: str, minute: int) -> ModelChat:
        return self.model.chat(name, *CHATS[name], minute)

    def client_position(self, name: str) -> int:
        row = self.world.connection.execute(
            "SELECT client_position FROM inbox.chat WHERE chat_id = %s", (self.chat_id(name),)
        ).fetchone()
        return row[0] if row else 0


def ref(address: str) -> AddressRef:
    return AddressRef("phone", address)


def refs(addresses: list[str]) -> list[AddressRef]:
    return [ref(address) for address in addresses]


def summary(item: dict[str, Any]) -> tuple[Any, ...]:
    return (item["folder"], item["holder_id"], item["unread"], item["waiting_since"], item["kind"])


def expected_summary(chat: ModelChat, employee: str) -> tuple[Any, ...]:
    since = chat.waiting_since
    waiting = None if since is None else at(since).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (chat.folder, chat.holder, chat.unread(employee), waiting, chat.kind)


def counted(items: list[dict[str, Any]]) -> dict[str, int]:
    folders = {
        folder: sum(item["folder"] == folder for item in items)
        for folder in ("incoming", "in_progress", "snoozed", "closed")
    }
    return folders | {
        "waiting": sum(item["waiting_since"] is not None for item in items),
        "unread": sum(item["unread"] > 0 for item in items),
    }
