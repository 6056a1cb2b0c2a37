"""A company's ledger, and the processes that work on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.faults import company
from tests.faults.processes import Processes
from tests.projections.history import migrate_everything


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.kill_all()


@pytest.fixture
def url(migrated_url: str) -> str:
    """A database with the company in it and nobody at work, on the server of the test run."""
    company.found(migrated_url)
    return migrated_url


def founded(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        migrate_everything(connection)
    company.found(url)
    return url
