import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
from structlog.contextvars import bound_contextvars

from api.logs import configure
from tests.api.client import Client, Server, serving
from tests.api.receiver import Receiver
from tests.databases import Databases


@pytest.fixture
def database_url(migrated_url: str) -> str:
    """Ready for a server, which makes its tables where they are missing: test_upgrade.py."""
    return migrated_url


@pytest.fixture(scope="module")
def server(databases: Databases, migrated: str) -> Iterator[Server]:
    """A Chatledger for the tests of one file, on a database of its own."""
    url = databases.create(template=migrated)
    with serving(url) as server:
        yield server
    databases.drop(url)


@pytest.fixture(scope="module")
def admin(server: Server) -> Client:
    return server.client


@pytest.fixture(scope="module")
def connector(admin: Client) -> Client:
    return admin.with_token("connector")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A stranger's system that listens."""
    with Receiver().open() as receiver:
        yield receiver
        receiver.held.set()


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where a test may let everything be logged; afterwards it is as pytest had it."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    with bound_contextvars():
        yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook = hooks


@pytest.fixture
def logged(stream: io.StringIO) -> io.StringIO:
    """What is logged while the test runs, an object a line."""
    configure("json", stream=stream)
    return stream
