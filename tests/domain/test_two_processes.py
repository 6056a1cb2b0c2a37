"""What one process remembers of a noun, and another has changed, decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.application import Chatledger
from domain.errors import AlreadyHeld, ReadOnlyRole
from tests.domain.conftest import BY, CHAT, message, put_employee, topics


@pytest.fixture
def elsewhere(house: Chatledger, database_url: str) -> Iterator[Chatledger]:
    """Another process on the same ledger; both have decided on the conversation."""
    with Chatledger(dict(house.env)) as elsewhere:
        for application in (house, elsewhere):
            application.reopen([CHAT], "oleg", by=BY)
        yield elsewhere


def test_what_was_released_elsewhere_may_be_taken(house: Chatledger, elsewhere: Chatledger) -> None:
    house.claim([CHAT], "oleg", by=BY)
    elsewhere.release([CHAT], "oleg", by=BY)

    assert house.claim([CHAT], "vera", by=BY).recorded == 1


def test_who_was_released_elsewhere_takes_it_anew(house: Chatledger, elsewhere: Chatledger) -> None:
    house.claim([CHAT], "oleg", by=BY)
    elsewhere.release([CHAT], "oleg", by=BY)

    assert house.claim([CHAT], "oleg", by=BY).recorded == 1


def test_who_is_too_late_is_told_who_holds_it_now(house: Chatledger, elsewhere: Chatledger) -> None:
    house.claim([CHAT], "oleg", by=BY)
    elsewhere.assign([CHAT], "oleg", "vera", by=BY)

    with pytest.raises(AlreadyHeld) as refusal:
        house.claim([CHAT], "oleg", by=BY)

    assert refusal.value.values["holder_id"] == "vera"


def test_what_was_closed_elsewhere_over_a_message_is_brought_back(
    house: Chatledger, elsewhere: Chatledger
) -> None:
    seen = house.head()
    house.receive("wa", [message("overlooked")], by=BY)
    position = house.head()
    elsewhere.close_conversation([CHAT], "oleg", seen_position=seen, by=BY)

    house.bring_back(CHAT, position, by=BY)

    assert topics(house, position) == ["conversation.closed", "conversation.reopened"]


def test_who_was_given_another_role_elsewhere_has_it(house: Chatledger, elsewhere: Chatledger) -> None:
    with pytest.raises(ReadOnlyRole):
        house.claim([CHAT], "katya", by=BY)
    put_employee(elsewhere, "katya", role="seller")

    assert house.claim([CHAT], "katya", by=BY).recorded == 1
