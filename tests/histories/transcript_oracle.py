"""A conversation as it looked, folded from the events alone: what was known, and of that what had happened.

It borrows nothing from the read side; rows are the ledger's, one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row

FURTHER_AND_FURTHER = ["queued", "sent", "failed", "delivered", "read"]
WRITTEN = ("message.received", "message.queued")
FOLDERS = ["incoming", "in_progress", "snoozed", "closed"]
MOVED_TO = {
    "conversation.claimed": "in_progress",
    "conversation.assigned": "in_progress",
    "conversation.snoozed": "snoozed",
    "conversation.closed": "closed",
}

Shown = dict[str, Any]


class Event(NamedTuple):
    position: int
    workspace_id: str
    stream_id: str
    topic: str
    actor: str
    occurred_at: datetime
    facts: dict[str, Any]
    private: dict[str, Any]

    @property
    def told(self) -> tuple[datetime, int]:
        """Its place in the provider's time."""
        return self.occurred_at, self.position


def events_of(connection: Connection[Any]) -> list[Event]:
    """The whole ledger, of all workspaces."""
    query = """
        SELECT position, workspace_id, stream_id::text, topic, actor, occurred_at, facts,
               coalesce(private, '{}') AS private
        FROM ledger ORDER BY position
    """
    with connection.cursor(row_factory=class_row(Event)) as cursor:
        return cursor.execute(query).fetchall()


class TranscriptOracle:
    """chats: the ids of those that stand together, oldest first."""

    def __init__(self, known: list[Event], chats: list[str], by: datetime) -> None:
        self.known = known
        self.happened = [event for event in known if event.occurred_at <= by]
        self.chats = chats

    def items(self) -> list[Shown]:
        written = [
            event
            for event in self.happened
            if event.topic in WRITTEN and event.facts["chat_id"] in self.chats
        ]
        return [self._item(event) for event in sorted(written, key=lambda event: event.told)]

    def participants(self) -> list[Shown]:
        addresses = dict.fromkeys(
            event.facts["address_id"]
            for event in self.known
            if event.topic in ("chat.participant_joined", "chat.participant_left")
            and event.facts["chat_id"] in self.chats
        )
        return [shown for address in addresses if (shown := self._participant(address))]

    def turn(self) -> Shown:
        """Folder and holder of all the chats together: the most demanding, and the liveliest that is held."""
        moves = {chat: self._moved(chat) for chat in self.chats}
        folders = [move[0] for move in moves.values()]
        folder = min(folders, key=FOLDERS.index, default=None)
        held = [chat for chat, move in moves.items() if move[1]]
        liveliest = max(held, key=lambda chat: (self._active_at(chat), chat), default=None)
        snoozes = [until for at, _, until in moves.values() if at == folder and until]
        return {
            "folder": folder,
            "holder_id": moves[liveliest][1] if liveliest else None,
            "snoozed_until": min(snoozes, default=None),
        }

    def _item(self, message: Event) -> Shown:
        own = [event for event in self.happened if event.stream_id == message.stream_id]
        edits = sorted((e for e in own if e.topic == "message.edited"), key=lambda event: event.told)
        versions = [message, *edits]
        deleted = [event.occurred_at for event in own if event.topic == "message.deleted"]
        return {
            "message_id": message.facts["message_id"],
            "position": message.position,
            "author": self._author(message),
            "sent_at": message.occurred_at,
            "text": versions[-1].private["text"],
            "edited_at": edits[-1].occurred_at if edits else None,
            "deleted_at": min(deleted, default=None),
            "delivery": self._delivery(message),
            "versions": [(event.private["text"], event.position) for event in versions],
            "read_by": self._read_by(message),
            "thread": self._thread(message),
            "helpers": self._helpers(message),
        }

    def _author(self, message: Event) -> Shown:
        kind, author = message.facts["author_kind"], message.facts["author_id"]
        sender_name = message.private.get("sender_name")
        if kind == "automatic":
            return {"kind": kind, "id": None, "name": sender_name}
        if kind != "client":
            noun = "employee" if kind == "employee" else "staff"
            return {"kind": kind, "id": author, "name": self._name(noun, author) or sender_name}
        contact = self._contact(message.facts["sender_id"])
        name = (self._name("contact", contact) if contact else None) or sender_name
        return {"kind": "client" if contact else "unknown", "id": contact, "name": name}

    def _delivery(self, message: Event) -> str | None:
        if message.facts["direction"] == "in":
            return None
        first = "queued" if message.topic == "message.queued" else "sent"
        reports = (e for e in self.happened if e.stream_id == message.facts["delivery_id"])
        told: list[str] = [first, *(event.facts["status"] for event in reports)]
        return max(told, key=FURTHER_AND_FURTHER.index)

    def _read_by(self, message: Event) -> list[tuple[str, int]]:
        first: dict[str, int] = {}
        for event in self.happened:
            if event.topic != "reading.advanced" or message.facts["chat_id"] not in event.facts["chat_ids"]:
                continue
            if min(event.facts["read_position"], event.position) >= message.position:
                first.setdefault(event.facts["employee_id"], event.position)
        return sorted(first.items(), key=lambda reader: (reader[1], reader[0]))

    def _thread(self, message: Event) -> list[tuple[str, str, str | None]]:
        """Author, his name, and what he wrote."""
        return [
            (e.facts["author_id"], e.private["text"], self._name("employee", e.facts["author_id"]))
            for e in self.happened
            if e.topic == "thread.replied" and e.facts["message_id"] == message.stream_id
        ]

    def _helpers(self, message: Event) -> set[str]:
        helpers: set[str] = set()
        for event in self.happened:
            if event.facts.get("message_id") == message.stream_id:
                if event.topic == "thread.helper_added":
                    helpers.add(event.facts["employee_id"])
                if event.topic == "thread.helper_removed":
                    helpers.discard(event.facts["employee_id"])
        return helpers

    def _participant(self, address: str) -> Shown | None:
        """Joining, leaving and writing tell who is there; the latest by time decides."""
        joined, left, there = [], [], False
        for chat in self.chats:
            told = [
                (event.told, event.topic != "chat.participant_left")
                for event in self.happened
                if event.facts.get("chat_id") == chat and self._tells_of(event, address)
            ]
            joined += [at for (at, _), present in told if present]
            if told:
                (at, _), present = max(told)
                left.append(at)
                there = there or present
        if not left:
            return None
        person, contact = self._person(address), self._contact(address)
        kind = person[0] if person else "client" if contact else "unknown"
        return {
            "kind": kind,
            "contact_id": contact,
            "employee_id": person[1] if person and kind == "employee" else None,
            "staff_id": person[1] if person and kind == "external_staff" else None,
            "joined_at": min(joined, default=None),
            "left_at": None if there else max(left),
        }

    @staticmethod
    def _tells_of(event: Event, address: str) -> bool:
        if event.topic in ("chat.participant_joined", "chat.participant_left"):
            return bool(event.facts["address_id"] == address)
        return event.topic == "message.received" and event.facts["sender_id"] == address

    def _moved(self, chat: str) -> tuple[str, str | None, str | None]:
        """Where the chat's own conversation stands, by its last event."""
        moves = [
            event
            for event in self.happened
            if event.topic.startswith("conversation.")
            and event.topic != "conversation.dismissed"
            and event.facts["chat_id"] == chat
        ]
        if not moves:
            return "incoming", None, None
        last = moves[-1]
        folder = MOVED_TO.get(last.topic, "incoming")
        shows_snooze = last.topic == "conversation.snoozed" or (
            last.topic == "conversation.woken" and last.facts["cause"] == "message"
        )
        return (
            folder,
            last.facts["holder_id"] if folder == "in_progress" else None,
            last.facts["until"] if shows_snooze else None,
        )

    def _active_at(self, chat: str) -> datetime:
        opened = [e.occurred_at for e in self.known if e.topic == "chat.opened" and e.stream_id == chat]
        written = [e.occurred_at for e in self.happened if e.topic in WRITTEN and e.facts["chat_id"] == chat]
        return max(opened + written)

    def _name(self, noun: str, thing: str | None) -> str | None:
        topics = (f"{noun}.registered", f"{noun}.renamed")
        names = [
            e.private["name"] for e in self.known if e.topic in topics and e.facts[f"{noun}_id"] == thing
        ]
        return names[-1] if names else None

    def _contact(self, address: str | None) -> str | None:
        linked: set[str] = set()
        for event in self.known:
            if event.facts.get("address_id") == address and event.topic.startswith("contact."):
                change = linked.add if event.topic == "contact.address_linked" else linked.discard
                change(event.facts["contact_id"])
        return min(linked, default=None)

    def _person(self, address: str) -> tuple[str, str] | None:
        person = None
        for event in self.known:
            if event.stream_id == address:
                assigned = event.topic == "address.assigned"
                person = (event.facts["person_kind"], event.facts["person_id"]) if assigned else None
        return person


OF_EMPLOYEES = ("employee_id", "responsible_id", "owner_id", "from_id", "to_id", "holder_id", "assignee_id")


def named_by(event: Event) -> set[tuple[str, str]]:
    """What an event names: kind and id."""
    facts, named = event.facts, defaultdict[str, set[Any]](set)
    for kind in ("deal", "contact", "staff", "webhook", "token"):
        named[kind].add(facts.get(f"{kind}_id"))
    named["chat"] |= {facts.get("chat_id"), *facts.get("chat_ids", ()), *facts.get("former_chat_ids", ())}
    named["address"] |= {facts.get("address_id"), facts.get("sender_id"), *facts.get("address_ids", ())}
    named["employee"] |= {facts.get(field) for field in OF_EMPLOYEES}
    named["address" if event.topic.startswith("chat.") else "employee"].add(facts.get("by_id"))
    for kind, who in (("author_kind", "author_id"), ("person_kind", "person_id")):
        named["staff" if facts.get(kind) == "external_staff" else "employee"].add(facts.get(who))
    noun, _, actor = event.actor.partition(":")
    if noun == "employee":
        named["employee"].add(actor)
    if event.topic.startswith("channel.") or event.topic == "chat.opened":
        named["channel"].add(facts["channel_id"])
    return {(kind, thing) for kind, things in named.items() for thing in things if thing is not None}
