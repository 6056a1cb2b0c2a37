"""Where a company's own systems want to be told, and since when."""

from __future__ import annotations

from projections.answer import Answer, Pool, ask
from projections.statements import Statements


class Webhooks:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("webhooks")

    async def page(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> Answer:
        """By id; body `{items, next_cursor}`, items `{webhook_id, url, label, events, active}`."""
        return await ask(
            self.pool, self.statements["page"], workspace_id=workspace_id, cursor=cursor, limit=limit
        )

    async def webhook(self, workspace_id: str, webhook_id: str) -> Answer:
        """body: one item of the above; None where there is no such webhook."""
        return await ask(
            self.pool, self.statements["webhook"], workspace_id=workspace_id, webhook_id=webhook_id
        )
