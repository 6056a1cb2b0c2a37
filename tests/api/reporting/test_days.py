"""Days by the clock on the wall, also where clocks change, and how they are laid upon each other."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from api.reporting.days import Moment, beginning, moments, yesterday
from api.reporting.overview import times_of_day

BERLIN, BEIRUT, KATHMANDU = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Beirut"), ZoneInfo("Asia/Kathmandu")
LONG_AFTER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        (BERLIN, date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (BERLIN, date(2026, 3, 30), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (BEIRUT, date(2026, 3, 29), datetime(2026, 3, 28, 22, tzinfo=UTC)),
        (KATHMANDU, date(2026, 3, 29), datetime(2026, 3, 28, 18, 15, tzinfo=UTC)),
    ],
)
def test_a_day_begins_where_the_clock_says_so(zone: ZoneInfo, day: date, begins: datetime) -> None:
    """In Beirut clocks went from midnight to one on that day: it begins when they did."""
    assert beginning(day, zone) == begins


def test_yesterday_is_the_last_day_that_is_over_there() -> None:
    evening = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)

    assert yesterday(evening, BERLIN) == date(2026, 2, 28)
    assert yesterday(evening + timedelta(minutes=30), BERLIN) == date(2026, 3, 1)


@pytest.mark.parametrize(("day", "half_hours"), [(28, 48), (29, 46)])
def test_a_day_has_as_many_half_hours_as_it_lasts(day: int, half_hours: int) -> None:
    found = [*moments(date(2026, 3, day), date(2026, 3, day), BERLIN, LONG_AFTER)]

    assert len(found) == half_hours
    assert len({each.minute for each in found}) == half_hours
    assert found[0].minute == 0
    assert found[-1].minute == 23 * 60 + 30


def test_an_hour_that_there_is_twice_is_looked_at_twice() -> None:
    found = [*moments(date(2026, 10, 25), date(2026, 10, 25), BERLIN, LONG_AFTER)]

    assert len(found) == 50
    assert [each.minute for each in found].count(120) == 2


def test_nothing_is_said_of_what_is_to_come() -> None:
    now = datetime(2026, 3, 28, 12, 10, tzinfo=UTC)
    found = [*moments(date(2026, 3, 28), date(2026, 3, 30), BERLIN, now)]

    assert found[-1].at == datetime(2026, 3, 28, 12, tzinfo=UTC)


def test_days_are_laid_upon_each_other_and_one_was_the_worst() -> None:
    monday, tuesday = date(2026, 3, 2), date(2026, 3, 3)
    seen = [Moment(LONG_AFTER, day, minute) for day in (monday, tuesday) for minute in (0, 30)]
    times, worst_day = times_of_day(seen, [1, 2, 0, 5])

    assert [(each.minute, each.average, each.worst) for each in times] == [(0, 0.5, 0), (30, 3.5, 5)]
    assert worst_day == tuesday


def test_no_day_is_the_worst_where_nobody_waited() -> None:
    assert times_of_day([Moment(LONG_AFTER, date(2026, 3, 2), 0)], [0])[1] is None
    assert times_of_day([], []) == ([], None)
