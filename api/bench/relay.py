"""How fast the ledger leaves for JetStream: a company's history, until an empty stream holds all of it.

ours                `chatledger relay`, in this process: reads the ledger, publishes each event behind the
                    one before it, and knows that all are stored
peer:publish_async  nats-py's own pipelined publisher, which asks an answer for each event, of the same
                    bytes in memory
limit:publish       nats-py's bare `publish` of the same bytes, headers and subjects in memory; an answer
                    is asked for every 1,000th, so that the server is not overrun

All of them use one nats-server with file storage and its defaults, which waits for the disk now and then.
Each is measured on a new stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

import psycopg
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from adapters.nats.connection import connected
from adapters.nats.publishing import LAST_SEQUENCE, MESSAGE_ID, Outgoing
from adapters.nats.stream import Wanted, open_stream
from adapters.nats.subjects import subject
from adapters.postgres.database import migrate
from adapters.settings import Settings
from api.bench import history
from api.bench.company import Company
from api.bench.measuring import OURS, Contender, Result, Watch, machine, measure, settings_of
from api.bench.servers import database, fresh_nats, fresh_postgres
from api.relaying import STATEMENTS, Relay

CONVERSATIONS = 15_000
"""Of 7 events each, about; the ledger's head is told among the settings."""

ANSWER_EVERY, IN_FLIGHT = 1_000, 8_000
LOOK_INTERVAL_S = 0.01
STREAM = "LEDGER"
READ_MODELS = ("directory",)
"""Made beside the ledger; the relay needs none of them."""
ASYNC, BARE, CASE = "peer:publish_async", "limit:publish", "relay"

Publish = Callable[[Client, Sequence[Outgoing]], Awaitable[None]]


class NotStored(Exception):
    """The server did not store what was published, so that no figure would mean anything."""


def run(rounds: int, watch: Watch, *, conversations: int = CONVERSATIONS) -> Result:
    """conversations: of the company whose history is published.

    Raises:
        PeerMissing: there is no nats-server.
    """
    with fresh_postgres() as url, fresh_nats() as nats_url:
        own_url = database(url, "company")
        history.make(own_url, Company(conversations), watch, names=READ_MODELS)
        with psycopg.connect(own_url, autocommit=True) as connection:
            migrate(connection, [STATEMENTS["create"]])
        events = _events(own_url)
        contenders = [
            Contender(OURS, CASE, "events/s", lambda: relay_everything(own_url, nats_url, len(events))),
            Contender(ASYNC, CASE, "events/s", lambda: _publish(nats_url, events, _each_answered)),
            Contender(BARE, CASE, "events/s", lambda: _publish(nats_url, events, _few_answered)),
        ]
        rows = measure(contenders, rounds=rounds, watch=watch)
        size = sum(len(event.body) for event in events) // len(events)
        settings = settings_of(url, events=len(events), bytes_an_event=size)
    result = Result("relay", machine(), dict(settings), rows)
    result.compare(CASE, ASYNC)
    result.compare(CASE, BARE)
    return result


def _events(url: str) -> list[Outgoing]:
    """All of them, as they leave."""
    asked = {"after": 0, "until": 2**62, "private": False}
    with psycopg.connect(url) as connection, connection.cursor(binary=True) as cursor:
        rows = cursor.execute(STATEMENTS["events"], asked).fetchall()
    return [Outgoing(row[0], subject(*row[1:4]), row[4]) for row in rows]


def relay_everything(url: str, nats_url: str, events: int) -> float:
    """Events a second of the relay as it is, from its start on, into a new stream."""

    async def relay() -> float:
        relay = Relay(url, Settings(database_url=url, nats_url=nats_url, nats_stream=STREAM))
        async with connected(nats_url, name="chatledger bench") as client:
            await _remove(client)
        begun = perf_counter()
        running = asyncio.ensure_future(relay.run())
        while not running.done() and relay.health()["position"] != events:
            await asyncio.sleep(LOOK_INTERVAL_S)
        took_s = perf_counter() - begun
        relay.stop()
        await running
        return events / took_s

    return _run(relay())


def _publish(nats_url: str, events: Sequence[Outgoing], publish: Publish) -> float:
    """Events a second until all are stored."""

    async def timed() -> float:
        async with connected(nats_url, name="chatledger bench") as client:
            await _remove(client)
            await open_stream(client.jetstream(), Wanted(STREAM, "bench"))
            begun = perf_counter()
            await publish(client, events)
            took_s = perf_counter() - begun
            if (stored := await _stored(client)) != len(events):
                raise NotStored(f"{stored} of {len(events)} events are in the stream")
        return len(events) / took_s

    return _run(timed())


async def _each_answered(client: Client, events: Sequence[Outgoing]) -> None:
    js = client.jetstream()
    answers = [await js.publish_async(event.subject, event.body, headers=_headers(event)) for event in events]
    await asyncio.gather(*answers)


async def _few_answered(client: Client, events: Sequence[Outgoing]) -> None:
    answered, last = asyncio.Event(), 0

    async def take(message: Msg) -> None:
        nonlocal last
        last = json.loads(message.data)["seq"]
        answered.set()

    inbox = client.new_inbox()
    await client.subscribe(inbox, cb=take)
    for event in events:
        asks = event.position % ANSWER_EVERY == 0 or event is events[-1]
        await client.publish(event.subject, event.body, inbox if asks else "", _headers(event))
        while event.position - last > IN_FLIGHT or (event is events[-1] and last < event.position):
            answered.clear()
            await answered.wait()


def _headers(event: Outgoing) -> dict[str, str]:
    return {MESSAGE_ID: str(event.position), LAST_SEQUENCE: str(event.position - 1)}


async def _remove(client: Client) -> None:
    try:
        await client.jetstream().delete_stream(STREAM)
    except NotFoundError:
        return


async def _stored(client: Client) -> int:
    try:
        return (await client.jetstream().stream_info(STREAM)).state.last_seq
    except NotFoundError:
        return 0


def _run(measured: Any) -> float:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return float(runner.run(measured))
