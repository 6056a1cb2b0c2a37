"""Who owned what and when: one pure fold over the events of a deal, a contact or a conversation.

Intervals go either by what the ledger was told, event after event, or by when it happened according to the
provider; then an event that was told late counts from when it happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.deal import DealStatus

OWNER, RESPONSIBLE, HOLDER = "owner", "responsible", "holder"


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the ledger, as far as it matters here."""

    position: int
    topic: str
    occurred_at: datetime
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tenure:
    """employee_id: None while nobody had it. until: None as long as nothing has ended it."""

    role: str
    employee_id: str | None
    since: Told
    until: Told | None


Holding = Callable[[Told], tuple[bool, str | None]]
"""After an event: whether there is anything to have, and whose it is."""

NOBODYS: tuple[bool, str | None] = (False, None)


def known(events: Iterable[Told], at: int, valid_at: datetime | None) -> list[Told]:
    """The events that were recorded up to a position, in the order in which they count.

    valid_at: only what had happened by then, in the order in which it happened, ties as they were recorded.
    """
    told = [each for each in events if each.position <= at]
    if valid_at is None:
        return sorted(told, key=lambda each: each.position)
    happened = [each for each in told if each.occurred_at <= valid_at]
    return sorted(happened, key=lambda each: (each.occurred_at, each.position))


def owners(events: Iterable[Told]) -> list[Tenure]:
    """Who owned a deal, whatever became of it."""
    owner: str | None = None

    def holding(told: Told) -> tuple[bool, str | None]:
        nonlocal owner
        match told.topic:
            case "deal.opened":
                owner = told.facts["owner_id"]
            case "deal.reassigned":
                owner = told.facts["to_id"]
        return owner is not None, owner

    return _tenures(OWNER, events, holding)


def answering_owners(events: Iterable[Told], contact_id: str) -> list[Tenure]:
    """Who answered for a client as the owner of this deal: while the client was in it and it was not lost."""
    owner: str | None = None
    status, is_in = "", False

    def holding(told: Told) -> tuple[bool, str | None]:
        nonlocal owner, status, is_in
        facts = told.facts
        match told.topic:
            case "deal.opened":
                owner, status = facts["owner_id"], facts["status"]
            case "deal.reassigned":
                owner = facts["to_id"]
            case "deal.status_changed":
                status = facts["to_status"]
            case "deal.contact_added" | "deal.contact_removed" if facts["contact_id"] == contact_id:
                is_in = told.topic == "deal.contact_added"
        answers = is_in and owner is not None and status not in ("", DealStatus.LOST)
        return (True, owner) if answers else NOBODYS

    return _tenures(OWNER, events, holding)


def responsible(events: Iterable[Told]) -> list[Tenure]:
    """Who was responsible for a client, and when nobody was."""
    who: str | None = None

    def holding(told: Told) -> tuple[bool, str | None]:
        nonlocal who
        match told.topic:
            case "contact.registered":
                who = told.facts["responsible_id"]
            case "contact.responsible_changed":
                who = told.facts["to_id"]
        return True, who

    return _tenures(RESPONSIBLE, events, holding)


def holders(events: Iterable[Told]) -> list[Tenure]:
    """Who held a conversation, as far as it is one chat."""
    holder: str | None = None

    def holding(told: Told) -> tuple[bool, str | None]:
        nonlocal holder
        if told.topic in ("conversation.claimed", "conversation.assigned"):
            holder = told.facts["holder_id"]
        elif told.topic != "conversation.dismissed":
            holder = None
        return holder is not None, holder

    return _tenures(HOLDER, events, holding)


def _tenures(role: str, events: Iterable[Told], holding: Holding) -> list[Tenure]:
    tenures: list[Tenure] = []
    state, since = NOBODYS, None
    for told in events:
        after = holding(told)
        if after == state:
            continue
        if since is not None and state[0]:
            tenures.append(Tenure(role, state[1], since, told))
        state, since = after, told
    if since is not None and state[0]:
        tenures.append(Tenure(role, state[1], since, None))
    return tenures
