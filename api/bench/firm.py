"""The company of a working day: 200 employees, 50,000 clients, three channels, some clients in two of them.

Most clients write to the sales phone; their history is made by `history.py`. Some write to the team's
Telegram or to the shop's Instagram instead, and some of the phone's to Telegram as well: these addresses are
linked, so that both chats are one conversation. What is not made by COPY is told over HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from random import Random

from api.bench import company
from api.bench.caller import Caller, Json
from api.bench.company import Company
from api.bench.measuring import Watch
from api.bench.served import Served
from api.bench.servers import ServerFailed
from domain import ids

TEAM, SHOP = "team", "shop"
KINDS = {company.CHANNEL: company.KIND, TEAM: "telegram", SHOP: "instagram"}
VISIBILITY = {company.CHANNEL: "client_owners", TEAM: "whole_team", SHOP: "whole_team"}
ELSEWHERE = 20
"""One in so many clients does not write to the phone; half of these are known to the CRM."""

IN_BOTH = 40
"""One in so many of the phone's clients writes to the team's channel too; these are all known to the CRM."""

MESSAGES = 2
TELLING, TOGETHER = 8, 100


@dataclass(frozen=True, slots=True)
class Size:
    """pace_s: how long an employee rests between two things that he does. messages: of the day."""

    employees: int = 200
    clients: int = 50_000
    seconds: float = 60.0
    messages: int = 5_000
    pace_s: float = 2.0
    seed: int = 1

    @property
    def supervisors(self) -> int:
        return max(1, self.employees * 15 // 100)

    @property
    def controllers(self) -> int:
        return max(1, self.employees // 10)

    @property
    def sellers(self) -> int:
        return self.employees - self.supervisors - self.controllers

    @property
    def on_phone(self) -> int:
        return self.clients - self.clients // ELSEWHERE

    @property
    def made(self) -> Company:
        return Company(self.on_phone, messages=MESSAGES, sellers=self.sellers)

    def roles(self) -> dict[str, str]:
        """Everybody's; the first supervisor founded the company and stays what she is."""
        return {
            **{company.seller(number): "seller" for number in range(self.sellers)},
            company.SUPERVISOR: "supervisor",
            **{f"supervisor-{number}": "supervisor" for number in range(1, self.supervisors)},
            **{f"control-{number}": "quality_control" for number in range(self.controllers)},
        }


@dataclass(frozen=True, slots=True)
class Place:
    """Where a client writes. external_id: of the chat, in the messenger."""

    channel_id: str
    external_id: str
    address: str
    kind: str = "direct"
    title: str | None = None

    @property
    def chat_id(self) -> str:
        return str(ids.chat_id(company.WORKSPACE, self.channel_id, self.external_id))

    @property
    def stated(self) -> Json:
        """The address as the CRM states it."""
        return {"kind": KINDS[self.channel_id], "address": self.address}

    @property
    def chat(self) -> Json:
        return {"id": self.external_id, "kind": self.kind, "title": self.title}


def places(size: Size, number: int) -> list[Place]:
    """Where this client writes: one place, or two."""
    handle = f"client{number}"
    if number >= size.on_phone:
        channel_id = SHOP if number % 3 == 0 else TEAM
        return [Place(channel_id, handle, handle)]
    kind = "group" if company.is_group(number) else "direct"
    phone = company.phone(number)
    first = Place(company.CHANNEL, company.external_id(number), phone, kind, company.title(number))
    return [first, Place(TEAM, handle, handle)] if number % IN_BOTH == 0 else [first]


def client_at(address: str) -> int:
    """Whose address it is."""
    if address.startswith("client"):
        return int(address.removeprefix("client"))
    return int(address) - int(company.phone(0))


def employee_statement(employee_id: str, role: str, *, receives: bool, active: bool = True) -> Json:
    return {"name": employee_id.title(), "role": role, "receives_new_clients": receives, "active": active}


def receives(number: int) -> bool:
    """A third of the sellers get new clients."""
    return number % 3 == 0


async def settle_in(ours: Served, size: Size, watch: Watch) -> None:
    """State the staff and the other channels, and let clients write there for the first time."""
    token = ours.token("admin", "connector")
    steps = {
        "channels": _channels(),
        "employees": _staff(size),
        "clients": _clients(size),
        "first messages": _first_messages(size),
    }
    for name, step in steps.items():
        requests = list(step)
        left = iter(enumerate(requests, start=1))
        show = partial(_show, watch, name, len(requests))
        await asyncio.gather(*(_state(Caller(ours.port, token), left, show) for _ in range(TELLING)))


def _show(watch: Watch, step: str, total: int, done: int) -> None:
    watch(step, done, total)


def _channels() -> Iterator[tuple[str, str, Json]]:
    for channel_id, kind in KINDS.items():
        stated = {"kind": kind, "title": channel_id.title(), "visibility": VISIBILITY[channel_id]}
        yield "PUT", f"/v1/channels/{channel_id}", stated


def _staff(size: Size) -> Iterator[tuple[str, str, Json]]:
    for nth, (employee_id, role) in enumerate(size.roles().items()):
        stated = employee_statement(employee_id, role, receives=role == "seller" and receives(nth))
        yield "PUT", f"/v1/employees/{employee_id}", stated


def _clients(size: Size) -> Iterator[tuple[str, str, Json]]:
    rng = Random(f"{size.seed} clients")
    made = size.made
    for number in range(size.clients):
        where = places(size, number)
        known = number >= size.on_phone and number % 2 == 0
        if known or len(where) > 1:
            owner_id = company.seller(rng.randrange(size.sellers)) if known else made.seller_of(number)
            addresses = [place.stated for place in where]
            stated = {"name": f"Client {number}", "responsible_id": owner_id, "addresses": addresses}
            yield "PUT", f"/v1/contacts/{company.contact_id(number)}", stated


def _first_messages(size: Size) -> Iterator[tuple[str, str, Json]]:
    told: dict[str, list[Json]] = {TEAM: [], SHOP: []}
    for number in range(size.clients):
        for place in places(size, number):
            if place.channel_id in told:
                told[place.channel_id].append(message(place, f"first-{number}", company.text_of(number, 0)))
    for channel_id, events in told.items():
        for first in range(0, len(events), TOGETHER):
            yield "POST", f"/v1/channels/{channel_id}/events", {"events": events[first : first + TOGETHER]}


def message(place: Place, message_id: str, text: str, *, echo: bool = False) -> Json:
    """A client writes now, or the company wrote from its own phone."""
    number = client_at(place.address)
    client = {"address": place.address, "name": f"Client {number}"}
    own_phone = {"address": f"own-phone-of-{place.channel_id}", "name": "Own phone"}
    return {
        "type": "message",
        "chat": place.chat,
        "message": {
            "id": message_id,
            "sender": own_phone if echo else client,
            "text": text,
            "sent_at": datetime.now(UTC).isoformat(),
            "echo": echo,
        },
    }


async def _state(
    caller: Caller, left: Iterable[tuple[int, tuple[str, str, Json]]], show: Callable[[int], None]
) -> None:
    async with caller:
        for nth, (method, path, body) in left:
            answer = await caller.ask(method, path, body)
            if answer.refused or any(item["error"] for item in answer.body.get("results", [])):
                raise ServerFailed(f"{path} was refused: {answer.body}")
            show(nth)
