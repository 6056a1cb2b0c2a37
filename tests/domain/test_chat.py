"""What is told about a chat: late, twice, and in another order than it happened."""

from __future__ import annotations

from domain.application import Chatledger
from domain.inbound import ChatRef, ChatRenamed, ParticipantJoined
from tests.domain.conftest import BY, at


def test_a_title_that_is_told_again_after_another_of_that_moment_is_noted_once(house: Chatledger) -> None:
    villa, hut = (ChatRenamed(ChatRef("family", title=title), at(1)) for title in ("Villa", "Hut"))

    results, _ = house.receive("wa", [villa, hut, villa], by=BY)

    assert [result.status for result in results] == ["appended", "appended", "duplicate"]


def test_a_title_that_is_mentioned_counts_for_less_than_one_of_that_moment_that_is_told(
    house: Chatledger,
) -> None:
    join = ParticipantJoined(ChatRef("family", title="The house"), "9", at(1))
    hut = ChatRenamed(ChatRef("family", title="Hut"), at(1))

    results, _ = house.receive("wa", [join, hut, join], by=BY)

    assert [result.status for result in results] == ["appended", "appended", "duplicate"]
