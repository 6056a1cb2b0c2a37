"""Sends daily reports at ten by each workspace's clock, once to each destination, late rather than never.

One process sends at a time, by a lock that ends with its connection. What reached a destination is an event
of the ledger, so whoever takes over knows what is missing: of the last days that are due, what is not on
record is sent, oldest first. If a process dies before it notes what it sent, that is sent again, under the
same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any, Final

import psycopg
from fastapi.concurrency import run_in_threadpool
from psycopg import AsyncConnection

from adapters.postgres.database import CONNECT_TIMEOUT_S
from api import limits
from api.delivering import retry_pause_s
from api.leads import SENDING_LOCK
from api.metrics import Metrics
from api.reading import reach
from api.reporting.daily import DailyReport
from api.reporting.destinations import Destination, Destinations, Letter, Posted, ToWebhook
from api.system import System
from domain.definition import DEFAULT, Definition
from domain.errors import UnknownThing
from domain.fact import By
from domain.ids import derive
from domain.report import (
    DAYS_BACK,
    Settings,
    WebhookTold,
    days_due,
    last_due,
    report_id,
    subscribed_since,
    wanted_since,
)
from projections.answer import all_rows
from projections.leader import described
from projections.statements import Statements

STATEMENTS = Statements("sending.sql", files("api.reporting").joinpath("sending.sql").read_text("utf-8"))

BUILT_FROM = ("directory", "visibility", "timeline", "inbox", "waits")
"""The read models that have to know all that is recorded before a report is made of them."""

LOOK_INTERVAL_S = 5.0
"""How often is looked whether a report is due."""

LEAD_INTERVAL_S = 2.0
"""How often a process tries to become the one that sends."""

STANDSTILL_S = 120
"""Who has not been heard of for so long stands still, and another one sends."""

BACKOFF_S = 1.0
"""When the database does not answer."""

AT_ONCE: Final = 4
"""Workspaces whose reports are made and sent at the same time; those who read need connections too."""

BEGIN_SESSION = f"SET idle_session_timeout = '{STANDSTILL_S}s'"

Reporter = Callable[[System, str, date, Definition], Awaitable[DailyReport]]
Clock = Callable[[], datetime]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanting:
    """A workspace that wants reports, and those that were made of it in this look."""

    workspace_id: str
    timezone: str
    daily_report: dict[str, Any]
    webhooks: list[tuple[str, str, str]] = field(repr=False)
    made: dict[date, DailyReport] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """How often a report could not be sent, and when it is tried again."""

    attempts: int
    retry_at: datetime


def now() -> datetime:
    return datetime.now(UTC)


class Sending:
    """Sends from `run` until it is cancelled, whenever this process has the lock."""

    def __init__(self, system: System, metrics: Metrics, report: Reporter, clock: Clock) -> None:
        self.system, self.metrics, self.report, self.clock = system, metrics, report, clock
        self.destinations = Destinations(system.settings)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._settled: dict[tuple[str, str], date] = {}
        """Up to which day everything has reached a destination of a workspace."""
        self._trouble: dict[tuple[str, str, date], Trouble] = {}

    async def run(self) -> None:
        complaint = ""
        while True:
            try:
                async with self.leading() as lead:
                    complaint = ""
                    while True:
                        await self.look(lead)
                        await asyncio.sleep(LOOK_INTERVAL_S)
            except Exception as error:
                self.metrics.reports_waiting.set(0)  # whoever has the lock now knows
                if described(error) != complaint:
                    complaint = described(error)
                    passing = isinstance(error, psycopg.OperationalError | OSError)
                    logger.error("no daily report is sent for now: %s", complaint, exc_info=not passing)
            await asyncio.sleep(BACKOFF_S)

    @asynccontextmanager
    async def leading(self) -> AsyncIterator[AsyncConnection[Any]]:
        """Wait for the lock, which ends with the connection that has it."""
        async with await AsyncConnection.connect(
            self.system.database_url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="chatledger reports",
        ) as connection:
            await connection.execute(BEGIN_SESSION.encode())
            while not await _value(connection, "try_lock", lock=SENDING_LOCK):
                await asyncio.sleep(LEAD_INTERVAL_S)
            yield connection

    async def look(self, lead: AsyncConnection[Any]) -> None:
        """Send what is due now and was not sent."""
        at = self.clock()
        self._forget(at.date() - timedelta(days=DAYS_BACK + 2))
        await _value(lead, "leads")
        cursor = ""
        while page := await self._ask("wanted", cursor=cursor, limit=limits.REPORTING_WORKSPACES):
            tasks = [self._serve(lead, Wanting(*row), at) for row in page]
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, BaseException):
                    raise ended
            cursor = page[-1][0]
        self.metrics.reports_waiting.set(len(self._trouble))

    async def _serve(self, lead: AsyncConnection[Any], wanting: Wanting, at: datetime) -> None:
        last = last_due(at, wanting.timezone)
        for destination in self.destinations.of(wanting.daily_report, wanting.webhooks):
            name = (wanting.workspace_id, destination.name)
            if name not in self._settled or self._settled[name] < last:
                async with self._at_once:
                    if await self._catch_up(lead, wanting, destination, at):
                        self._settled[name] = last

    async def _catch_up(
        self, lead: AsyncConnection[Any], wanting: Wanting, destination: Destination, at: datetime
    ) -> bool:
        """Send a destination what it is missing, and say whether it has everything now.

        A day that fails holds the later ones back until it has failed often.
        """
        complete = True
        for day in await self._missing(wanting, destination, at):
            trouble = self._trouble.get((wanting.workspace_id, destination.name, day))
            if trouble is None or trouble.retry_at <= at:
                await _value(lead, "leads")
                trouble = await self._attempt(wanting, destination, day, trouble)
            complete = complete and trouble is None
            if trouble is not None and trouble.attempts < self.system.settings.webhook_attempts:
                break
        return complete

    async def _missing(self, wanting: Wanting, destination: Destination, at: datetime) -> list[date]:
        """The days that are due, were wanted and have not been sent, oldest first."""
        first = await self._first_day(wanting.workspace_id, destination)
        if first is None:
            return []
        due = days_due(at, wanting.timezone, first)
        days = {report_id(wanting.workspace_id, day, destination.name): day for day in due}
        sent = await self._ask("sent", stream_ids=list(days), limit=DAYS_BACK)
        return [day for stream_id, day in days.items() if (stream_id,) not in sent]

    async def _first_day(self, workspace_id: str, destination: Destination) -> date | None:
        """Since when the destination is to have it; None where it is not to have it any more."""
        rows = await self._ask(
            "stated", stream_id=derive("workspace", workspace_id), limit=limits.SETTINGS_READ
        )
        stated = [Settings(*row) for row in reversed(rows)]
        first = wanted_since(stated).get(destination.wanted_as)
        if first is None or not isinstance(destination, ToWebhook):
            return first
        stream_id = derive("webhook", workspace_id, destination.webhook_id)
        told = await self._ask("told_of_webhook", stream_id=stream_id, limit=limits.SETTINGS_READ)
        subscribed = subscribed_since([WebhookTold(*row) for row in reversed(told)], stated)
        return None if subscribed is None else max(first, subscribed)

    async def _attempt(
        self, wanting: Wanting, destination: Destination, day: date, trouble: Trouble | None
    ) -> Trouble | None:
        """Send a day's report; what went wrong, where something did."""
        workspace_id, kind = wanting.workspace_id, destination.name.partition(":")[0]
        posted = await self._post(wanting, destination, day)
        if posted.error is None:
            await self._note(workspace_id, destination, day, wanting.made[day])
            self.metrics.reports.labels(kind, "sent").inc()
            self._trouble.pop((workspace_id, destination.name, day), None)
            return None
        attempts = trouble.attempts + 1 if trouble else 1
        self.metrics.reports.labels(kind, "failed").inc()
        logger.warning(
            "the daily report of %s for %s did not reach %s (attempt %d): %s",
            *(workspace_id, day, destination.name, attempts, posted.error),
        )
        if posted.gone and isinstance(destination, ToWebhook):
            await self._switch_off(workspace_id, destination)
        first_s = self.system.settings.webhook_first_retry_s
        pause_s = retry_pause_s(first_s, attempts, posted.retry_after_s or 0.0)
        retry_at = self.clock() + timedelta(seconds=pause_s)
        self._trouble[workspace_id, destination.name, day] = Trouble(attempts, retry_at)
        return Trouble(attempts, retry_at)

    async def _post(self, wanting: Wanting, destination: Destination, day: date) -> Posted:
        """What can't be made is not sent; whatever goes wrong with one must not stop the others."""
        try:
            if day not in wanting.made:
                await reach(self.system, await run_in_threadpool(self.system.application.head), *BUILT_FROM)
                wanting.made[day] = await self.report(self.system, wanting.workspace_id, day, DEFAULT)
            letter_id = report_id(wanting.workspace_id, day, destination.name)
            return await destination.post(Letter(wanting.workspace_id, letter_id, wanting.made[day]))
        except Exception as error:
            return Posted(described(error))

    async def _note(
        self, workspace_id: str, destination: Destination, day: date, report: DailyReport
    ) -> None:
        by = By(workspace_id, "system", self.clock(), f"daily report:{day.isoformat()}")
        await run_in_threadpool(
            self.system.application.note_report_sent,
            day,
            destination.name,
            definition=report.definition,
            position=report.position,
            by=by,
        )

    async def _switch_off(self, workspace_id: str, webhook: ToWebhook) -> None:
        by = By(workspace_id, "system", self.clock(), "daily report")
        with suppress(UnknownThing):
            await run_in_threadpool(self.system.application.deactivate_webhook, webhook.webhook_id, by=by)

    def _forget(self, before: date) -> None:
        """What is too old to be sent any more."""
        self._trouble = {key: trouble for key, trouble in self._trouble.items() if key[2] >= before}

    async def _ask(self, question: str, **values: Any) -> list[tuple[Any, ...]]:
        return await all_rows(self.system.async_pool, STATEMENTS[question], **values)


@asynccontextmanager
async def sending(system: System, metrics: Metrics, report: Reporter) -> AsyncIterator[None]:
    """Send in this event loop for as long as the block lasts."""
    sending = Sending(system, metrics, report, now)
    task = asyncio.create_task(sending.run(), name="daily reports")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sending.destinations.close()


async def _value(connection: AsyncConnection[Any], statement: str, **values: Any) -> Any:
    row = await (await connection.execute(STATEMENTS[statement], values)).fetchone()
    return row and row[0]
