"""What a handover or a link would change about who sees what: the one rule, over rows as they are now."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from domain.deal import DealStatus
from domain.employee import Standing
from domain.errors import DealLost, UnknownReference, UnknownThing
from domain.preview import (
    Change,
    ChatState,
    HandedOver,
    Handover,
    Help,
    Linked,
    Linking,
    Reassigned,
    Reassignment,
    Turn,
    Unlinked,
    Unlinking,
    Wish,
    turns,
)
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts
from projections.answer import Pool
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
class Staff:
    """Everybody who was ever an employee, with his standing and his name."""

    standing: Mapping[str, Standing]
    names: Mapping[str, str | None]

    def require(self, employee_id: str, field: str) -> None:
        if employee_id not in self.standing:
            raise UnknownReference("employee", employee_id, field=field)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A change, what the rule has to know of all that it reaches, and of everybody who works here."""

    change: Change
    reach: Reach
    staff: Staff

    def turns(self) -> list[Turn]:
        return turns(self.reach.chats, self.staff.standing, self.change)


@dataclass(frozen=True, slots=True)
class Now:
    """The company as of one moment. limit: of how many chats the rule is to know."""

    connection: AsyncConnection[Any]
    statements: Statements
    workspace_id: str
    limit: int

    async def outlook(self, wish: Wish) -> Outlook:
        """Raises what doing it would raise."""
        staff = await self._staff()
        match wish:
            case Handover():
                staff.require(wish.from_id, "from_employee_id")
                staff.require(wish.to_id, "to_employee_id")
                return Outlook(
                    HandedOver(wish.from_id, wish.to_id), await self._reach(from_id=wish.from_id), staff
                )
            case Reassignment():
                return await self._reassigned(wish, staff)
            case Linking():
                return await self._linked(wish, staff)
            case Unlinking():
                await self._require_contact(wish.contact_id)
                reach = await self._reach(contact_id=wish.contact_id, address_id=wish.address_id)
                return Outlook(Unlinked(wish.contact_id, wish.address_id), reach, staff)

    async def _reassigned(self, wish: Reassignment, staff: Staff) -> Outlook:
        rows = await self._ask("deal", deal_id=wish.deal_id)
        if not rows:
            raise UnknownThing("deal", wish.deal_id)
        owner_id, status, contact_ids = rows[0]
        staff.require(wish.owner_id, "owner_id")
        if status == DealStatus.LOST and wish.owner_id != owner_id:
            raise DealLost(wish.deal_id)
        contacts = frozenset(contact_ids if wish.with_contacts else ())
        change = Reassigned(wish.deal_id, wish.owner_id, contacts)
        return Outlook(change, await self._reach(deal_id=wish.deal_id), staff)

    async def _linked(self, wish: Linking, staff: Staff) -> Outlook:
        reach = await self._reach(contact_id=wish.contact_id, address_id=wish.address_id)
        responsible_id, deals = reach.client
        if wish.responsible_id is None:
            await self._require_contact(wish.contact_id)
        elif not await self._ask("contact", contact_id=wish.contact_id):
            staff.require(wish.responsible_id, "responsible_id")
            responsible_id = wish.responsible_id
        return Outlook(Linked(wish.contact_id, wish.address_id, responsible_id, deals), reach, staff)

    async def _require_contact(self, contact_id: str) -> None:
        if not await self._ask("contact", contact_id=contact_id):
            raise UnknownReference("contact", contact_id, field="contact_id")

    async def _staff(self) -> Staff:
        rows = await self._ask("employees")
        standing = {row[0]: Standing(role=row[1], receives_new_clients=row[2], active=row[3]) for row in rows}
        return Staff(standing, {row[0]: row[4] for row in rows})

    async def _reach(self, **named: str) -> Reach:
        """named: whose deals and contacts (`from_id`), `deal_id`, `contact_id` and `address_id`."""
        ((position, body),) = await self._ask("reach", limit=self.limit, **{**NOTHING, **named})
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
        self.statements = Statements.load("audit")

    async def outlook(self, workspace_id: str, wish: Wish, *, limit: int) -> Outlook:
        """What has to be known of a wish, as of one moment; nothing is locked for it.

        limit: where more chats are in its reach, none is told.

        Raises what doing it would raise.
        """
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(self.statements["snapshot"])
            return await Now(connection, self.statements, workspace_id, limit).outlook(wish)


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
