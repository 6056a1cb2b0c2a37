"""Working time, held against a clock that is looked at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import EPOCH, Configuration, calendar, subdivisions, worked_us, zone_offsets

MINUTE_US = 60_000_000
MOSCOW = "Europe/Moscow"
EVERY_DAY = {
    day: [["09:00", "18:00"]]
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}

# Places and days on which clocks jump: by an hour, by half an hour, past a whole day; at Easter too.
JUMPS = [
    ("Europe/Berlin", date(2026, 3, 28)),
    ("Europe/Berlin", date(2026, 10, 24)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Pacific/Apia", date(2011, 12, 29)),
    ("America/New_York", date(2025, 12, 31)),
    ("Asia/Kathmandu", date(2026, 5, 1)),
]
CLOCKS = ["00:00", "01:30", "02:00", "02:30", "03:15", "09:00", "13:00", "22:00", "24:00"]
STRETCHES = st.lists(
    st.lists(st.sampled_from(CLOCKS), min_size=2, max_size=2, unique=True).map(sorted), max_size=3
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Configuration], datetime, datetime]:
    """What a workspace stated, and the span that is asked for."""
    timezone, day = draw(st.sampled_from(JUMPS))
    since = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=draw(st.integers(0, 900)))
    days = [(day + timedelta(days=each)).isoformat() for each in range(-1, 4)]
    calendars = st.fixed_dictionaries(
        {},
        optional={
            "country": st.sampled_from(["DE", "US"]),
            "exceptions": st.dictionaries(st.sampled_from(days), STRETCHES, max_size=2),
        },
    )
    configuration = st.builds(
        Configuration,
        at=st.none() | st.integers(-600, 3_000).map(lambda minutes: since + timedelta(minutes=minutes)),
        timezone=st.just(timezone) | st.just("UTC"),
        business_hours=st.none() | st.dictionaries(st.sampled_from(list(EVERY_DAY)), STRETCHES),
        holidays=st.none() | calendars,
    )
    stated = draw(st.lists(configuration, max_size=3))
    return stated, since, since + timedelta(minutes=draw(st.integers(1, 3_000)))


def is_open(stated: list[Configuration], at: datetime, *, as_it_was: bool) -> bool:
    """What somebody says who looks at the clock on the wall and at the calendar beside it."""
    counts = [each for each in stated if each.at is None or each.at <= at] if as_it_was else stated
    if not counts or not counts[-1].business_hours:
        return True
    wall = at.astimezone(ZoneInfo(counts[-1].timezone))
    hours = counts[-1].business_hours.get(wall.strftime("%A").lower(), [])
    kept = counts[-1].holidays or {}
    if "country" in kept and wall.date() in holidays.country_holidays(kept["country"]):
        hours = []
    hours = kept.get("exceptions", {}).get(wall.date().isoformat(), hours)
    return any(opens <= wall.strftime("%H:%M") < closes for opens, closes in hours)


@settings(max_examples=40)
@given(worlds(), st.booleans())
def test_working_time_is_what_the_clock_on_the_wall_says(
    world: tuple[list[Configuration], datetime, datetime], as_it_was: bool
) -> None:
    stated, since, until = world
    minutes = [since + timedelta(minutes=each) for each in range((until - since) // timedelta(minutes=1))]
    worked = [is_open(stated, each, as_it_was=as_it_was) for each in minutes]

    rows = calendar(stated, since, until, as_it_was=as_it_was)

    for first, last in ((0, len(minutes)), (len(minutes) // 3, len(minutes) // 2)):
        asked = [us(since) + each * MINUTE_US for each in (first, last)]
        assert worked_us(rows, *asked) == sum(worked[first:last]) * MINUTE_US
    assert rows[0].from_us == us(since)
    assert all(
        one.from_us < other.from_us and one.before_us <= other.before_us and one.is_open != other.is_open
        for one, other in pairwise(rows)
    )


@pytest.mark.parametrize(
    ("timezone", "clock", "changed_hours"),
    [
        ("Europe/Berlin", ["00:00", "08:00"], {"2026-03-29": 7, "2026-10-25": 9}),
        ("UTC", ["00:00", "24:00"], {}),
    ],
)
def test_an_hour_that_is_left_out_is_not_worked_and_one_that_is_repeated_twice(
    timezone: str, clock: list[str], changed_hours: dict[str, int]
) -> None:
    stated = [Configuration(None, timezone, {day: [clock] for day in EVERY_DAY}, None)]
    zone = ZoneInfo(timezone)
    rows = calendar(stated, utc(2026, 1, 1), utc(2027, 1, 1), as_it_was=True)
    usual = int(clock[1][:2]) - int(clock[0][:2])

    for day in ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"):
        midnight = datetime.fromisoformat(day).replace(tzinfo=zone)
        worked = worked_us(rows, us(midnight), us(midnight + timedelta(days=1)))
        assert worked == changed_hours.get(day, usual) * 60 * MINUTE_US


def test_a_holiday_is_closed_unless_it_was_said_otherwise() -> None:
    kept = {"country": "RU", "exceptions": {"2026-01-09": [["10:00", "12:00"]], "2026-01-12": []}}
    stated = [Configuration(None, MOSCOW, EVERY_DAY, kept)]
    rows = calendar(stated, utc(2026, 1, 1), utc(2026, 2, 1), as_it_was=False)

    worked = {
        day: worked_us(rows, us(utc(2026, 1, day)), us(utc(2026, 1, day + 1))) // (60 * MINUTE_US)
        for day in (1, 8, 9, 10, 12, 13)
    }

    assert worked == {1: 0, 8: 0, 9: 2, 10: 9, 12: 0, 13: 9}


def test_a_subdivision_has_holidays_of_its_own() -> None:
    epiphany = utc(2026, 1, 6)
    for subdivision, hours in ((None, 9), ("BY", 0), ("BE", 9)):
        kept = {"country": "DE", "subdivision": subdivision}
        stated = [Configuration(None, "Europe/Berlin", EVERY_DAY, kept)]
        rows = calendar(stated, epiphany, utc(2026, 1, 7), as_it_was=True)
        assert worked_us(rows, us(epiphany), us(utc(2026, 1, 7))) == hours * 60 * MINUTE_US
    assert "BY" in subdivisions()["DE"]


def test_what_was_stated_later_counts_from_then_or_for_all_time() -> None:
    changed = utc(2026, 3, 3, 12)
    stated = [
        Configuration(None, "UTC", None, None),
        Configuration(changed, "UTC", {"tuesday": [["09:00", "18:00"]]}, None),
    ]
    worked = {
        as_it_was: worked_us(
            calendar(stated, utc(2026, 3, 3), utc(2026, 3, 5), as_it_was=as_it_was),
            us(utc(2026, 3, 3)),
            us(utc(2026, 3, 5)),
        )
        // (60 * MINUTE_US)
        for as_it_was in (True, False)
    }

    assert worked == {True: 12 + 6, False: 9}


def test_without_business_hours_every_hour_counts() -> None:
    for stated in (
        [],
        [Configuration(None, MOSCOW, None, {"country": "RU"})],
        [Configuration(None, "UTC", {}, None)],
    ):
        rows: Any = calendar(stated, utc(2026, 1, 1), utc(2026, 1, 3), as_it_was=True)
        assert rows == [(us(utc(2026, 1, 1)), 0, 1)]


@pytest.mark.parametrize(
    "timezone", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca", "UTC"]
)
def test_offsets_are_those_of_the_zone_second_by_second(timezone: str) -> None:
    rows = zone_offsets(timezone, utc(2009, 6, 1), utc(2013, 6, 1))
    zone = ZoneInfo(timezone)

    assert (rows[0][0], rows[-1][1]) == (us(utc(2009, 1, 1)), us(utc(2014, 1, 1)))
    for (_, until_us, offset_us), (from_us, _, next_us) in pairwise(rows):
        assert (until_us, offset_us) != (from_us, next_us)
        assert until_us == from_us
    for from_us, until_us, offset_us in rows:
        for at_us in (from_us, from_us + 86_400_000_000, until_us - 1):
            assert offset_of(zone, at_us) == offset_us


def offset_of(zone: ZoneInfo, at_us: int) -> int:
    offset = (EPOCH + timedelta(microseconds=at_us)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
