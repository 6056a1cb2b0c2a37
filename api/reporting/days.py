"""Days as a workspace's clocks tell them: where they begin, and moments of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEP = timedelta(minutes=30)
"""Between two looks at how many clients wait."""


class Moment(NamedTuple):
    """A moment, and what a clock on the wall showed: the day, and minutes since midnight."""

    at: datetime
    day: date
    minute: int


def beginning(day: date, zone: ZoneInfo) -> datetime:
    """Its first moment, in UTC; where there is no midnight, since clocks jump over it, when they jump."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def yesterday(now: datetime, zone: ZoneInfo) -> date:
    """The last day that is over."""
    return now.astimezone(zone).date() - timedelta(days=1)


def days(first: date, last: date) -> list[date]:
    """Both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def moments(first: date, last: date, zone: ZoneInfo, now: datetime) -> Iterator[Moment]:
    """Every half hour of these days up to now; where clocks change, 48 a day are not all."""
    for day in days(first, last):
        at, end = beginning(day, zone), min(beginning(day + timedelta(days=1), zone), now)
        while at < end:
            clock = at.astimezone(zone)
            yield Moment(at, day, clock.hour * 60 + clock.minute)
            at += STEP
