"""What would happen: an auditor asks who would gain and who would lose sight, before anything is done."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from api import limits
from api.answers_sight import PreviewShape
from api.errors import invalid
from api.fields import AddressStatement, Id, Statement
from api.reading import POSITION_HEADER, AuditorRead, reach
from api.routing import router
from domain.deal import DealStatus
from domain.errors import DealLost, UnknownReference, UnknownThing
from domain.preview import GAINS, LOSES, Change, HandedOver, Linked, Reassigned, Turn, Unlinked, turns
from domain.visibility import Reason
from projections.preview import Now, Reach, Staff

routes = router("audit")

TAKES = {
    "handover": {"from_employee_id", "to_employee_id"},
    "reassign": {"deal_id", "owner_id", "with_contacts"},
    "link": {"address", "contact_id", "responsible_id"},
    "unlink": {"address", "contact_id"},
}
"""What each action takes."""

MAY_BE_LEFT_OUT = {"with_contacts", "responsible_id"}


def only_what_goes_with_it(schema: dict[str, Any]) -> None:
    """For the API's description: each action has what it takes, and nothing that others take."""
    others: set[str] = set().union(*TAKES.values())
    for needed in others - MAY_BE_LEFT_OUT:
        schema["properties"][needed] |= schema["properties"][needed].pop("anyOf")[0]  # the other is null
    schema["examples"] = [{"action": "handover", "from_employee_id": "oleg", "to_employee_id": "pavel"}]
    schema["oneOf"] = [
        {
            "properties": {"action": {"const": action}, **dict.fromkeys(sorted(others - takes), False)},
            "required": sorted(takes - MAY_BE_LEFT_OUT),
        }
        for action, takes in TAKES.items()
    ]


class Wish(Statement):
    """Something that somebody might do, with what it takes."""

    model_config = ConfigDict(json_schema_extra=only_what_goes_with_it)

    action: Literal["handover", "reassign", "link", "unlink"]
    from_employee_id: Id | None = Field(None, description="For `handover`.")
    to_employee_id: Id | None = Field(None, description="For `handover`.")
    deal_id: Id | None = Field(None, description="For `reassign`.")
    owner_id: Id | None = Field(None, description="For `reassign`.")
    with_contacts: bool = Field(False, description="For `reassign`: he becomes responsible for its contacts.")
    address: AddressStatement | None = Field(None, description="For `link` and `unlink`.")
    contact_id: Id | None = Field(None, description="For `link` and `unlink`.")
    responsible_id: Id | None = Field(
        None, description="For `link`: who would be responsible for a contact that is new."
    )

    def check(self) -> None:
        """Refuse what is missing, and what does not go with the action."""
        takes = TAKES[self.action]
        missing = [each for each in sorted(takes - MAY_BE_LEFT_OUT) if getattr(self, each) is None]
        odd = sorted(self.model_fields_set - takes - {"action"})
        errors = [{"field": each, "message": f"must be given for {self.action}"} for each in missing]
        errors += [{"field": each, "message": f"does not go with {self.action}"} for each in odd]
        if errors:
            raise invalid(errors)


@routes.post("/audit/preview", response_model=PreviewShape)
async def preview(body: Wish, read: AuditorRead) -> Response:
    """Who would gain and who would lose sight of which chats, if this were done now. Nothing is done."""
    body.check()
    await reach(read.system, await run_in_threadpool(read.system.application.head))
    async with read.system.preview.now(read.caller.workspace_id) as now:
        change, reached, staff = await _prepared(body, now, read.caller.workspace_id)
    if reached.reached > limits.PREVIEW_CHATS:
        message = f"reaches {reached.reached} chats; at most {limits.PREVIEW_CHATS} can be previewed"
        raise invalid([{"field": min(TAKES[body.action] - MAY_BE_LEFT_OUT), "message": message}])
    found = await run_in_threadpool(turns, reached.chats, staff.standing, change)
    counts = {change: sum(turn.change == change for turn in found) for change in (GAINS, LOSES)}
    items = [_item(turn, staff) for turn in found]
    return JSONResponse(
        {"position": reached.position, "items": items, "counts": counts},
        headers={POSITION_HEADER: str(reached.position)},
    )


async def _prepared(wish: Wish, now: Now, workspace_id: str) -> tuple[Change, Reach, Staff]:
    """The change, what the rule has to know of its reach, and who works here.

    Raises what doing it would raise.
    """
    staff = await now.staff(limits.POSITION)
    match wish.action:
        case "handover":
            from_id, to_id = wish.from_employee_id or "", wish.to_employee_id or ""
            _require(staff, from_id, "from_employee_id")
            _require(staff, to_id, "to_employee_id")
            return HandedOver(from_id, to_id), await _reached(now, from_id=from_id), staff
        case "reassign":
            change = await _reassigned(wish, now, staff)
            return change, await _reached(now, deal_id=change.deal_id), staff
    contact_id = wish.contact_id or ""
    address_id = str(wish.address.ref.id_in(workspace_id)) if wish.address else ""
    if not await now.has_contact(contact_id) and wish.responsible_id is None:
        raise UnknownReference("contact", contact_id, field="contact_id")
    reached = await _reached(now, contact_id=contact_id, address_id=address_id)
    if wish.action == "unlink":
        return Unlinked(contact_id, address_id), reached, staff
    responsible_id, deals = reached.client
    if not await now.has_contact(contact_id):
        responsible_id = _require(staff, wish.responsible_id or "", "responsible_id")
    return Linked(contact_id, address_id, responsible_id, deals), reached, staff


async def _reassigned(wish: Wish, now: Now, staff: Staff) -> Reassigned:
    deal_id, owner_id = wish.deal_id or "", wish.owner_id or ""
    deal = await now.deal(deal_id)
    if deal is None:
        raise UnknownThing("deal", deal_id)
    _require(staff, owner_id, "owner_id")
    if deal.status == DealStatus.LOST and owner_id != deal.owner_id:
        raise DealLost(deal_id)
    return Reassigned(deal_id, owner_id, deal.contact_ids if wish.with_contacts else frozenset())


async def _reached(now: Now, **named: str) -> Reach:
    return await now.reach(limit=limits.PREVIEW_CHATS, **named)


def _require(staff: Staff, employee_id: str, field: str) -> str:
    if employee_id not in staff.standing:
        raise UnknownReference("employee", employee_id, field=field)
    return employee_id


def _item(turn: Turn, staff: Staff) -> dict[str, Any]:
    return {
        "employee_id": turn.employee_id,
        "name": staff.names.get(turn.employee_id),
        "chat_id": turn.chat_id,
        "conversation_id": turn.conversation_id,
        "change": turn.change,
        "reasons": [_reason(reason) for reason in turn.reasons],
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {name: value for name, value in asdict(reason).items() if value}
