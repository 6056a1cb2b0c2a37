"""The company and its clients, as the CRM tells them: each PUT is a full statement of one thing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api import limits
from api.answers import HandedOver, Written
from api.examples import PHONE
from api.fields import WHOLE, Addresses, Id, Name, PathId, Reason, Statement, TimezoneName
from api.reading import reach
from api.routing import router
from api.workspace_settings import BusinessHours, DailyReport, Holidays
from api.writing import AdminWrite, DirectoryWrite, Write, written
from domain.deciding import Accepted

routes = router("directory")

Visibility = Literal["client_owners", "whole_team"]


class WorkspaceStatement(Statement):
    """What is left out, or null, stays as it is; an empty object takes a setting back."""

    timezone: TimezoneName | None = Field(None, examples=["Europe/Moscow"])
    language: Literal["ru", "en"] | None = None
    response_goal_seconds: (
        Annotated[int, Field(strict=True, ge=1, le=limits.RESPONSE_GOAL_S), WHOLE] | None
    ) = Field(None, examples=[600])
    business_hours: BusinessHours | None = Field(
        None,
        description="Weekday → list of [from, to], in the workspace's time zone.",
        examples=[{"monday": [["09:00", "13:00"], ["14:00", "18:00"]]}],
    )
    visibility_policy: Visibility | None = Field(
        None, description="Of channels that do not say who sees their direct chats."
    )
    holidays: Holidays | None = None
    daily_report: DailyReport | None = None

    @property
    def settings(self) -> dict[str, Any]:
        stated = self.model_dump()
        for name, given in (("holidays", self.holidays), ("daily_report", self.daily_report)):
            stated[name] = None if given is None else given.facts
        return stated


class ChannelStatement(Statement):
    kind: Literal["whatsapp", "telegram", "instagram", "other"]
    title: Name = Field("", examples=["Sales phone"])
    visibility: Visibility | None = Field(
        None,
        examples=["client_owners"],
        description="Left out: as it is; for a new channel, the workspace's policy.",
    )


class EmployeeStatement(Statement):
    name: Name = Field(examples=["Oleg"])
    role: Literal["seller", "supervisor", "quality_control"]
    receives_new_clients: bool = Field(False, examples=[True])
    active: bool = True
    addresses: Addresses = Field(default=[], examples=[[{"kind": "whatsapp", "address": "+7 495 000-00-01"}]])


class StaffStatement(Statement):
    name: Name = Field(examples=["Arkady, architect"])
    addresses: Addresses = Field(default=[], examples=[[{"kind": "whatsapp", "address": "+7 495 000-00-02"}]])


class ContactStatement(Statement):
    name: Name = Field(examples=["Husband"])
    responsible_id: Id | None = Field(None, examples=["oleg"])
    addresses: Addresses = Field(default=[], examples=[[{"kind": "whatsapp", "address": PHONE}]])


class DealStatement(Statement):
    title: Name = Field("", examples=["House on Lime Street"])
    owner_id: Id = Field(examples=["oleg"])
    status: Literal["open", "won", "lost"] = "open"
    contact_ids: Annotated[list[Id], Field(max_length=limits.CONTACTS_PER_DEAL)] = Field(
        default=[], examples=[["husband"]]
    )


class Reassignment(Statement):
    owner_id: Id = Field(examples=["pavel"])
    reason: Reason = Field("", examples=["Signed; Pavel builds it."])
    with_contacts: bool = Field(
        False, examples=[True], description="Make him responsible for the deal's contacts too."
    )


class Handover(Statement):
    from_employee_id: Id = Field(examples=["oleg"])
    to_employee_id: Id = Field(examples=["pavel"])
    reason: Reason = Field("", examples=["On parental leave."])


@routes.put("/workspace", response_model=Written)
async def configure_workspace(body: WorkspaceStatement, write: AdminWrite) -> Response:
    """Change the settings of the token's workspace."""
    return written(await write.carry_out(write.ledger.configure_workspace, **body.settings))


@routes.put("/channels/{channel_id}", response_model=Written)
async def put_channel(channel_id: PathId, body: ChannelStatement, write: DirectoryWrite) -> Response:
    """A connected messenger account, and who sees its direct chats."""
    return written(await write.carry_out(write.ledger.put_channel, channel_id, **body.model_dump()))


@routes.put("/employees/{employee_id}", response_model=Written)
async def put_employee(employee_id: PathId, body: EmployeeStatement, write: DirectoryWrite) -> Response:
    """A user of the workspace. Who is not active sees nothing and answers for nobody."""
    accepted = await write.carry_out(
        write.ledger.put_employee,
        employee_id,
        name=body.name,
        role=body.role,
        receives_new_clients=body.receives_new_clients,
        active=body.active,
        addresses=[address.ref for address in body.addresses],
    )
    return written(accepted)


@routes.put("/staff/{staff_id}", response_model=Written)
async def put_staff(staff_id: PathId, body: StaffStatement, write: DirectoryWrite) -> Response:
    """Somebody who writes for the company from a phone of his own, and has no account."""
    addresses = [address.ref for address in body.addresses]
    return written(
        await write.carry_out(write.ledger.put_staff, staff_id, name=body.name, addresses=addresses)
    )


@routes.put("/contacts/{contact_id}", response_model=Written)
async def put_contact(contact_id: PathId, body: ContactStatement, write: DirectoryWrite) -> Response:
    """A client known to the CRM, with all addresses that are linked to it."""
    accepted = await write.carry_out(
        write.ledger.put_contact,
        contact_id,
        name=body.name,
        responsible_id=body.responsible_id,
        addresses=[address.ref for address in body.addresses],
    )
    return written(accepted)


@routes.put("/deals/{deal_id}", response_model=Written)
async def put_deal(deal_id: PathId, body: DealStatement, write: DirectoryWrite) -> Response:
    """A deal; its owner answers for its contacts until it is lost."""
    return written(await write.carry_out(write.ledger.put_deal, deal_id, **body.model_dump()))


@routes.post("/deals/{deal_id}/reassign", response_model=Written)
async def reassign_deal(deal_id: PathId, body: Reassignment, write: DirectoryWrite) -> Response:
    """Hand a deal over. Effective when answered: no read after this shows the chats to the old owner."""
    return written(await write.carry_out(write.ledger.reassign_deal, deal_id, **body.model_dump()))


@routes.post("/handover", response_model=HandedOver)
async def hand_over(body: Handover, write: DirectoryWrite) -> Response:
    """Hand every deal and contact of one employee over, in one step. Effective when answered."""
    deal_ids: set[str] = set()
    contact_ids: set[str] = set()
    accepted = await _hand_over(body, write, [], [])
    for _ in range(limits.HANDOVER_ROUNDS if body.from_employee_id != body.to_employee_id else 0):
        deals, contacts = await _portfolio(write, body.from_employee_id)
        if not deals and not contacts:
            break
        accepted = await _hand_over(body, write, deals, contacts)
        deal_ids.update(deals)
        contact_ids.update(contacts)
    return written(accepted, deals=len(deal_ids), contacts=len(contact_ids))


async def _portfolio(write: Write, employee_id: str) -> tuple[list[str], list[str]]:
    """What is the employee's now, with everything that is recorded already."""
    await reach(write.system, await run_in_threadpool(write.ledger.head))
    return await write.system.directory.portfolio(write.by.workspace_id, employee_id)


async def _hand_over(body: Handover, write: Write, deal_ids: list[str], contact_ids: list[str]) -> Accepted:
    return await write.carry_out(
        write.ledger.hand_over,
        body.from_employee_id,
        body.to_employee_id,
        deal_ids=deal_ids,
        contact_ids=contact_ids,
        reason=body.reason,
    )
