"""Search over what an employee sees: messages by their words, conversations by names and phones."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import BeforeValidator

from api import limits
from api.answers import Findings
from api.fields import Id, Time, Uuid, plus_restored
from api.inbox import Search, Surface
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from projections.search import Narrowed

routes = router("inbox")

TimeAsked = Annotated[Time, BeforeValidator(plus_restored)]


@routes.get("/search", response_model=Findings, responses=DESCRIBED)
async def search(
    read: EmployeeRead,
    q: Annotated[
        Search,
        Query(
            description='Words in whatever form, Russian or English, "phrases", and -words that must not be'
            " there; names; three digits of a phone or more.",
            examples=["contract -draft"],
        ),
    ] = "",
    channel_id: Id | None = None,
    conversation_id: Uuid | None = None,
    since: Annotated[TimeAsked | None, Query(alias="from", description="Sent then or later.")] = None,
    before: Annotated[TimeAsked | None, Query(alias="to", description="Sent earlier.")] = None,
    direction: Literal["in", "out"] | None = None,
    surface: Surface = "web",
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Messages that the caller sees now, the newest first, and beside the first page conversations by name.

    A channel or a conversation narrows both; times and direction are of messages. An edited message is found
    by its present text, a deleted one not at all.
    """
    answer = await read.system.search.page(
        read.caller.workspace_id,
        read.caller.employee_id,
        q,
        narrowed=Narrowed(channel_id, conversation_id, direction, since, before),
        surface=surface,
        cursor=cursor,
        limit=limit,
        conversations=limits.FOUND_CONVERSATIONS,
    )
    return pass_on(answer, noun="search", thing_id=q)
