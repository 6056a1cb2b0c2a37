"""What happened stays as it was written, also for the owner of the table."""

import json
from collections.abc import Iterator
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest

from tests.adapters.ledger_events import opened, stored_event

STREAM = UUID(int=1)


@pytest.fixture
def owner(database_url: str) -> Iterator[psycopg.Connection]:
    with opened(database_url) as recorder:
        recorder.insert_events([stored_event(STREAM)])
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET topic = 'another'",
        "UPDATE ledger SET private = NULL WHERE position = 2",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
        "MERGE INTO ledger USING ledger_head ON true WHEN MATCHED THEN DELETE",
        "INSERT INTO ledger SELECT * FROM ledger ON CONFLICT (position) DO UPDATE SET version = 2",
        "SET session_replication_role = replica; DELETE FROM ledger",
    ],
)
def test_the_owner_may_not(owner: psycopg.Connection, statement: LiteralString) -> None:
    before = owner.execute("SELECT * FROM ledger").fetchall()

    with pytest.raises(psycopg.errors.RestrictViolation, match="what happened stays as it was written"):
        owner.execute(statement)

    assert owner.execute("SELECT * FROM ledger").fetchall() == before


ERASE = "SELECT ledger_erase(%s, %s, 1, %s, %s, '{}', '{}')"
ERASURE = UUID(int=2)


def erase(
    owner: psycopg.Connection, positions: list[int], *named: list[int], topic: str = "contact.erased"
) -> None:
    """As the recorder does, with an event that names these pairs of positions."""
    state = json.loads(stored_event(ERASURE, positions=list(named)).state)
    owner.execute(ERASE, (positions, ERASURE, topic, json.dumps(state)))


@pytest.fixture
def private(owner: psycopg.Connection) -> psycopg.Connection:
    """Five events of which the second to the fifth have a private part."""
    for version in range(2, 6):
        state = json.loads(stored_event(STREAM).state) | {"private": {"text": f"secret {version}"}}
        owner.execute(
            "SELECT ledger_append(%s, %s, %s, %s::jsonb[], '{1}', '{}', '{}', '{}')",
            ([STREAM], [version], ["thing.happened"], [json.dumps(state)]),
        )
    return owner


def test_an_erasure_removes_the_private_part_of_exactly_these_rows(private: psycopg.Connection) -> None:
    columns = "position, stream_id, version, topic, actor, occurred_at, recorded_at, causation, facts"
    before = private.execute(f"SELECT {columns} FROM ledger ORDER BY position").fetchall()

    erase(private, [2, 4], [2, 2], [4, 4])

    rows = private.execute("SELECT position, private->>'text' FROM ledger ORDER BY position").fetchall()
    assert rows == [(1, None), (2, None), (3, "secret 3"), (4, None), (5, "secret 5"), (6, None)]
    assert private.execute(f"SELECT {columns} FROM ledger ORDER BY position").fetchall()[:5] == before
    last = private.execute("SELECT topic, facts->'positions' FROM ledger WHERE position = 6").fetchone()
    assert last == ("contact.erased", [[2, 2], [4, 4]])


@pytest.mark.parametrize(
    ("positions", "named", "topic"),
    [
        pytest.param([2, 3], [[2, 2]], "contact.erased", id="not named"),
        pytest.param([2], [[2, 2]], "thing.happened", id="another event"),
        pytest.param([1], [[1, 1]], "contact.erased", id="nothing private"),
        pytest.param([2, 9], [[2, 9]], "contact.erased", id="not in the ledger"),
    ],
)
def test_an_erasure_that_is_not_what_its_event_says_changes_nothing(
    private: psycopg.Connection, positions: list[int], named: list[list[int]], topic: str
) -> None:
    before = private.execute("SELECT * FROM ledger").fetchall()

    with pytest.raises((psycopg.errors.IntegrityConstraintViolation, psycopg.errors.RestrictViolation)):
        erase(private, positions, *named, topic=topic)

    assert private.execute("SELECT * FROM ledger").fetchall() == before


WITHIN: list[LiteralString] = [
    "UPDATE ledger SET private = NULL WHERE position = 3",
    "UPDATE ledger SET private = NULL, topic = 'another' WHERE position = 2",
    "UPDATE ledger SET private = '{}' WHERE position = 2",
    "UPDATE ledger SET private = NULL, position = 20 WHERE position = 2",
    "UPDATE ledger SET facts = '{}' WHERE position = 2",
    "DELETE FROM ledger WHERE position = 2",
    "TRUNCATE ledger",
    "MERGE INTO ledger USING ledger_head ON ledger.position = 2 WHEN MATCHED THEN DELETE",
    "INSERT INTO ledger SELECT * FROM ledger ON CONFLICT (position) DO UPDATE SET private = NULL",
]


@pytest.mark.parametrize("erasing", ["1", "6", "7"])
def test_the_setting_lets_nobody_do_anything_else_within_an_erasure(
    private: psycopg.Connection, erasing: str
) -> None:
    """The event of this transaction stands at 6; it names 4 only, which is erased already."""
    before = private.execute("SELECT * FROM ledger").fetchall()

    for statement in WITHIN:
        with private.transaction(force_rollback=True):
            erase(private, [4], [4, 4])
            private.execute("SELECT set_config('chatledger.erasing', %s, true)", (erasing,))
            with pytest.raises(psycopg.errors.RestrictViolation, match="what happened stays as it was"):
                private.execute(statement)

    assert private.execute("SELECT * FROM ledger").fetchall() == before


def test_an_event_of_another_transaction_allows_nothing(private: psycopg.Connection) -> None:
    erase(private, [4], [4, 4], [2, 2])

    with private.transaction(force_rollback=True):
        private.execute("SELECT set_config('chatledger.erasing', '6', true)")
        with pytest.raises(psycopg.errors.RestrictViolation):
            private.execute("UPDATE ledger SET private = NULL WHERE position = 2")
