"""Publishes the ledger to JetStream: every event once, in its order, as long as it takes.

One process publishes at a time. It asks the stream itself up to where it goes, holds its last event against
the ledger, and continues it; whatever goes wrong ends in another look at the stream. So it may be killed
anywhere, and a stream that was purged, lost or made anew is continued from what it says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import nats.errors
import psycopg
from psycopg import AsyncConnection, Connection

from adapters.nats.connection import ConnectionToNatsLost, connected
from adapters.nats.publishing import Outgoing, OutOfStep
from adapters.nats.subjects import subject
from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.settings import Settings
from api.publication import Publication
from projections.leader import described
from projections.read_model import PLANS
from projections.statements import Statements
from projections.wakes import CHANNEL

STATEMENTS = Statements("relaying.sql", files("api").joinpath("relaying.sql").read_text("utf-8"))

POLL_INTERVAL_S = 0.05
"""Longest time in which an event may be missed that nobody announced."""

TAKEOVER_INTERVAL_S = 0.25
"""How often a process that does not publish tries to."""

SHORTEST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 2.0
STANDSTILL_S = 10
"""Who has not been heard of for so long stands still, and another one publishes."""

STATEMENT_TIMEOUT_S = 60
CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": CONNECT_TIMEOUT_S,
    "application_name": "chatledger relay",
}
BEGIN_READING = f"{PLANS}; SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"
BEGIN_LEAD = f"""
{BEGIN_READING}; SET synchronous_commit = off; SET idle_session_timeout = '{STANDSTILL_S}s'; LISTEN {CHANNEL}
"""
PASSING = (psycopg.Error, nats.errors.Error, OSError, OutOfStep, ConnectionToNatsLost)
"""What may be over in a while."""

logger = logging.getLogger(__name__)


class LeadLost(Exception):
    """Another process publishes now."""


class Lead:
    """The right to publish, over the connection that has it, and another one that reads in a thread: so
    thousands of rows cost half of what they would.

    ledger_id: what the stream knows this ledger by. begun: nothing after this position was ever sent.
    erased_until: what erasures up to there took away is in the stream no more.
    """

    def __init__(
        self,
        connection: AsyncConnection[Any],
        reader: Connection[Any],
        stream: str,
        epoch: int,
        ledger_id: str,
        begun: int,
        erased_until: int,
    ) -> None:
        self.connection, self.reader = connection, reader
        self.stream, self.epoch = stream, epoch
        self.ledger_id, self.begun, self.erased_until = ledger_id, begun, erased_until

    async def events(self, after: int, until: int, *, private: bool) -> list[Outgoing]:
        """As they leave, in order; private: with what is private."""
        return await asyncio.to_thread(self._events, after, until, private)

    def _events(self, after: int, until: int, private: bool) -> list[Outgoing]:
        asked = {"after": after, "until": until, "private": private}
        with self.reader.cursor(binary=True) as cursor:
            cursor.execute(STATEMENTS["events"], asked)
            return [
                Outgoing(position, subject(workspace_id, topic, stream_id), body)
                for position, workspace_id, topic, stream_id, body in cursor
            ]

    async def erased(self, until: int) -> list[tuple[int, int]]:
        """First and last positions of what erasures since `erased_until` took away."""
        asked = {"after": self.erased_until, "until": until}
        return await (await self.connection.execute(STATEMENTS["erased"], asked)).fetchall()

    async def note(self, position: int, begun: int) -> None:
        """Write down up to where the stream goes, and up to where something is about to be sent.

        Raises:
            LeadLost: somebody else publishes; nothing was written.
        """
        asked = {"stream": self.stream, "epoch": self.epoch, "erased": self.erased_until}
        noted = await self.connection.execute(
            STATEMENTS["note"], {**asked, "position": position, "begun": begun}
        )
        if noted.rowcount != 1:
            raise LeadLost

    async def head(self) -> int:
        """The position of the ledger's last event."""
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
        self._publication: Publication | None = None
        self._complaint = ""
        self._backoff_s = SHORTEST_BACKOFF_S

    def stop(self) -> None:
        """End when what is on its way is stored."""
        self._stopping.set()

    def health(self) -> dict[str, Any]:
        """Well is who publishes, and who stands by for another; safe from any thread."""
        publication, complaint = self._publication, self._complaint
        return {
            "status": "failing" if complaint else "ok",
            "publishes": publication is not None,
            "position": publication.position if publication else None,
            "complaint": complaint or None,
        }

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

    async def _publish(self, lead: Lead) -> None:
        async with connected(self.nats_url, name="chatledger relay") as client:
            async with Publication.begun(self.settings, lead, client) as publication:
                self._publication = publication
                self._complaint, self._backoff_s = "", SHORTEST_BACKOFF_S
                try:
                    await publication.follow(self._stopping)
                finally:
                    self._publication = None

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Lead | None]:
        """Wait for the lead; None where this is to stop first."""
        stream = {"stream": self.settings.nats_stream}
        async with await AsyncConnection.connect(self.database_url, **CONNECTION) as connection:
            await connection.execute(BEGIN_LEAD.encode())
            while not self._stopping.is_set():
                row = await (await connection.execute(STATEMENTS["try_lock"], stream)).fetchone()
                if row and row[0]:
                    row = await (await connection.execute(STATEMENTS["take_over"], stream)).fetchone()
                    assert row is not None
                    async with self._reader() as reader:
                        yield Lead(connection, reader, self.settings.nats_stream, *row)
                    return
                self._complaint = ""  # another one publishes, and this one is ready to
                await self._pause(TAKEOVER_INTERVAL_S)
            yield None

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[Connection[Any]]:
        reader = await asyncio.to_thread(Connection.connect, self.database_url, **CONNECTION)
        try:
            reader.execute(BEGIN_READING.encode())
            yield reader
        finally:
            reader.close()

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
