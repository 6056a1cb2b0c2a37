"""Followers that share the read models out are killed: others take over, and the rows are those of one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from projections.read_model import LEADS
from projections.sharing import PARTITIONED
from tests.faults import company
from tests.faults.processes import Processes, eventually
from tests.faults.proof import assert_nothing_is_lost_or_wrong

TAKEN_OVER_S = 5.0
"""Longest time for which nothing may be led after its leader was killed."""

HALVES = ("0-1/4", "2-3/4")
SHARES = (("inbox", "access"), tuple(set(LEADS) - {"inbox", "access", *PARTITIONED}))


@pytest.fixture
def connection(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_whatever_a_killed_follower_led_is_taken_over_in_seconds(
    url: str, connection: Connection[Any], processes: Processes
) -> None:
    """Under load, and beside rebuilds: one that leads read models, and one that leads partitions of one."""
    worker = processes.start(company.work, url, "worker")
    sharing = [
        *(processes.start(company.follow_partitions, url, f"half-{half[0]}", half) for half in HALVES),
        *(processes.start(company.follow, url, share[0], *share) for share in SHARES),
    ]
    for one in sharing:
        one.wait_until_it_told("following")
    wait_until_level(connection)
    rebuilding = processes.start(company.rebuild, url, "rebuild")
    rebuilding.wait_until_it_told("rebuilt")

    standing_by = processes.start(company.follow, url, "standing-by", *SHARES[0])
    standing_by.wait_until_it_told("following")
    for killed in sharing[1:3]:
        killed.kill()
        assert wait_until_level(connection) < TAKEN_OVER_S
    worker.wait_until_it_tells_more("accepted")
    rebuilding.wait_until_it_tells_more("rebuilt")
    processes.kill_all()

    assert_nothing_is_lost_or_wrong(url, processes.told())


def wait_until_level(connection: Connection[Any]) -> float:
    """Wait until all have what is in the ledger now; returns how many seconds that took."""
    began = time.monotonic()
    query = "SELECT min(position) >= %s FROM projection.checkpoint"
    row = connection.execute("SELECT position FROM ledger_head").fetchone()
    eventually(lambda: connection.execute(query, row).fetchone() == (True,))
    return time.monotonic() - began
