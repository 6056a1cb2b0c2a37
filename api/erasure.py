"""Erasing a client over HTTP: what there is, and that it be removed."""

from __future__ import annotations

import logging
from typing import Annotated

import psycopg
from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.background import BackgroundTask

from api import erasing, limits
from api.admin_answers import ErasedShape, ErasureShape
from api.erasing import Shown
from api.fields import WHOLE, PathId, Reason, Statement
from api.reading import DESCRIBED, POSITION_HEADER, AdminRead
from api.routing import router
from api.system import System
from api.writing import AdminWrite

routes = router("directory")
log = logging.getLogger(__name__)


class Confirmation(Statement):
    """What was shown before."""

    events: Annotated[int, Field(strict=True, ge=0, le=limits.POSITION), WHOLE] = Field(
        examples=[42], description="How many were to be erased."
    )
    position: Annotated[int, Field(strict=True, ge=0, le=limits.POSITION), WHOLE] | None = Field(
        None,
        examples=[4711],
        description="As of which they were counted: what came since goes with them. Left out: as of now.",
    )


class Erasure(Statement):
    reason: Reason = Field(examples=["Asked for in letter 12/25."])
    confirm: Confirmation


@routes.get("/contacts/{contact_id}/erasure", response_model=ErasureShape, responses=DESCRIBED)
async def show_erasure(contact_id: PathId, read: AdminRead) -> Response:
    """What an erasure of this contact would remove, counted. Nothing is changed by asking."""
    found, position = await run_in_threadpool(erasing.look, read.system, read.caller.workspace_id, contact_id)
    body = {
        "contact_id": contact_id,
        "name": found.name,
        "addresses": [
            {"kind": each.kind, "address": each.address, "whose": each.whose, "with_id": each.with_id}
            for each in found.addresses
        ],
        "position": position,
        "erased": found.counts,
    }
    return JSONResponse(body, headers={POSITION_HEADER: str(position)})


@routes.post("/contacts/{contact_id}/erasure", response_model=ErasedShape)
async def erase_contact(contact_id: PathId, body: Erasure, write: AdminWrite) -> Response:
    """Remove for good what identifies or quotes a client. Effective when answered; it can't be undone.

    Whatever was recorded of him before is gone, what is recorded after it stays. Who asks again finds nothing
    left to do. The files of the database are cleaned up when this is answered.
    """
    erased = await run_in_threadpool(
        erasing.erase,
        write.system,
        contact_id,
        reason=body.reason,
        by=write.by,
        shown=Shown(body.confirm.events, body.confirm.position),
    )
    await write.settle(erased.accepted)
    answer = {"position": erased.accepted.position, "erased": erased.found.counts}
    return JSONResponse(answer, background=BackgroundTask(_tidy_up, write.system))


def _tidy_up(system: System) -> None:
    try:
        left = erasing.tidy_up(system)
    except psycopg.Error as error:
        log.error("not cleaned up after an erasure; repeat it: %s", error)
    else:
        if left:
            log.warning("free space may keep bytes of what was erased: %s", ", ".join(left))
