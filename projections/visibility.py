"""Who sees which chat: the intervals that `visibility.sql` keeps; `audit.py` asks about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.answer import one_row
from projections.statements import Statements


class Visibility:
    """What positions mean."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self.pool = pool
        self.statements = Statements.load("visibility")

    async def position_at(self, at: datetime) -> int:
        """The last position that was recorded by a time; 0 before the first."""
        row = await one_row(self.pool, self.statements["position_at"], at=at)
        return int(row[0]) if row else 0
