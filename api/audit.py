"""What an auditor asks; the answers come from the log."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Query, Response

from api import limits
from api.answers import Witnesses
from api.audit_answers import Explanation, OwnershipShape, SightHistory
from api.auditing.speaker import Language
from api.errors import invalid
from api.examples import CHAT_ID
from api.fields import Id, Uuid
from api.moments import At, From, Until, ValidAt, position_of
from api.reading import DESCRIBED, AuditorRead, Cursor, Limit, pass_on
from api.routing import router
from api.wording import in_words
from projections.answer import Answer
from projections.audit import LAST_POSITION, Span
from projections.ownership import When

routes = router("audit")


@routes.get("/audit/visibility", response_model=Witnesses, responses=DESCRIBED)
async def who_saw(
    read: AuditorRead,
    chat_id: Uuid | None = None,
    conversation_id: Uuid | None = None,
    at: At | None = None,
) -> Response:
    """Who could see a chat or a conversation at a position or moment, why, and since when."""
    thing_id = _only_one(chat_id=chat_id, conversation_id=conversation_id)
    answer = await read.system.audit.who_saw(
        read.caller.workspace_id,
        chat_id=chat_id,
        conversation_id=conversation_id,
        at=await position_of(read, at),
    )
    return pass_on(answer, noun="chat" if chat_id else "conversation", thing_id=thing_id)


@routes.get("/audit/visibility/history", response_model=SightHistory, responses=DESCRIBED)
async def visibility_history(
    read: AuditorRead,
    chat_id: Annotated[Uuid | None, Query(examples=[str(CHAT_ID)])] = None,
    employee_id: Id | None = None,
    since: From = None,
    until: Until | None = None,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """From when until when who saw a chat, or what an employee could see, each for one reason.

    Also says which event began it and which ended it. In the order in which it began.
    """
    thing_id = _only_one(chat_id=chat_id, employee_id=employee_id)
    begin, end = await position_of(read, since, "from"), await position_of(read, until, "until")
    span = Span(begin or 0, LAST_POSITION if end is None else end)
    audit, workspace_id = read.system.audit, read.caller.workspace_id
    if chat_id is not None:
        answer = await audit.chat_history(workspace_id, chat_id, span, cursor=cursor, limit=limit)
    else:
        answer = await audit.employee_history(workspace_id, thing_id, span, cursor=cursor, limit=limit)
    return pass_on(answer, noun="chat" if chat_id else "employee", thing_id=thing_id)


@routes.get("/audit/explain", response_model=Explanation, responses=DESCRIBED)
async def explain(
    read: AuditorRead,
    employee_id: Id,
    chat_id: Uuid,
    at: At | None = None,
    language: Annotated[Language, Query(description="Of the sentences.")] = "en",
) -> Response:
    """Why somebody saw a chat at a position or moment, why he did no more, or why he never had.

    With the events that made it so, and as sentences in English or Russian.
    """
    position = await position_of(read, at)
    answer = await read.system.audit.explanation(read.caller.workspace_id, employee_id, chat_id, position)
    if answer.body is not None:
        explained = json.loads(answer.body)
        explained["in_words"] = in_words(explained, explained["names"], language)
        answer = Answer(answer.position, json.dumps(explained, ensure_ascii=False))
    return pass_on(answer, noun="chat or employee", thing_id=f"{chat_id} or {employee_id}")


@routes.get("/audit/ownership", response_model=OwnershipShape, responses=DESCRIBED)
async def who_owned(
    read: AuditorRead,
    conversation_id: Uuid | None = None,
    deal_id: Id | None = None,
    contact_id: Id | None = None,
    chat_id: Uuid | None = None,
    at: At | None = None,
    valid_at: ValidAt | None = None,
) -> Response:
    """Who owned a deal, answered for a client, or held a conversation or chat, from when until when."""
    thing_id = _only_one(
        conversation_id=conversation_id, deal_id=deal_id, contact_id=contact_id, chat_id=chat_id
    )
    when = When(await position_of(read, at), valid_at)
    ownership, workspace_id = read.system.ownership, read.caller.workspace_id
    if deal_id is not None:
        answer, noun = await ownership.of_deal(workspace_id, deal_id, when), "deal"
    elif contact_id is not None:
        answer, noun = await ownership.of_contact(workspace_id, contact_id, when), "contact"
    else:
        answer = await ownership.of_conversation(
            workspace_id, when, conversation_id=conversation_id, chat_id=chat_id
        )
        noun = "chat" if chat_id else "conversation"
    return pass_on(answer, noun=noun, thing_id=thing_id)


def _only_one(**things: str | None) -> str:
    """The one id that is given of these."""
    given = [thing_id for thing_id in things.values() if thing_id is not None]
    if len(given) != 1:
        *others, last = things
        message = f"give exactly one of {', '.join(others)} and {last}"
        raise invalid([{"field": next(iter(things)), "message": message}])
    return given[0]
