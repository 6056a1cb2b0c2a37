from collections.abc import Iterator

import pytest

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
