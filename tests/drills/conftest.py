"""The system as drills harm it, as several processes, and a company that works with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from tests.drills.company import Company
from tests.drills.crew import Site, Worker
from tests.drills.drill import RECOVERIES, Database, House, table
from tests.drills.lines import HOST
from tests.drills.postgres import Postgres
from tests.drills.screens import Screen
from tests.nats_servers import NatsServer

DATABASE = f"postgresql://postgres@{HOST}:{{database}}/postgres"
WIDTH = 140


def pytest_terminal_summary() -> None:
    if RECOVERIES:
        Console(width=WIDTH).print(table(RECOVERIES))


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """Not in pytest's own: its next run takes PostgreSQL's account, which is not ours, the way there."""
    with TemporaryDirectory(prefix="chatledger-drills-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder / "server")
    server.make()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def nats(folder: Path) -> Iterator[NatsServer]:
    """It waits for the disk with each message, as in production."""
    with NatsServer(folder / "nats", sync_always=True) as server:
        yield server


@pytest.fixture(scope="session")
def house(postgres: Postgres, nats: NatsServer, folder: Path) -> Iterator[House]:
    """One for all drills, so that each finds what the others left behind."""
    with at_work(crew_at(DATABASE, {"database": postgres.port}, nats, folder), postgres, nats) as house:
        yield house


def crew_at(database_url: str, databases: Mapping[str, int], nats: NatsServer, folder: Path) -> list[Worker]:
    """Who is on duty: two of those who serve and of those who follow, and one who relays.

    database_url: with the names of databases where the ports of the lines to them belong.
    """
    environment = {
        "CHATLEDGER_DATABASE_URL": database_url,
        "CHATLEDGER_NATS_URL": f"nats://{HOST}:{{nats}}",
        "CHATLEDGER_FOLLOW": "false",
    }
    site = Site({**databases, "nats": nats.port}, environment, folder)
    return [
        *(Worker(f"api {nth}", site, "serve", "--port", "{port}") for nth in (1, 2)),
        *(Worker(f"follower {nth}", site, "follow", "--metrics-port", "{port}") for nth in (1, 2)),
        Worker("relay", site, "relay", "--metrics-port", "{port}"),
    ]


@contextmanager
def at_work(crew: Sequence[Worker], database: Database, nats: NatsServer) -> Iterator[House]:
    """The crew runs, and everybody speaks with it, until the end of the block."""
    with ExitStack() as stack:
        for worker in crew:
            stack.enter_context(closing(worker))
            worker.start()
            if worker is crew[0]:
                worker.wait_until_ready()  # it makes the tables
        for worker in crew:
            worker.wait_until_ready()
        urls = [worker.url for worker in crew if worker.name.startswith("api")]
        company = Company(urls)
        screen = Screen(urls, company.tokens["employee:irina"])
        house = House(database, nats, crew, company, screen)
        stack.callback(company.end)
        stack.callback(screen.end)
        company.start()
        yield house
        house.wait_until_nothing_lags()
