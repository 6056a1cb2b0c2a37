"""Answers of the read side: JSON as PostgreSQL built it, and how far the ledger had been read for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

Pool = AsyncConnectionPool[AsyncConnection[Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """position: the read model's, in the snapshot that the body was read from.

    body: None where there is nothing, or nothing that the asker may see.
    """

    position: int
    body: str | None


async def ask(pool: Pool, sql: str, **values: Any) -> Answer:
    """The answer of a question that selects `position, body`; before there is any read model, nothing."""
    row = await one_row(pool, sql, **values)
    return Answer(row[0], row[1]) if row else Answer(0, None)


async def one_row(pool: Pool, sql: str, **values: Any) -> tuple[Any, ...] | None:
    rows = await all_rows(pool, sql, **values)
    return rows[0] if rows else None


async def all_rows(pool: Pool, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    """All rows of a question; the question itself has the LIMIT.

    A rebuild may put other tables into place while PostgreSQL looks up their names; then it is asked again.
    """
    try:
        return await _all_rows(pool, sql, values)
    except psycopg.ProgrammingError:
        return await _all_rows(pool, sql, values)


async def _all_rows(pool: Pool, sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        cursor = await connection.execute(sql, values)
        return await cursor.fetchall()
