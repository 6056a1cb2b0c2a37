"""Working time: business hours by the clock on the company's wall, without its holidays.

A moment is working time if the local clock shows it within the hours of the local date. So an hour that a
time zone repeats counts twice, and one that it leaves out does not count: nobody works it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_DAY = date(1970, 1, 1)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US

PROBE_S = 86_400
"""No time zone changes its offset twice within so short a time: since 1970 there were seven days between."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a workspace stated of its hours. at: since when; None: from the beginning.

    business_hours: weekday → list of [from, to], local times HH:MM up to 24:00, any number of stretches; a
    weekday that is not named is closed. None, or empty: every hour counts, and holidays do not matter.
    holidays: `{country, subdivision, exceptions}`, none of which has to be there; codes as the package
    `holidays` has them. exceptions: date → list of [from, to] in the place of what holds else; empty: closed.
    """

    at: datetime | None
    timezone: str
    business_hours: Mapping[str, Any] | None
    holidays: Mapping[str, Any] | None


UNSTATED = Configuration(None, "UTC", None, None)
"""Before anything is stated, every hour counts."""


class CalendarRow(NamedTuple):
    """From from_us (microseconds since 1970) on it is open (1) or not (0). before_us: worked until then."""

    from_us: int
    before_us: int
    is_open: int


def calendar(
    configurations: Sequence[Configuration], since: datetime, until: datetime, *, as_it_was: bool
) -> list[CalendarRow]:
    """When it was open from `since` to `until`, beyond which nothing is said; the first row is at `since`.

    configurations: in the order in which they were stated; before them counts `UNSTATED`.
    as_it_was: at each moment counts what was stated last of what counts from then or before; else what was
    stated last counts for all time.
    """
    since_us, until_us = _us(since), _us(until)
    stated = configurations if as_it_was else configurations[-1:]
    in_force = _in_force(stated, since_us, until_us, as_it_was=as_it_was)
    rows, before_us = [CalendarRow(since_us, 0, 0)], 0
    for open_us, close_us in _merged(span for each in in_force for span in _open(*each)):
        if open_us == since_us:
            rows.pop()
        rows.append(CalendarRow(open_us, before_us, 1))
        before_us += close_us - open_us
        if close_us < until_us:
            rows.append(CalendarRow(close_us, before_us, 0))
    return rows


def worked_us(rows: Sequence[CalendarRow], since_us: int, until_us: int) -> int:
    """The working time between two moments for which the calendar was made."""
    return _worked_before(rows, until_us) - _worked_before(rows, since_us)


def zone_offsets(timezone: str, since: datetime, until: datetime) -> list[tuple[int, int, int]]:
    """(from_us, until_us, offset_us), one after the other: how far local time is ahead of UTC.

    They cover the whole UTC years in which `since` and `until` are.
    """
    found: list[tuple[int, int, int]] = []
    for year in range(since.astimezone(UTC).year, until.astimezone(UTC).year + 1):
        for from_us, until_us, offset_us in _offsets_of(timezone, year):
            if found and found[-1][2] == offset_us:
                from_us = found.pop()[0]
            found.append((from_us, until_us, offset_us))
    return found


@cache
def subdivisions() -> dict[str, list[str]]:
    """The countries whose holidays are known, by their codes of ISO 3166-1, each with its subdivisions."""
    import holidays  # only those who state or ask for them wait until it is there

    return holidays.list_supported_countries(include_aliases=False)


def _in_force(
    stated: Sequence[Configuration], since_us: int, until_us: int, *, as_it_was: bool
) -> list[tuple[int, int, Configuration]]:
    """Which configuration counts from when until when: the last one that was stated has its way first."""
    found: list[tuple[int, int, Configuration]] = []
    for each in reversed([UNSTATED, *stated]):
        from_us = since_us if each.at is None or not as_it_was else max(since_us, _us(each.at))
        if from_us < until_us:
            found.append((from_us, until_us, each))
            until_us = from_us
    return found[::-1]


def _open(begin_us: int, end_us: int, configuration: Configuration) -> Iterator[Span]:
    """What of a span is working time, in the order in which it opens."""
    if not configuration.business_hours:
        yield begin_us, end_us
        return
    offsets = zone_offsets(configuration.timezone, _moment(begin_us), _moment(end_us))
    for from_us, until_us, offset_us in offsets:
        first, last = max(begin_us, from_us) + offset_us, min(end_us, until_us) + offset_us
        for number in range(first // DAY_US, -(-last // DAY_US)):
            for opens_us, closes_us in _hours(configuration, FIRST_DAY + timedelta(days=number)):
                opened = max(first, number * DAY_US + opens_us)
                closed = min(last, number * DAY_US + closes_us)
                if opened < closed:
                    yield opened - offset_us, closed - offset_us


def _hours(configuration: Configuration, day: date) -> list[Span]:
    """The hours of a local date, in microseconds from its midnight; they may touch and overlap."""
    holidays = configuration.holidays or {}
    exceptions: Mapping[str, Any] = holidays.get("exceptions") or {}
    if (stated := exceptions.get(day.isoformat())) is None:
        country = holidays.get("country")
        if country and day in _holidays(country, holidays.get("subdivision"), day.year):
            return []
        stated = (configuration.business_hours or {}).get(WEEKDAYS[day.weekday()], ())
    return sorted((_clock_us(opens), _clock_us(closes)) for opens, closes in stated)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans that overlap or touch are one."""
    merged: list[Span] = []
    for opens, closes in spans:
        if merged and opens <= merged[-1][1]:
            opens, last = merged.pop()
            closes = max(last, closes)
        merged.append((opens, closes))
    return merged


def _worked_before(rows: Sequence[CalendarRow], at_us: int) -> int:
    row = rows[max(0, bisect_right(rows, at_us, key=attrgetter("from_us")) - 1)]
    return row.before_us + row.is_open * (at_us - row.from_us)


@lru_cache(maxsize=1_000)
def _holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays  # only those who state or ask for them wait until it is there

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


@lru_cache(maxsize=1_000)
def _offsets_of(timezone: str, year: int) -> tuple[tuple[int, int, int], ...]:
    """The offsets of one UTC year."""
    zone = ZoneInfo(timezone)
    begin_s, end_s = (_us(datetime(each, 1, 1, tzinfo=UTC)) // SECOND_US for each in (year, year + 1))
    changes_s = [begin_s]
    for probed_s in range(begin_s, end_s, PROBE_S):
        before_s, after_s = probed_s, min(probed_s + PROBE_S, end_s - 1)
        if _offset_us(zone, before_s) != _offset_us(zone, after_s):
            changes_s.append(_change_s(zone, before_s, after_s))
    return tuple(
        (from_s * SECOND_US, until_s * SECOND_US, _offset_us(zone, from_s))
        for from_s, until_s in zip(changes_s, [*changes_s[1:], end_s], strict=True)
    )


def _change_s(zone: ZoneInfo, before_s: int, after_s: int) -> int:
    """The first second with another offset than there was before."""
    while after_s - before_s > 1:
        middle_s = (before_s + after_s) // 2
        if _offset_us(zone, middle_s) == _offset_us(zone, before_s):
            before_s = middle_s
        else:
            after_s = middle_s
    return after_s


def _offset_us(zone: ZoneInfo, at_s: int) -> int:
    offset = (EPOCH + timedelta(seconds=at_s)).astimezone(zone).utcoffset() or timedelta()
    return offset // timedelta(microseconds=1)


def _clock_us(clock: str) -> int:
    """HH:MM, up to 24:00."""
    hours, minutes = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60 * SECOND_US


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _moment(at_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=at_us)
