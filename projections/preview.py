"""What a handover or a link would change about who sees what: the one rule, over rows as they are now."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from domain.employee import Standing
from domain.preview import ChatState, Help
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts
from projections.answer import Pool
from projections.read_model import AUDIT
from projections.statements import Statements

NOTHING = dict.fromkeys(("from_id", "deal_id", "contact_id", "address_id"))


@dataclass(frozen=True, slots=True)
class Reach:
    """All that the rule has to know of the chats that a change may reach.

    reached: how many chats these are; where they are more than was asked for, none of them is here.
    client: the responsible employee and the deals, with their owners, of the contact that was named.
    """

    position: int
    reached: int
    chats: Sequence[ChatState]
    client: tuple[str | None, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Deal:
    owner_id: str
    status: str
    contact_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Staff:
    """Everybody who was ever an employee, with his standing and his name."""

    standing: Mapping[str, Standing]
    names: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Now:
    """The company as of one moment."""

    connection: AsyncConnection[Any]
    statements: Statements
    workspace_id: str

    async def staff(self, position: int) -> Staff:
        rows = await self._ask("employees", position=position)
        standing = {row[0]: Standing(role=row[1], receives_new_clients=row[2], active=row[3]) for row in rows}
        return Staff(standing, {row[0]: row[4] for row in rows})

    async def deal(self, deal_id: str) -> Deal | None:
        rows = await self._ask("deal", deal_id=deal_id)
        return Deal(rows[0][0], rows[0][1], frozenset(rows[0][2])) if rows else None

    async def has_contact(self, contact_id: str) -> bool:
        return bool(await self._ask("contact", contact_id=contact_id))

    async def reach(self, *, limit: int, **named: str) -> Reach:
        """named: whose deals and contacts (`from_id`), `deal_id`, `contact_id` and `address_id`."""
        ((position, body),) = await self._ask("reach", limit=limit, **{**NOTHING, **named})
        told = json.loads(body)
        client = told["client"] or {"responsible_id": None, "deals": {}}
        return Reach(
            position,
            told["reached"],
            [_chat(each) for each in told["chats"] or ()],
            (client["responsible_id"], client["deals"]),
        )

    async def _ask(self, question: str, **values: Any) -> list[tuple[Any, ...]]:
        asked = {"workspace_id": self.workspace_id, **values}
        cursor = await self.connection.execute(self.statements[question], asked)
        return await cursor.fetchall()


class Preview:
    """What is asked before it is known what would happen."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load(AUDIT)

    @asynccontextmanager
    async def now(self, workspace_id: str) -> AsyncIterator[Now]:
        """Whatever is asked within the block is answered as of one moment, and nothing is locked."""
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(self.statements["snapshot"])
            yield Now(connection, self.statements, workspace_id)


def _chat(told: Mapping[str, Any]) -> ChatState:
    clients = told["clients"]
    deals: dict[str, DealFacts] = {}
    for client in clients:
        for deal_id, owner_id in client["deals"].items():
            others = deals[deal_id].contact_ids if deal_id in deals else frozenset()
            deals[deal_id] = DealFacts(owner_id, "open", others | {client["contact_id"]})
    helps = tuple(
        Help(each["employee_id"], each["message_id"], each["chat_id"], frozenset(each["chat_ids"]))
        for each in told["helps"]
    )
    return ChatState(
        told["chat_id"],
        told["conversation_id"],
        ChatFacts(
            told["kind"],
            told["channel_id"],
            told["visibility"],
            frozenset(told["participants"]),
            frozenset((each.employee_id, each.message_id) for each in helps),
        ),
        DirectoryFacts(
            links={each["contact_id"]: frozenset(each["address_ids"]) for each in clients},
            responsible={each["contact_id"]: each["responsible_id"] for each in clients},
            deals=deals,
        ),
        helps,
    )
