"""All that is an employee's is handed over in one append, and read in a few questions."""

from __future__ import annotations

import pytest

from domain.application import Chatledger
from domain.deal import Deal
from domain.decision import Decision
from domain.errors import DealLost
from domain.ids import derive
from tests.domain.conftest import BY, put_employee, topics
from tests.wire import opened_wire

CLIENTS = 30
DEALS = [f"deal-{number}" for number in range(CLIENTS)]
CONTACTS = [f"contact-{number}" for number in range(CLIENTS)]
MOST_REQUESTS = 12
"""Two employees, all deals, all contacts, the append, and a round trip more for each that is new."""


@pytest.fixture
def busy(application: Chatledger) -> Chatledger:
    """Oleg has many clients, each with a deal."""
    for name in ("oleg", "vera"):
        put_employee(application, name)
    for deal, contact in zip(DEALS, CONTACTS, strict=True):
        application.put_contact(contact, name=contact, responsible_id="oleg", addresses=[], by=BY)
        application.put_deal(deal, title=deal, owner_id="oleg", status="open", contact_ids=[contact], by=BY)
    return application


def hand_over(application: Chatledger, from_id: str, to_id: str) -> int:
    accepted = application.hand_over(
        from_id, to_id, deal_ids=DEALS, contact_ids=CONTACTS, reason="leaves", by=BY
    )
    return accepted.recorded


def test_each_deal_is_followed_by_its_contacts(busy: Chatledger) -> None:
    head = busy.head()
    assert hand_over(busy, "oleg", "vera") == 2 * CLIENTS
    assert topics(busy, head) == ["deal.reassigned", "contact.responsible_changed"] * CLIENTS
    streams = [row.originator_id for row in busy.recorder.select_notifications(head + 1, 2 * CLIENTS)]
    assert streams[::2] == [derive("deal", "main", deal) for deal in DEALS]
    assert streams[1::2] == [derive("contact", "main", contact) for contact in CONTACTS]


def test_a_contact_without_a_deal_goes_too(busy: Chatledger) -> None:
    busy.put_contact("alone", name="Alone", responsible_id="oleg", addresses=[], by=BY)
    accepted = busy.hand_over(
        "oleg", "vera", deal_ids=DEALS[:1], contact_ids=["alone", CONTACTS[0]], reason="", by=BY
    )
    assert accepted.recorded == 3


def test_it_is_read_in_a_few_questions(busy: Chatledger, database_url: str) -> None:
    with opened_wire(database_url) as wire:
        told = {"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": wire.url}
        with Chatledger(told) as fresh:
            before = wire.requests
            assert hand_over(fresh, "oleg", "vera") == 2 * CLIENTS
            assert wire.requests - before <= MOST_REQUESTS


def test_what_another_has_by_now_is_left_alone(busy: Chatledger) -> None:
    busy.reassign_deal(DEALS[0], "vera", reason="", with_contacts=True, by=BY)
    assert hand_over(busy, "oleg", "vera") == 2 * CLIENTS - 2
    assert hand_over(busy, "oleg", "vera") == 0


def test_a_process_that_remembers_too_little_decides_again(busy: Chatledger, database_url: str) -> None:
    told = {"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": database_url}
    with Chatledger(told) as another:
        hand_over(another, "oleg", "vera")
    assert hand_over(busy, "vera", "oleg") == 2 * CLIENTS


def test_who_refuses_after_he_changed_many_is_not_taken_for_overtaken(busy: Chatledger) -> None:
    def command(decision: Decision) -> None:
        streams = {deal: derive("deal", "main", deal) for deal in DEALS}
        decision.load(dict.fromkeys(streams.values(), Deal), own=True)
        for deal, stream in streams.items():
            decision.change(Deal, stream).change_owner(deal, "vera", reason="", by=BY)
        raise DealLost(DEALS[0])

    with pytest.raises(DealLost):
        busy.carry_out(BY, command)
