"""What an auditor asks; the answers come from the log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import StringConstraints
from pydantic_core import PydanticCustomError

from api import limits
from api.answers import Witnesses
from api.errors import invalid
from api.fields import IN_OUR_AGE, Says, Uuid, plus_restored, read_time
from api.reading import DESCRIBED, AuditorRead, Read, pass_on, reach
from api.routing import router

routes = router("audit")

At = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.ID_CHARACTERS),
    Query(description="A ledger position or a time; left out, now."),
    Says({"anyOf": [{"pattern": "^[0-9]{1,15}$"}, {"format": "date-time", "pattern": IN_OUR_AGE}]}),
]


@routes.get("/audit/visibility", response_model=Witnesses, responses=DESCRIBED)
async def who_saw(
    read: AuditorRead,
    chat_id: Uuid | None = None,
    conversation_id: Uuid | None = None,
    at: At | None = None,
) -> Response:
    """Who could see a chat or a conversation at a position or moment, why, and since when."""
    if (chat_id is None) == (conversation_id is None):
        message = "give exactly one of chat_id and conversation_id"
        raise invalid([{"field": "chat_id", "message": message}])
    answer = await read.system.visibility.who_saw(
        read.caller.workspace_id,
        chat_id=chat_id,
        conversation_id=conversation_id,
        at=None if at is None else await _position(read, at),
    )
    noun = "chat" if chat_id else "conversation"
    return pass_on(answer, noun=noun, thing_id=chat_id or conversation_id or "")


async def _position(read: Read, at: str) -> int:
    """The position that is meant, when the read models are there."""
    if at.isdecimal():
        position, head = int(at), await run_in_threadpool(read.system.application.head)
        if position > head:
            raise invalid([{"field": "at", "message": f"must not be beyond the ledger's head, {head}"}])
    else:
        position = await read.system.visibility.position_at(_time(at))
    await reach(read.system, position)
    return position


def _time(at: str) -> datetime:
    try:
        return read_time(plus_restored(at))
    except PydanticCustomError as error:
        message = f"must be a ledger position or a time: {error.message()}"
        raise invalid([{"field": "at", "message": message}]) from None
