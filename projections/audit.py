"""Who could see what at any position, and why: what an auditor asks of `visibility` and the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from domain.errors import Invalid
from projections.answer import Answer, Pool, ask
from projections.statements import Statements

LAST_POSITION = 2**53 - 1
"""Behind all others, and of a size that a range may end behind it."""

FIRST_CHAT = "00000000-0000-0000-0000-000000000000"
LOOKED_AT = 5_000
"""Of what came into a principal's sight, so much is looked at for one page of what was seen at some time."""


@dataclass(frozen=True, slots=True)
class Span:
    """Positions, both of them within."""

    since: int = 0
    until: int = LAST_POSITION


EVER = Span()


@dataclass(frozen=True, slots=True)
class Mark:
    """Behind which stretch a page begins."""

    begun: int = 0
    employee_id: str = ""
    opened: int = 0
    chat_id: str = FIRST_CHAT
    kind: str = ""
    contact_id: str = ""
    deal_id: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> Mark:
        """Raises Invalid: the cursor is none of ours."""
        try:
            told = json.loads(cursor) if cursor else [*cls().values.values()]
            if type(told) is not list or len(told) != len(cls().values):
                raise ValueError
            mark = cls(*told)
            numbers, texts = (mark.begun, mark.opened), (mark.employee_id, mark.kind, mark.contact_id)
            if not all(type(each) is int and 0 <= each <= LAST_POSITION for each in numbers):
                raise ValueError
            if not all(isinstance(each, str) and "\0" not in each for each in (*texts, mark.deal_id)):
                raise ValueError
            return replace(mark, chat_id=str(UUID(mark.chat_id)))
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise Invalid(f"{cursor!r} is none of our cursors.", field="cursor") from None

    @property
    def values(self) -> dict[str, Any]:
        return {
            "begun": self.begun,
            "after": self.employee_id,
            "opened": self.opened,
            "beyond": self.chat_id,
            "kind": self.kind,
            "contact_id": self.contact_id,
            "deal_id": self.deal_id,
        }


class Audit:
    """Questions about who saw what, answered with the events that made it so."""

    def __init__(self, pool: Pool, *, looked_at: int = LOOKED_AT) -> None:
        self.pool = pool
        self.statements = Statements.load("audit")
        self.looked_at = looked_at

    async def who_saw(
        self,
        workspace_id: str,
        *,
        chat_id: str | None = None,
        conversation_id: str | None = None,
        at: int | None = None,
    ) -> Answer:
        """Everybody who saw a chat, or any that stood in a conversation at that position.

        at: a position that the read model has, or None for its latest.
        body: `{at: position, items: [{employee_id, name, role, reasons, chat_ids, since: {position, at}}]}`;
        None where the workspace has no such chat. `since`: from when on without a break.
        """
        return await ask(
            self.pool,
            self.statements["who_saw"],
            workspace_id=workspace_id,
            chat_id=chat_id,
            conversation_id=conversation_id,
            position=at,
        )

    async def chat_history(
        self,
        workspace_id: str,
        chat_id: str,
        span: Span = EVER,
        *,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """The stretches in which somebody saw a chat, as far as they touch a span, as they began.

        body: `{items: [{employee_id, name, chat_id, conversation_id, reason, from, to}], next_cursor}`; None
        where the workspace has no such chat.

        Raises:
            Invalid: the cursor is none of ours.
        """
        return await ask(
            self.pool,
            self.statements["chat_history"],
            workspace_id=workspace_id,
            chat_id=chat_id,
            since=span.since,
            until=span.until,
            limit=limit,
            **Mark.read(cursor).values,
        )

    async def employee_history(
        self,
        workspace_id: str,
        employee_id: str,
        span: Span = EVER,
        *,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """Everything that an employee could see in a span, as `chat_history`.

        A page may have fewer items than asked for although more follow, as it looks at no more than so much.

        Raises:
            Invalid: the cursor is none of ours.
        """
        mark = Mark.read(cursor).values
        mark.pop("after")
        return await ask(
            self.pool,
            self.statements["employee_history"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            since=span.since,
            until=span.until,
            limit=limit,
            first=FIRST_CHAT,
            last=LAST_POSITION,
            looked=self.looked_at,
            **mark,
        )

    async def explanation(
        self, workspace_id: str, employee_id: str, chat_id: str, at: int | None = None
    ) -> Answer:
        """Why an employee sees a chat at a position, why he does no more, or why he never did.

        body: `{at, employee_id, chat_id, visible, reasons, lost, never, names}`; None where the workspace has
        no such employee or chat.
        """
        return await ask(
            self.pool,
            self.statements["explanation"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            chat_id=chat_id,
            position=at,
        )
