"""Whoever may change the whole database is found out by who has a key and a folder, to the position."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.proving import by_superuser, eventually, exported, record, signed_head, signing, verified
from tests.databases import Databases

EVENTS = 40
AT = 17
ROW = "workspace_id, stream_id, version, topic, actor, occurred_at, recorded_at, causation, facts, private"


@dataclass(frozen=True)
class Evidence:
    """A database with a log, and what a third party has of it. cut: where an older tree head is."""

    database_url: str
    folder: Path
    vkey: str
    cut: int
    head: int


@pytest.fixture(scope="module")
def evidence(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    url, data = databases.create(), tmp_path_factory.mktemp("data")
    with signing(url, data) as server:
        auditor = server.client.with_token("auditor")
        answer, _ = signed_head(auditor, record(url, AT - server.head - 3))
        latest, _ = signed_head(auditor, record(url, EVENTS))
        folder = data / "checkpoints"
        eventually((folder / "checkpoints" / f"{latest['size']}.txt").exists)
    yield Evidence(url, folder, answer["public_key"], answer["size"], latest["size"])
    databases.drop(url)


@pytest.fixture
def log(databases: Databases, evidence: Evidence) -> Iterator[str]:
    """A copy of the database, to be spoiled."""
    url = databases.create(template=evidence.database_url)
    yield url
    databases.drop(url)


Drill = Callable[[psycopg.Connection[Any]], object]


def flip_a_byte(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE ledger SET facts = facts || '{\"number\": 4711}' WHERE position = %s", [AT])


def flip_a_byte_of_what_was_written(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        'UPDATE ledger SET private = private || \'{"text": "never said"}\' WHERE position = %s', [AT]
    )


def drop(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM ledger WHERE position = %s", [AT])


def drop_and_close_the_gap(connection: psycopg.Connection[Any]) -> None:
    drop(connection)
    move(connection, AT, -1)


def swap(connection: psycopg.Connection[Any]) -> None:
    for position, to in ((AT, 0), (AT + 1, AT), (0, AT + 1)):
        connection.execute("UPDATE ledger SET position = %s WHERE position = %s", [to, position])


def insert(connection: psycopg.Connection[Any]) -> None:
    move(connection, AT - 1, 1)
    connection.execute(
        f"INSERT INTO ledger (position, {ROW}) SELECT %s, {ROW.replace('stream_id', 'gen_random_uuid()')}"
        " FROM ledger WHERE position = %s".encode(),
        [AT, AT + 1],
    )


def redate(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "UPDATE ledger SET occurred_at = occurred_at - interval '1 day' WHERE position = %s", [AT]
    )


def redate_by_a_microsecond(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "UPDATE ledger SET recorded_at = recorded_at + interval '1 microsecond' WHERE position = %s", [AT]
    )


def rewrite_the_end(connection: psycopg.Connection[Any]) -> None:
    connection.execute("UPDATE ledger SET actor = 'employee:vera' WHERE position >= %s", [AT])


def cut_off(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM ledger WHERE position >= %s", [AT])


def go_on_from_an_old_copy(connection: psycopg.Connection[Any]) -> None:
    cut_off(connection)
    connection.commit()
    record(connection.info.dsn, 2 * EVENTS, "told anew")


def move(connection: psycopg.Connection[Any], after: int, by: int) -> None:
    """Positions behind one; by way of numbers that nobody has, as two may not have one."""
    connection.execute("UPDATE ledger SET position = -position WHERE position > %s", [after])
    connection.execute("UPDATE ledger SET position = -position + %s WHERE position < 0", [by])


DRILLS = [
    flip_a_byte,
    flip_a_byte_of_what_was_written,
    drop,
    drop_and_close_the_gap,
    swap,
    insert,
    redate,
    redate_by_a_microsecond,
    rewrite_the_end,
    cut_off,
    go_on_from_an_old_copy,
]


@pytest.mark.parametrize("drill", DRILLS)
def test_the_first_bad_position_is_named(evidence: Evidence, log: str, drill: Drill) -> None:
    with by_superuser(log) as connection:
        drill(connection)
    report = verified(exported(log), evidence.vkey, evidence.folder)

    assert report.first is not None
    assert report.first.position == AT, report.faults


@pytest.mark.parametrize("drill", DRILLS)
def test_with_tree_heads_alone_it_is_found_behind_the_last_that_holds(
    evidence: Evidence, log: str, drill: Drill, tmp_path: Path
) -> None:
    for path in (evidence.folder / "checkpoints").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with by_superuser(log) as connection:
        drill(connection)
    first = verified(exported(log), evidence.vkey, tmp_path).first

    assert first is not None
    assert (first.position or AT) in (AT, AT + 1)
    assert evidence.cut <= (AT - 1 if first.after is None else first.after) < AT


def test_a_log_that_nobody_touched_is_what_was_signed(evidence: Evidence, log: str) -> None:
    report = verified(exported(log), evidence.vkey, evidence.folder)

    assert report.good, report.faults
    assert report.kept_hashes == evidence.head
    assert evidence.cut in report.checkpoints


def test_what_is_erased_keeps_every_proof(evidence: Evidence, log: str) -> None:
    with by_superuser(log) as connection:
        connection.execute("UPDATE ledger SET private = NULL WHERE position % 2 = 0")
    report = verified(exported(log), evidence.vkey, evidence.folder)

    assert report.good, report.faults
    assert report.erased >= EVENTS // 2
    assert report.kept_hashes == evidence.head
