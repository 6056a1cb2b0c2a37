"""Who is to be notified of which message: each employee's own, and all of them for a company's systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from projections.answer import Answer, Pool, all_rows, ask
from projections.statements import Statements

LAST_POSITION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Notified:
    """A client's message that somebody was to be notified of. at: when it was recorded, RFC 3339.

    employee_ids: who was to be, and sees its chat now; may be nobody.
    """

    position: int
    conversation_id: str
    chat_id: str
    message_id: str
    channel_id: str
    at: str
    employee_ids: list[str]


class Notifications:
    """Questions that are answered with chats that are seen now, by the one predicate."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("notifications")

    async def page(self, workspace_id: str, employee_id: str, *, after: int = 0, limit: int = 50) -> Answer:
        """His notifications after a ledger position, in ledger order; body `{items, next_cursor}`.

        An item is `{position, conversation_id, chat_id, message_id, at}`; a cursor is a position.
        """
        return await ask(
            self.pool,
            self.statements["page"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            after=after,
            last=LAST_POSITION,
            limit=limit,
        )

    async def next_messages(self, workspace_id: str, *, after: int, limit: int) -> list[Notified]:
        """The next messages after a ledger position, in ledger order."""
        rows: list[tuple[Any, ...]] = await all_rows(
            self.pool, self.statements["next_messages"], workspace_id=workspace_id, after=after, limit=limit
        )
        return [Notified(*row) for row in rows]

    async def muted_hours(self, workspace_id: str, employee_id: str) -> Answer:
        """body: `{muted_hours: [{days, from, to}]}`, as the employee stated them last."""
        return await ask(
            self.pool, self.statements["muted_hours"], workspace_id=workspace_id, employee_id=employee_id
        )
