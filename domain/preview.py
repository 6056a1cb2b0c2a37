"""What would happen: who would gain and who would lose sight of which chats, before anything is done.

A change is applied to what the one rule has to know, and it is asked before and after. A link or its
undoing also moves chats from one conversation to another, and helpers with them (P10).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

from domain.chat import ChatKind
from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, Reason, Sight, who_sees

GAINS, LOSES = "gains", "loses"


@dataclass(frozen=True, slots=True)
class Help:
    """Who helps under a message, where that is, and the chats that he was let into."""

    employee_id: str
    message_id: str
    chat_id: str
    chat_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ChatState:
    """A chat as it is: clients are those who take part in it, with the addresses by which they do."""

    chat_id: str
    conversation_id: str
    facts: ChatFacts
    directory: DirectoryFacts
    helps: tuple[Help, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """An employee gains sight of a chat, or loses it; reasons: those after it, or before."""

    employee_id: str
    chat_id: str
    conversation_id: str
    change: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Handover:
    """Somebody wishes to hand over all deals and contacts of an employee."""

    from_id: str
    to_id: str


@dataclass(frozen=True, slots=True)
class Reassignment:
    deal_id: str
    owner_id: str
    with_contacts: bool = False


@dataclass(frozen=True, slots=True)
class Linking:
    """responsible_id: for a contact that is new; None: it has to be known."""

    contact_id: str
    address_id: str
    responsible_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unlinking:
    contact_id: str
    address_id: str


Wish = Handover | Reassignment | Linking | Unlinking
"""What somebody might do; a `Change` is what it would do as things are."""


class Change(Protocol):
    """Something that somebody might do."""

    @property
    def regroups(self) -> bool:
        """Whether it may bring chats into another conversation."""
        ...

    def applied(self, directory: DirectoryFacts) -> DirectoryFacts:
        """What the rule would know of clients and deals after it."""
        ...


@dataclass(frozen=True, slots=True)
class HandedOver:
    """All deals and contacts of one employee become another's."""

    from_id: str
    to_id: str
    regroups: ClassVar[bool] = False

    def applied(self, directory: DirectoryFacts) -> DirectoryFacts:
        responsible = {
            contact: self.to_id if employee == self.from_id else employee
            for contact, employee in directory.responsible.items()
        }
        deals = {
            deal_id: replace(deal, owner_id=self.to_id) if deal.owner_id == self.from_id else deal
            for deal_id, deal in directory.deals.items()
        }
        return replace(directory, responsible=responsible, deals=deals)


@dataclass(frozen=True, slots=True)
class Reassigned:
    """A deal gets another owner. contact_ids: of whom he becomes responsible too."""

    deal_id: str
    owner_id: str
    contact_ids: frozenset[str]
    regroups: ClassVar[bool] = False

    def applied(self, directory: DirectoryFacts) -> DirectoryFacts:
        responsible = {
            contact: self.owner_id if contact in self.contact_ids else directory.responsible.get(contact)
            for contact in directory.links
        }
        deals = {
            deal_id: replace(deal, owner_id=self.owner_id) if deal_id == self.deal_id else deal
            for deal_id, deal in directory.deals.items()
        }
        return replace(directory, responsible=responsible, deals=deals)


@dataclass(frozen=True, slots=True)
class Linked:
    """An address becomes a client's. deals: his that are not lost, with their owners."""

    contact_id: str
    address_id: str
    responsible_id: str | None
    deals: Mapping[str, str]
    regroups: ClassVar[bool] = True

    def applied(self, directory: DirectoryFacts) -> DirectoryFacts:
        known = directory.links.get(self.contact_id, frozenset())
        deals = dict(directory.deals)
        for deal_id, owner_id in self.deals.items():
            others = deals[deal_id].contact_ids if deal_id in deals else frozenset()
            deals[deal_id] = DealFacts(owner_id, "open", others | {self.contact_id})
        return replace(
            directory,
            links={**directory.links, self.contact_id: known | {self.address_id}},
            responsible={**directory.responsible, self.contact_id: self.responsible_id},
            deals=deals,
        )


@dataclass(frozen=True, slots=True)
class Unlinked:
    """An address is not this client's after all."""

    contact_id: str
    address_id: str
    regroups: ClassVar[bool] = True

    def applied(self, directory: DirectoryFacts) -> DirectoryFacts:
        known = directory.links.get(self.contact_id, frozenset())
        return replace(directory, links={**directory.links, self.contact_id: known - {self.address_id}})


def turns(chats: Sequence[ChatState], employees: Mapping[str, Standing], change: Change) -> list[Turn]:
    """Who would gain and lose what, in the order of chats and employees.

    chats: all that the change may reach, and those that stand in a conversation with them.
    """
    after = {chat.chat_id: replace(change.applied(chat.directory), employees=employees) for chat in chats}
    helped = _helped_after(chats, after) if change.regroups else {}
    found: list[Turn] = []
    for chat in chats:
        helpers = helped.get(chat.chat_id, frozenset()) if change.regroups else chat.facts.helpers
        before = who_sees(chat.facts, replace(chat.directory, employees=employees))
        then = who_sees(replace(chat.facts, helpers=helpers), after[chat.chat_id])
        found += _differences(chat, before, then)
    return sorted(found, key=lambda turn: (turn.chat_id, turn.employee_id))


def _differences(chat: ChatState, before: Collection[Sight], after: Collection[Sight]) -> Iterable[Turn]:
    saw, sees = {who for who, _ in before}, {who for who, _ in after}
    for employee_id in saw ^ sees:
        gains = employee_id in sees
        told = after if gains else before
        reasons = tuple(sorted(reason for who, reason in told if who == employee_id))
        yield Turn(employee_id, chat.chat_id, chat.conversation_id, GAINS if gains else LOSES, reasons)


def _helped_after(
    chats: Sequence[ChatState], after: Mapping[str, DirectoryFacts]
) -> dict[str, frozenset[tuple[str, str]]]:
    """Chat → who helps so that he sees it: of the chats that he was let into, those that stand together."""
    together = _together(chats, after)
    helped: dict[str, set[tuple[str, str]]] = {}
    for each in {each for chat in chats for each in chat.helps}:
        for chat_id in each.chat_ids & together.get(each.chat_id, {each.chat_id}):
            helped.setdefault(chat_id, set()).add((each.employee_id, each.message_id))
    return {chat_id: frozenset(helpers) for chat_id, helpers in helped.items()}


def _together(chats: Sequence[ChatState], after: Mapping[str, DirectoryFacts]) -> dict[str, set[str]]:
    """Chat → those that stand in one conversation with it: direct chats that have a client in common."""
    groups: dict[str, set[str]] = {}
    place: dict[str, set[str]] = {}
    for chat in chats:
        group = place[chat.chat_id] = {chat.chat_id}
        if chat.facts.kind != ChatKind.DIRECT:
            continue
        for contact, addresses in after[chat.chat_id].links.items():
            if addresses & chat.facts.participants:
                group |= groups.get(contact, set())
                groups[contact] = group
        for other in group:
            place[other] = group
        groups.update({contact: group for contact, each in groups.items() if each & group})
    return place
