"""When a daily report is due: at ten by the clock on the wall, each day once, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.report import (
    DAYS_BACK,
    Settings,
    WebhookTold,
    days_due,
    last_due,
    subscribed_since,
    wanted_since,
)

BERLIN = "Europe/Berlin"
ZONES = ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Pago_Pago", BERLIN]
START = datetime(2026, 3, 20, 7, 13, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("ten", "day"),
    [
        ("2026-03-28T09:00Z", "2026-03-27"),
        ("2026-03-29T08:00Z", "2026-03-28"),  # the night before was an hour shorter
        ("2026-03-30T08:00Z", "2026-03-29"),
        ("2026-10-24T08:00Z", "2026-10-23"),
        ("2026-10-25T09:00Z", "2026-10-24"),  # and this one an hour longer
        ("2026-10-26T09:00Z", "2026-10-25"),
    ],
)
def test_it_is_due_at_ten_also_when_the_clocks_change(ten: str, day: str) -> None:
    at, due = datetime.fromisoformat(ten), date.fromisoformat(day)

    assert last_due(at, BERLIN) == due
    assert last_due(at - timedelta(microseconds=1), BERLIN) == due - DAY
    assert last_due(at + timedelta(hours=22), BERLIN) == due


def test_what_was_missed_is_due_for_some_days_oldest_first() -> None:
    noon = datetime(2026, 5, 20, 12, tzinfo=UTC)
    seven = [date(2026, 5, 19) - number * DAY for number in reversed(range(DAYS_BACK))]

    assert days_due(noon, "UTC", date(2026, 1, 1)) == seven
    assert days_due(noon, "UTC", date(2026, 5, 18)) == [date(2026, 5, 18), date(2026, 5, 19)]
    assert days_due(noon, "UTC", date(2026, 5, 20)) == []


def test_a_destination_wants_what_becomes_due_after_it_was_stated() -> None:
    morning, noon = datetime(2026, 5, 20, 9, tzinfo=UTC), datetime(2026, 5, 20, 12, tzinfo=UTC)
    stated = [
        Settings(morning, None, {"file": True, "webhook": True}),
        Settings(noon, None, {"file": True, "telegram_chat_id": "-1"}),
        Settings(noon + DAY, "Asia/Tokyo", None),
    ]

    assert wanted_since(stated) == {"file": date(2026, 5, 19), "telegram:-1": date(2026, 5, 20)}
    assert wanted_since([*stated, Settings(noon + DAY, None, {})]) == {}
    assert wanted_since([Settings(morning, "Asia/Tokyo", {"file": True})]) == {"file": date(2026, 5, 20)}


def test_a_webhook_wants_it_since_it_is_both_subscribed_and_switched_on() -> None:
    at = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in range(1, 8)]
    told = [
        WebhookTold(at[0], "webhook.configured", ["notification"]),
        WebhookTold(at[0], "webhook.activated", None),
        WebhookTold(at[1], "webhook.configured", ["daily_report", "notification"]),
        WebhookTold(at[2], "webhook.configured", ["daily_report"]),
        WebhookTold(at[3], "webhook.deactivated", None),
        WebhookTold(at[4], "webhook.activated", None),
        WebhookTold(at[5], "webhook.removed", None),
    ]
    since = [subscribed_since(told[:count], []) for count in range(len(told) + 1)]

    assert since == [None, None, None, date(2026, 5, 2), date(2026, 5, 2), None, date(2026, 5, 5), None]
    tokyo = [Settings(at[0], "Pacific/Kiritimati", None), Settings(at[4], "UTC", None)]
    assert subscribed_since(told[:3], tokyo) == date(2026, 5, 2)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 14 * 24), st.sampled_from(ZONES)), max_size=5))
def test_a_time_zone_that_changes_neither_loses_nor_doubles_a_day(moves: list[tuple[int, str]]) -> None:
    """Whoever looks each hour sends each day once."""
    stated = [Settings(START, BERLIN, {"file": True})]
    sent: list[date] = []
    for hour in range(14 * 24):
        at = START + timedelta(hours=hour)
        stated += [Settings(at, zone, None) for when, zone in moves if when == hour]
        first, zone = wanted_since(stated)["file"], stated[-1].timezone
        assert zone is not None
        sent += [day for day in days_due(at, zone, first) if day not in sent]

    assert sent == [date(2026, 3, 19) + number * DAY for number in range(len(sent))]
    assert sent[-1] >= last_due(START + timedelta(hours=14 * 24 - 1), stated[-1].timezone or "")
