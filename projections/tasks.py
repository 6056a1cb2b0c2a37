"""Tasks on conversations, for employees who see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from projections.answer import Answer, Pool, ask, one_row
from projections.inbox import KINDS_ON_SURFACE
from projections.statements import Statements

EARLIEST, LATEST = "-infinity", "infinity"
"""As PostgreSQL writes moments before and after all others."""

TO_BE_DONE, DONE = "false", "true"
MOMENT = timedelta(microseconds=1)
"""PostgreSQL keeps no time between two."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which tasks. assignee_id: None for everybody's; overdue: None for both."""

    assignee_id: str | None
    done: bool = False
    overdue: bool | None = None

    def due(self, now: datetime) -> tuple[str, str]:
        """From and until when they are to be done; what is done is not overdue."""
        if self.overdue:
            return (EARLIEST, EARLIEST if self.done else (now - MOMENT).isoformat())
        if self.overdue is False and not self.done:
            return now.isoformat(), LATEST
        return EARLIEST, LATEST


class Tasks:
    """Questions of an employee, answered with what he sees and nothing else."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("tasks")

    async def page(
        self,
        workspace_id: str,
        employee_id: str,
        asked: Asked,
        *,
        surface: str = "web",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """A page of tasks in conversations that he sees, due soonest first; body: `{items, next_cursor}`.

        Raises:
            ValueError: the cursor is none of ours.
        """
        due_order, _, position = (cursor or f"{EARLIEST}~0").partition("~")
        now = datetime.now(UTC)
        due_from, due_until = asked.due(now)
        return await ask(
            self.pool,
            self.statements["page"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
            assignee_id=asked.assignee_id,
            done=asked.done,
            due_from=due_from,
            due_until=due_until,
            due_order=due_order,
            position=int(position),
            limit=limit,
            now=now,
        )

    async def of_conversation(
        self,
        workspace_id: str,
        employee_id: str,
        conversation_id: str,
        *,
        surface: str = "web",
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """A page of a conversation's tasks, what is done last; body None where he does not see it.

        Raises:
            ValueError: the cursor is none of ours.
        """
        done, due_order, position = (cursor or f"{TO_BE_DONE}~{EARLIEST}~0").split("~")
        if done not in (TO_BE_DONE, DONE):
            raise ValueError(cursor)
        return await ask(
            self.pool,
            self.statements["of_conversation"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
            done=done == DONE,
            due_order=due_order,
            position=int(position),
            limit=limit,
            now=datetime.now(UTC),
        )

    async def latest_chat(self, workspace_id: str, employee_id: str, conversation_id: str) -> str | None:
        """Of the chats that he sees of a conversation the one with the newest activity; None for none."""
        row = await one_row(
            self.pool,
            self.statements["latest_chat"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            conversation_id=conversation_id,
            kinds=list(KINDS_ON_SURFACE["web"]),
        )
        return str(row[0]) if row else None

    async def chat_of_task(self, workspace_id: str, employee_id: str, task_id: str) -> str | None:
        """To which chat a task belongs; None where he does not see it."""
        row = await one_row(
            self.pool,
            self.statements["chat_of_task"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            task_id=task_id,
        )
        return str(row[0]) if row else None

    async def sees(self, workspace_id: str, employee_id: str, chat_id: str) -> bool:
        """Whether an employee sees a chat, so that he can be given a task there."""
        row = await one_row(
            self.pool,
            self.statements["sees"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            chat_id=chat_id,
        )
        return row is not None and bool(row[0])
