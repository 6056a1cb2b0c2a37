"""One stretch of publishing, from a look at the stream until something goes wrong or it is to end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from nats.aio.client import Client
from nats.js import JetStreamContext

from adapters.nats.publishing import Outgoing, OutOfStep, Publisher
from adapters.nats.stream import (
    Stream,
    StreamAhead,
    StreamDiffers,
    Wanted,
    is_as_left,
    open_stream,
    take_out,
)
from adapters.settings import Settings

if TYPE_CHECKING:
    from api.relaying import Lead

RANGE = 1_000
"""Most events that are read at once; as many again are on their way or waited for."""

LOOK_INTERVAL_S = 1.0
"""How often is looked whether the stream is as it was left, while nothing goes wrong."""

BEAT_INTERVAL_S = 1.0

logger = logging.getLogger(__name__)


class Publication:
    """Continues the stream under a lead."""

    def __init__(
        self, settings: Settings, lead: Lead, js: JetStreamContext, stream: Stream, publisher: Publisher
    ) -> None:
        self.settings, self.lead = settings, lead
        self.js, self.stream, self.publisher = js, stream, publisher

    @classmethod
    @asynccontextmanager
    async def begun(cls, settings: Settings, lead: Lead, client: Client) -> AsyncIterator[Self]:
        """A stream that can be continued.

        Raises:
            StreamRefused: it holds what the ledger does not, or can't be as it is wanted.
        """
        js = client.jetstream()
        stream = await open_stream(
            js,
            Wanted(
                settings.nats_stream,
                lead.ledger_id,
                replicas=settings.nats_replicas,
                private=settings.nats_private,
            ),
        )
        await _hold_against_ledger(stream, lead)
        logger.info("publishing to %s from position %s on", stream.name, stream.position + 1)
        async with Publisher(client, stream) as publisher:
            yield cls(settings, lead, js, stream, publisher)

    @property
    def position(self) -> int:
        """Up to where the stream is known to go."""
        return self.publisher.stored

    async def follow(self, stopping: asyncio.Event) -> None:
        """Publish what there is and what comes, until `stopping`.

        Raises:
            OutOfStep, LeadLost: somebody else changed the stream, or publishes.
        """
        clock = asyncio.get_running_loop()
        look_at = clock.time() + LOOK_INTERVAL_S
        async with self._heard_of():
            await self._take_out()
            while not stopping.is_set():
                await self._catch_up(stopping)
                if clock.time() >= look_at:
                    await self._look()
                    look_at = clock.time() + LOOK_INTERVAL_S
                await self.lead.wait()

    async def _look(self) -> None:
        if not await is_as_left(self.js, self.stream, self.publisher.stored):
            raise OutOfStep(f"somebody else changed the stream {self.stream.name}")

    @asynccontextmanager
    async def _heard_of(self) -> AsyncIterator[None]:
        """Let nobody take us for one who stands still, however long NATS takes."""
        beating = asyncio.ensure_future(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        """What goes wrong here goes wrong for whoever uses the lead next."""
        while True:
            await asyncio.sleep(BEAT_INTERVAL_S)
            await self.lead.note(self.publisher.stored, 0)

    async def _catch_up(self, stopping: asyncio.Event) -> None:
        """While a range goes out, the next one is read."""
        events = await self._next(self.publisher.stored)
        if not events:
            return
        while events and not stopping.is_set():
            reading = asyncio.ensure_future(self._next(events[-1].position))
            try:
                await self.publisher.publish(events)
            finally:
                await asyncio.wait([reading])  # whatever comes next must not find its connection in use
            events = reading.result()
        await self.publisher.settle()
        await self._take_out()

    async def _next(self, after: int) -> list[Outgoing]:
        """The next events, noted down as about to be sent."""
        events = await self.lead.events(after, after + RANGE, private=self.settings.nats_private)
        if events:
            await self.lead.note(self.publisher.stored, events[-1].position)
        return events

    async def _take_out(self) -> None:
        """Everything sent is stored; what erasures took from the ledger leaves the stream, too."""
        stored = self.publisher.stored
        if self.stream.private:
            for first, last in await self.lead.erased(stored):
                await take_out(self.js, self.stream, range(first, last + 1))
        self.lead.erased_until = max(self.lead.erased_until, stored)
        await self.lead.note(stored, stored)


async def _hold_against_ledger(stream: Stream, lead: Lead) -> None:
    """An empty stream says nothing of its last event, only its number: that must be one that we gave.

    Raises:
        StreamAhead, StreamDiffers: it holds what the ledger does not.
    """
    head = await lead.head()
    known = head if stream.last is not None else min(head, lead.begun)
    if stream.position > known:
        raise StreamAhead(stream.name, stream.position, known)
    if stream.last is not None:
        events = await lead.events(stream.position - 1, stream.position, private=False)
        if [_public(event.body) for event in events] != [_public(stream.last)]:
            raise StreamDiffers(stream.name, stream.position)


def _public(body: bytes) -> Any:
    """What is the same of an event for ever: its private part may have been erased since."""
    try:
        event = json.loads(body)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    return {name: value for name, value in event.items() if name != "private"}
