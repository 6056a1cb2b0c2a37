"""What is told about a message: early, twice, and in another order than it happened."""

from __future__ import annotations

from domain.application import Chatledger
from domain.inbound import MessageEdited
from tests.domain.conftest import BY, GROUP, at


def test_an_edit_that_is_told_again_after_another_of_that_moment_is_noted_once(house: Chatledger) -> None:
    first, second = (MessageEdited(GROUP, "first", at(1), text) for text in ("one", "two"))

    results, _ = house.receive("wa", [first, second, first], by=BY)

    assert [result.status for result in results] == ["appended", "appended", "duplicate"]
