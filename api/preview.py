"""What would happen: an auditor asks who would gain and who would lose sight, before anything is done."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from api import limits
from api.audit_answers import PreviewShape
from api.errors import invalid
from api.fields import AddressStatement, Id, Statement
from api.reading import POSITION_HEADER, AuditorRead, reach
from api.routing import router
from domain.preview import GAINS, LOSES, Handover, Linking, Reassignment, Turn, Unlinking, Wish
from domain.visibility import Reason
from projections.preview import Staff

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


class WishStatement(Statement):
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

    def wish(self, workspace_id: str) -> Wish:
        """Of a body that was checked."""
        contact_id = self.contact_id or ""
        address_id = str(self.address.ref.id_in(workspace_id)) if self.address else ""
        match self.action:
            case "handover":
                return Handover(self.from_employee_id or "", self.to_employee_id or "")
            case "reassign":
                return Reassignment(self.deal_id or "", self.owner_id or "", self.with_contacts)
            case "link":
                return Linking(contact_id, address_id, self.responsible_id)
            case "unlink":
                return Unlinking(contact_id, address_id)


@routes.post("/audit/preview", response_model=PreviewShape)
async def preview(body: WishStatement, read: AuditorRead) -> Response:
    """Who would gain and who would lose sight of which chats, if this were done now. Nothing is done."""
    body.check()
    await reach(read.system, await run_in_threadpool(read.system.application.head))
    workspace_id = read.caller.workspace_id
    outlook = await read.system.preview.outlook(
        workspace_id, body.wish(workspace_id), limit=limits.PREVIEW_CHATS
    )
    if outlook.reach.reached > limits.PREVIEW_CHATS:
        message = f"reaches {outlook.reach.reached} chats; at most {limits.PREVIEW_CHATS} can be previewed"
        raise invalid([{"field": min(TAKES[body.action] - MAY_BE_LEFT_OUT), "message": message}])
    found = await run_in_threadpool(outlook.turns)
    position = outlook.reach.position
    counts = {change: sum(turn.change == change for turn in found) for change in (GAINS, LOSES)}
    items = [_item(turn, outlook.staff) for turn in found]
    return JSONResponse(
        {"position": position, "items": items, "counts": counts}, headers={POSITION_HEADER: str(position)}
    )


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
