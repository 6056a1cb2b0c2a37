"""Publishes the ledger to JetStream: every event once, in its order, as long as it takes.

One process publishes at a time. It asks the stream itself up to where it goes, holds its last event against
the ledger, and continues it; whatever goes wrong ends in another look at the stream. So it may be killed
anywhere, and a stream that was purged, lost or made anew is continued from what it says.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import nats.errors
import psycopg
from nats.js import JetStreamContext
from psycopg import AsyncConnection

from adapters.nats.connection import ConnectionToNatsLost, connected
from adapters.nats.publishing import Outgoing, OutOfStep, Publisher
from adapters.nats.stream import (
    Stream,
    StreamAhead,
    StreamDiffers,
    Wanted,
    is_as_left,
    open_stream,
)
from adapters.nats.subjects import subject
from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.settings import Settings
from projections.leader import described
from projections.read_model import PLANS
from projections.statements import Statements
from projections.wakes import CHANNEL

STATEMENTS = Statements("relaying.sql", files("api").joinpath("relaying.sql").read_text("utf-8"))

RANGE = 1_000
"""Most events that are read at once; as many again are on their way or waited for."""

POLL_INTERVAL_S = 0.05
"""Longest time in which an event may be missed that nobody announced."""

LOOK_INTERVAL_S = 1.0
"""How often is looked whether the stream is as it was left, while there is nothing to publish."""

TAKEOVER_INTERVAL_S = 0.25
"""How often a process that does not publish tries to."""

SHORTEST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 2.0
STANDSTILL_S = 10
"""Who has not been heard of for so long stands still, and another one publishes."""

STATEMENT_TIMEOUT_S = 60
BEGIN_SESSION = f"""
SET synchronous_commit = off; {PLANS};
SET idle_session_timeout = '{STANDSTILL_S}s'; SET statement_timeout = '{STATEMENT_TIMEOUT_S}s';
LISTEN {CHANNEL}
"""
PASSING = (psycopg.Error, nats.errors.Error, OSError, OutOfStep, ConnectionToNatsLost)
"""What may be over in a while."""

logger = logging.getLogger(__name__)


class LeadLost(Exception):
    """Another process publishes now."""


class Lead:
    """The right to publish, over the connection that has it.

    ledger_id: what the stream is known by. begun: nothing after this position was ever sent.
    """

    def __init__(
        self, connection: AsyncConnection[Any], stream: str, epoch: int, ledger_id: str, begun: int
    ) -> None:
        self.connection, self.stream, self.epoch = connection, stream, epoch
        self.ledger_id, self.begun = ledger_id, begun

    async def events(self, after: int, until: int, *, private: bool) -> list[Outgoing]:
        asked = {"after": after, "until": until, "private": private}
        async with self.connection.cursor(binary=True) as cursor:
            await cursor.execute(STATEMENTS["events"], asked)
            return [
                Outgoing(position, subject(workspace_id, topic, stream_id), body)
                for position, workspace_id, topic, stream_id, body in await cursor.fetchall()
            ]

    async def note(self, published: int, begun: int) -> None:
        """Write down what is in the stream, and up to where something is about to be sent.

        Raises:
            LeadLost: somebody else publishes; nothing was written.
        """
        asked = {"stream": self.stream, "epoch": self.epoch, "published": published, "begun": begun}
        if (await self.connection.execute(STATEMENTS["note"], asked)).rowcount != 1:
            raise LeadLost

    async def head(self) -> int:
        row = await (await self.connection.execute(STATEMENTS["head"])).fetchone()
        assert row is not None
        return int(row[0])

    async def wait(self) -> None:
        """Until something is announced, or it is time to look."""
        async for _ in self.connection.notifies(timeout=POLL_INTERVAL_S, stop_after=1):
            pass


class Relay:
    """Publishes from `run` until `stop`, whenever this process has the lead."""

    def __init__(self, database_url: str, settings: Settings) -> None:
        """settings: with a `nats_url`."""
        assert settings.nats_url is not None
        self.database_url, self.nats_url, self.settings = database_url, settings.nats_url, settings
        self._stopping = asyncio.Event()
        self._complaint = ""
        self._backoff_s = SHORTEST_BACKOFF_S

    def stop(self) -> None:
        """End when what is on its way is stored."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`.

        Raises:
            StreamRefused: the stream can't be continued; somebody has to look.
        """
        while not self._stopping.is_set():
            try:
                async with self._leading() as lead:
                    if lead is not None:
                        await self._publish(lead)
            except LeadLost:
                logger.warning("another process publishes to JetStream now")
                await self._pause(TAKEOVER_INTERVAL_S)
            except PASSING as error:
                await self._complain(error)

    async def _complain(self, error: Exception) -> None:
        if (complaint := described(error)) != self._complaint:
            self._complaint = complaint
            logger.warning("nothing is published for now: %s", complaint)
        await self._pause(self._backoff_s)
        self._backoff_s = min(2 * self._backoff_s, LONGEST_BACKOFF_S)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Lead | None]:
        """Wait for the lead; None where this is to stop first."""
        stream = {"stream": self.settings.nats_stream}
        async with await AsyncConnection.connect(
            self.database_url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="chatledger relay",
        ) as connection:
            await connection.execute(BEGIN_SESSION)
            while not self._stopping.is_set():
                row = await (await connection.execute(STATEMENTS["try_lock"], stream)).fetchone()
                if row and row[0]:
                    row = await (await connection.execute(STATEMENTS["take_over"], stream)).fetchone()
                    assert row is not None
                    yield Lead(connection, self.settings.nats_stream, *row)
                    return
                await self._pause(TAKEOVER_INTERVAL_S)
            yield None

    async def _publish(self, lead: Lead) -> None:
        async with connected(self.nats_url, name="chatledger relay") as client:
            js = client.jetstream()
            stream = await self._open(js, lead)
            logger.info("publishing to %s from position %s on", stream.name, stream.position + 1)
            async with Publisher(client, stream) as publisher:
                await self._follow(lead, js, stream, publisher)

    async def _follow(self, lead: Lead, js: JetStreamContext, stream: Stream, publisher: Publisher) -> None:
        clock = asyncio.get_running_loop()
        look_at = clock.time() + LOOK_INTERVAL_S
        while not self._stopping.is_set():
            await self._catch_up(lead, publisher)
            if clock.time() >= look_at:
                if not await is_as_left(js, stream, publisher.stored):
                    raise OutOfStep(f"somebody else changed the stream {stream.name}")
                look_at = clock.time() + LOOK_INTERVAL_S
            await lead.wait()

    async def _open(self, js: JetStreamContext, lead: Lead) -> Stream:
        """The stream, if it can be continued.

        Raises:
            StreamRefused: it holds what the ledger does not.
        """
        settings = self.settings
        stream = await open_stream(js, Wanted(settings.nats_stream, lead.ledger_id, settings.nats_replicas))
        position, head = stream.position, await lead.head()
        # An empty stream says nothing of its last event, only its number: that must be one that we gave.
        known = head if stream.last is not None else min(head, lead.begun)
        if position > known:
            raise StreamAhead(stream.name, position, known)
        if stream.last is not None:
            events = await lead.events(position - 1, position, private=False)
            if [_public(event.body) for event in events] != [_public(stream.last)]:
                raise StreamDiffers(stream.name, position)
        return stream

    async def _catch_up(self, lead: Lead, publisher: Publisher) -> None:
        """Publish what there is; while a range goes out, the next one is read."""
        events = await self._next(lead, publisher, publisher.stored)
        if not events:
            return
        while events and not self._stopping.is_set():
            _, events = await asyncio.gather(
                publisher.publish(events), self._next(lead, publisher, events[-1].position)
            )
        await publisher.settle()
        await lead.note(publisher.stored, publisher.stored)

    async def _next(self, lead: Lead, publisher: Publisher, after: int) -> list[Outgoing]:
        """The next events, noted down as about to be sent."""
        events = await lead.events(after, after + RANGE, private=self.settings.nats_private)
        if events:
            await lead.note(publisher.stored, events[-1].position)
            self._complaint, self._backoff_s = "", SHORTEST_BACKOFF_S
        return events


def _public(body: bytes) -> Any:
    """What is the same of an event for ever: its private part may have been erased since."""
    try:
        event = json.loads(body)
    except ValueError:
        return None
    return {name: value for name, value in event.items() if name != "private"} if event else None
