"""Moments as people write them."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
import typer

from api.auditing.moments import moment, zone_of

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("4711", "4711"),
        ("2026-03-03", "2026-03-03T20:59:59.999999Z"),
        ("2026-03-03 14:05", "2026-03-03T11:05:00Z"),
        ("2026-03-03T14:05:07.25", "2026-03-03T11:05:07.250000Z"),
        ("2026-03-03T14:05:00Z", "2026-03-03T14:05:00Z"),
        ("2026-03-03T14:05:00+01:00", "2026-03-03T13:05:00Z"),
    ],
)
def test_a_moment_is_told_to_the_api_in_utc(text: str, meant: str) -> None:
    assert moment(text, MOSCOW) == meant


def test_a_day_that_begins_a_span_is_its_beginning() -> None:
    assert moment("2026-03-03", MOSCOW, begins=True) == "2026-03-02T21:00:00Z"


def test_a_day_of_another_length_ends_where_the_next_begins() -> None:
    assert moment("2026-03-29", BERLIN) == "2026-03-29T21:59:59.999999Z"
    assert moment("2026-03-29", BERLIN, begins=True) == "2026-03-28T23:00:00Z"


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "2026-03-03 25:00", "", "-5", "9999-12-31"])
def test_what_is_no_moment_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="give a position, a day"):
        moment(text, UTC)


def test_zones_are_those_of_the_list() -> None:
    assert zone_of("UTC") is UTC
    assert zone_of("Europe/Moscow") == MOSCOW
    for nowhere in ("Mars/Olympus", "../etc", ""):
        with pytest.raises(typer.BadParameter, match="Europe/Moscow"):
            zone_of(nowhere)
