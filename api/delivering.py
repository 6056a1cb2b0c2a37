"""Tells webhooks what there is to tell: in order for each, at least once, and as long as it takes.

One process delivers at a time. It takes one message of a webhook, asks who is to be notified of it and sees
its chat now, posts it, and writes down what came of it; only then comes that webhook's next message. Where
everybody is, is in the database, so whoever takes over goes on there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import psycopg
from fastapi.concurrency import run_in_threadpool
from psycopg import AsyncConnection

from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.webhooks import Outcome, Sender
from api import limits
from api.leads import DELIVERING_LOCK
from api.metrics import Metrics
from api.system import System
from domain.errors import UnknownThing
from domain.fact import By
from domain.ids import derive
from projections.answer import all_rows
from projections.leader import described
from projections.notifications import Notified
from projections.statements import Statements

STATEMENTS = Statements("delivering.sql", files("api").joinpath("delivering.sql").read_text("utf-8"))

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"

LOOK_INTERVAL_S = 0.2
"""How often is looked whether there is anything to tell."""

LEAD_INTERVAL_S = 0.5
"""How often a process tries to become the one that delivers."""

STANDSTILL_S = 120
"""Who has not been heard of for so long stands still, and another one delivers."""

BACKOFF_S = 1.0
"""When the database does not answer."""

FORGET_INTERVAL_S = 600.0
BEGIN_SESSION = f"SET idle_session_timeout = '{STANDSTILL_S}s'; SET synchronous_commit = on"

logger = logging.getLogger(__name__)


class LeadLost(Exception):
    """Another process delivers now."""


@dataclass(frozen=True, slots=True)
class Due:
    """A webhook that has something to be told. position: up to where it was; attempts: at what comes next."""

    workspace_id: str
    webhook_id: str
    url: str
    secret: str
    begun_position: int
    position: int
    attempts: int

    @property
    def name(self) -> tuple[str, str]:
        return self.workspace_id, self.webhook_id

    def delivery_id(self, position: int) -> str:
        """The same at each attempt and each replay, so that a receiver knows it again."""
        return str(derive("webhook delivery", *self.name, str(position)))


class Lead:
    """The right to deliver, over the connection that has it."""

    def __init__(self, connection: AsyncConnection[Any], epoch: int) -> None:
        self.connection = connection
        self.epoch = epoch

    async def check(self) -> None:
        """Raises LeadLost: somebody else has it."""
        await self._mine("leads")

    async def write(self, statement: str, due: Due, **values: Any) -> None:
        """Write down where a webhook is.

        Raises:
            LeadLost: nothing was written.
        """
        asked = {"workspace_id": due.workspace_id, "webhook_id": due.webhook_id}
        await self._mine(statement, **asked, begun_position=due.begun_position, **values)

    async def _mine(self, statement: str, **values: Any) -> None:
        cursor = await self.connection.execute(STATEMENTS[statement], {"epoch": self.epoch, **values})
        row = await cursor.fetchone()
        if not row or not row[0]:
            raise LeadLost


class Deliverer:
    """Delivers from `run` until it is cancelled, whenever this process has the lead."""

    def __init__(self, system: System, metrics: Metrics) -> None:
        self.system = system
        self.metrics = metrics
        self.settings = system.settings
        self.sender = Sender(private_networks=system.settings.webhooks_may_reach_private_networks)
        self.tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._done = asyncio.Event()
        self._forget_at = 0.0

    async def run(self) -> None:
        complaint = ""
        while True:
            try:
                async with self._leading() as lead:
                    complaint = ""
                    await self._deliver(lead)
            except LeadLost:
                logger.warning("another process delivers to webhooks now")
            except Exception as error:
                if described(error) != complaint:
                    complaint = described(error)
                    passing = isinstance(error, psycopg.OperationalError | OSError)
                    logger.error("webhooks are not told for now: %s", complaint, exc_info=not passing)
            await asyncio.sleep(BACKOFF_S)

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[Lead]:
        """Wait for the lead; what was begun under it ends with it."""
        async with await AsyncConnection.connect(
            self.system.database_url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="chatledger webhooks",
        ) as connection:
            await connection.execute(BEGIN_SESSION.encode())
            while not await _value(connection, "try_lock", lock=DELIVERING_LOCK):
                await asyncio.sleep(LEAD_INTERVAL_S)
            try:
                yield Lead(connection, await _value(connection, "take_lead"))
            finally:
                await self._end_tasks()

    async def _end_tasks(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        self.tasks.clear()

    async def _deliver(self, lead: Lead) -> None:
        interval_s = min(LOOK_INTERVAL_S, self.settings.webhook_first_retry_s)
        while True:
            self._done.clear()
            await lead.check()
            for due in await self._due():
                if due.name not in self.tasks:
                    self._begin(lead, due)
            await self._forget(lead)
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self._done.wait()
            self._collect()

    async def _due(self) -> list[Due]:
        pool, limit = self.system.async_pool, limits.DELIVERIES_AT_ONCE
        return [Due(*row) for row in await all_rows(pool, STATEMENTS["due"], limit=limit)]

    def _begin(self, lead: Lead, due: Due) -> None:
        task = asyncio.create_task(self._tell(lead, due), name="webhook")
        task.add_done_callback(lambda _: self._done.set())
        self.tasks[due.name] = task

    def _collect(self) -> None:
        """Forget who is done; what went wrong with one goes wrong with all, as the database does."""
        for name, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[name]
                task.result()

    async def _tell(self, lead: Lead, due: Due) -> None:
        """Tell one webhook the next message that somebody is to be notified of."""
        messages = self.system.notifications
        position = due.position
        for _ in range(limits.PASSED_AT_ONCE):
            found = await messages.next_messages(due.workspace_id, after=position, limit=1)
            if not found or found[0].employee_ids:
                break
            position = found[0].position
        if found and found[0].employee_ids:
            await self._attempt(lead, due, found[0], position)
        elif position > due.position:
            await lead.write("pass", due, position=position)

    async def _attempt(self, lead: Lead, due: Due, message: Notified, position: int) -> None:
        """position: up to where the webhook is done if this one has to be tried again."""
        await lead.check()
        body, delivery_id = payload(due.workspace_id, message), due.delivery_id(message.position)
        outcome = await self.sender.send(due.url, due.secret, delivery_id, body)
        attempts = due.attempts + 1
        status = self._status(outcome, attempts)
        await lead.write(
            "record",
            due,
            position=message.position,
            cursor_position=position if status == PENDING else message.position,
            delivery_id=delivery_id,
            status=status,
            attempts=attempts,
            retry_after_s=retry_pause_s(self.settings.webhook_first_retry_s, attempts)
            if status == PENDING
            else None,
            status_code=outcome.status_code,
            error=outcome.error,
        )
        self.metrics.deliveries.labels(status).inc()
        if outcome.gone:
            await self._switch_off(due, delivery_id)

    def _status(self, outcome: Outcome, attempts: int) -> str:
        if outcome.delivered:
            return DELIVERED
        return FAILED if outcome.gone or attempts >= self.settings.webhook_attempts else PENDING

    async def _switch_off(self, due: Due, delivery_id: str) -> None:
        """Who is gone for good is told no more; who was removed meanwhile is not either."""
        by = By(due.workspace_id, "system", datetime.now(UTC), f"webhook:{delivery_id}")
        with suppress(UnknownThing):
            await run_in_threadpool(self.system.application.deactivate_webhook, due.webhook_id, by=by)

    async def _forget(self, lead: Lead) -> None:
        if time.monotonic() < self._forget_at:
            return
        self._forget_at = time.monotonic() + FORGET_INTERVAL_S
        old = {"days": limits.DELIVERIES_KEPT_DAYS, "secret_kept_s": limits.OLD_SECRET_KEPT_S}
        await lead.connection.execute(STATEMENTS["forget"], old)


def retry_pause_s(first_s: float, attempts: int, at_least_s: float = 0.0) -> float:
    """Longer each time, and never quite the same; not before the receiver said."""
    pause_s = first_s * limits.RETRY_FACTOR ** min(attempts - 1, 30)
    return max(min(pause_s, limits.LONGEST_RETRY_S), at_least_s) * (
        1 + random.uniform(0, limits.RETRY_JITTER)
    )


def payload(workspace_id: str, message: Notified) -> bytes:
    """What is told: ids and a time, and nothing that quotes or identifies a client."""
    told = {
        "type": "notification",
        "position": message.position,
        "workspace_id": workspace_id,
        "conversation_id": message.conversation_id,
        "chat_id": message.chat_id,
        "message_id": message.message_id,
        "channel_id": message.channel_id,
        "employee_ids": message.employee_ids,
        "at": message.at,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@asynccontextmanager
async def delivering(system: System, metrics: Metrics) -> AsyncIterator[None]:
    """Deliver in this event loop for as long as the block lasts."""
    deliverer = Deliverer(system, metrics)
    task = asyncio.create_task(deliverer.run(), name="webhooks")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await deliverer.sender.close()


async def _value(connection: AsyncConnection[Any], statement: str, **values: Any) -> Any:
    row = await (await connection.execute(STATEMENTS[statement], values)).fetchone()
    return row and row[0]
