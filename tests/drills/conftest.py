"""The system as drills harm it: PostgreSQL, two API processes over it, and a company that works with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from tests.drills.company import Company
from tests.drills.crew import Worker
from tests.drills.drill import RECOVERIES, House, table
from tests.drills.lines import HOST
from tests.drills.postgres import Postgres
from tests.drills.screens import Screen

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
def house(postgres: Postgres, folder: Path) -> Iterator[House]:
    """One for all drills, so that each finds what the others left behind."""
    servers, told = {"database": postgres.port}, {"CHATLEDGER_DATABASE_URL": DATABASE}
    crew = [api(nth, told, servers, folder) for nth in (1, 2)]
    with at_work(crew, lambda: postgres.url) as house:
        yield house


def api(nth: int, environment: Mapping[str, str], servers: Mapping[str, int], folder: Path) -> Worker:
    return Worker(f"api {nth}", ["serve", "--port", "{port}"], environment, servers, folder)


@contextmanager
def at_work(crew: Sequence[Worker], url: Callable[[], str]) -> Iterator[House]:
    """The crew runs, and everybody speaks with it, until the end of the block."""
    with ExitStack() as stack:
        for worker in crew:
            stack.enter_context(closing(worker))
            worker.start()
            worker.wait_until_ready()
        urls = [worker.url for worker in crew if worker.name.startswith("api")]
        company = Company(urls)
        screen = Screen(urls, company.tokens["employee:irina"])
        house = House(url, crew, company, screen)
        stack.callback(company.end)
        stack.callback(screen.end)
        company.start()
        yield house
        house.wait_until_nothing_lags()
