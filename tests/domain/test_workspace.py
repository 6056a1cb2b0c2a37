"""What a workspace states of itself: changed, left as it is, and taken back."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from domain.application import Chatledger
from domain.ids import derive
from tests.domain.conftest import BY
from tests.projections.history import History

HOURS = {"monday": [["09:00", "18:00"]]}


def recorded(application: Chatledger, **settings: Any) -> int:
    return application.configure_workspace(by=BY, **settings).recorded


@pytest.mark.parametrize(
    ("name", "value"),
    [("business_hours", HOURS), ("holidays", {"country": "RU"}), ("daily_report", {"file": True})],
)
def test_an_empty_object_takes_a_setting_back_and_null_leaves_it(
    application: Chatledger, name: str, value: dict[str, Any]
) -> None:
    told = [recorded(application, **{name: stated}) for stated in ({}, value, value, None, {}, {}, value)]

    assert told == [0, 1, 0, 0, 1, 0, 1]


def test_what_was_stated_before_there_were_holidays_is_read(
    application: Chatledger, database_url: str
) -> None:
    old: dict[str, Any] = {
        "timezone": "Europe/Moscow",
        "language": None,
        "response_goal_seconds": None,
        "business_hours": HOURS,
        "visibility_policy": None,
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        History(connection).append("workspace.configured", str(derive("workspace", "main")), **old)

    assert recorded(application, **old) == 0
    assert recorded(application, **old, holidays={"country": "RU"}) == 1
