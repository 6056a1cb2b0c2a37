"""A stream that can't be continued is refused with what is wrong, and the command ends in order."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from adapters.nats.publishing import EventTooLarge
from adapters.nats.stream import StreamAhead, StreamDiffers, StreamOfAnother, StreamRefused
from api.complaints import COMPLAINTS, name_of
from api.relaying import Relay
from api.status import status_of
from tests.databases import Databases
from tests.faults.processes import eventually
from tests.faults.relayed import (
    STREAM,
    append,
    asked,
    assert_relayed,
    erase,
    everything,
    positions,
    run_until_refused,
    run_until_relayed,
    settings_for,
    wait_until_relayed,
)


@pytest.fixture
def backup(databases: Databases, migrated_url: str, nats_url: str) -> Iterator[str]:
    """A ledger as it was three events before the stream's end."""
    append(migrated_url, 2)
    run_until_relayed(migrated_url, nats_url)
    backup = databases.create(template=migrated_url)
    append(migrated_url, 3)
    run_until_relayed(migrated_url, nats_url)
    yield backup
    databases.drop(backup)


def test_a_ledger_restored_from_an_older_backup_is_told(backup: str, nats_url: str) -> None:
    with pytest.raises(StreamAhead, match="at position 5, the ledger ends at 2: the ledger was restored"):
        run_until_refused(backup, nats_url)
    assert name_of(StreamRefused) in COMPLAINTS


def test_a_ledger_that_went_on_otherwise_since_its_backup_is_told(backup: str, nats_url: str) -> None:
    append(backup, 10)
    with pytest.raises(StreamDiffers, match="another event at position 5 than the ledger"):
        run_until_refused(backup, nats_url)


def test_as_the_message_says_a_deleted_stream_is_made_anew(backup: str, nats_url: str) -> None:
    append(backup, 10)
    asked(nats_url, lambda js: js.delete_stream(STREAM))
    run_until_relayed(backup, nats_url)
    assert_relayed(backup, nats_url)


def test_an_empty_stream_that_was_moved_on_is_told(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 4)
    run_until_relayed(migrated_url, nats_url)
    append(migrated_url, 200)
    asked(nats_url, lambda js: js.purge_stream(STREAM, seq=100))
    with pytest.raises(StreamAhead, match="at position 99, the ledger ends at 4"):
        run_until_refused(migrated_url, nats_url)


def test_another_ledgers_stream_is_left_alone(
    databases: Databases, migrated: str, migrated_url: str, nats_url: str
) -> None:
    append(migrated_url, 2)
    run_until_relayed(migrated_url, nats_url)
    other = databases.create(template=migrated)
    append(other, 5)
    with pytest.raises(StreamOfAnother):
        run_until_refused(other, nats_url)
    assert_relayed(migrated_url, nats_url)


def test_what_somebody_else_published_is_told(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 2)
    run_until_relayed(migrated_url, nats_url)
    asked(nats_url, lambda js: js.publish("ledger.junk", b"not even JSON"))
    append(migrated_url, 2)
    with pytest.raises(StreamDiffers, match="at position 3"):
        run_until_refused(migrated_url, nats_url)


def test_an_event_that_the_server_does_not_take_is_told(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 1, size=600_000)
    with pytest.raises(EventTooLarge, match=r"position 1 has \d+ bytes, and the server takes 1048576"):
        run_until_refused(migrated_url, nats_url)


def test_what_is_erased_leaves_a_stream_that_carries_what_is_private(
    migrated_url: str, nats_url: str
) -> None:
    append(migrated_url, 9)
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    erase(migrated_url, [2, 3, 9])
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    assert positions(nats_url) == [1, 4, 5, 6, 7, 8, 10]
    asked(nats_url, lambda js: js.delete_stream(STREAM))
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    assert_relayed(migrated_url, nats_url, private=True)


def test_what_is_erased_stays_in_a_stream_that_never_had_it(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 9)
    run_until_relayed(migrated_url, nats_url)
    erase(migrated_url, [2, 3, 9])
    run_until_relayed(migrated_url, nats_url)
    assert_relayed(migrated_url, nats_url)


def test_the_last_event_may_be_erased_since_it_left(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 2)
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE ledger DISABLE TRIGGER ALL")
        connection.execute("UPDATE ledger SET private = NULL")
    append(migrated_url, 1)
    run_until_relayed(migrated_url, nats_url, nats_private=True)


def test_an_event_leaves_as_the_api_shows_it(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 6)
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    with psycopg.connect(migrated_url) as connection:
        rows = connection.execute("SELECT projection.event(ledger) FROM ledger ORDER BY position").fetchall()
    left = [event for _, event in asked(nats_url, everything)[0]]
    assert left == [{"form": 1, **event} for (event,) in rows]


def test_the_command_tells_how_it_is_and_ends_in_order(migrated_url: str, nats_url: str) -> None:
    append(migrated_url, 3)
    environment = {**os.environ, "CHATLEDGER_DATABASE_URL": migrated_url, "CHATLEDGER_NATS_URL": nats_url}
    command = [sys.executable, "-m", "api.cli", "relay", "--metrics-port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1].removesuffix("/metrics")
        wait_until_relayed(migrated_url, nats_url)
        eventually(lambda: httpx.get(f"{address}/readyz").json()["position"] == 3)
        assert httpx.get(f"{address}/readyz").json()["status"] == "ok"
        assert "chatledger_relay_stored 3.0" in httpx.get(f"{address}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert_relayed(migrated_url, nats_url)
    with psycopg.connect(migrated_url) as connection:
        (told,) = status_of(connection)["relay"]
    assert (told["stream"], told["position"], told["lag_events"], told["led_by"]) == ("LEDGER", 3, 0, None)


def test_whoever_can_not_publish_says_why(migrated_url: str) -> None:
    async def complained() -> dict[str, object]:
        relay = Relay(migrated_url, settings_for(migrated_url, "nats://127.0.0.1:1"))
        running = asyncio.ensure_future(relay.run())
        while relay.health()["status"] == "ok":
            await asyncio.sleep(0.01)
        relay.stop()
        await running
        return relay.health()

    health = asyncio.run(complained())
    assert (health["status"], health["publishes"], health["position"]) == ("failing", False, None)
    assert "NoServersError" in str(health["complaint"])
