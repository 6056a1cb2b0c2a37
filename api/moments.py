"""Places in time that an auditor names: positions of the ledger, and times of either axis."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query
from fastapi.concurrency import run_in_threadpool
from pydantic import BeforeValidator, StringConstraints
from pydantic_core import PydanticCustomError

from api import limits
from api.errors import invalid
from api.fields import IN_OUR_AGE, Says, Time, plus_restored, read_time
from api.reading import Read, reach

MomentText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.ID_CHARACTERS),
    Says({"anyOf": [{"pattern": "^[0-9]{1,15}$"}, {"format": "date-time", "pattern": IN_OUR_AGE}]}),
]
At = Annotated[MomentText, Query(description="A ledger position or a time; left out, now.")]
From = Annotated[
    MomentText | None,
    Query(alias="from", description="A position or a time: only what was not over by then."),
]
Until = Annotated[MomentText, Query(description="A position or a time: only what had begun by then.")]
TimeAsked = Annotated[Time, BeforeValidator(plus_restored)]
"""By the clock of whoever saw it."""

ValidAt = Annotated[
    TimeAsked,
    Query(description="Of what was known at `at`, what had happened by this time; left out, all of it."),
]


async def position_of(read: Read, at: str | None, field: str = "at") -> int | None:
    """The position that is meant, when the read models are there; None where none is given."""
    if at is None:
        return None
    if at.isdecimal():
        position, head = int(at), await run_in_threadpool(read.system.application.head)
        if position > head:
            raise invalid([{"field": field, "message": f"must not be beyond the ledger's head, {head}"}])
    else:
        position = await read.system.visibility.position_at(_time(at, field))
    await reach(read.system, position)
    return position


def _time(at: str, field: str) -> datetime:
    try:
        return read_time(plus_restored(at))
    except PydanticCustomError as error:
        message = f"must be a ledger position or a time: {error.message()}"
        raise invalid([{"field": field, "message": message}]) from None
