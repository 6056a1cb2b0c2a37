"""Databases with the ledger and the tables of the read side in them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.databases import Databases
from tests.projections.history import History, migrate_everything


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    url = databases.create()
    with psycopg.connect(url, autocommit=True) as connection:
        migrate_everything(connection)
    return url


@pytest.fixture
def url(databases: Databases, migrated: str) -> Iterator[str]:
    """A database of the test's own, with all tables and no event."""
    url = databases.create(template=migrated)
    yield url
    databases.drop(url)


@pytest.fixture
def connection(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def history(connection: Connection[Any]) -> History:
    return History(connection)
