"""What happened in a channel, as its connector tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, SkipValidation

from api import limits
from api.access import CONNECTOR, let_in_from_memory
from api.answers import Received
from api.errors import Problem, describe
from api.examples import PHONE
from api.fields import PathId, Statement
from api.inbound import InboundEvent, parse_event
from api.routing import Route, router
from api.writing import ConnectorWrite, Write, written
from domain import inbound
from domain.deciding import Accepted
from domain.receiving import DUPLICATE, REJECTED, ItemResult

AT_ONCE_EVENTS = 100
"""Up to here deciding takes so little that other requests may wait for it."""


class TellingRoute(Route):
    """The command rests on the token, so nobody looks that up before."""

    let_in = staticmethod(let_in_from_memory)


routes = router("inbound", TellingRoute)

EXAMPLE = {
    "type": "message",
    "chat": {"id": "house@g.us", "kind": "group", "title": "House on Lime Street"},
    "message": {
        "id": "wamid.1",
        "sender": {"address": PHONE, "name": "Husband"},
        "text": "Good morning!",
        "sent_at": "2025-03-01T09:30:00Z",
    },
}


class Batch(Statement):
    events: Annotated[
        list[SkipValidation[InboundEvent]],
        Field(max_length=limits.EVENTS_PER_BATCH, examples=[[EXAMPLE]]),
    ]


@routes.post("/channels/{channel_id}/events", response_model=Received)
async def receive(channel_id: PathId, body: Batch, write: ConnectorWrite) -> Response:
    """Tell what happened, in any order and any number of times; applied item by item, in this order.

    An item that can't be meant is `rejected` with a problem that names its fields, and the others go in.
    """
    results, accepted = await _receive(write, channel_id, body.events)
    if any(result["status"] == DUPLICATE for result in results):
        await write.effective(accepted.position)  # the first telling may be on its way still
    else:
        await write.settle(accepted)
    write.system.told.note(accepted.position)
    return written(accepted, results=results)


async def _receive(
    write: Write, channel_id: str, events: Sequence[Any]
) -> tuple[list[dict[str, Any]], Accepted]:
    if len(events) > AT_ONCE_EVENTS:
        return await run_in_threadpool(_receive_many, write, channel_id, events)
    told, items = _told(events)
    heard, accepted = await write.ledger.receive_async(
        channel_id, items, by=write.by, shown=write.caller.shows(CONNECTOR)
    )
    return list(_results(told, iter(heard))), accepted


def _receive_many(
    write: Write, channel_id: str, events: Sequence[Any]
) -> tuple[list[dict[str, Any]], Accepted]:
    told, items = _told(events)
    heard, accepted = write.ledger.receive(
        channel_id, items, by=write.by, shown=write.caller.shows(CONNECTOR)
    )
    return list(_results(told, iter(heard))), accepted


def _told(events: Sequence[Any]) -> tuple[list[inbound.Inbound | Problem], list[inbound.Inbound]]:
    told = [parse_event(event) for event in events]
    return told, [item for item in told if not isinstance(item, Problem)]


def _results(
    told: Sequence[inbound.Inbound | Problem], heard: Iterator[ItemResult]
) -> Iterator[dict[str, Any]]:
    """One for each event, in the order in which they were told."""
    for item in told:
        if isinstance(item, Problem):
            yield {"status": REJECTED, "position": None, "error": describe(item)}
        else:
            result = next(heard)
            error = describe(result.refusal) if result.refusal else None
            yield {"status": result.status, "position": result.position, "error": error}
