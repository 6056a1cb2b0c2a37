"""From when until when somebody means who names days, or times, or nothing."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from api.periods import period


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "zone", "begins", "ends"),
    [
        ("2025-03-30", "2025-03-30", "Europe/Berlin", "2025-03-29T23:00", "2025-03-30T22:00"),
        ("2025-10-26", "2025-10-26", "Europe/Berlin", "2025-10-25T22:00", "2025-10-26T23:00"),
        ("2018-11-04", "2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),
        ("2024-02-28", "2024-02-29", "UTC", "2024-02-28T00:00", "2024-03-01T00:00"),
        ("2025-03-01T09:00:00+03:00", "2025-03-01T06:30:00Z", "UTC", "2025-03-01T06:00", "2025-03-01T06:30"),
        ("2025-03-01T09:00:00 03:00", "2025-03-01", "UTC", "2025-03-01T06:00", "2025-03-02T00:00"),
        (None, "2025-03-30", "Europe/Moscow", "2025-02-28T21:00", "2025-03-30T21:00"),
        (None, "2025-03-30T12:00:00Z", "UTC", "2025-03-01T00:00", "2025-03-30T12:00"),
        (None, "2025-03-30T00:00:00Z", "UTC", "2025-02-28T00:00", "2025-03-30T00:00"),
    ],
)
def test_a_day_is_as_long_as_it_is_there(
    since: str | None, until: str, zone: str, begins: str, ends: str
) -> None:
    """Also where the clocks change, at midnight too."""
    assert period(since, until, ZoneInfo(zone)) == (at(begins), at(ends))
