"""The feed: an employee is told what changes in what he sees, as it changes (server-sent events)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request, Security
from fastapi.responses import StreamingResponse
from fastapi.security import SecurityScopes
from pydantic import TypeAdapter, ValidationError
from starlette.types import Send

from api import limits
from api.access import EMPLOYEE, Caller, InHeader
from api.errors import invalid
from api.feeding import Feeds
from api.open_feed import OpenFeed
from api.reading import DESCRIBED, POSITION_HEADER, MinPosition, reach, reading
from api.routing import router
from projections.access import Opened
from projections.feed import CHANGED, HIDDEN, MESSAGE, VISIBLE

routes = router("inbox")

LAST_EVENT_ID = "Last-Event-ID"
POSITION = TypeAdapter(Annotated[int, Query(ge=0, le=limits.POSITION)])
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""What is on its way to one person is kept by nobody, and held up by no proxy."""

After = Annotated[
    int | None,
    Query(ge=0, le=limits.POSITION, description="Go on from this position, where there is no header for it."),
]
EXAMPLE = f""":
id: 4711

event: {VISIBLE}
data: {{"conversation_id": "2982c904-…", "folder": "incoming", …}}

event: {MESSAGE}
id: 4712
data: {{"message_id": "0b9c…", "conversation_id": "2982c904-…", "text": "Good morning!", …}}

event: {CHANGED}
id: 4713
data: {{"conversation_id": "2982c904-…", "folder": "in_progress", …}}

event: {HIDDEN}
id: 4720
data: {{"conversation_id": "2982c904-…"}}
"""
RESUMING: dict[str, Any] = {
    "parameters": [
        {
            "name": LAST_EVENT_ID,
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 0, "maximum": limits.POSITION},
            "description": "The last `id` that was got: go on from there. An EventSource sends it by itself.",
        }
    ]
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        **DESCRIBED[200],
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    }
}


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows, since when, and where the feeds are."""

    feeds: Feeds
    caller: Caller
    after: int | None


async def following(
    request: Request,
    needed: SecurityScopes,
    header: InHeader,
    min_position: MinPosition = None,
    after: After = None,
) -> Following:
    """Let a caller follow, once the inbox is where he wants to go on from."""
    read = await reading(request, needed, header, min_position)
    told = request.headers.get(LAST_EVENT_ID)
    after = _position(told) if told else after  # the address of an EventSource stays as it was at first
    if after is not None:
        await reach(read.system, after, "inbox")
    feeds: Feeds = request.app.state.feeds
    return Following(feeds, read.caller, after)


Follow = Annotated[Following, Security(following, scopes=[EMPLOYEE])]


class EventStream(StreamingResponse):
    """One open feed, until its reader leaves or it is over."""

    media_type = "text/event-stream"

    def __init__(self, feeds: Feeds, feed: OpenFeed) -> None:
        super().__init__(feeds.stream(feed), headers={**HEADERS, POSITION_HEADER: str(feed.level)})
        self.feeds, self.feed = feeds, feed

    async def stream_response(self, send: Send) -> None:
        """Whoever takes nothing for too long is left: he keeps no place."""

        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(limits.FEED_STUCK_S):
                await send(message)

        try:
            await super().stream_response(send_in_time)
        except TimeoutError:
            return
        finally:
            self.feeds.leave(self.feed)


@routes.get("/feed", status_code=200, response_class=EventStream, responses=ANSWERS, openapi_extra=RESUMING)
async def follow(wish: Follow) -> EventStream:
    """What changes in the list of conversations, as server-sent events, and every message in it.

    | event | data | what to do with it |
    |---|---|---|
    | `visible` | an item, as in `GET /v1/inbox` | put it into the list by `conversation_id` |
    | `conversation_changed` | an item, as in `GET /v1/inbox` | put it in the place of what is there |
    | `hidden` | `{"conversation_id"}` and nothing else | take it out of the list |
    | `message` | as in `GET /v1/conversations/{id}/messages`, and `conversation_id` | the same |
    | `cut_off` | `{"position"}`; the last event | open the feed again, from there |

    Whoever has the whole list at a position and does so has, at each `id`, exactly the list at that position;
    events without an `id` are parts of a batch that ends at the next. Events may come more than once, and
    none comes of a conversation that the employee does not see. Names of colleagues in an item are as they
    were when it was sent.

    Open it with `Last-Event-ID`, or with `after` and the `Chatledger-Position` of a list. Without either, it
    begins now: its first `id` says where that is. Every 15 seconds there is a comment, with an `id`. A reader
    who is too slow is cut off, and so is whose token was revoked or who has left, and all when the server
    stops. From more than 100,000 events ago it can't go on (410); then read the list anew.
    """
    caller = wish.caller
    opened = Opened(caller.token_id, caller.digest, caller.workspace_id, caller.employee_id)
    return EventStream(wish.feeds, await wish.feeds.enter(opened, wish.after))


def _position(told: str) -> int:
    try:
        return POSITION.validate_python(told)
    except ValidationError:
        raise invalid([{"field": LAST_EVENT_ID, "message": "must be an id of this feed"}]) from None
