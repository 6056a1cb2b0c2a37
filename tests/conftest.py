"""One PostgreSQL per test run, one database per test.

Alone, a run starts the server when a test first asks for it. With xdist the controller starts it and tells
its workers the URL. `CHATLEDGER_DATABASE_URL` uses that server instead (its user must be allowed to create
databases).

Tests that need tables copy a database that has them, `migrated`: some 15 ms instead of a second.
"""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from adapters.postgres.data_folder import DataFolderTaken, Ownership
from adapters.postgres.database import create_pool, migrate
from adapters.postgres.embedded import SETTINGS, EmbeddedPostgres
from adapters.postgres.recorder import LEDGER_SQL
from api.app import make_tables
from tests.databases import Databases
from tests.nats_servers import nats_server, remove_streams

# What survives a power cut is PostgreSQL's to prove; without fsync a database is made and dropped in no time.
SERVER_SETTINGS = {
    **SETTINGS,
    **{"fsync": "off", "full_page_writes": "off", "max_connections": "300", "max_wal_size": "256MB"},
}
IN_MEMORY_BYTES = 2 * 2**30
settings.register_profile("chatledger", deadline=None)  # a slow machine is not a wrong answer
settings.load_profile("chatledger")
SERVER = pytest.StashKey[EmbeddedPostgres]()
SERVER_URL = pytest.StashKey[str]()


# In the background of a shell it is ignored, and so it would be by what the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


DATA = tempfile.mkdtemp(prefix="chatledger-tests-data-")
os.environ.update(CHATLEDGER_DATA=DATA, CHATLEDGER_CHECKPOINT_PLACES="")
"""Where keys are made, by servers whose test says nothing else; and no tree heads are kept."""


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: the controller is about to start a worker."""
    node.workerinput["server_url"] = _server_url(node.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(DATA, ignore_errors=True)
    if server := config.stash.get(SERVER, None):
        server.stop()
        _remove(server.folder)


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """The server of this test run. Its database `postgres` is for making others, not for tables."""
    told_by_controller: str | None = getattr(request.config, "workerinput", {}).get("server_url")
    return told_by_controller or _server_url(request.config)


@pytest.fixture(scope="session")
def databases(server_url: str) -> Iterator[Databases]:
    with Databases(server_url) as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """A database with all tables that a server makes, to be copied: nobody is connected to it."""
    url = databases.create()
    with psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, [LEDGER_SQL.read_text()])
    with create_pool(url, max_size=1) as pool:
        make_tables(pool, url)
    return url


@pytest.fixture
def migrated_url(databases: Databases, migrated: str) -> Iterator[str]:
    """A database of the test's own, with all tables and no event."""
    url = databases.create(template=migrated)
    yield url
    databases.drop(url)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database of the test's own, fresh and empty."""
    url = databases.create()
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def one_nats_url() -> Iterator[str]:
    """The JetStream of this worker; `CHATLEDGER_NATS_URL` uses that server instead, and empties it."""
    if url := os.environ.get("CHATLEDGER_NATS_URL"):
        yield url
        return
    with nats_server() as server:
        yield server.url


@pytest.fixture
def nats_url(one_nats_url: str) -> str:
    """A JetStream without any stream; it is not the test's to be killed."""
    asyncio.run(remove_streams(one_nats_url))
    return one_nats_url


def _server_url(config: pytest.Config) -> str:
    if url := os.environ.get("CHATLEDGER_DATABASE_URL"):
        return url
    if SERVER_URL not in config.stash:
        config.stash[SERVER], config.stash[SERVER_URL] = _start_server()
    return config.stash[SERVER_URL]


def _remove(folder: Path) -> None:
    """As its owner, so that it is not taken away from another run that has just taken it."""
    with suppress(DataFolderTaken):
        owner = Ownership(folder, "a test run that tidies up")
        for path in folder.iterdir():
            if path.name != "owner":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        owner.give_up()


def _fastest_place() -> Path:
    """In memory, where there is room: a database is copied there in a tenth of the time."""
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > IN_MEMORY_BYTES:
        return memory
    return Path(tempfile.gettempdir())


def _start_server() -> tuple[EmbeddedPostgres, str]:
    """In the first free of some numbered folders, so that the server of a killed run is found and ended."""
    for number in count():
        folder = _fastest_place() / f"chatledger-tests-{os.getuid()}-{number}"
        server = EmbeddedPostgres(folder, owner="a test run", settings=SERVER_SETTINGS)
        try:
            return server, server.start()
        except DataFolderTaken:
            continue
    raise AssertionError("unreachable")
