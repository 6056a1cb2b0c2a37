"""Whose address it is: linking somebody in a conversation to the CRM by hand, and undoing it."""

from __future__ import annotations

from fastapi import Response
from pydantic import Field

from api.answers import Linked
from api.errors import invalid
from api.fields import AddressStatement, Id, Name, PathId, Statement
from api.inbox import conversation_uuid
from api.moves import check_writer, glance_at
from api.routing import router
from api.writing import EmployeeWrite, Write, written
from domain.deciding import Accepted

routes = router("inbox")


class Unlink(Statement):
    address: AddressStatement
    contact_id: Id = Field(examples=["husband"])


class Link(Unlink):
    name: Name | None = Field(None, description="For a contact that is new; else the name in the chat.")


@routes.post("/conversations/{conversation_id}/link", response_model=Linked)
async def link(conversation_id: PathId, body: Link, write: EmployeeWrite) -> Response:
    """Say whose address it is. A contact that is new belongs to the employee who links it."""
    known_name = await _participant(write, conversation_id, body.address)
    accepted = await write.carry_out(
        write.ledger.link_address,
        body.contact_id,
        body.address.ref,
        name=body.name or known_name,
        responsible_id=write.caller.employee_id,
    )
    return _linked(accepted, write, conversation_id, body)


@routes.post("/conversations/{conversation_id}/unlink", response_model=Linked)
async def unlink(conversation_id: PathId, body: Unlink, write: EmployeeWrite) -> Response:
    """Say that the address is not this contact's after all."""
    await _participant(write, conversation_id, body.address)
    accepted = await write.carry_out(write.ledger.unlink_address, body.contact_id, body.address.ref)
    return _linked(accepted, write, conversation_id, body)


async def _participant(write: Write, conversation_id: str, address: AddressStatement) -> str:
    """How somebody who is in the conversation, or was, is called there; nobody else can be linked in it."""
    await glance_at(write, conversation_id)
    await check_writer(write)
    name = await write.system.inbox.participant_name(
        write.by.workspace_id,
        write.caller.employee_id,
        conversation_uuid(conversation_id),
        _address_id(write, address),
    )
    if name is None:
        raise invalid([{"field": "address", "message": "is nobody's who takes part in this conversation"}])
    return name


def _address_id(write: Write, address: AddressStatement) -> str:
    return str(address.ref.id_in(write.by.workspace_id))


def _linked(accepted: Accepted, write: Write, conversation_id: str, body: Unlink) -> Response:
    return written(
        accepted,
        conversation_id=conversation_uuid(conversation_id),
        contact_id=body.contact_id,
        address_id=_address_id(write, body.address),
    )
