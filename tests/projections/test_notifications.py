"""What PostgreSQL says of muted hours is what the rule says; webhooks are kept as they were stated last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.types.json import Jsonb

from domain.muted_hours import DAYS, MutedHours
from tests.projections.history import History, all_rows, follow, rebuild

clock = st.times().map(lambda time: time.strftime("%H:%M"))
hours = st.builds(
    MutedHours, st.frozensets(st.sampled_from(DAYS), min_size=1), clock, clock | st.just("24:00")
).filter(lambda one: one.begin != one.end)
zones = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"}))
moments = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))

COVERS = "SELECT notifications.covers(%s, notifications.wall(%s, %s))"


def covered(connection: Connection[Any], one: MutedHours, moment: datetime, zone: str) -> Any:
    row = connection.execute(COVERS, [Jsonb([one.facts]), moment, zone]).fetchone()
    return row and row[0]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hours=hours, moment=moments, zone=zones)
def test_hours_are_muted_as_the_rule_says(
    connection: Connection[Any], hours: MutedHours, moment: datetime, zone: str
) -> None:
    expected = hours.cover(moment.astimezone(ZoneInfo(zone)))
    assert covered(connection, hours, moment, zone) is expected


def test_a_time_zone_that_postgresql_does_not_know_is_taken_for_utc(connection: Connection[Any]) -> None:
    night = MutedHours(frozenset(DAYS), "22:00", "08:00")
    assert covered(connection, night, datetime(2026, 3, 4, 23, tzinfo=UTC), "Moon/Tycho") is True


WEBHOOK: dict[str, dict[str, Any]] = {
    "configured": {"events": ["notification"], "label": "x", "digest": "d"},
    "activated": {},
    "deactivated": {"cause": "asked"},
    "replayed": {"from_position": 2},
    "removed": {},
}
STORY = """
    configured activated replayed removed configured deactivated activated configured deactivated removed
    configured activated replayed
"""


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_webhooks_are_the_same_however_the_ranges_are_cut(
    url: str, connection: Connection[Any], history: History, size: int
) -> None:
    story = STORY.split()
    for number, what in enumerate(story, 1):
        tell(history, "horn", what, number)
        if number <= 10:
            tell(history, "bell", what, number)

    follow(connection, history.head, range(0, history.head, size))

    rows = webhooks(connection)
    assert rows == [
        {
            "workspace_id": "main",
            "webhook_id": "horn",
            "url": "https://receiver/11",
            "events": ["notification"],
            "label": "x",
            "digest": "d",
            "begun_position": history.head,
            "after_position": 1,
        }
    ]
    rebuild(url, ["notifications", "webhooks"])
    assert webhooks(connection) == rows


def tell(history: History, webhook_id: str, what: str, number: int) -> None:
    private = {"url": f"https://receiver/{number}"} if what == "configured" else None
    facts: dict[str, Any] = {"webhook_id": webhook_id, **WEBHOOK[what]}
    history.append(f"webhook.{what}", webhook_id, private=private, **facts)


def webhooks(connection: Connection[Any]) -> list[Any]:
    return [row for (row,) in all_rows(connection, "webhooks")["webhooks.webhook"]]
