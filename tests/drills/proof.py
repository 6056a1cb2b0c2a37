"""What has to be so after every drill, while everybody goes on working."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from adapters.postgres.database import create_pool
from projections.checkpoints import statuses
from projections.read_model import READ_MODELS
from projections.rebuild import CONNECTIONS, rebuilding
from projections.verifying import Difference
from tests.drills.company import Acknowledgement, said_by, told_by
from tests.faults.proof import Rows, assert_ledger_is_dense

LEDGER = """
SELECT position, stream_id, version, topic, recorded_at, private ->> 'external_id' AS told,
       private ->> 'text' AS text, private ->> 'reason' AS reason
FROM ledger ORDER BY position
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """head: the ledger's. lag_s: age of the oldest event that some read model does not have.

    parked: read models that can't go on.
    """

    head: int
    lag_s: float
    parked: frozenset[str]


def standing(url: str) -> Standing:
    with psycopg.connect(url, autocommit=True) as connection:
        rows = statuses(connection)
    return Standing(
        max(row["head"] for row in rows),
        max(row["lag_seconds"] for row in rows),
        frozenset(row["name"] for row in rows if row["parked"]),
    )


def ledger(url: str) -> Rows:
    with psycopg.connect(url) as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(LEDGER).fetchall()


def assert_acknowledged_is_there_once(rows: Rows, acknowledged: Sequence[Acknowledgement]) -> None:
    """Each message and each handover, at the position that was answered. rows: read after the answers."""
    heard = {row["told"]: row["position"] for row in rows if row["topic"] == "message.received"}
    times = Counter(row["told"] for row in rows if row["topic"] == "message.received")
    written = Counter(row["text"] for row in rows if row["topic"] == "message.queued")
    reassigned = Counter(row["reason"] for row in rows if row["topic"] == "deal.reassigned")
    for each in acknowledged:
        for name, position in told_by(each):
            assert times[name] == 1, f"{name} is there {times[name]} times"
            assert position in (heard[name], None), f"{name} is at {heard[name]}, not at {position}"
        if "results" not in each.body:
            there = (reassigned if each.what.startswith("crm-") else written)[each.what]
            assert there == 1, f"{each.what} is there {there} times"
    for what, there in (times + written + reassigned).items():
        assert there == 1, f"{what} is there {there} times"


def assert_order_is_kept(rows: Rows) -> None:
    """Positions and versions without a gap; what one caller said first stands first."""
    assert_ledger_is_dense(rows)
    last: dict[str, int] = {}
    for row in rows:
        if row["topic"] in ("message.received", "message.queued") and "-" in row["text"]:
            caller, number = said_by(row["text"])
            assert number > last.get(caller, -1), f"{row['text']} stands behind {last[caller]} of {caller}"
            last[caller] = number


def differences_to_a_rebuild(url: str) -> list[Difference]:
    """Build every read model anew beside the live ones, compare row by row, and take it back."""
    with create_pool(url, max_size=CONNECTIONS) as pool, rebuilding(pool, READ_MODELS) as rebuild:
        try:
            rebuild.begin()
            rebuild.replay()
            rebuild.index()
            rebuild.catch_up()
            return rebuild.verify()
        finally:
            rebuild.abort()
