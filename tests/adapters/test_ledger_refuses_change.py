"""What happened stays as it was written, also for the owner of the table."""

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
