"""Whatever happens to a relay, to NATS and to the stream: it has every event once and in its order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from random import Random
from threading import Event, Thread

import psycopg
import pytest
from nats.js.errors import BadRequestError, NotFoundError
from psycopg.sql import SQL, Identifier

from tests.faults import relayed
from tests.faults.processes import Processes, eventually
from tests.faults.relayed import append, assert_relayed, wait_until_relayed, wait_until_some_are_relayed
from tests.nats_servers import NatsServer, nats_server

POOLED = """
CREATE SCHEMA pooled;
CREATE FUNCTION pooled.pg_try_advisory_lock(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'
"""
"""As behind a pooler that gives each transaction any session: the lock of a session is everybody's."""


NOTED = "SELECT updated_at FROM relay.checkpoint"


@pytest.fixture
def url(migrated_url: str) -> str:
    """A ledger without events."""
    return migrated_url


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


def test_every_event_leaves_once_and_in_order(url: str, nats_url: str) -> None:
    append(url, 2_500)
    relayed.run_until_relayed(url, nats_url)
    assert_relayed(url, nats_url)
    append(url, 3)
    relayed.run_until_relayed(url, nats_url)
    assert_relayed(url, nats_url)


def test_what_is_private_leaves_only_where_that_is_wanted(url: str, nats_url: str) -> None:
    append(url, 5)
    relayed.run_until_relayed(url, nats_url, nats_private=True)
    assert_relayed(url, nats_url, private=True)


def test_a_relay_that_is_killed_anywhere_goes_on_without_a_gap(
    url: str, nats_url: str, processes: Processes
) -> None:
    append(url, 3_000)
    for steps in (0, 1, 777, 1_003):
        killed = processes.start(relayed.relay_until, url, f"relay-{steps}", nats_url, steps)
        eventually(lambda killed=killed: not killed.lives)  # type: ignore[misc]
    assert relayed.last_position(nats_url) < 3_000
    processes.start(relayed.relay, url, "last", nats_url)
    wait_until_relayed(url, nats_url)
    assert_relayed(url, nats_url)


Disaster = Callable[[NatsServer], None]


def purge(server: NatsServer) -> None:
    with suppress(NotFoundError):
        relayed.asked(server.url, lambda js: js.purge_stream(relayed.STREAM))


def purge_all_but_some(server: NatsServer) -> None:
    with suppress(NotFoundError):
        relayed.asked(server.url, lambda js: js.purge_stream(relayed.STREAM, keep=7))


def delete(server: NatsServer) -> None:
    with suppress(NotFoundError):
        relayed.asked(server.url, lambda js: js.delete_stream(relayed.STREAM))


def delete_and_recreate(server: NatsServer) -> None:
    """Somebody makes it again by hand, if the relay was not first."""
    delete(server)
    with suppress(BadRequestError):
        relayed.asked(server.url, lambda js: js.add_stream(name=relayed.STREAM, subjects=["ledger.>"]))


def restart(server: NatsServer) -> None:
    server.restart()


def restart_without_data(server: NatsServer) -> None:
    server.restart(with_data=False)


PURGES: tuple[Disaster, ...] = (purge, purge_all_but_some)
LOSSES: tuple[Disaster, ...] = (delete, delete_and_recreate, restart, restart_without_data)


@pytest.mark.parametrize("disaster", [*PURGES, *LOSSES])
def test_the_stream_is_continued_whatever_happens_to_it(
    url: str, server: NatsServer, processes: Processes, disaster: Disaster
) -> None:
    relay = processes.start(relayed.relay, url, "relay", server.url)
    append(url, 100)
    wait_until_relayed(url, server.url)
    with meanwhile(lambda: append(url, 300), times=5):
        disaster(server)
    wait_until_relayed(url, server.url)
    disaster(server)  # while nothing is published
    append(url, 1)
    wait_until_relayed(url, server.url)
    first = relayed.first_position(server.url)
    assert first == 1 or disaster in PURGES
    assert_relayed(url, server.url, first=first)
    assert relay.lives


def test_whatever_happens_in_turn_and_together(url: str, server: NatsServer, processes: Processes) -> None:
    random = Random(7)
    relays = [processes.start(relayed.relay, url, f"relay-{number}", server.url) for number in range(2)]
    with meanwhile(lambda: append(url, 100), times=12):
        for number in range(4):
            random.choice(PURGES + LOSSES)(server)
            relays.pop(0).kill()
            relays.append(processes.start(relayed.relay, url, f"relay-{2 + number}", server.url))
            wait_until_some_are_relayed(server.url)
    wait_until_relayed(url, server.url)
    assert_relayed(url, server.url, first=relayed.first_position(server.url))
    assert all(relay.lives for relay in relays)


@contextmanager
def meanwhile(do: Callable[[], None], *, times: int) -> Iterator[None]:
    """Do something again and again beside the block, and wait for its end."""
    first = Event()

    def again() -> None:
        for _ in range(times):
            do()
            first.set()

    thread = Thread(target=again)
    thread.start()
    first.wait()
    yield
    thread.join()


def test_a_stream_that_is_gone_is_published_anew_though_nothing_happens(
    url: str, server: NatsServer, processes: Processes
) -> None:
    append(url, 10)
    processes.start(relayed.relay, url, "relay", server.url)
    wait_until_relayed(url, server.url)
    delete(server)
    wait_until_relayed(url, server.url)
    assert_relayed(url, server.url)


def test_a_relay_with_nothing_to_publish_is_heard_of(url: str, nats_url: str, processes: Processes) -> None:
    processes.start(relayed.relay, url, "relay", nats_url)
    with psycopg.connect(url, autocommit=True) as connection:
        heard = set[object]()

        def heard_again() -> bool:
            heard.update(connection.execute(NOTED).fetchall())
            return len(heard) > 2

        eventually(heard_again)
        assert connection.execute("SELECT epoch FROM relay.checkpoint").fetchall() == [(1,)]


def test_another_relay_goes_on_when_one_is_killed(url: str, nats_url: str, processes: Processes) -> None:
    relays = [processes.start(relayed.relay, url, f"relay-{number}", nats_url) for number in range(2)]
    append(url, 500)
    wait_until_relayed(url, nats_url)
    (leader,) = (relay for relay in relays if "publishing to" in relay.log)
    append(url, 500)
    leader.kill()
    begun = time.monotonic()
    wait_until_relayed(url, nats_url)
    assert time.monotonic() - begun < 5
    assert_relayed(url, nats_url)


def test_two_who_both_believe_that_they_lead(url: str, nats_url: str, processes: Processes) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(POOLED.encode())
        database = Identifier(connection.info.dbname)
        connection.execute(
            SQL("ALTER DATABASE {} SET search_path = public, pooled, pg_catalog").format(database)
        )
    relays = [processes.start(relayed.relay, url, f"relay-{number}", nats_url) for number in range(2)]
    for _ in range(5):
        append(url, 200)
        wait_until_relayed(url, nats_url)
    for relay in relays:
        relay.wait_until_it_logged("another process publishes")
    assert_relayed(url, nats_url)
