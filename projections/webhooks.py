"""Where a company's own systems want to be told, and since when."""

from __future__ import annotations

from dataclasses import dataclass

from projections.answer import Answer, Pool, all_rows, ask
from projections.statements import Statements


@dataclass(frozen=True, slots=True)
class Told:
    """A webhook that is switched on.

    begun_position: of the event since which this goes on, its activation or the last replay: with another one
    it begins anew. after_position: what is recorded after it is told. digest: of the secret to sign with.
    """

    workspace_id: str
    webhook_id: str
    url: str
    digest: str
    begun_position: int
    after_position: int


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

    async def told(self, limit: int) -> list[Told]:
        """The webhooks of all workspaces that are switched on, the oldest first."""
        return [Told(*row) for row in await all_rows(self.pool, self.statements["told"], limit=limit)]
