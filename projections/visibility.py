"""Who sees which chat: the intervals that `visibility.sql` keeps, and the questions that an auditor asks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.answer import Answer, ask, one_row
from projections.statements import Statements


class Visibility:
    """Questions about who saw what, at any position of the ledger."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self.pool = pool
        self.statements = Statements.load("visibility")

    async def who_saw(
        self,
        workspace_id: str,
        *,
        chat_id: str | None = None,
        conversation_id: str | None = None,
        at: int | None = None,
    ) -> Answer:
        """Everybody who saw a chat or conversation, with reasons and since when without a break.

        at: a position that the read model has, or None for its latest.
        body: `{at: position, items: [{employee_id, reasons, since: {position, at}}]}`; None where
        the workspace has no such chat.
        """
        return await ask(
            self.pool,
            self.statements["who_saw"],
            workspace_id=workspace_id,
            chat_id=chat_id,
            conversation_id=conversation_id,
            position=at,
        )

    async def position_at(self, at: datetime) -> int:
        """The last position that was recorded by a time; 0 before the first."""
        row = await one_row(self.pool, self.statements["position_at"], at=at)
        return int(row[0]) if row else 0
