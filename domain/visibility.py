"""Who sees a chat, and why: one pure rule. It is the specification; the projection must agree with it.

The words are those of the requirements:

    G2  a seller sees a chat while a current participant is his client: he *answers for* the contact
    G3  supervisors and quality control see every chat that follows the client's owners
    G4  if no active employee answers for any participant, all who receive new clients see it
    P1  on a channel of the whole team, everybody sees the direct chats; group chats always follow G2 to G4
    P10 a helper in a thread sees the conversation, whatever else holds; he does not answer for anybody
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from domain.channel import ChannelVisibility
from domain.chat import ChatKind
from domain.deal import DealStatus
from domain.employee import OVERSIGHT, Role, Standing


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """Why an employee sees a chat; the fields that its kind does not need are empty."""

    kind: str
    contact_id: str = ""
    deal_id: str = ""
    role: str = ""
    channel_id: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class ChatFacts:
    """What the rule has to know of a chat.

    participants: the ids of the addresses that are in it now. helpers: employees, each with the message under
    which he helps so that he sees this chat.
    """

    kind: str
    channel_id: str
    channel_visibility: str
    participants: Set[str]
    helpers: Set[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class DealFacts:
    owner_id: str
    status: str
    contact_ids: Set[str]


@dataclass(frozen=True, slots=True)
class DirectoryFacts:
    """What the rule has to know of the company and its clients.

    links: contact → its addresses. responsible: contact → employee. Keys without a value may be missing.
    """

    employees: Mapping[str, Standing] = field(default_factory=dict)
    links: Mapping[str, Set[str]] = field(default_factory=dict)
    responsible: Mapping[str, str | None] = field(default_factory=dict)
    deals: Mapping[str, DealFacts] = field(default_factory=dict)


Sight = tuple[str, Reason]
"""An employee and one reason why he sees the chat."""


def who_sees(chat: ChatFacts, directory: DirectoryFacts) -> set[Sight]:
    """Everybody who sees the chat now, with all reasons."""
    active = {who: standing for who, standing in directory.employees.items() if standing.active}
    helping = {
        (who, Reason("thread_helper", message_id=message)) for who, message in chat.helpers if who in active
    }
    if chat.kind == ChatKind.DIRECT and chat.channel_visibility == ChannelVisibility.WHOLE_TEAM:
        return helping | {(who, Reason("whole_team", channel_id=chat.channel_id)) for who in active}

    overseeing = {
        (who, Reason("oversight", role=standing.role))
        for who, standing in active.items()
        if standing.role in OVERSIGHT
    }
    answering = {sight for sight in who_answers(chat.participants, directory) if sight[0] in active}
    return helping | overseeing | (answering or _receiving_new_clients(active))


def who_answers(participants: Set[str], directory: DirectoryFacts) -> set[Sight]:
    """Who answers for a client among the participants: the responsible, and owners of deals not lost (G2)."""
    clients = {contact for contact, addresses in directory.links.items() if addresses & participants}
    responsible = {
        (employee, Reason("responsible_for_contact", contact_id=contact))
        for contact in clients
        if (employee := directory.responsible.get(contact)) is not None
    }
    owners = {
        (deal.owner_id, Reason("owns_deal", contact_id=contact, deal_id=deal_id))
        for deal_id, deal in directory.deals.items()
        if deal.status != DealStatus.LOST
        for contact in clients & deal.contact_ids
    }
    return responsible | owners


def _receiving_new_clients(active: Mapping[str, Standing]) -> set[Sight]:
    return {
        (who, Reason("new_client"))
        for who, standing in active.items()
        if standing.role == Role.SELLER and standing.receives_new_clients
    }
