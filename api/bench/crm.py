"""The CRM at work: deals change hands, singly and all of an employee's; people come, go and change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from api.bench import company
from api.bench.at_work import Log, Worker
from api.bench.caller import Json
from api.bench.firm import KINDS, SHOP, employee_statement, receives

DEALS_PER_CLIENT = 1 / 200
PORTFOLIOS_PER_SELLER, LEAVES_PER_SELLER, ROLES_PER_SELLER = 1 / 10, 1 / 10, 1 / 15
AT_LEAST = 3
LOST = 0.1
"""So many deals are lost on the day; one that is can't be handed over."""

AWAY = 0.15
"""So long somebody is away or has another role, as a part of the day."""

NOON = 0.5
"""When the shop's channel is no longer the whole team's."""

Step = Callable[[], Awaitable[None]]


class Crm(Worker):
    """One caller, who does one thing after the other. standing: what was said last of each employee."""

    def __init__(self, log: Log, port: int, token: str) -> None:
        super().__init__(log, "crm", port, token)
        self.made = log.size.made
        self.standing: dict[str, Json] = {
            employee_id: employee_statement(employee_id, role, receives=role == "seller" and receives(nth))
            for nth, (employee_id, role) in enumerate(log.size.roles().items())
        }
        self.sellers = [company.seller(number) for number in range(log.size.sellers)]
        self.others = [each for each in self.standing if each != company.SUPERVISOR]

    async def work(self) -> None:
        for moment, step in sorted(self._plan(), key=lambda planned: planned[0]):
            await self.wait_until(moment)
            if self.log.over:
                break
            await step()

    def _plan(self) -> list[tuple[float, Step]]:
        """When what is done; some of it is undone later."""
        size, moments = self.log.size, self.rng.random
        plan: list[tuple[float, Step]] = [(NOON, self.hide_shop)]
        for _ in range(_times(size.clients * DEALS_PER_CLIENT)):
            plan.append((moments(), self.hand_deal_over))
        for _ in range(_times(size.sellers * PORTFOLIOS_PER_SELLER)):
            plan.append((moments(), self.hand_all_over))
        for _ in range(_times(size.sellers * LEAVES_PER_SELLER)):
            plan += self._for_a_while(self.rng.choice(self.others), "active", [False, True])
        for role in _times(size.sellers * ROLES_PER_SELLER) * ["supervisor"]:
            plan += self._for_a_while(self.rng.choice(self.sellers), "role", [role, "seller"])
        plan += self._for_a_while(self.rng.choice(self.sellers), "role", ["quality_control", "seller"])
        plan += self._for_a_while(self.rng.choice(self.sellers), "receives_new_clients", [True, False])
        return plan

    def _for_a_while(self, employee_id: str, name: str, values: list[Any]) -> list[tuple[float, Step]]:
        begin = self.rng.random()
        return [
            (begin + nth * AWAY, partial(self.restate, employee_id, name, value))
            for nth, value in enumerate(values)
        ]

    async def restate(self, employee_id: str, name: str, value: Any) -> None:
        self.standing[employee_id][name] = value
        path = f"/v1/employees/{employee_id}"
        await self.ask(f"employee's {name} restated", "employee", "PUT", path, self.standing[employee_id])

    async def hand_deal_over(self) -> None:
        """A deal and its contact, to anybody; some are lost instead."""
        number = self.rng.randrange(0, self.log.size.on_phone, self.made.deal_every)
        if not self.made.has_deal(number):
            return
        deal_id, to_id = company.deal_id(number), self.rng.choice(self.sellers)
        if self.rng.random() < LOST:
            lost = {"owner_id": to_id, "status": "lost", "contact_ids": [company.contact_id(number)]}
            await self.ask("deal lost", "deal", "PUT", f"/v1/deals/{deal_id}", lost)
            return
        body = {"owner_id": to_id, "reason": "a day's work", "with_contacts": True}
        await self.ask("deal handed over", "handover", "POST", f"/v1/deals/{deal_id}/reassign", body)

    async def hand_all_over(self) -> None:
        from_id, to_id = self.rng.sample(self.sellers, 2)
        body = {"from_employee_id": from_id, "to_employee_id": to_id, "reason": "a day's work"}
        await self.ask("portfolio handed over", "portfolio", "POST", "/v1/handover", body)

    async def hide_shop(self) -> None:
        body = {"kind": KINDS[SHOP], "title": SHOP.title(), "visibility": "client_owners"}
        await self.ask("channel's visibility changed", "channel", "PUT", f"/v1/channels/{SHOP}", body)


def _times(expected: float) -> int:
    return max(AT_LEAST, round(expected))
