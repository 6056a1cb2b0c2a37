"""An application over a ledger of its own, and short ways to say who asks for what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from domain import ids, inbound
from domain.address import AddressRef
from domain.application import Chatledger
from domain.fact import By

DAWN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BY = By("main", "system", DAWN, "a test")
GROUP = inbound.ChatRef("family", "group", "The house")
CHAT = str(ids.chat_id("main", "wa", "family"))


def at(minute: int) -> datetime:
    return DAWN + timedelta(minutes=minute)


def phone(number: str) -> AddressRef:
    return AddressRef("whatsapp", number)


def message(
    number: str, sender: str = "1", minute: int = 0, *, echo: bool = False, automatic: bool = False
) -> inbound.MessageArrived:
    return inbound.MessageArrived(
        GROUP, number, at(minute), sender, "Somebody", "hello", echo=echo, automatic=automatic
    )


@pytest.fixture
def application(database_url: str) -> Iterator[Chatledger]:
    with Chatledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "MAPPER_TOPIC": "adapters.postgres.mapper:FactMapper",
            "LEDGER_DATABASE_URL": database_url,
        }
    ) as application:
        yield application


@pytest.fixture
def house(application: Chatledger) -> Chatledger:
    """Oleg, Vera and Katya of quality control, a client with a deal, and a group with one message."""
    application.put_channel("wa", kind="whatsapp", title="WhatsApp", visibility=None, by=BY)
    for name, role in (("oleg", "seller"), ("vera", "seller"), ("katya", "quality_control")):
        put_employee(application, name, role=role)
    application.put_contact("husband", name="Husband", responsible_id="oleg", addresses=[phone("1")], by=BY)
    application.put_deal(
        "house", title="House", owner_id="oleg", status="open", contact_ids=["husband"], by=BY
    )
    application.receive("wa", [message("first")], by=BY)
    return application


def put_employee(
    application: Chatledger, name: str, *, role: str = "seller", active: bool = True, phones: str = ""
) -> None:
    application.put_employee(
        name,
        name=name.title(),
        role=role,
        receives_new_clients=role == "seller",
        active=active,
        addresses=[phone(number) for number in phones.split()],
        by=BY,
    )


def topics(application: Chatledger, after: int) -> list[str]:
    """The stored names of what was recorded after a position."""
    found = application.recorder.select_notifications(start=after, limit=1000, inclusive_of_start=False)
    return [notification.topic for notification in found]
