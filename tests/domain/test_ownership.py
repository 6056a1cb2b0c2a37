"""Who owned what: intervals go by the ledger, or by when it happened."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from domain.ownership import Tenure, Told, answering_owners, holders, known, owners, responsible


def at(hour: int) -> datetime:
    return datetime(2026, 3, 1, hour, tzinfo=UTC)


def told(position: int, topic: str, hour: int = 0, **facts: Any) -> Told:
    return Told(position, topic, at(hour), facts)


def spans(tenures: list[Tenure]) -> list[tuple[str | None, int, int | None]]:
    return [
        (each.employee_id, each.since.position, each.until.position if each.until else None)
        for each in tenures
    ]


OPENED = told(1, "deal.opened", 9, owner_id="oleg", status="open")
ADDED = told(2, "deal.contact_added", 9, contact_id="wife")
LATE = told(3, "deal.reassigned", 12, to_id="pavel")
EARLIER = told(4, "deal.reassigned", 11, to_id="vera")
LOST = told(5, "deal.status_changed", 13, to_status="lost", owner_id="vera")
WON = told(6, "deal.status_changed", 14, to_status="won", owner_id="vera")
REMOVED = told(7, "deal.contact_removed", 15, contact_id="wife")
DEAL = [OPENED, ADDED, LATE, EARLIER, LOST, WON, REMOVED]


def test_a_deal_has_an_owner_whatever_becomes_of_it() -> None:
    assert spans(owners(DEAL)) == [("oleg", 1, 3), ("pavel", 3, 4), ("vera", 4, None)]


def test_the_owner_of_a_lost_deal_answers_for_nobody() -> None:
    assert spans(answering_owners(DEAL, "wife")) == [
        *(("oleg", 2, 3), ("pavel", 3, 4), ("vera", 4, 5), ("vera", 6, 7))
    ]
    assert answering_owners(DEAL, "son") == []


def test_what_was_told_late_counts_from_when_it_happened() -> None:
    assert spans(owners(known(DEAL, 7, at(23)))) == [("oleg", 1, 4), ("vera", 4, 3), ("pavel", 3, None)]
    assert spans(owners(known(DEAL, 7, at(11)))) == [("oleg", 1, 4), ("vera", 4, None)]
    assert spans(owners(known(DEAL, 3, at(11)))) == [("oleg", 1, None)]
    assert known(DEAL, 7, at(8)) == []


def test_nobody_is_responsible_for_a_while() -> None:
    events = [
        told(1, "contact.registered", responsible_id=None),
        told(2, "contact.address_linked"),
        told(3, "contact.responsible_changed", to_id="oleg"),
        told(4, "contact.responsible_changed", to_id=None),
    ]
    assert spans(responsible(events)) == [(None, 1, 3), ("oleg", 3, 4), (None, 4, None)]


def test_a_conversation_is_held_until_anything_else_becomes_of_it() -> None:
    events = [
        told(1, "conversation.claimed", holder_id="oleg"),
        told(2, "conversation.dismissed"),
        told(3, "conversation.assigned", holder_id="vera"),
        told(4, "conversation.closed", holder_id="vera"),
        told(5, "conversation.reopened"),
        told(6, "conversation.claimed", holder_id="vera"),
    ]
    assert spans(holders(events)) == [("oleg", 1, 3), ("vera", 3, 4), ("vera", 6, None)]
