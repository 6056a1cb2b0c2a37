"""The rule who is notified reads as the requirements do, and mutes by the clock on the wall."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.muted_hours import DAYS, MutedHours, in_order
from domain.notification import Written, who_is_notified

EVERY_DAY = frozenset(DAYS)
NIGHT = MutedHours(EVERY_DAY, "22:00", "08:00")
WEEKEND = MutedHours(frozenset({"sat", "sun"}), "00:00", "24:00")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
THANKS = Written("in", None, NOON, {"oleg", "vera", "irina"}, None)


def test_everybody_who_sees_it_is_notified_while_nobody_holds_it() -> None:
    assert who_is_notified(THANKS) == {"oleg", "vera", "irina"}


def test_the_holder_alone_is_notified() -> None:
    assert who_is_notified(replace(THANKS, holder_id="vera")) == {"vera"}


def test_a_holder_who_sees_it_no_more_holds_it_for_nobody() -> None:
    assert who_is_notified(replace(THANKS, holder_id="pavel")) == {"oleg", "vera", "irina"}


def test_the_author_is_not_notified() -> None:
    assert who_is_notified(replace(THANKS, author_id="oleg")) == {"vera", "irina"}


def test_an_answer_notifies_nobody_whoever_or_whatever_wrote_it() -> None:
    assert who_is_notified(replace(THANKS, direction="out")) == set()


def test_muted_hours_of_the_holder_do_not_wake_the_others() -> None:
    at_night = NOON.replace(hour=23)
    muted = replace(THANKS, recorded_at=at_night, holder_id="vera", muted={"vera": [NIGHT]})
    assert who_is_notified(muted) == set()
    assert who_is_notified(replace(muted, holder_id=None)) == {"oleg", "irina"}


@pytest.mark.parametrize(
    ("hours", "moment", "zone", "covered"),
    [
        (NIGHT, "2026-03-04T21:59:59Z", "UTC", False),
        (NIGHT, "2026-03-04T22:00:00Z", "UTC", True),
        (NIGHT, "2026-03-05T07:59:59Z", "UTC", True),
        (NIGHT, "2026-03-05T08:00:00Z", "UTC", False),
        (NIGHT, "2026-03-04T19:30:00Z", "Europe/Moscow", True),
        (MutedHours(frozenset({"fri"}), "22:00", "08:00"), "2026-03-07T07:00:00Z", "UTC", True),
        (MutedHours(frozenset({"fri"}), "22:00", "08:00"), "2026-03-06T07:00:00Z", "UTC", False),
        (MutedHours(frozenset({"sun"}), "22:00", "08:00"), "2026-03-09T07:00:00Z", "UTC", True),
        (WEEKEND, "2026-03-06T23:59:59Z", "UTC", False),
        (WEEKEND, "2026-03-07T00:00:00Z", "UTC", True),
        (WEEKEND, "2026-03-08T23:59:59Z", "UTC", True),
        (WEEKEND, "2026-03-09T00:00:00Z", "UTC", False),
        # In Berlin clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 to 02:00 on 25 October.
        (NIGHT, "2026-03-28T21:30:00Z", "Europe/Berlin", True),
        (NIGHT, "2026-03-29T06:30:00Z", "Europe/Berlin", False),
        (NIGHT, "2026-03-30T06:30:00Z", "Europe/Berlin", False),
        (NIGHT, "2026-03-28T06:30:00Z", "Europe/Berlin", True),
        (MutedHours(EVERY_DAY, "02:00", "03:00"), "2026-10-25T00:30:00Z", "Europe/Berlin", True),
        (MutedHours(EVERY_DAY, "02:00", "03:00"), "2026-10-25T01:30:00Z", "Europe/Berlin", True),
        (MutedHours(EVERY_DAY, "02:00", "03:00"), "2026-10-25T02:00:00Z", "Europe/Berlin", False),
        (MutedHours(EVERY_DAY, "02:00", "03:00"), "2026-03-29T01:00:00Z", "Europe/Berlin", False),
    ],
)
def test_hours_are_muted_by_the_clock_on_the_wall(
    hours: MutedHours, moment: str, zone: str, covered: bool
) -> None:
    message = replace(
        THANKS, recorded_at=datetime.fromisoformat(moment), timezone=zone, muted={"oleg": [hours]}
    )
    assert ("oleg" not in who_is_notified(message)) is covered


def test_the_same_hours_in_another_order_are_the_same_facts() -> None:
    assert in_order([WEEKEND, NIGHT, WEEKEND]) == in_order([NIGHT, WEEKEND])
    assert [MutedHours.stated(one) for one in in_order([NIGHT])] == [NIGHT]
