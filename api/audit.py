"""What an auditor asks; the answers come from the log."""

from __future__ import annotations

from fastapi import Response

from api.answers import Witnesses
from api.errors import invalid
from api.fields import Uuid
from api.moments import At, position_of
from api.reading import DESCRIBED, AuditorRead, pass_on
from api.routing import router

routes = router("audit")


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
        at=None if at is None else await position_of(read, at),
    )
    noun = "chat" if chat_id else "conversation"
    return pass_on(answer, noun=noun, thing_id=chat_id or conversation_id or "")
