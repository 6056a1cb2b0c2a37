"""What a ledger says, worked out event by event and without a read model: the yardstick for these.

It knows the events' stored names and fields, and of the rest of the product the pure rule who sees a chat.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, who_sees

EVENTS = "SELECT position, workspace_id, topic, occurred_at, facts FROM ledger ORDER BY position"
AT_ONCE = 10_000
FOLDERS = ("incoming", "in_progress", "snoozed", "closed")
"""The most demanding first."""


class Event(NamedTuple):
    position: int
    workspace_id: str
    topic: str
    occurred_at: datetime
    facts: dict[str, Any]


@dataclass(slots=True)
class FoldedChat:
    """latest: address → when, at which position, and whether it was there.

    client_position: of the last client message. seen_position: up to where whoever put it away had looked.
    """

    chat_id: str
    channel_id: str
    kind: str
    latest: dict[str, tuple[datetime, int, bool]] = field(default_factory=dict)
    client_position: int = 0
    folder: str = "incoming"
    holder_id: str | None = None
    seen_position: int = 0

    def note(self, address_id: str | None, event: Event, present: bool) -> None:
        """Keep the latest news by the provider's time; of two at once the later event."""
        if address_id is not None:
            news = (event.occurred_at, event.position, present)
            self.latest[address_id] = max(news, self.latest.get(address_id, news))

    def move(self, folder: str, holder_id: str | None = None, seen_position: int = 0) -> None:
        self.folder, self.holder_id, self.seen_position = folder, holder_id, seen_position

    @property
    def participants(self) -> frozenset[str]:
        return frozenset(address for address, (_, _, present) in self.latest.items() if present)


@dataclass
class Folded:
    """One workspace. gaps: positions that did not follow on the one before. messages: id → positions."""

    workspace_id: str
    head: int = 0
    gaps: list[int] = field(default_factory=list)
    employees: dict[str, Standing] = field(default_factory=dict)
    links: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    responsible: dict[str, str | None] = field(default_factory=dict)
    deals: dict[str, DealFacts] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    chats: dict[str, FoldedChat] = field(default_factory=dict)
    messages: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, event: Event) -> None:
        """Take the next event over; those of other workspaces only count."""
        if event.position != self.head + 1:
            self.gaps.append(event.position)
        self.head = event.position
        noun = event.topic.partition(".")[0]
        take = getattr(self, f"_take_{noun}", None)
        if take and event.workspace_id == self.workspace_id:
            take(event, event.facts)

    def _take_employee(self, _: Event, facts: dict[str, Any]) -> None:
        if "role" in facts:
            standing = Standing(facts["role"], facts["receives_new_clients"], facts["active"])
            self.employees[facts["employee_id"]] = standing

    def _take_channel(self, event: Event, facts: dict[str, Any]) -> None:
        if event.topic == "channel.connected":
            self.policies[facts["channel_id"]] = facts["visibility"]
        elif event.topic == "channel.visibility_changed":
            self.policies[facts["channel_id"]] = facts["to_visibility"]

    def _take_contact(self, event: Event, facts: dict[str, Any]) -> None:
        contact_id = facts["contact_id"]
        match event.topic:
            case "contact.registered":
                self.responsible[contact_id] = facts["responsible_id"]
            case "contact.responsible_changed":
                self.responsible[contact_id] = facts["to_id"]
            case "contact.address_linked":
                self.links[contact_id].add(facts["address_id"])
            case "contact.address_unlinked":
                self.links[contact_id].discard(facts["address_id"])

    def _take_deal(self, event: Event, facts: dict[str, Any]) -> None:
        known = self.deals.get(facts["deal_id"], DealFacts("", "", frozenset()))
        owner_id, status, contact_ids = known.owner_id, known.status, set(known.contact_ids)
        match event.topic:
            case "deal.opened":
                owner_id, status = facts["owner_id"], facts["status"]
            case "deal.reassigned":
                owner_id = facts["to_id"]
            case "deal.status_changed":
                status = facts["to_status"]
            case "deal.contact_added":
                contact_ids.add(facts["contact_id"])
            case "deal.contact_removed":
                contact_ids.discard(facts["contact_id"])
        self.deals[facts["deal_id"]] = DealFacts(owner_id, status, frozenset(contact_ids))

    def _take_chat(self, event: Event, facts: dict[str, Any]) -> None:
        chat_id = facts["chat_id"]
        match event.topic:
            case "chat.opened":
                self.chats[chat_id] = FoldedChat(chat_id, facts["channel_id"], facts["kind"])
            case "chat.participant_joined":
                self.chats[chat_id].note(facts["address_id"], event, True)
            case "chat.participant_left":
                self.chats[chat_id].note(facts["address_id"], event, False)

    def _take_message(self, event: Event, facts: dict[str, Any]) -> None:
        """Whoever writes is there."""
        if event.topic not in ("message.received", "message.queued"):
            return
        self.messages[facts["message_id"]].append(event.position)
        chat = self.chats[facts["chat_id"]]
        chat.note(facts.get("sender_id"), event, True)
        if facts["direction"] == "in":
            chat.client_position = event.position

    def _take_conversation(self, event: Event, facts: dict[str, Any]) -> None:
        chat = self.chats[facts["chat_id"]]
        match event.topic:
            case "conversation.claimed" | "conversation.assigned":
                chat.move("in_progress", holder_id=facts["holder_id"])
            case "conversation.snoozed":
                chat.move("snoozed", seen_position=facts["seen_position"])
            case "conversation.closed":
                chat.move("closed", seen_position=facts["seen_position"])
            case "conversation.released" | "conversation.woken" | "conversation.reopened":
                chat.move("incoming")


def fold(url: str, workspace_id: str) -> Folded:
    """The whole ledger, as an auditor reads it."""
    folded = Folded(workspace_id)
    for event in _events(url):
        folded.take(event)
    return folded


def audiences(folded: Folded) -> dict[str, frozenset[str]]:
    """Chat → who sees it, by the rule. The rule is told of those contacts and deals only that can matter."""
    contacts_of = _inverted(folded.links)
    deals_of = _inverted({deal_id: deal.contact_ids for deal_id, deal in folded.deals.items()})
    known: dict[frozenset[str], frozenset[str]] = {}
    found: dict[str, frozenset[str]] = {}
    for chat in folded.chats.values():
        contact_ids = {each for address in chat.participants for each in contacts_of.get(address, ())}
        deal_ids = {each for contact_id in contact_ids for each in deals_of.get(contact_id, ())}
        directory = DirectoryFacts(
            folded.employees,
            {each: folded.links[each] for each in contact_ids},
            folded.responsible,
            {each: folded.deals[each] for each in deal_ids},
        )
        policy = folded.policies[chat.channel_id]
        facts = ChatFacts(chat.kind, chat.channel_id, policy, chat.participants)
        seeing = frozenset(employee_id for employee_id, _ in who_sees(facts, directory))
        found[chat.chat_id] = known.setdefault(seeing, seeing)
    return found


def conversations(folded: Folded) -> dict[str, str]:
    """Chat → one chat that stands for its conversation: direct chats with a client in common are one (P3)."""
    contacts_of = _inverted(folded.links)
    root: dict[str, str] = {}

    def root_of(name: str) -> str:
        while root.setdefault(name, name) != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for chat in folded.chats.values():
        if chat.kind == "direct":
            for address in chat.participants:
                for contact_id in contacts_of.get(address, ()):
                    root[root_of(f"contact {contact_id}")] = root_of(chat.chat_id)
    return {chat_id: root_of(chat_id) for chat_id in folded.chats}


def _inverted(sets: dict[str, set[str]] | dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in sets.items():
        for value in values:
            found.setdefault(value, []).append(name)
    return found


def _events(url: str) -> Iterator[Event]:
    with psycopg.connect(url) as connection, connection.cursor(name="auditor") as cursor:
        cursor.itersize = AT_ONCE
        rows: Iterable[Any] = cursor.execute(EVENTS)
        for row in rows:
            yield Event(*row)
