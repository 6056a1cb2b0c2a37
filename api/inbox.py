"""The shared inbox of the employee whose token it is: what he sees, and nothing of the rest."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import psycopg
from fastapi import Query, Response
from pydantic import StringConstraints

from api import limits
from api.answers import ConversationShape, Counts, InboxPage
from api.errors import invalid
from api.fields import Id, PathId
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from domain.conversation import Folder
from domain.errors import UnknownThing

routes = router("inbox")

Surface = Annotated[
    Literal["web", "mobile", "crm_widget", "deal_card", "open_line"],
    Query(description="Where it is shown: group chats never are on a CRM's deal card or open line."),
]
Search = Annotated[str, StringConstraints(max_length=limits.SEARCH_CHARACTERS, pattern="^[^\\x00]*$")]


def conversation_uuid(conversation_id: str) -> str:
    """The id as we write it; 404 for what can't be one."""
    try:
        return str(UUID(conversation_id))
    except ValueError:
        raise UnknownThing("conversation", conversation_id) from None


@routes.get("/inbox", response_model=InboxPage, responses=DESCRIBED)
async def list_conversations(
    read: EmployeeRead,
    folder: Folder | None = None,
    surface: Surface = "web",
    q: Annotated[Search | None, Query(description="A part of the title.")] = None,
    channel_id: Id | None = None,
    waiting: Annotated[bool | None, Query(description="Whether a client waits for an answer.")] = None,
    holder_id: Id | None = None,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Conversations with the newest activity first; of all folders where none is named."""
    try:
        answer = await read.system.inbox.page(
            read.caller.workspace_id,
            read.caller.employee_id,
            folder=folder,
            surface=surface,
            q=q,
            channel_id=channel_id,
            waiting=waiting,
            holder_id=holder_id,
            cursor=cursor,
            limit=limit,
        )
    except (ValueError, psycopg.DataError):
        raise not_our_cursor() from None
    return pass_on(answer, noun="inbox", thing_id=read.caller.employee_id)


@routes.get("/inbox/counts", response_model=Counts, responses=DESCRIBED)
async def count_conversations(read: EmployeeRead, surface: Surface = "web") -> Response:
    """How many conversations are in each folder, and how many wait for an answer or have something unread."""
    answer = await read.system.inbox.counts(
        read.caller.workspace_id, read.caller.employee_id, surface=surface
    )
    return pass_on(answer, noun="inbox", thing_id=read.caller.employee_id)


@routes.get("/conversations/{conversation_id}", response_model=ConversationShape, responses=DESCRIBED)
async def open_conversation(
    conversation_id: PathId, read: EmployeeRead, surface: Surface = "web"
) -> Response:
    """One conversation, with everybody who is in it or was."""
    answer = await read.system.inbox.conversation(
        read.caller.workspace_id,
        read.caller.employee_id,
        conversation_uuid(conversation_id),
        surface=surface,
    )
    return pass_on(answer, noun="conversation", thing_id=conversation_id)


def not_our_cursor() -> Exception:
    return invalid([{"field": "cursor", "message": "must be the next_cursor of a page of this list"}])
