"""kill -9 of each process and each server under load, in turn and together."""

from __future__ import annotations

import pytest

from tests.drills.drill import House
from tests.drills.postgres import Postgres

pytestmark = pytest.mark.drill


def test_each_process_is_killed(house: House) -> None:
    for worker in house.workers:
        house.drill(f"{worker.name} killed", worker.kill, worker.start)


def test_all_processes_are_killed_at_once(house: House) -> None:
    def kill_all() -> None:
        for worker in house.workers:
            worker.kill()
        for worker in house.workers:
            worker.start()

    house.drill("every process killed", kill_all)


def test_postgres_is_killed(house: House, postgres: Postgres) -> None:
    def kill() -> None:
        postgres.kill()
        postgres.start()

    house.drill("PostgreSQL killed", kill)


def test_postgres_is_stopped_at_once_and_started(house: House, postgres: Postgres) -> None:
    def restart() -> None:
        postgres.stop_at_once()
        postgres.start()

    house.drill("PostgreSQL stopped at once and started", restart)
