"""Reads: JSON that PostgreSQL built goes through as it is, with the position that it was read at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Query, Request, Response, Security
from fastapi.security import SecurityScopes

from api import limits
from api.access import ADMIN, ANALYST, AUDITOR, EMPLOYEE, Caller, InHeader, allowed
from api.asking import asked_in
from api.errors import RETRY_AFTER, Problem
from api.system import System, running
from domain.errors import NotFound, UnknownThing
from projections.answer import Answer
from projections.read_model import READ_MODELS

POSITION_HEADER = "Chatledger-Position"
POSITION_DESCRIBED = {
    "description": "The ledger position that the answer was read at.",
    "schema": {"type": "integer"},
}
DESCRIBED: dict[int | str, dict[str, Any]] = {200: {"headers": {POSITION_HEADER: POSITION_DESCRIBED}}}
"""For the API's description of every read."""

MinPosition = Annotated[
    int | None,
    Query(ge=0, le=limits.POSITION, description="Wait until the read models are at this position."),
]
Limit = Annotated[int, Query(ge=1, le=limits.PAGE_ITEMS)]
Cursor = Annotated[
    str | None,
    Query(min_length=1, max_length=limits.CURSOR_CHARACTERS, description="`next_cursor` of the page before."),
]


@dataclass(frozen=True, slots=True)
class Read:
    """What a read needs: who asks, and whom to ask."""

    system: System
    caller: Caller


async def reading(
    request: Request, needed: SecurityScopes, _: InHeader, min_position: MinPosition = None
) -> Read:
    """Let a caller read, once the read models are where he wants them."""
    system, caller = running(request), allowed(request, needed.scopes)
    if min_position is not None:
        await reach(system, min_position)
    return Read(system, caller)


async def asking(
    request: Request, needed: SecurityScopes, _: InHeader, min_position: MinPosition = None
) -> AsyncIterator[Read]:
    """Let an auditor ask. What he asked is on record before he has the answer, also where there is none.

    Who can't be recorded is not answered; what is refused was not asked.
    """
    read = await reading(request, needed, None, min_position)
    try:
        yield read
    except NotFound:
        await _put_on_record(request, read)
        raise
    await _put_on_record(request, read)


async def _put_on_record(request: Request, read: Read) -> None:
    """It changes nothing of what anybody sees, so nobody waits until the read models have it."""
    asked = await asked_in(request, read.caller.workspace_id)
    by = read.caller.by(AUDITOR, f"request:{uuid4()}")
    await read.system.application.note_question(uuid4(), *asked, by=by)


async def reach(system: System, position: int, *names: str) -> None:
    """Wait until the read models (all, or these) are at a position; not for ever."""
    if not await system.follower.models_at(position, limits.WAIT_S, names or READ_MODELS):
        detail = f"The read models have not reached position {position} within {limits.WAIT_S:g} s."
        raise Problem("position_not_reached", detail, headers=RETRY_AFTER, position=position)


def pass_on(answer: Answer, *, noun: str, thing_id: str) -> Response:
    """The answer as PostgreSQL wrote it; 404 where there is none that the caller may see."""
    if answer.body is None:
        raise UnknownThing(noun, thing_id)
    headers = {POSITION_HEADER: str(answer.position)}
    return Response(answer.body, headers=headers, media_type="application/json")


EmployeeRead = Annotated[Read, Security(reading, scopes=[EMPLOYEE])]
AuditorRead = Annotated[Read, Security(asking, scopes=[AUDITOR])]
AnalystRead = Annotated[Read, Security(reading, scopes=[ANALYST])]
AdminRead = Annotated[Read, Security(reading, scopes=[ADMIN])]
