"""A read model that is led in partitions: each event is taken over once, whoever leads and however many."""

from typing import Any

import pytest

from adapters.postgres.database import create_pool
from projections.leader import Leader
from projections.read_model import LEADS
from projections.sharing import NotLevel, Partitions, PartitionsUnclear, share_out
from tests.projections.history import History, leading, named
from tests.projections.test_follower import TIMEOUT_S, Place, eventually, place

__all__ = ["place"]

HALVES = (Partitions(frozenset({0, 1}), 4), Partitions(frozenset({2, 3}), 4))
OTHERS = tuple(name for name in LEADS if name != "timeline")


def cut(place: Place, partitions: int) -> None:
    with create_pool(place.url, max_size=2) as pool:
        share_out(pool, "timeline", partitions)


@pytest.mark.parametrize(
    ("told", "numbers", "of"), [("0-7/16", range(8), 16), ("3/4", [3], 4), ("0-255/256", range(256), 256)]
)
def test_partitions_are_told_in_a_word(told: str, numbers: list[int], of: int) -> None:
    assert Partitions.told(told) == Partitions(frozenset(numbers), of)


@pytest.mark.parametrize("told", ["", "16", "0-16/16", "5-3/8", "0-3/257", "-1/4", "0-3/0", "a/b"])
def test_what_are_no_partitions_is_said(told: str) -> None:
    with pytest.raises(PartitionsUnclear):
        Partitions.told(told)


def test_halves_are_led_apart_and_taken_over_and_cut_anew(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.standing_in.STAND_IN_AFTER_S", 600)
    whole = place.follower()
    assert whole.wait_for(place.write_at_once(200), TIMEOUT_S)

    cut(place, 4)
    assert whole.wait_for(place.write_at_once(200), TIMEOUT_S)
    assert [name for name in whole.led if "#" in name] == [f"timeline#{number}/4" for number in range(4)]
    whole.stop()

    halves = [place.follower(leads=["timeline"], partitions=half) for half in HALVES]
    others = place.follower(leads=OTHERS)
    assert others.wait_for(place.write_at_once(200), TIMEOUT_S)
    assert [len(half.led) for half in halves] == [2, 2]

    halves[0].stop()
    behind = place.write_at_once(200)
    assert not others.wait_for(behind, 0.3), "half of it is not led"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.sharing.ATTEMPTS", 1)
        patch.setattr("projections.meeting.PATIENCE_S", 0.01)
        with pytest.raises(NotLevel):
            cut(place, 3)

    standing_by = place.follower()
    assert others.wait_for(behind, TIMEOUT_S)
    cut(place, 3)
    assert others.wait_for(place.write_at_once(200), TIMEOUT_S)
    assert eventually(lambda: halves[1].led == [] and len(standing_by.led) == 3)

    cut(place, 0)
    assert others.wait_for(place.write_at_once(200), TIMEOUT_S)
    assert place.tallied("timeline") == list(range(1, 1201))
    assert place.status("timeline")["position"] == 1200


def test_whoever_leads_one_half_stands_in_for_the_other_until_that_is_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.standing_in.STAND_IN_AFTER_S", 0.3)
    cut(place, 4)
    halves = [place.follower(leads=["timeline"], partitions=half) for half in HALVES]
    others = place.follower(leads=OTHERS)
    assert others.wait_for(place.write_at_once(100), TIMEOUT_S)
    own = [half.led for half in halves]
    assert [len(led) for led in own] == [2, 2]

    halves[0].stop()
    assert others.wait_for(place.write_at_once(100), TIMEOUT_S)
    assert halves[1].led == sorted(own[0] + own[1])

    back = place.follower(leads=["timeline"], partitions=HALVES[0])
    assert eventually(lambda: [back.led, halves[1].led] == own)
    assert others.wait_for(place.write_at_once(100), TIMEOUT_S)
    assert place.tallied("timeline") == list(range(1, 301))


def test_what_is_erased_is_erased_in_whichever_partition(url: str, history: History) -> None:
    with create_pool(url, max_size=2) as pool:
        share_out(pool, "timeline", 3)
    facts: dict[str, Any] = {"chat_id": named("chat"), "conversation_id": named("chat"), "direction": "in"}
    for number in range(9):
        history.append("message.received", f"message {number}", private={"text": "hello"}, **facts)
    with leading(history.connection) as leader:
        reach(leader, history.head)
        history.append("contact.erased", "client", contact_id="client", positions=[[2, 4], [6, 8]])
        reach(leader, history.head)

    kept = history.connection.execute("SELECT position FROM timeline.message WHERE text IS NOT NULL")
    assert sorted(kept.fetchall()) == [(1,), (5,), (9,)]
    gone = history.connection.execute("SELECT count(*) FROM timeline.message WHERE text IS NULL")
    assert gone.fetchone() == (6,)


def reach(leader: Leader, position: int) -> None:
    while leader.look().position(["timeline"]) < position:
        leader.follow(leader.look())


def test_a_poisonous_event_parks_its_partition_and_no_other(place: Place) -> None:
    cut(place, 4)
    place.write_at_once(100)
    poison = place.write(topic="poison.timeline")
    place.write_at_once(100)
    place.follower()

    assert eventually(lambda: place.status("timeline")["state"] == "parked")
    assert place.status("timeline")["parked"]["position"] == poison
    assert eventually(lambda: len(place.tallied("timeline")) > 150)
    assert poison not in place.tallied("timeline")
    states = [place.status(f"timeline#{number}/4")["state"] for number in range(4)]
    assert sorted(states) == ["following"] * 3 + ["parked"]
