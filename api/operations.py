"""Whether this process is well, and how far its read models are."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from prometheus_client import CONTENT_TYPE_LATEST
from psycopg import Connection

from api import limits
from api.admin_answers import Health, ReadModelStatuses
from api.errors import DATABASE_AWAY, RETRY_AFTER, Problem
from api.metrics import collected
from api.reading import DESCRIBED, POSITION_HEADER, AdminRead
from api.routing import router
from api.status import Status, status_of
from api.system import System, running
from projections.checkpoints import PARKED, statuses

routes = router("operations")
PROMETHEUS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "chatledger_head 42"}}}
}
open_routes = APIRouter(tags=["operations"])
"""These need no token, and tell nothing about anybody."""


@routes.get("/projections", response_model=ReadModelStatuses, responses=DESCRIBED)
async def list_projections(read: AdminRead) -> Response:
    """How far each read model is, and at which event one stands that could not go on."""
    items = await run_in_threadpool(_statuses, read.system)
    position = min((item["position"] for item in items), default=0)
    body = json.dumps({"items": items, "next_cursor": None}, default=float)
    headers = {POSITION_HEADER: str(position)}
    return Response(body, headers=headers, media_type="application/json")


@open_routes.get("/healthz", response_model=Health)
async def alive() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@open_routes.get("/readyz", response_model=Health)
async def ready(request: Request) -> dict[str, str]:
    """The database answers, and the read models follow closely; else 503."""
    try:
        items = await run_in_threadpool(_statuses, running(request))
    except DATABASE_AWAY:
        raise Problem("not_ready", "The database does not answer.", headers=RETRY_AFTER) from None
    parked = [item["name"] for item in items if item["state"] == PARKED]
    behind = [item["name"] for item in items if item["lag_events"] > limits.READY_LAG_EVENTS]
    if not items or parked or behind:
        detail = "Read models that can't go on, or are far behind; see GET /v1/projections."
        raise Problem("not_ready", detail, headers=RETRY_AFTER, parked=parked, behind=behind)
    return {"status": "ok"}


@open_routes.get("/metrics", response_class=Response, responses=PROMETHEUS)
async def metrics(request: Request) -> Response:
    """For Prometheus; also of a process whose database does not answer."""
    try:
        status = await run_in_threadpool(_status, running(request))
    except DATABASE_AWAY:
        status = None
    text = collected(request).render(status, request.app.state.feeds.open)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _statuses(system: System) -> list[dict[str, Any]]:
    connection: Connection[Any]
    with system.pool.connection() as connection:
        return statuses(connection)


def _status(system: System) -> Status:
    connection: Connection[Any]
    with system.pool.connection() as connection:
        return status_of(connection)
