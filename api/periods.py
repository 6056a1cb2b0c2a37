"""From when until when: days of the workspace's time zone, or moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Query
from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from api import limits
from api.errors import invalid
from api.fields import IN_OUR_AGE, Says, plus_restored, read_time

DAY = timedelta(days=1)
DATE = r"^(19[7-9][0-9]|2[01][0-9][0-9]|2200)-[0-9]{2}-[0-9]{2}$"


def read_day(text: str) -> date:
    """YYYY-MM-DD, in our age."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise PydanticCustomError("day", "must be a day, such as 2025-03-01") from None
    if len(text) != len("2025-03-01") or not limits.FIRST_YEAR <= day.year <= limits.LAST_YEAR:
        message = f"must be a day of the years {limits.FIRST_YEAR} to {limits.LAST_YEAR}"
        raise PydanticCustomError("day", message)
    return day


def read_day_or_moment(text: str) -> date | datetime:
    return read_time(plus_restored(text)) if ":" in text else read_day(text)


def _checked(text: str) -> str:
    read_day_or_moment(text)
    return text


def _day(text: str) -> str:
    read_day(text)
    return text


AsDay = {"format": "date", "pattern": DATE}
DayText = Annotated[
    str, StringConstraints(strict=True, max_length=limits.ID_CHARACTERS), AfterValidator(_day), Says(AsDay)
]
DayOrMoment = Annotated[
    str,
    StringConstraints(strict=True, max_length=limits.ID_CHARACTERS),
    AfterValidator(_checked),
    Says({"anyOf": [AsDay, {"format": "date-time", "pattern": IN_OUR_AGE}]}),
]
Since = Annotated[
    DayOrMoment | None,
    Query(
        alias="from",
        description="A day of the workspace's time zone, or a time. Left out: 30 days up to the end.",
        examples=["2025-03-01"],
    ),
]
Until = Annotated[
    DayOrMoment | None,
    Query(
        alias="to",
        description="The last day, or the time before which a wait began. Left out: today.",
        examples=["2025-03-31"],
    ),
]


def period(since: str | None, until: str | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments [since, until) that are meant; a day that ends a period belongs to it.

    Raises:
        Problem: it ends before it begins, or is longer than `limits.PERIOD_DAYS`.
    """
    ends = _end(until or datetime.now(zone).date().isoformat(), zone)
    begins = _begin(since, zone) if since else _default_begin(ends, zone)
    if begins >= ends:
        raise invalid([{"field": "to", "message": "must be later than from"}])
    if ends - begins > limits.PERIOD_DAYS * DAY:
        message = f"must be at most {limits.PERIOD_DAYS} days after from"
        raise invalid([{"field": "to", "message": message}])
    return begins, ends


def _begin(text: str, zone: ZoneInfo) -> datetime:
    told = read_day_or_moment(text)
    return told if isinstance(told, datetime) else _midnight(told, zone)


def _end(text: str, zone: ZoneInfo) -> datetime:
    told = read_day_or_moment(text)
    return told if isinstance(told, datetime) else _midnight(told + DAY, zone)


def _default_begin(ends: datetime, zone: ZoneInfo) -> datetime:
    last_day = (ends - timedelta(microseconds=1)).astimezone(zone).date()
    return _midnight(last_day - (limits.DEFAULT_PERIOD_DAYS - 1) * DAY, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a day begins, where it begins later than at midnight too."""
    return datetime.combine(day, time(), zone).astimezone(UTC)
