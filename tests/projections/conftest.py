"""Databases with the ledger and the tables of the read side in them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.projections.history import History


@pytest.fixture
def url(migrated_url: str) -> str:
    """A database of the test's own, with all tables and no event."""
    return migrated_url


@pytest.fixture
def connection(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def history(connection: Connection[Any]) -> History:
    return History(connection)
