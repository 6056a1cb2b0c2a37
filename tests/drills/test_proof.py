"""What drills are held against finds what would be wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.drills.company import Acknowledgement, said_by
from tests.drills.proof import assert_acknowledged_is_there_once, assert_order_is_kept

NOW = datetime(2026, 3, 1, tzinfo=UTC)
APPENDED = {"results": [{"status": "appended", "position": 1}, {"status": "appended", "position": 2}]}
TOLD = [Acknowledgement("connector-0-0", APPENDED, 0.0)]


def test_what_is_there_once_at_its_position_is_right() -> None:
    rows = [message(1, "connector-0-0.0"), message(2, "connector-0-0.1")]
    assert_acknowledged_is_there_once(rows, TOLD)
    assert_order_is_kept(rows)


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([(1, "connector-0-0.0")], "0 times"),
        ([(1, "connector-0-0.0"), (2, "connector-0-0.1"), (3, "connector-0-0.1")], "2 times"),
        ([(1, "connector-0-0.1"), (2, "connector-0-0.0")], "not at"),
    ],
    ids=["lost", "doubled", "elsewhere"],
)
def test_what_is_lost_or_doubled_is_found(rows: list[tuple[int, str]], what: str) -> None:
    with pytest.raises(AssertionError, match=what):
        assert_acknowledged_is_there_once([message(*row) for row in rows], TOLD)


def test_what_is_out_of_order_is_found() -> None:
    with pytest.raises(AssertionError, match="stands behind"):
        assert_order_is_kept([message(1, "connector-0-1.0"), message(2, "connector-0-0.0")])
    with pytest.raises(AssertionError):
        assert_order_is_kept([message(1, "connector-0-0.0"), message(3, "connector-0-1.0")])


def test_who_said_it_is_told_by_the_text() -> None:
    assert said_by("connector-1-17.2") == ("connector-1", 53)
    assert said_by("katya-4") == ("katya", 12)


def message(position: int, text: str) -> dict[str, Any]:
    return {
        "position": position,
        "stream_id": position,
        "version": 1,
        "topic": "message.received",
        "recorded_at": NOW,
        "told": text,
        "text": text,
        "reason": None,
    }
