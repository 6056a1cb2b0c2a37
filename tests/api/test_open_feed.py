"""What waits for the reader of a feed: bounded, in order, and never half of what an id promises."""

import pytest

from api import limits
from api.open_feed import OpenFeed, frame
from projections.access import Opened

ONE = frame("hidden", '{"conversation_id": "1"}')
TWO = frame("hidden", '{"conversation_id": "2"}')


@pytest.fixture
def feed() -> OpenFeed:
    return OpenFeed(Opened("key", "digest", "main", "oleg"), 10, behind=False)


def test_the_last_event_of_a_batch_has_its_position(feed: OpenFeed) -> None:
    feed.give([ONE, TWO], 20, level=True)

    assert feed.take() == ONE + b"id: 20\n" + TWO
    assert feed.take() == b""


def test_a_batch_that_goes_only_half_the_way_has_no_id(feed: OpenFeed) -> None:
    feed.give([ONE], 20, level=False)
    assert feed.take() == ONE
    feed.beat()
    assert feed.take() == b":\n\n"

    assert (feed.position, feed.level) == (20, 10)


def test_where_nothing_happened_to_him_a_heartbeat_tells_how_far_he_is(feed: OpenFeed) -> None:
    feed.give([], 20, level=True)
    assert feed.take() == b""
    feed.beat()

    assert feed.take() == b"id: 20\n:\n\n"


@pytest.mark.parametrize(("limit", "value"), [("FEED_BYTES", len(ONE + TWO) - 1), ("FEED_EVENTS", 1)])
def test_who_has_taken_everything_fetches_by_himself_what_is_too_much(
    monkeypatch: pytest.MonkeyPatch, feed: OpenFeed, limit: str, value: int
) -> None:
    monkeypatch.setattr(limits, limit, value)
    feed.give([ONE, TWO], 20, level=True)

    assert (feed.take(), feed.position, feed.behind, feed.over) == (b"", 10, True, False)


@pytest.mark.parametrize(("limit", "value"), [("FEED_BYTES", len(ONE + TWO)), ("FEED_EVENTS", 2)])
def test_who_has_not_is_cut_off_with_the_place_that_he_has_come_to(
    monkeypatch: pytest.MonkeyPatch, feed: OpenFeed, limit: str, value: int
) -> None:
    monkeypatch.setattr(limits, limit, value)
    feed.give([ONE], 20, level=True)
    feed.give([TWO], 30, level=True)

    assert feed.take() == b"id: 20\n" + ONE + b'event: cut_off\ndata: {"position": 20}\n\n'
    assert feed.over


def test_he_is_cut_off_once(feed: OpenFeed) -> None:
    feed.cut_off()
    feed.cut_off()

    assert feed.take().count(b"cut_off") == 1
