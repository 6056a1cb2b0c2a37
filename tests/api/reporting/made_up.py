"""A report and a page of days that never were."""

from datetime import UTC, date, datetime, timedelta

from api.reporting.daily import DailyReport, SameWeekday
from api.reporting.overview import FOLDERS, Hour, Lasted, Overview, Waiting, limits_s, spans
from api.reporting.people import Credited
from domain.figures import Figures
from projections.report import LongestWait, Traffic

NOTHING = Figures(0, None, None, None, None, 0, 0, 0)
RESPONSE = Figures(38, 512.3, 61.0, 1200.0, 0.9211, 0, 3, 2)
EMPLOYEES = (
    Credited("employee", "vera", "Вера", Figures(1, 720.0, 720.0, 720.0, 0.0, 0, 0, 0)),
    Credited("employee", "oleg", "Олег", Figures(21, 167.0, 47.0, 300.0, 1.0, 0, 2, 2)),
    Credited("external_staff", "arkady", None, Figures(11, 1820.5, 180.0, 9000.0, 0.4545, 0, 0, 0)),
    Credited("employee", None, None, Figures(5, 1720.0, 90.0, 3000.0, 0.8, 0, 0, 0)),
    Credited("employee", "pavel", "Павел", Figures(0, None, None, None, None, 0, 1, 0)),
)
DAILY = DailyReport(
    date(2026, 11, 25),
    "Europe/Moscow",
    "ru",
    "first-of-run/1",
    123,
    Traffic(41, 7, 1210, 190),
    RESPONSE,
    600,
    EMPLOYEES,
    3,
    LongestWait("c", "h", "phone", datetime(2026, 11, 25, 11, 5, tzinfo=UTC), 77, 5400),
    SameWeekday(4, 38.5, 6.0, 812.3, 61.0),
)
EMPTY_DAILY = DailyReport(
    date(2026, 11, 29),
    "UTC",
    "en",
    "first-of-run/1",
    0,
    Traffic(0, 0, 0, 0),
    NOTHING,
    600,
    (),
    0,
    None,
    SameWeekday(0, None, None, None, None),
)


def overview() -> Overview:
    """Thirty days of a team that works from eight to eight and is slow on weekends."""
    first = date(2026, 10, 27)
    limits = spans(limits_s(600))
    return Overview(
        first,
        first + timedelta(days=29),
        "Europe/Moscow",
        "ru",
        "first-of-run/1",
        48_213,
        datetime(2026, 11, 26, 7, 0, tzinfo=UTC),
        600,
        Figures(4_018, 512.3, 61.0, 1200.0, 0.9211, 12, 3, 57),
        Figures(3_544, 655.0, 58.5, 1410.0, 0.9022, 9, 5, 60),
        Traffic(1_204, 187, 9_310, 8_722),
        Traffic(1_130, 201, 8_800, 8_104),
        [_hour(weekday, hour) for weekday in range(1, 8) for hour in range(24) if _answers(weekday, hour)],
        [Lasted(*span, _bell(number)) for number, span in enumerate(limits)],
        EMPLOYEES,
        [Waiting(30 * step, _waiting(step), round(2.6 * _waiting(step)) + step % 3) for step in range(48)],
        date(2026, 11, 9),
        [(first + timedelta(days=day), _folders(day)) for day in range(30)],
        3,
    )


def _answers(weekday: int, hour: int) -> int:
    if not 7 <= hour <= 20:
        return 2 if (weekday * hour) % 7 == 3 else 0
    return (24 if weekday < 6 else 6) - abs(hour - 13) * (2 if weekday < 6 else 1)


def _hour(weekday: int, hour: int) -> Hour:
    slow = 9.0 if weekday > 5 else 1.0
    return Hour(weekday, hour, _answers(weekday, hour), slow * (25 + 31.7 * (hour - 13) ** 2))


def _bell(number: int) -> int:
    return round(900 / 1.5 ** abs(number - 3))


def _waiting(step: int) -> float:
    return max(0.2, 7.5 - abs(step - 26) * 0.42)


def _folders(day: int) -> dict[str, int]:
    counts = (4 + day % 7, 21 + day // 3 - day % 5, 12 + (day * 7) % 9, 830 + 31 * day)
    return dict(zip(FOLDERS, counts, strict=True))
