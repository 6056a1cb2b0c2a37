"""Whoever was paused, or believes that he leads, writes nothing after another took his place."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from adapters.postgres.database import create_pool
from projections.checkpoints import lead_lock
from projections.rebuild import CONNECTIONS, REBUILD_LOCK, rebuilding
from projections.replay import SESSION, STANDSTILL_S
from tests.faults import company
from tests.faults.processes import Processes, Running, eventually
from tests.faults.proof import assert_nothing_is_lost_or_wrong

HOLDER = """
SELECT pg_stat_activity.pid, application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND datname = current_database()
    AND (classid::bigint << 32) + objid::bigint = %s
"""

POOLED = """
CREATE SCHEMA pooled;
CREATE FUNCTION pooled.pg_try_advisory_lock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION pooled.pg_advisory_unlock(bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true'
"""
"""As behind a pooler that gives each transaction any session: the lock of a session is everybody's."""


TOLD_OFF = "another process has taken the lead"


@pytest.fixture
def connection(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def pooled_url(url: str, connection: Connection[Any]) -> str:
    """The database, where everybody gets every lock from now on."""
    connection.execute(POOLED.encode())
    database = Identifier(connection.info.dbname)
    connection.execute(SQL("ALTER DATABASE {} SET search_path = public, pooled, pg_catalog").format(database))
    return url


def test_two_who_both_believe_that_they_lead(url: str, pooled_url: str, processes: Processes) -> None:
    worker = processes.start(company.work, url, "worker")
    leaders = [processes.start(company.follow, pooled_url, f"leader-{number}") for number in range(2)]
    for leader in leaders:
        leader.wait_until_it_logged(TOLD_OFF, times=3)
    worker.wait_until_it_tells_more("accepted")
    processes.kill_all()

    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_a_paused_leader_that_comes_back_with_an_old_epoch_is_told_off(
    url: str, pooled_url: str, connection: Connection[Any], processes: Processes
) -> None:
    worker = processes.start(company.work, url, "worker")
    paused = processes.start(company.follow, pooled_url, "paused")
    paused.wait_until_it_told("following")
    worker.wait_until_it_tells_more("accepted")
    pause_between_transactions(paused, connection)
    processes.start(company.follow, pooled_url, "other")
    wait_until_taken_over(connection, head(connection))

    paused.resume()

    paused.wait_until_it_logged(TOLD_OFF)
    processes.kill_all()
    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_a_leader_that_stands_still_loses_its_session_and_with_it_the_lead(
    url: str, connection: Connection[Any], processes: Processes
) -> None:
    processes.start(company.work, url, "worker")
    followers = [processes.start(company.follow_impatiently, url, name) for name in ("first", "second")]
    lock = lead_lock("inbox")
    for _ in range(3):
        eventually(lambda: holder(connection, lock) != (0, ""))
        leader = holder(connection, lock)[1]
        paused, other = sorted(followers, key=lambda one: one.name != leader)
        paused.pause()
        wait_until_held(connection, lock, other)
        wait_until_taken_over(connection, head(connection))
        paused.resume()
        paused.wait_until_it_logged("the follower stopped and tries again")
    processes.kill_all()

    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_two_rebuilds_at_once_one_is_told_who_was_first(url: str, processes: Processes) -> None:
    worker = processes.start(company.work, url, "worker")
    processes.start(company.follow, url, "follower")
    worker.wait_until_it_tells_more("accepted")
    rebuilds = [processes.start(company.rebuild, url, f"rebuild-{number}") for number in range(2)]
    for rebuild in rebuilds:
        rebuild.wait_until_it_told("rebuilt")
    processes.kill_all()

    hindered = [line["hindered"] for rebuild in rebuilds for line in rebuild.told if "hindered" in line]
    assert any("RebuildRunning: A rebuild is running already, by rebuild-" in told for told in hindered)
    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_a_paused_rebuild_that_comes_back_with_an_old_epoch_is_told_off(
    url: str, connection: Connection[Any], processes: Processes
) -> None:
    worker = processes.start(company.work, url, "worker")
    processes.start(company.follow, url, "follower")
    worker.wait_until_it_tells_more("accepted")
    paused = processes.start(company.rebuild_slowly, url, "paused")
    paused.wait_until_it_told("replay")
    paused.pause()
    terminate_holder(connection, REBUILD_LOCK)
    other = processes.start(company.rebuild, url, "other")
    wait_until_held(connection, REBUILD_LOCK, other)

    paused.resume()

    paused.wait_until_it_told("hindered")
    hindered = [line["hindered"] for line in paused.told if "hindered" in line]
    assert hindered[0].startswith("Fenced: Another process goes on with the rebuild")
    other.wait_until_it_told("rebuilt")
    processes.kill_all()
    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_a_rebuild_that_stands_still_in_its_switch_holds_nobody_up(
    url: str, connection: Connection[Any], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.rebuild.SESSION", SESSION.replace(f"{STANDSTILL_S}s", "300ms"))
    worker = processes.start(company.work, url, "worker")
    processes.start(company.follow, url, "follower")
    worker.wait_until_it_tells_more("accepted")
    with create_pool(url, max_size=CONNECTIONS) as pool, rebuilding(pool, ["inbox"]) as rebuild:
        with suppress(psycopg.errors.IdleInTransactionSessionTimeout), rebuild.connection.transaction():
            rebuild.building.execute("stop_following")
            wait_until_taken_over(connection, head(connection))
            assert not rebuild.building.rows()


def holder(connection: Connection[Any], lock: int) -> tuple[int, str]:
    """Process and name of the session that has the lock; 0 and "" where nobody has it."""
    return connection.execute(HOLDER, [lock]).fetchone() or (0, "")


def wait_until_held(connection: Connection[Any], lock: int, by: Running) -> None:
    eventually(lambda: holder(connection, lock)[1] == by.name, by)


def terminate_holder(connection: Connection[Any], lock: int) -> None:
    connection.execute("SELECT pg_terminate_backend(%s, 10000)", [holder(connection, lock)[0]])


def pause_between_transactions(process: Running, connection: Connection[Any]) -> None:
    """Otherwise whoever takes its place waits for the end of that transaction."""
    while True:
        process.pause()
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state <> 'idle'"
        if connection.execute(query, [process.name]).fetchone() == (0,):
            return
        process.resume()
        time.sleep(0.01)


def head(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT position FROM ledger_head").fetchone()
    assert row is not None
    return int(row[0])


def wait_until_taken_over(connection: Connection[Any], position: int) -> None:
    """Wait until all read models have this position."""
    query = "SELECT min(position) >= %s FROM projection.checkpoint"
    eventually(lambda: connection.execute(query, [position]).fetchone() == (True,))
