"""A company as a plain model: what happened, kept as lists, and what follows from it, worked out afresh.

It borrows nothing from the system but the pure rule of who sees a chat, which is the specification. It
has clocks and an arrival order of its own; where the system decides by ids, of which it has none, it asks for
them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, Reason, who_sees
from tests.histories.alphabet import chat_id
from tests.histories.kin import conversation_of
from tests.histories.model_chat import (
    FOLDERS,
    MACHINE,
    ModelChat,
    ModelMessage,
    Presence,
    Told,
    waiting_since,
)

FURTHER_AND_FURTHER = ("queued", "sent", "failed", "delivered", "read")
"""Of two reports about one delivery the later of these counts: who read a message got it."""


class ShownMessage(NamedTuple):
    """A message in a conversation, with minutes for times. author: kind and id."""

    name: str
    direction: str
    author: tuple[str, str | None]
    text: str | None
    sent_at: int
    edited_at: int | None
    deleted_at: int | None
    delivery: str | None


class ShownParticipant(NamedTuple):
    """Somebody who is or was in a chat. person: whose address it is among the company's people."""

    spelled: str
    kind: str
    contact: str | None
    person: str | None
    joined_at: int | None
    left_at: int | None


class LastMessage(NamedTuple):
    name: str
    direction: str
    author: tuple[str, str | None]
    text: str | None
    sent_at: int


class ShownLine(NamedTuple):
    """A conversation in an inbox. chats: what is seen of it, oldest first. title: a group's."""

    chats: list[str]
    kind: str
    title: str | None
    reasons: frozenset[Reason]
    contacts: frozenset[str]
    folder: str
    holder: str | None
    snoozed_until: int | None
    waiting_since: int | None
    unread: int
    last: LastMessage | None


@dataclass
class ModelCompany:
    """Who works there, who the clients are, and every chat.

    helpers: who helps, and under which message → its chat, and the chats that he was let into.

    Edits and deletions are kept by chat and message, reports by channel and message: they may be told
    before what they are about. written_by: whose word a message from this address is.
    """

    employees: dict[str, Standing] = field(default_factory=dict)
    responsible: dict[str, str | None] = field(default_factory=dict)
    links: dict[str, set[str]] = field(default_factory=dict)
    deals: dict[str, DealFacts] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    stated: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    written_by: dict[str, tuple[str, str]] = field(default_factory=dict)
    tokens: dict[str, tuple[list[str], bool]] = field(default_factory=dict)
    chats: dict[str, ModelChat] = field(default_factory=dict)
    edits: defaultdict[tuple[str, str], dict[tuple[int, str | None], Told]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    deletions: defaultdict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    reports: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    helpers: dict[tuple[str, str], tuple[str, set[str]]] = field(default_factory=dict)
    arrivals: int = 0

    # What happens

    def state_addresses(self, person: tuple[str, str], addresses: list[str]) -> None:
        """The latest statement wins; what a person had before and no longer states is nobody's."""
        former = self.stated.get(person, [])
        self.stated[person] = addresses
        self.written_by.update(dict.fromkeys(addresses, person))
        for address in former:
            if address not in addresses and self.written_by.get(address) == person:
                del self.written_by[address]

    def chat(self, name: str, channel: str, kind: str, minute: int) -> ModelChat:
        """The chat, which appears with the first news about it."""
        return self.chats.setdefault(name, ModelChat(name, channel, kind, minute))

    def join_or_leave(
        self, chat: ModelChat, address: str, minute: int, spelled: str, *, present: bool
    ) -> None:
        """What was announced before is no news."""
        if (address, minute, present) not in chat.announced:
            chat.announced.add((address, minute, present))
            chat.presences.append(Presence(self._arrive(minute), address, spelled, present))

    def rename(self, chat: ModelChat, title: str, minute: int) -> None:
        """What was told before is no news."""
        chat.titles.setdefault((minute, title), self._arrive(minute))

    def write(
        self,
        chat: ModelChat,
        name: str,
        address: str | None,
        minute: int,
        text: str,
        spelled: str,
        *,
        echo: bool,
        automatic: bool,
    ) -> None:
        """A message came; the same one again is no news. Whoever writes is there."""
        if name in chat.messages:
            return
        told = self._arrive(minute)
        person = self.written_by.get(address or "")
        author = MACHINE if automatic else person or (("employee", None) if echo else None)
        chat.messages[name] = ModelMessage(told, text, address, author)
        if address is not None:
            chat.presences.append(Presence(told, address, spelled, True))
        if author is None:
            chat.hear_client()

    def queue(self, chat: ModelChat, name: str, employee: str, minute: int, text: str) -> None:
        """An employee answers here; the same answer again is no news."""
        if name not in chat.messages:
            told = self._arrive(minute)
            chat.messages[name] = ModelMessage(told, text, None, ("employee", employee), queued=True)

    def edit(self, chat: str, name: str, minute: int, text: str | None) -> None:
        self.edits[chat, name].setdefault((minute, text), self._arrive(minute))

    def _arrive(self, minute: int) -> Told:
        self.arrivals += 1
        return Told(minute, self.arrivals)

    # What follows

    def directory(self) -> DirectoryFacts:
        return DirectoryFacts(self.employees, self.links, self.responsible, self.deals)

    def sights(self, name: str) -> dict[str, frozenset[Reason]]:
        """Employee → reasons, for one chat."""
        chat = self.chats[name]
        policy, together = self.policies[chat.channel], self.conversation(name)
        helpers = {help for help, (home, parts) in self.helpers.items() if name in parts and home in together}
        facts = ChatFacts(chat.kind, chat.channel, policy, chat.participants, helpers)
        found: defaultdict[str, set[Reason]] = defaultdict(set)
        for employee, reason in who_sees(facts, self.directory()):
            found[employee].add(reason)
        return {employee: frozenset(reasons) for employee, reasons in found.items()}

    def react(self, minute: int) -> None:
        for name, chat in self.chats.items():
            chat.react(minute, set(self.sights(name)))

    def clients(self, chat: ModelChat) -> set[str]:
        return {who for who, addresses in self.links.items() if addresses & chat.participants}

    def conversation(self, name: str) -> list[str]:
        """The chats of a conversation, oldest first: what has a client in common, also by way of others."""
        kin = {other: (chat.kind, chat.participants) for other, chat in self.chats.items()}
        return conversation_of(name, kin, self.links)

    def seen(self, employee: str, name: str) -> list[ModelChat]:
        """What an employee sees of the conversation in which a chat stands."""
        return [self.chats[part] for part in self.conversation(name) if employee in self.sights(part)]

    def inbox(self, employee: str) -> dict[str, ShownLine]:
        """Conversation, by its oldest chat → its line, for one employee."""
        oldest = {self.conversation(name)[0] for name in self.chats}
        parts = {name: self.seen(employee, name) for name in oldest}
        return {name: self._line(seen, employee) for name, seen in parts.items() if seen}

    def timeline(self, chats: list[ModelChat]) -> list[ShownMessage]:
        """The messages of chats in time order, as they are after all edits."""
        messages = [(chat.messages[name].told, chat, name) for chat in chats for name in chat.messages]
        return [self._shown(chat, name) for _, chat, name in sorted(messages, key=lambda each: each[0])]

    def participants(self, chats: list[ModelChat]) -> dict[str, ShownParticipant]:
        """Address → who it is, as is known now, and when it was in these chats."""
        addresses = {address for chat in chats for address in chat.addresses}
        return {address: self._participant(chats, address) for address in addresses}

    def _participant(self, chats: list[ModelChat], address: str) -> ShownParticipant:
        person_kind, person = self.written_by.get(address, (None, None))
        kind, contact = self._client(address)
        known = sorted((chat for chat in chats if address in chat.addresses), key=chat_id_of)
        stays = [chat.stay_of(address) for chat in known]
        joined = min((came for came, _ in stays if came is not None), default=None)
        gone = [left for _, left in stays if left is not None]
        left = max(gone) if len(gone) == len(stays) else None
        return ShownParticipant(known[0].spelled(address), person_kind or kind, contact, person, joined, left)

    def _line(self, parts: list[ModelChat], employee: str) -> ShownLine:
        """Several chats as one: in the most demanding folder, and an answer in any answers all before."""
        folder = min((chat.folder for chat in parts), key=FOLDERS.index)
        held = [chat for chat in parts if chat.holder is not None]
        untils = [chat.until for chat in parts if chat.folder == folder and chat.until is not None]
        timeline = self.timeline(parts)
        return ShownLine(
            chats=[chat.name for chat in parts],
            kind=parts[0].kind,
            title=parts[0].title if parts[0].kind == "group" else None,
            reasons=frozenset().union(*(self.sights(chat.name)[employee] for chat in parts)),
            contacts=frozenset().union(*map(self.clients, parts)),
            folder=folder,
            holder=max(held, key=liveliness).holder if held else None,
            snoozed_until=min(untils, default=None),
            waiting_since=waiting_since(parts, self._answers(parts)),
            unread=sum(chat.unread(employee) for chat in parts),
            last=LastMessage(*timeline[-1][:5]) if timeline else None,
        )

    def _shown(self, chat: ModelChat, name: str) -> ShownMessage:
        message = chat.messages[name]
        edits = self.edits.get((chat.name, name), {})
        edited_at, text = max(edits, key=lambda edit: edits[edit], default=(None, message.text))
        return ShownMessage(
            name=name,
            direction="in" if message.incoming else "out",
            author=message.author or self._client(message.address),
            text=text,
            sent_at=message.told.minute,
            edited_at=edited_at,
            deleted_at=min(self.deletions.get((chat.name, name), []), default=None),
            delivery=None if message.incoming else self._delivery(chat, name, message),
        )

    def _client(self, address: str | None) -> tuple[str, str | None]:
        """Who an outsider is, as is known now; of several, the first by name."""
        contacts = sorted(contact for contact, linked in self.links.items() if address in linked)
        return ("client", contacts[0]) if contacts else ("unknown", None)

    def _answers(self, chats: list[ModelChat]) -> list[Told]:
        """When somebody answered in these chats whose message got there, as far as is known."""
        written = [(chat, name, message) for chat in chats for name, message in chat.messages.items()]
        return [
            message.told
            for chat, name, message in written
            if not message.incoming
            and not message.by_machine
            and self._delivery(chat, name, message) != "failed"
        ]

    def _delivery(self, chat: ModelChat, name: str, message: ModelMessage) -> str:
        reports = ["queued" if message.queued else "sent", *self.reports.get((chat.channel, name), [])]
        return max(reports, key=FURTHER_AND_FURTHER.index)


def chat_id_of(chat: ModelChat) -> str:
    return chat_id(chat.name)


def liveliness(chat: ModelChat) -> tuple[int, str]:
    """Where several hold parts of a conversation, the holder of the liveliest is shown; ties go by id."""
    return chat.activity, chat_id_of(chat)
