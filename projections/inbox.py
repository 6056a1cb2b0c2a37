"""The shared inbox: what an employee lists, counts and opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from projections.answer import Answer, all_rows, ask, one_row
from projections.statements import Statements

FOLDERS = ("incoming", "in_progress", "snoozed", "closed")

KINDS_ON_SURFACE = {
    "web": ("direct", "group"),
    "mobile": ("direct", "group"),
    "crm_widget": ("direct", "group"),
    "deal_card": ("direct",),
    "open_line": ("direct",),
}
"""Group chats never appear on a CRM's deal card or open line (G6)."""

NEWEST = "infinity~ffffffff-ffff-ffff-ffff-ffffffffffff"
"""The cursor before the first page."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What an employee's command has to know of a conversation that he sees.

    chat_ids: of its chats those that he sees, the one first that the client wrote in last.
    client_position: the ledger position of the last client message that the read model knows; 0 for none.
    activity_at: of the latest message, by the provider's clock.
    """

    conversation_id: str
    chat_ids: list[str]
    client_position: int
    activity_at: datetime


class Inbox:
    """Questions of an employee, answered with what he sees and nothing else."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]]) -> None:
        self.pool = pool
        self.statements = Statements.load("inbox")

    async def page(
        self,
        workspace_id: str,
        employee_id: str,
        *,
        folder: str | None = None,
        surface: str = "web",
        q: str | None = None,
        channel_id: str | None = None,
        waiting: bool | None = None,
        holder_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """A page of conversations, newest activity first; body: `{items, next_cursor}`.

        Raises:
            ValueError: the cursor is none of ours.
        """
        at, _, conversation_id = (cursor or NEWEST).partition("~")
        return await ask(
            self.pool,
            self.statements["page"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            folders=[folder] if folder else list(FOLDERS),
            kinds=list(KINDS_ON_SURFACE[surface]),
            q=_containing(q),
            channel_id=channel_id,
            waiting=waiting,
            holder_id=holder_id,
            narrowed=any(asked is not None for asked in (q, channel_id, holder_id)),
            at=at,
            conversation_id=conversation_id,
            limit=limit,
        )

    async def counts(self, workspace_id: str, employee_id: str, *, surface: str = "web") -> Answer:
        """How many conversations are in each folder, wait for an answer, or hold something unread."""
        return await ask(
            self.pool,
            self.statements["counts"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
        )

    async def conversation(
        self, workspace_id: str, employee_id: str, conversation_id: str, *, surface: str = "web"
    ) -> Answer:
        """One conversation with its participants; body None where the employee does not see it."""
        return await ask(
            self.pool,
            self.statements["conversation"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
        )

    async def glance(self, workspace_id: str, employee_id: str, conversation_id: str) -> Glance | None:
        """What a command needs to know; None where the employee does not see the conversation."""
        rows = await all_rows(
            self.pool,
            self.statements["glance"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
        )
        if not rows:
            return None
        position, activity_at = max(row[2] for row in rows), max(row[3] for row in rows)
        return Glance(rows[0][0], [row[1] for row in rows], position, activity_at)

    async def sees(self, workspace_id: str, employee_id: str, conversation_id: str) -> bool:
        """Whether the employee sees any chat of the conversation."""
        return await self.glance(workspace_id, employee_id, conversation_id) is not None

    async def participant_name(
        self, workspace_id: str, employee_id: str, conversation_id: str, address_id: str
    ) -> str | None:
        """How somebody is called who is or was in what the employee sees; None where he never was.

        Empty where it was erased.
        """
        row = await one_row(
            self.pool,
            self.statements["participant"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
            address_id=address_id,
        )
        return str(row[0]) if row else None


def _containing(text: str | None) -> str | None:
    """A pattern for ILIKE that finds the text as it is."""
    if not text:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
