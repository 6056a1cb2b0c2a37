"""What changed for some employees in a range of the ledger: what is to be told so that their lists are right.

Whoever has a list as it was at `after`, puts in what is `visible` or `conversation_changed` and takes out
what is `hidden`, has it as it is at the position of the snapshot, once all parts were told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from psycopg import AsyncConnection

from projections.answer import Pool, one_row
from projections.statements import Statements

VISIBLE, CHANGED, HIDDEN, MESSAGE = "visible", "conversation_changed", "hidden", "message"

RANGE_SIZE = 1_000
"""Events of the ledger that are told at once."""

CHATS_TOGETHER = 200
PAIRS_TOGETHER = 5_000
"""Of a chat and an employee who sees it: as many items as one question answers."""

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before all chats."""


@dataclass(frozen=True, slots=True)
class Change:
    """What these employees are to be told. data: JSON, in one line."""

    event: str
    data: str
    employee_ids: Collection[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """Of what it is asked: what events in (after, until] changed, in the chats after `beyond`.

    moved: of the employees, those who may see other chats than before without anything happening to these.
    """

    workspace_id: str
    employee_ids: Collection[str]
    moved: Collection[str]
    after: int
    until: int
    beyond: str = FIRST

    def going_on(self, beyond: str) -> Asked:
        """The next part."""
        return replace(self, beyond=beyond)


@dataclass(frozen=True, slots=True)
class Part:
    """What there is to tell. beyond: the last chat that was looked at; None after the last of all."""

    changes: list[Change]
    beyond: str | None


class Seer(NamedTuple):
    """Who has seen a chat since `after`: whether then, whether now, and whether it may look another now."""

    employee_id: str
    saw: bool
    sees: bool
    shown: bool


@dataclass(frozen=True, slots=True)
class Touched:
    """A chat, and those of the employees who see it or have."""

    chat_id: str
    conversation_id: str
    seers: list[Seer]


@dataclass(frozen=True, slots=True)
class Moment:
    """The read models as of one moment. position: up to where the inbox has the ledger."""

    connection: AsyncConnection[Any]
    statements: Statements
    position: int

    def until(self, after: int) -> int:
        """Up to where it is told at once what happened after a position."""
        return min(self.position, after + RANGE_SIZE)

    async def moved(self, workspace_id: str, after: int, until: int) -> set[str]:
        """The employees who became somebody else in a range."""
        rows = await self._ask("moved", workspace_id=workspace_id, after=after, until=until)
        return {employee_id for (employee_id,) in rows}

    async def part(self, asked: Asked, *, chats: int = CHATS_TOGETHER) -> Part:
        """What changed in at most so many chats."""
        rows = await self._ask(
            "touched",
            workspace_id=asked.workspace_id,
            employee_ids=list(asked.employee_ids),
            moved=list(asked.moved),
            after=asked.after,
            until=asked.until,
            beyond=asked.beyond,
            limit=chats,
        )
        touched = [Touched(row[0], row[1], list(map(Seer, *row[2:]))) for row in rows if row[2]]
        changes = [change async for change in self._of_lists(asked, touched)]
        if touched:
            changes += await self._of_messages(asked, touched, rows[-1][0])
        return Part(changes, rows[-1][0] if len(rows) == chats else None)

    async def _of_lists(self, asked: Asked, touched: Sequence[Touched]) -> AsyncIterator[Change]:
        pairs = [(chat, seer) for chat in touched for seer in chat.seers if seer.shown]
        for start in range(0, len(pairs), PAIRS_TOGETHER):
            some = pairs[start : start + PAIRS_TOGETHER]
            items = await self._ask(
                "items",
                workspace_id=asked.workspace_id,
                chat_ids=[chat.chat_id for chat, _ in some],
                employee_ids=[seer.employee_id for _, seer in some],
            )
            listed = {(chat_id, each) for chat_id, _, employee_ids in items for each in employee_ids}
            for change in _hidden(some, listed):
                yield change
            saw = {(chat.chat_id, seer.employee_id) for chat, seer in some if seer.saw}
            for chat_id, item, employee_ids in items:
                before = [each for each in employee_ids if (chat_id, each) in saw]
                new = [each for each in employee_ids if (chat_id, each) not in saw]
                yield Change(CHANGED, item, before)
                yield Change(VISIBLE, item, new)

    async def _of_messages(self, asked: Asked, touched: Sequence[Touched], last: str) -> list[Change]:
        rows = await self._ask(
            "messages",
            workspace_id=asked.workspace_id,
            after=asked.after,
            until=asked.until,
            beyond=asked.beyond,
            last=last,
        )
        seeing = {chat.chat_id: [each.employee_id for each in chat.seers if each.sees] for chat in touched}
        return [Change(MESSAGE, data, seeing.get(chat_id, ())) for chat_id, data in rows]

    async def _ask(self, question: str, **values: Any) -> list[tuple[Any, ...]]:
        cursor = await self.connection.execute(self.statements[question], values)
        return await cursor.fetchall()


@dataclass(frozen=True, slots=True)
class Feed:
    """Questions about what happened since a position."""

    pool: Pool
    statements: Statements = field(default_factory=lambda: Statements.load("feed"))

    async def position(self) -> int:
        """Up to where the inbox has the ledger."""
        row = await one_row(self.pool, self.statements["position"])
        return int(row[0]) if row else 0

    @asynccontextmanager
    async def moment(self) -> AsyncIterator[Moment]:
        """Whatever is asked within the block is answered as of one moment."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(self.statements["snapshot"])
            row = await (await connection.execute(self.statements["position"])).fetchone()
            yield Moment(connection, self.statements, int(row[0]) if row else 0)


def _hidden(pairs: Sequence[tuple[Touched, Seer]], listed: Collection[tuple[str, str]]) -> Iterator[Change]:
    """Who has it in his list no more. Also where he had it only in between: he may have been told so."""
    gone: dict[str, list[str]] = {}
    for chat, seer in pairs:
        if (chat.chat_id, seer.employee_id) not in listed:
            gone.setdefault(chat.conversation_id, []).append(seer.employee_id)
    for conversation_id, employee_ids in gone.items():
        yield Change(HIDDEN, f'{{"conversation_id": "{conversation_id}"}}', employee_ids)
