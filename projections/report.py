"""What some days were like: how much was written, who waits, where the chats stood at each day's end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

import psycopg
from psycopg import AsyncConnection

from projections.answer import Pool
from projections.statements import Statements

Answer = TypeVar("Answer")


class Workspace(NamedTuple):
    """What it has stated of itself. position: of the read models that are looked at."""

    position: int
    timezone: str
    language: str
    goal_seconds: int


class Traffic(NamedTuple):
    """What was going on in a span: in how many conversations, and how many messages."""

    chats: int
    chats_with_new_clients: int
    messages_in: int
    messages_out: int


class LongestWait(NamedTuple):
    """Of those that last until now; seconds: until now, all hours."""

    conversation_id: str
    chat_id: str
    channel_id: str
    opened_at: datetime
    opened_position: int
    seconds: int


class Report:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("report")

    async def look(self, workspace_id: str, ask: Callable[[Look], Awaitable[Answer]]) -> Answer:
        """Ask all questions of one report, in one snapshot."""
        try:
            return await self._look(workspace_id, ask)
        except psycopg.ProgrammingError:  # a rebuild put other tables into place, see `all_rows`
            return await self._look(workspace_id, ask)

    async def _look(self, workspace_id: str, ask: Callable[[Look], Awaitable[Answer]]) -> Answer:
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(self.statements["snapshot"])
            return await ask(Look(connection, self.statements, workspace_id))


@dataclass(frozen=True, slots=True)
class Look:
    """The questions, about one workspace; spans are [since, until)."""

    connection: AsyncConnection[Any]
    statements: Statements
    workspace_id: str

    async def workspace(self) -> Workspace:
        """Its settings; where it never stated any, those of domain/workspace.py."""
        rows = await self._rows("workspace")
        position, timezone, language, goal_seconds = rows[0] if rows else (0, None, None, None)
        return Workspace(position, timezone or "UTC", language or "en", goal_seconds or 600)

    async def first_message_at(self) -> datetime | None:
        """When anything was written for the first time."""
        rows = await self._rows("first_message")
        return rows[0][0] if rows else None

    async def traffic(self, since: datetime, until: datetime) -> Traffic:
        return Traffic(*(await self._rows("traffic", since=since, until=until))[0])

    async def open_waits(self, until: datetime) -> tuple[int, LongestWait | None]:
        """How many began before this moment and last until now, and the longest of them."""
        for *longest, count in await self._rows("open_waits", until=until):
            return count, LongestWait(*longest)
        return 0, None

    async def waiting(self, moments: Sequence[datetime]) -> list[int]:
        """How many clients wait at each of these moments, which are in order."""
        if not moments:
            return []
        changes = dict(await self._rows("waiting", moments=list(moments)))
        return list(accumulate(changes.get(nth, 0) for nth in range(len(moments))))

    async def folders(self, moments: Sequence[datetime]) -> list[dict[str, int]]:
        """How many chats are in each folder just before each of these moments, which are in order."""
        if not moments:
            return []
        counts: dict[str, int] = {}
        changes = {
            (nth, folder): change
            for nth, folder, change in await self._rows("folders", moments=list(moments))
        }
        folders = {folder for _, folder in changes}
        told = []
        for nth in range(len(moments)):
            counts = {folder: counts.get(folder, 0) + changes.get((nth, folder), 0) for folder in folders}
            told.append(counts)
        return told

    async def _rows(self, question: str, **values: Any) -> list[tuple[Any, ...]]:
        asked = {"workspace_id": self.workspace_id, **values}
        return await (await self.connection.execute(self.statements[question], asked)).fetchall()
