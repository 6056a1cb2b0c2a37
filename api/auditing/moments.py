"""Moments as people write them: a position, a day, a time of day by the chosen zone, or RFC 3339."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

RESOLUTION = timedelta(microseconds=1)
"""Of the ledger's times."""

ACCEPTED = "a position, a day (2026-03-03), a time (2026-03-03 14:05) or RFC 3339 (2026-03-03T14:05:00Z)"


def zone_of(name: str) -> tzinfo:
    """Raises: typer.BadParameter: there is no such zone."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        told = f"no time zone is called {name!r}; the IANA list has Europe/Moscow, for instance"
        raise typer.BadParameter(told) from None


def moment(text: str | None, zone: tzinfo, *, begins: bool = False) -> str | None:
    """What the API is to be asked for. A day is its very end, or its beginning where a span begins.

    Raises:
        typer.BadParameter: it is no moment.
    """
    if text is None or text.isdecimal():
        return text
    try:
        if len(text) == len("2026-03-03"):
            return _written(_edge(date.fromisoformat(text), zone, begins=begins))
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no moment: give {ACCEPTED}") from None
    return _written(read if read.tzinfo else read.replace(tzinfo=zone))


def position_or_time(text: str) -> int | datetime:
    """A moment that `moment` gave back."""
    return int(text) if text.isdecimal() else datetime.fromisoformat(text)


def _edge(day: date, zone: tzinfo, *, begins: bool) -> datetime:
    """The first moment of a day, or its last: the one before the next day, however long this one is."""
    if begins:
        return datetime.combine(day, time(), zone)
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC) - RESOLUTION


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
