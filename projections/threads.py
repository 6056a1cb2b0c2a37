"""The hidden threads, for employees who see the message."""

from __future__ import annotations

from projections.answer import Answer, Pool, ask
from projections.inbox import KINDS_ON_SURFACE
from projections.statements import Statements


class Threads:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("threads")

    async def thread(
        self,
        workspace_id: str,
        employee_id: str,
        conversation_id: str,
        message_id: str,
        *,
        cursor: str | None = None,
        limit: int = 50,
        surface: str = "web",
    ) -> Answer:
        """A page of replies, oldest first, and all who help there now.

        body: `{message_id, helpers, items, next_cursor}`; None where he sees no such message there.

        Raises:
            ValueError: the cursor is none of ours.
        """
        return await ask(
            self.pool,
            self.statements["thread"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
            message_id=message_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
            later_than=int(cursor or 0),
            limit=limit,
        )
