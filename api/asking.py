"""What an auditor's request asks, as it is put on record: ids and moments apart from what quotes a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import Request

from domain.address import AddressRef

PLACE = "/v1/audit/"
"""How the paths begin; what comes then is the question's name."""

IDS_AND_MOMENTS = frozenset(
    {
        *("chat_id", "conversation_id", "employee_id", "contact_id", "deal_id", "subject"),
        *("at", "valid_at", "from", "until", "to", "after", "position", "size", "cursor", "limit"),
        *("topic", "occurred_from", "occurred_until", "actor", "language"),
        *("action", "from_employee_id", "to_employee_id", "owner_id", "with_contacts", "responsible_id"),
    }
)
"""What is asked with, in a query or a body; a test holds every question to it."""

ADDRESS = "address:"
"""How a subject begins that is an address, which quotes a person."""


class Asked(NamedTuple):
    """As `AuditCommands.note_question` takes it."""

    question: str
    asked: dict[str, Any]
    wording: dict[str, Any]


async def asked_in(request: Request, workspace_id: str) -> Asked:
    """What this request asks; its values have been read and found good."""
    told = await request.json() if request.method == "POST" else dict(request.query_params)
    asked = {name: value for name, value in told.items() if name in IDS_AND_MOMENTS}
    wording: dict[str, Any] = {}
    if ref := _address(told):
        wording["address"] = {"kind": ref.kind, "address": ref.address}
        asked.pop("subject", None)
        asked["address_id"] = str(ref.id_in(workspace_id))
    return Asked(request.scope["path"].removeprefix(PLACE), asked, wording)


def read_address(subject: str) -> AddressRef | None:
    """The address in `address:KIND:ADDRESS`; None where it is another subject, or an address by its id."""
    kind, separator, address = subject.removeprefix(ADDRESS).partition(":")
    return AddressRef(kind, address) if subject.startswith(ADDRESS) and separator else None


def _address(told: Mapping[str, Any]) -> AddressRef | None:
    if isinstance(address := told.get("address"), dict):
        return AddressRef(address["kind"], address["address"])
    return read_address(told.get("subject", ""))
