"""Hears from the stream in JetStream up to where the ledger goes, to wake whoever follows it.

Only headers come, from an ordered consumer that the server forgets with the connection. Nothing relies on
them: who follows reads what he lacks from PostgreSQL, and looks by himself now and then, so NATS may be away,
and the stream may be lost or made anew. The first that is heard is the last of what came before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy, Header

from adapters.nats.connection import ConnectionToNatsLost, connected
from adapters.nats.subjects import EVERYTHING

AGAIN_AFTER_S = 0.5
"""When there is no NATS or no stream; meanwhile whoever follows looks by himself."""

LOOK_INTERVAL_S = 2.0
"""How often is looked whether the consumer is there: it goes with a stream that is made anew."""

STOP_TIMEOUT_S = 5.0
MESSAGE_ID = Header.MSG_ID.value
PASSING = (nats.errors.Error, OSError, ConnectionToNatsLost)
"""What may be over in a while."""

Heard = Callable[[int], None]
"""Is told that the ledger has this position, from a thread of its own."""

logger = logging.getLogger(__name__)


@contextmanager
def hearing(url: str, stream: str, heard: Heard) -> Iterator[None]:
    """Tell each position that is published, as long as the block lasts. url: as `connected` takes it."""
    ear, runner = Ear(url, stream, heard), asyncio.Runner()
    loop = runner.get_loop()
    thread = Thread(target=_listen, args=(runner, ear), name="jetstream", daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(ear.over.set)
        thread.join(STOP_TIMEOUT_S)


def _listen(runner: asyncio.Runner, ear: Ear) -> None:
    with runner:
        runner.run(ear.listen_until_over())


class Ear:
    """Listens until `over` is set."""

    def __init__(self, url: str, stream: str, heard: Heard) -> None:
        self._url, self._stream, self._heard = url, stream, heard
        self._complaint = ""
        self.over = asyncio.Event()

    async def listen_until_over(self) -> None:
        listening = asyncio.create_task(self._listen())
        await self.over.wait()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening

    async def _listen(self) -> None:
        while True:
            try:
                async with connected(self._url, name="chatledger follow") as client:
                    await self._subscribe(client)
            except PASSING as error:
                self._complain(error)
                await asyncio.sleep(AGAIN_AFTER_S)

    async def _subscribe(self, client: Client) -> None:
        """Hear, for ever.

        Raises:
            ConnectionToNatsLost: the connection is.
            nats.errors.Error: there is no stream, or it is another one by now.
        """
        subscription = await client.jetstream().subscribe(
            EVERYTHING,
            stream=self._stream,
            cb=self._hear,
            ordered_consumer=True,
            config=ConsumerConfig(headers_only=True, deliver_policy=DeliverPolicy.LAST),
        )
        if self._complaint:
            logger.info("hearing from JetStream again, after: %s", self._complaint)
        self._complaint = ""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            if client.is_closed:
                raise ConnectionToNatsLost("NATS has gone")
            await subscription.consumer_info()

    async def _hear(self, message: Msg) -> None:
        told = (message.headers or {}).get(MESSAGE_ID, "")
        if told.isdecimal():
            self._heard(int(told))

    def _complain(self, error: Exception) -> None:
        if (complaint := f"{type(error).__name__}: {error}") != self._complaint:
            self._complaint = complaint
            logger.warning("hearing nothing from JetStream for now: %s", complaint)
