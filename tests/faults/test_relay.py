"""Whatever happens to a relay, to NATS and to the stream: it has every event once and in its order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults import relayed
from tests.faults.processes import Processes
from tests.faults.relayed import append, assert_relayed, wait_until_relayed, wait_until_some_are_relayed
from tests.nats_servers import NatsServer, nats_server


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
    for number in range(5):
        append(url, 2_000)
        killed = processes.start(relayed.relay, url, f"relay-{number}", nats_url)
        wait_until_some_are_relayed(nats_url, 2_000 * number + 300 * number + 1)
        killed.kill()
    processes.start(relayed.relay, url, "last", nats_url)
    wait_until_relayed(url, nats_url)
    assert_relayed(url, nats_url)
