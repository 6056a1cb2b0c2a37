"""A disk that is full: what does not fit is refused as a whole, and all goes on when there is room again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from adapters.postgres.embedded import EmbeddedPostgres
from tests.faults.callers import Crowd, Place, served, speaking
from tests.faults.disk import Disk, small_disk
from tests.faults.processes import eventually
from tests.faults.proof import assert_nothing_is_lost_or_wrong

PADDING = 8_000
"""So many characters a message has: it fits nowhere but in new pages."""

LITTLE = 2**20
REFUSALS = 100
LOG_FILE = 16 * 2**20
"""Bytes of each file of PostgreSQL's write-ahead log."""

FULL, UNAVAILABLE = (507, "storage_full"), (503, "unavailable")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder) as disk:
        yield disk


def test_what_does_not_fit_is_refused_and_taken_when_there_is_room(disk: Disk, tmp_path: Path) -> None:
    data = disk.folder / "data"
    with served("--data", data, log=tmp_path / "log", padding=PADDING) as place:
        with speaking(place, {FULL}) as crowd:
            give_the_log_room(data)
            disk.fill(leave=LITTLE)
            crowd.wait_until(lambda: crowd.troubles[FULL] > REFUSALS)
            assert_everything_can_be_read(place)
            disk.make_room()
            crowd.wait_until_all_are_heard()

    assert_data_is_right(data, crowd)
    assert_refused_was_not_there(crowd)


def test_the_log_has_no_room_and_postgres_is_started_until_it_has(disk: Disk, tmp_path: Path) -> None:
    """Then nobody knows what was recorded, so it is another answer; sent again, all is there once."""
    data, log = disk.folder / "data", tmp_path / "log"
    with served("--data", data, log=log, padding=PADDING) as place:
        with speaking(place, {FULL, UNAVAILABLE}) as crowd:
            disk.fill(leave=LOG_FILE // 2)
            use_the_log_up(data)
            eventually(lambda: "is tried again every" in log.read_text())
            crowd.wait_until(lambda: crowd.troubles[UNAVAILABLE] > 0)
            disk.make_room()
            crowd.wait_until_all_are_heard()

    assert_data_is_right(data, crowd)


def give_the_log_room(data: Path) -> None:
    """A file of the log that is empty, and one to follow."""
    with psycopg.connect(url_of(data), autocommit=True) as connection:
        for _ in range(2):
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("CHECKPOINT")


def use_the_log_up(data: Path) -> None:
    """Go on to the next file of the log, until there is no room for one; then PostgreSQL ends."""

    def ended() -> bool:
        try:
            with psycopg.connect(url_of(data), autocommit=True) as connection:
                connection.execute("SELECT pg_switch_wal()")
        except psycopg.OperationalError:
            return True
        return False

    eventually(ended)


def url_of(data: Path) -> str:
    """Where the PostgreSQL of a running server listens."""
    return (data / "owner").read_text().splitlines()[1]


def assert_everything_can_be_read(place: Place) -> None:
    assert place.oleg.conversation_with("chat") == place.conversation
    for path in (
        f"/v1/conversations/{place.conversation}",
        f"/v1/conversations/{place.conversation}/messages",
    ):
        assert place.oleg.get(path)
    assert place.http.get("/readyz").is_success


def assert_data_is_right(data: Path, crowd: Crowd) -> None:
    with EmbeddedPostgres(data, owner="a test of faults") as url:
        rows = assert_nothing_is_lost_or_wrong(url, [])
    crowd.assert_acknowledged_is_there_once(rows)


def assert_refused_was_not_there(crowd: Crowd) -> None:
    """Who sent it again was never told that it is there already."""
    for caller in crowd.connectors:
        results = [result for answer in caller.acknowledged.values() for result in answer.json()["results"]]
        assert {result["status"] for result in results} == {"appended"}
    for caller in crowd.employees:
        assert not any("idempotent-replay" in answer.headers for answer in caller.acknowledged.values())
