"""Followers that lead apart stand at one position as long as a meeting lasts, and go on afterwards."""

import asyncio

import pytest

from adapters.postgres.database import create_pool
from projections.meeting import meeting
from tests.projections.test_follower import TIMEOUT_S, Place, eventually, place

__all__ = ["place"]

MET = ("directory", "visibility", "timeline", "inbox")


def positions(place: Place) -> set[int]:
    return {place.status(name)["position"] for name in MET}


def test_whoever_is_ahead_waits_for_the_others(place: Place) -> None:
    leads = ("visibility", "timeline", "inbox")
    followers = [place.follower(leads=[name], poll_interval_s=0.01) for name in leads]
    assert eventually(lambda: all(follower.led for follower in followers))
    place.write_at_once(3_000)

    with create_pool(place.url, max_size=1) as pool, meeting(pool, ["inbox"]):
        (met,) = positions(place)
        head = place.write_at_once(10)
        assert not asyncio.run(followers[0].models_at(met + 1, 0.1, ["timeline"]))
        assert positions(place) == {met}

    assert asyncio.run(followers[0].models_at(head, TIMEOUT_S, MET))


def test_nobody_waits_for_ever(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for one that nobody leads, nor for whoever called the others together and died."""
    monkeypatch.setattr("projections.meeting.PATIENCE_S", 0.05)
    monkeypatch.setattr("projections.meeting.LONGEST_MEETING_S", 0.2)
    follower = place.follower(leads=["timeline"], poll_interval_s=0.01)
    assert asyncio.run(follower.models_at(place.write(), TIMEOUT_S, ["timeline"]))
    with create_pool(place.url, max_size=1) as pool, meeting(pool, ["inbox"]):
        head = place.write_at_once(10)
        assert asyncio.run(follower.models_at(head, TIMEOUT_S, ["timeline"]))
