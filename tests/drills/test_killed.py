"""kill -9 of each process and each server under load, in turn and together."""

from __future__ import annotations

from functools import partial

import pytest

from tests.drills.crew import Worker
from tests.drills.drill import House
from tests.drills.postgres import Postgres
from tests.nats_servers import NatsServer

pytestmark = pytest.mark.drill


def test_each_process_is_killed(house: House) -> None:
    """Others do without it until it is started again; there is one relay, so that is started at once."""
    for worker in house.workers:
        if worker.name == "relay":
            house.drill("relay killed and started", partial(restart, worker))
        else:
            house.drill(f"{worker.name} killed", worker.kill, worker.start)


def test_all_processes_are_killed_at_once(house: House) -> None:
    house.drill("every process killed and started", partial(restart, *house.workers))


def test_postgres_is_killed(house: House, postgres: Postgres) -> None:
    def kill_and_start() -> None:
        postgres.kill()
        postgres.start()

    house.drill("PostgreSQL killed and started", kill_and_start)


def test_postgres_is_stopped_at_once_and_started(house: House, postgres: Postgres) -> None:
    def stop_and_start() -> None:
        postgres.stop_at_once()
        postgres.start()

    house.drill("PostgreSQL stopped at once and started", stop_and_start)


def test_nats_is_killed(house: House, nats: NatsServer) -> None:
    house.drill("NATS killed and started", nats.restart)
    house.drill("NATS killed and started without its data", partial(nats.restart, with_data=False))


def test_everything_is_killed_at_once(house: House, postgres: Postgres, nats: NatsServer) -> None:
    def kill_and_start() -> None:
        for worker in house.workers:
            worker.kill()
        nats.kill()
        postgres.kill()
        postgres.start()
        nats.start()
        for worker in house.workers:
            worker.start()

    house.drill("every process and server killed and started", kill_and_start)


def restart(*workers: Worker) -> None:
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.start()
