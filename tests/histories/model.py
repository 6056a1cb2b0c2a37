"""A company as a plain model: what happened, kept as lists, and what follows from it, worked out afresh.

It borrows nothing from the system but the pure rule of who sees a chat, which is the specification. It
has ids, clocks and an arrival order of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, Reason, who_sees


@dataclass
class ModelMessage:
    minute: int
    arrival: int
    incoming: bool


@dataclass
class ModelChat:
    channel: str
    kind: str
    opened: int
    presence: dict[str, list[tuple[int, int, bool]]] = field(default_factory=dict)
    told: set[tuple[str, int, bool]] = field(default_factory=set)
    messages: dict[str, ModelMessage] = field(default_factory=dict)
    folder: str = "incoming"
    holder: str | None = None
    until: int | None = None
    dismissed: int = 0
    read: dict[str, int] = field(default_factory=dict)

    @property
    def participants(self) -> frozenset[str]:
        """Whoever's latest fact, by the provider's time and then by arrival, is being there."""
        return frozenset(address for address, facts in self.presence.items() if max(facts)[2])

    @property
    def client_messages(self) -> list[ModelMessage]:
        return [message for message in self.messages.values() if message.incoming]

    @property
    def last_client_arrival(self) -> int:
        return max((message.arrival for message in self.client_messages), default=0)

    @property
    def waiting_since(self) -> int | None:
        """The minute of the first client message after the last answer that still needs one."""
        answered = max(
            ((m.minute, m.arrival) for m in self.messages.values() if not m.incoming), default=(-1, 0)
        )
        unanswered = [
            message.minute
            for message in self.client_messages
            if (message.minute, message.arrival) > answered and message.arrival > self.dismissed
        ]
        return min(unanswered, default=None)

    @property
    def activity(self) -> int:
        return max([self.opened, *(message.minute for message in self.messages.values())])

    @property
    def last_message(self) -> str | None:
        newest = max(self.messages.items(), key=lambda item: (item[1].minute, item[1].arrival), default=None)
        return newest[0] if newest else None

    def unread(self, employee: str) -> int:
        seen = self.read.get(employee, 0)
        return sum(message.arrival > seen for message in self.client_messages)


@dataclass
class ModelCompany:
    """Who works there, who the clients are, and every chat."""

    employees: dict[str, Standing] = field(default_factory=dict)
    contacts: dict[str, tuple[str | None, set[str]]] = field(default_factory=dict)
    deals: dict[str, DealFacts] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    chats: dict[str, ModelChat] = field(default_factory=dict)
    stated: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    owners: dict[str, tuple[str, str]] = field(default_factory=dict)
    arrivals: int = 0

    def arrive(self) -> int:
        self.arrivals += 1
        return self.arrivals

    def state_addresses(self, person: tuple[str, str], addresses: list[str]) -> None:
        """The latest statement wins; what a person had before and no longer states is nobody's."""
        former = self.stated.get(person, [])
        for address in addresses:
            self.owners[address] = person
        for address in former:
            if address not in addresses and self.owners.get(address) == person:
                del self.owners[address]
        self.stated[person] = addresses

    def chat(self, name: str, channel: str, kind: str, minute: int) -> ModelChat:
        return self.chats.setdefault(name, ModelChat(channel, kind, minute))

    def tell(self, chat: ModelChat, address: str, minute: int, present: bool) -> None:
        """Somebody joined or left; what was told before is no news."""
        if (address, minute, present) not in chat.told:
            chat.told.add((address, minute, present))
            chat.presence.setdefault(address, []).append((minute, self.arrive(), present))

    def write(self, chat: ModelChat, message: str, address: str, minute: int, echo: bool) -> None:
        """A message came; the same one again is no news. A client's brings the conversation back."""
        if message in chat.messages:
            return
        arrival = self.arrive()
        chat.presence.setdefault(address, []).append((minute, arrival, True))
        incoming = not echo and address not in self.owners
        chat.messages[message] = ModelMessage(minute, arrival, incoming)
        if incoming and chat.folder in ("closed", "snoozed"):
            chat.folder = "incoming"

    def directory(self) -> DirectoryFacts:
        return DirectoryFacts(
            employees=self.employees,
            links={contact: addresses for contact, (_, addresses) in self.contacts.items()},
            responsible={contact: responsible for contact, (responsible, _) in self.contacts.items()},
            deals=self.deals,
        )

    def sights(self, name: str) -> dict[str, set[Reason]]:
        """Employee → reasons, for one chat."""
        chat = self.chats[name]
        facts = ChatFacts(chat.kind, chat.channel, self.policies[chat.channel], chat.participants)
        sights: dict[str, set[Reason]] = {}
        for employee, reason in who_sees(facts, self.directory()):
            sights.setdefault(employee, set()).add(reason)
        return sights

    def seen_by(self, employee: str) -> dict[str, set[Reason]]:
        """Chat → reasons, for one employee."""
        return {name: sights[employee] for name in self.chats if employee in (sights := self.sights(name))}

    def react(self, minute: int) -> None:
        """Holders who see no more are released, and snoozes end when their time comes."""
        for name, chat in self.chats.items():
            if chat.holder is not None and chat.holder not in self.sights(name):
                chat.folder, chat.holder = "incoming", None
            if chat.folder == "snoozed" and chat.until is not None and chat.until <= minute:
                chat.folder = "incoming"
