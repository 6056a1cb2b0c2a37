"""What has to be so after every fault: nothing lost, twice or by half, and read models that are right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import Any

import psycopg
from psycopg.rows import dict_row

from adapters.postgres.database import create_pool
from projections.checkpoints import statuses
from projections.follower import Follower
from projections.reactions import Reactions
from projections.read_model import READ_MODELS, all_read_models
from tests.faults.company import application
from tests.faults.processes import PATIENCE_S, Line
from tests.projections.history import all_rows, rebuild

Rows = list[dict[str, Any]]

LEDGER = """
SELECT position, stream_id, version, topic, causation, recorded_at, private ->> 'external_id' AS told,
       private ->> 'text' AS text
FROM ledger ORDER BY position
"""


def assert_nothing_is_lost_or_wrong(url: str, told: Iterable[Line]) -> Rows:
    """The whole proof; returns the ledger's rows. Nobody else may follow the ledger meanwhile."""
    rows = ledger(url)
    assert_ledger_is_dense(rows)
    assert_no_command_is_there_half(rows)
    assert_told_is_recorded_once(rows, list(told))
    assert_read_models_are_right(url)
    return rows


def ledger(url: str) -> Rows:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(LEDGER).fetchall()


def assert_ledger_is_dense(rows: Rows) -> None:
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    assert all(earlier["recorded_at"] <= later["recorded_at"] for earlier, later in pairwise(rows))
    versions = defaultdict(list)
    for row in rows:
        versions[row["stream_id"]].append(row["version"])
    assert all(of_stream == list(range(1, len(of_stream) + 1)) for of_stream in versions.values())


def assert_no_command_is_there_half(rows: Rows) -> None:
    """What a command recorded stands in one row, and of messages told together all are there."""
    runs = Counter(cause for cause, _ in groupby(rows, key=lambda row: row["causation"]) if "." in cause)
    assert set(runs.values()) <= {1}
    together = Counter(row["causation"] for row in rows if " of " in (row["text"] or ""))
    for row in rows:
        if " of " in (row["text"] or ""):
            assert together[row["causation"]] == int(row["text"].split(" of ")[1])


def assert_told_is_recorded_once(rows: Rows, told: list[Line]) -> None:
    recorded, heard = defaultdict(list), defaultdict(list)
    for row in rows:
        recorded[row["causation"]].append(row["position"])
        if row["topic"] == "message.received":
            heard[row["told"]].append(row["position"])
    assert all(len(positions) == 1 for positions in heard.values())
    for line in told:
        if "accepted" in line:
            last = line["position"]
            assert recorded[line["accepted"]] == list(range(last - line["recorded"] + 1, last + 1)), line
            assert all(heard[number][0] <= last for number in line.get("heard", ())), line
        if "refused" in line:
            assert not recorded[line["refused"]], line


def assert_read_models_are_right(url: str) -> None:
    """Brought up to the head, they have the rows that a rebuild from the first event gives them."""
    catch_up(url)
    with psycopg.connect(url, autocommit=True) as connection:
        assert {one["name"]: one["parked"] for one in statuses(connection) if one["parked"]} == {}
        live = all_rows(connection, *READ_MODELS)
        rebuild(url, verify=False)
        assert all_rows(connection, *READ_MODELS) == live


def catch_up(url: str) -> None:
    """Follow until everything is taken over, and all that follows from it is recorded."""
    with application(url) as app, create_pool(url, max_size=4) as pool:
        follower = Follower(pool, all_read_models(), Reactions(app))
        follower.start()
        try:
            head = -1
            while head != (head := app.head()):
                assert follower.wait_for(head, PATIENCE_S)
        finally:
            follower.stop()
