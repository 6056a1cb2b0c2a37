"""Readings that come too soon after an employee's last one of a conversation: recorded a minute after it.

They wait in a table, so that the end of the process loses none, and any process records those that are due.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import psycopg
from fastapi.concurrency import run_in_threadpool
from psycopg import Connection
from psycopg_pool import PoolTimeout

from api.system import System
from api.writing import Write
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.fact import By
from projections.inbox import Glance
from projections.statements import Statements

STATEMENTS = Statements("late_readings.sql", files("api").joinpath("late_readings.sql").read_text("utf-8"))

LOOK_INTERVAL_S = 1.0
AT_ONCE = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """How far an employee has read what he sees of a conversation."""

    employee_id: str
    conversation_id: str
    chat_ids: list[str]
    position: int

    def record(self, ledger: Chatledger, by: By) -> tuple[Accepted, datetime | None]:
        return ledger.read_up_to(self.conversation_id, self.chat_ids, self.employee_id, self.position, by=by)

    def put_off(self, connection: Connection[Any], by: By, due_at: datetime) -> None:
        connection.execute(
            STATEMENTS["put_off"],
            {
                "workspace_id": by.workspace_id,
                "causation": by.causation,
                "employee_id": self.employee_id,
                "conversation_id": self.conversation_id,
                "chat_ids": self.chat_ids,
                "read_position": self.position,
                "due_at": due_at,
            },
        )


def read_up_to(write: Write, seen: Glance, position: int) -> Accepted:
    """Record how far the caller has read, or put it on record for later if it is too soon."""
    reading = Reading(write.caller.employee_id, seen.conversation_id, seen.chat_ids, position)
    accepted, due_at = reading.record(write.ledger, write.by)
    if due_at is not None:
        with write.system.pool.connection() as connection:
            reading.put_off(connection, write.by, due_at)
    return accepted


@asynccontextmanager
async def recording(system: System) -> AsyncIterator[None]:
    """Have recorded what is due, for as long as the block lasts."""
    task = asyncio.create_task(_keep_recording(system))
    try:
        yield
    finally:
        task.cancel()


async def _keep_recording(system: System) -> None:
    while True:
        await asyncio.sleep(LOOK_INTERVAL_S)
        try:
            await run_in_threadpool(record_due, system, datetime.now(UTC))
        except (psycopg.OperationalError, PoolTimeout) as error:
            logger.warning("late readings wait for the database: %s", error)


def record_due(system: System, now: datetime) -> int:
    """Record what is due by now; how many readings that were. They leave the table as they are recorded."""
    with system.pool.connection() as connection, connection.transaction():
        due = connection.execute(STATEMENTS["due"], {"now": now, "limit": AT_ONCE}).fetchall()
        for workspace_id, causation, *told in due:
            reading = Reading(*told)
            by = By(workspace_id, f"employee:{reading.employee_id}", now, causation)
            _, due_at = reading.record(system.application, by)
            if due_at is not None:
                reading.put_off(connection, by, due_at)
    return len(due)
