"""What a relay is held against: events to publish, a process that publishes them, and what a reader of the
stream finds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

import nats
import nats.errors
import psycopg
from eventsourcing.persistence import StoredEvent
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, StreamInfo
from nats.js.errors import APIError

from adapters.nats.subjects import Address, address
from adapters.settings import Settings
from api.relaying import Lead, Relay
from tests.adapters.ledger_events import opened
from tests.faults.processes import Telling, eventually

STREAM = "LEDGER"
WORKSPACES = ("main", "acme.ru", "дом у моря", "a*b>c", "100%_~-")
FETCHED_AT_ONCE = 1_000

Answer = TypeVar("Answer")
Step = Callable[..., Awaitable[None]]
ERASE = "SELECT ledger_erase(%s::bigint[], %s::uuid, 1, 'contact.erased', %s::jsonb, '{}', '{}')"
LEDGER = """
SELECT position, workspace_id, stream_id::text, version, topic, actor, occurred_at, recorded_at, causation,
       facts, private
FROM ledger ORDER BY position
"""


def append(url: str, events: int, *, size: int = 20) -> None:
    """So many messages of companies with all kinds of names; size: characters that each holds."""
    with opened(url) as recorder:
        recorder.insert_events([_event(number, "х" * size) for number in range(events)])


def _event(number: int, text: str) -> StoredEvent:
    facts = {"number": number, "text": text, "private_digest": "0" * 64}
    envelope = _envelope(WORKSPACES[number % len(WORKSPACES)], facts)
    envelope["private"] = {"name": "Василий"} if number % 3 else None
    return StoredEvent(
        uuid4(), 1, ("message.received", "chat.opened")[number % 2], json.dumps(envelope).encode()
    )


def erase(url: str, positions: list[int]) -> None:
    """As the ledger does it: with the event that names what is gone, and without anything else."""
    facts = {"contact_id": "husband", "positions": [[position, position] for position in positions]}
    state = {**_envelope("main", facts), "private": None}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(ERASE, (positions, uuid4(), json.dumps(state)))


def _envelope(workspace_id: str, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "actor": "system",
        "occurred_at": "2024-05-06T07:08:09.123456Z",
        "causation": "a test",
        "facts": facts,
    }


def settings_for(url: str, nats_url: str, **more: Any) -> Settings:
    return Settings(database_url=url, nats_url=nats_url, **more)


def relay(tell: Telling, url: str, name: str, nats_url: str) -> None:
    """A process that relays until it is killed."""

    async def run() -> None:
        await Relay(url, settings_for(url, nats_url)).run()

    asyncio.run(run())


def relay_until(tell: Telling, url: str, name: str, nats_url: str, steps: int) -> None:
    """A process that relays until it has sent and noted so much, and kills itself there."""
    left = count(steps, -1)

    def counted(step: Step) -> Step:
        async def counted_step(*arguments: Any, **named: Any) -> None:
            if next(left) <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            await step(*arguments, **named)

        return counted_step

    setattr(Client, "publish", counted(Client.publish))  # noqa: B010
    setattr(Lead, "note", counted(Lead.note))  # noqa: B010
    relay(tell, url, name, nats_url)


def run_until_refused(url: str, nats_url: str, **more: Any) -> None:
    """In this process, until the stream is refused."""

    async def run() -> None:
        await Relay(url, settings_for(url, nats_url, **more)).run()

    asyncio.run(run())


def run_until_relayed(url: str, nats_url: str, **more: Any) -> None:
    """In this process, until everything is published."""

    async def run() -> None:
        relay = Relay(url, settings_for(url, nats_url, **more))
        running = asyncio.ensure_future(relay.run())
        client = await nats.connect(nats_url)
        async with asyncio.timeout(30):
            while not running.done() and await _last(client.jetstream()) != head(url):
                await asyncio.sleep(0.01)
        relay.stop()
        await running
        await client.close()

    asyncio.run(run())


def asked(nats_url: str, ask: Callable[[JetStreamContext], Awaitable[Answer]]) -> Answer:
    """What JetStream answers to somebody else."""

    async def connected() -> Answer:
        client = await nats.connect(nats_url, max_reconnect_attempts=1, reconnect_time_wait=0)
        try:
            return await ask(client.jetstream())
        finally:
            await client.close()

    return asyncio.run(connected())


def head(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT position FROM ledger_head").fetchone()
    assert row is not None
    return int(row[0])


def wait_until_relayed(url: str, nats_url: str) -> None:
    """Until the stream goes as far as the ledger."""
    eventually(lambda: last_position(nats_url) == head(url))


def wait_until_some_are_relayed(nats_url: str, position: int) -> None:
    eventually(lambda: last_position(nats_url) >= position)


def positions(nats_url: str) -> list[int]:
    """What is in the stream."""
    return [event["position"] for _, event in asked(nats_url, everything)[0]]


def first_position(nats_url: str) -> int:
    """Where the stream begins."""

    async def first(js: JetStreamContext) -> int:
        info = await js.stream_info(STREAM)
        return info.state.first_seq + int((info.config.metadata or {})["chatledger-offset"])

    return asked(nats_url, first)


def last_position(nats_url: str) -> int:
    """Up to where the stream goes; 0 where there is none."""
    return asked(nats_url, _last) or 0


async def _last(js: JetStreamContext) -> int | None:
    """The position of the last message, or up to where there were some; None where there is no stream."""
    with suppress(APIError, nats.errors.Error, OSError):
        info = await js.stream_info(STREAM)
        return info.state.last_seq + int((info.config.metadata or {}).get("chatledger-offset", 0))
    return None


def assert_relayed(url: str, nats_url: str, *, first: int = 1, private: bool = False) -> None:
    """The stream has every position from the first on, once and in order, and each as the ledger has it."""
    messages, info = asked(nats_url, everything)
    with psycopg.connect(url) as connection:
        rows = connection.execute(LEDGER.encode()).fetchall()
    expected = [_public(row, private=private) for row in rows if row[0] >= first]
    assert [event for _, event in messages] == expected
    assert [where for where, _ in messages] == [
        Address(event["workspace_id"], event["topic"], event["stream_id"]) for event in expected
    ]
    assert info.state.messages == len(expected)


async def everything(js: JetStreamContext) -> tuple[list[tuple[Address, Any]], StreamInfo]:
    """All messages of the stream in order, each with what its subject says, and what the stream is."""
    info = await js.stream_info(STREAM)
    reader = await js.pull_subscribe(
        "", stream=STREAM, config=ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=10)
    )
    found: list[tuple[Address, Any]] = []
    while len(found) < info.state.messages:
        for message in await reader.fetch(min(FETCHED_AT_ONCE, info.state.messages - len(found)), timeout=5):
            event = json.loads(message.data)
            assert (message.headers or {})["Nats-Msg-Id"] == str(event["position"])
            found.append((address(message.subject), event))
    return found, info


def _public(row: tuple[Any, ...], *, private: bool) -> dict[str, Any]:
    names = (
        "position",
        "workspace_id",
        "stream_id",
        "version",
        "topic",
        "actor",
        "occurred_at",
        "recorded_at",
    )
    event = dict(zip((*names, "causation", "facts", "private"), row, strict=True))
    for name in ("occurred_at", "recorded_at"):
        event[name] = _rfc3339(event[name])
    if not private:
        del event["private"]
    return {"form": 1, **event}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
