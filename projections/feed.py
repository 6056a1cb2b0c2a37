"""What changed for some employees in a range of the ledger: what is to be told so that their lists are right.

Whoever has a list as it was at `after`, puts in what is `visible` or `conversation_changed` and takes out
what is `hidden`, has it as it is at the position of the snapshot, once all parts were told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from projections.answer import Pool, one_row
from projections.statements import Statements

VISIBLE, CHANGED, HIDDEN = "visible", "conversation_changed", "hidden"
MESSAGE, NOTIFICATION = "message", "notification"

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
    """A chat, and those of the employees who see it or have. conversation_ids: where it stands, and stood."""

    chat_id: str
    conversation_ids: list[str]
    seers: list[Seer]

    def sees(self, employee_id: str) -> bool:
        return any(each.sees for each in self.seers if each.employee_id == employee_id)


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
        touched = [_touched(*row) for row in rows if row[3]]
        changes = [change async for change in self._of_lists(asked, touched)]
        if touched:
            changes += await self._of_messages(asked, touched, rows[-1][0])
        return Part(changes, rows[-1][0] if len(rows) == chats else None)

    async def _of_lists(self, asked: Asked, touched: Sequence[Touched]) -> AsyncIterator[Change]:
        pairs = list(_pairs(touched).items())
        for start in range(0, len(pairs), PAIRS_TOGETHER):
            some = dict(pairs[start : start + PAIRS_TOGETHER])
            of_employee: dict[str, list[str]] = {}
            for conversation_id, employee_id in some:
                of_employee.setdefault(employee_id, []).append(conversation_id)
            items = await self._ask("items", workspace_id=asked.workspace_id, asked=Jsonb(of_employee))
            listed = {(conversation_id, each) for conversation_id, _, those in items for each in those}
            for change in _hidden(some.keys() - listed):
                yield change
            for conversation_id, item, employee_ids in items:
                before = [each for each in employee_ids if some[conversation_id, each]]
                new = [each for each in employee_ids if not some[conversation_id, each]]
                yield Change(CHANGED, item, before)
                yield Change(VISIBLE, item, new)

    async def _of_messages(self, asked: Asked, touched: Sequence[Touched], last: str) -> list[Change]:
        """The messages, and whom they notify of those who see them."""
        known = {chat.chat_id: chat for chat in touched}
        bounds = {
            "workspace_id": asked.workspace_id,
            "after": asked.after,
            "until": asked.until,
            "beyond": asked.beyond,
            "last": last,
        }
        changes = [
            Change(MESSAGE, data, [each.employee_id for each in known[chat_id].seers if each.sees])
            for chat_id, data in await self._ask("messages", **bounds)
            if chat_id in known
        ]
        notified = await self._ask("notifications", **bounds, employee_ids=list(asked.employee_ids))
        return changes + [
            Change(NOTIFICATION, data, [each for each in employee_ids if known[chat_id].sees(each)])
            for chat_id, data, employee_ids in notified
            if chat_id in known
        ]

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


def _touched(chat_id: str, conversation_id: str | None, former_ids: list[str], *seers: list[Any]) -> Touched:
    """As a row tells."""
    ids = dict.fromkeys([conversation_id, *former_ids] if conversation_id else former_ids)
    return Touched(chat_id, list(ids), list(map(Seer, *seers)))


def _pairs(touched: Iterable[Touched]) -> dict[tuple[str, str], bool]:
    """The conversations of which there is to tell whom, and whether he saw any of it before."""
    pairs: dict[tuple[str, str], bool] = {}
    for chat in touched:
        for seer in chat.seers:
            for conversation_id in chat.conversation_ids if seer.shown else ():
                pair = conversation_id, seer.employee_id
                pairs[pair] = pairs.get(pair, False) or seer.saw
    return pairs


def _hidden(pairs: Iterable[tuple[str, str]]) -> Iterator[Change]:
    """Who has it in his list no more. Also where he had it only in between: he may have been told so."""
    gone: dict[str, list[str]] = {}
    for conversation_id, employee_id in sorted(pairs):
        gone.setdefault(conversation_id, []).append(employee_id)
    for conversation_id, employee_ids in gone.items():
        yield Change(HIDDEN, f'{{"conversation_id": "{conversation_id}"}}', employee_ids)
