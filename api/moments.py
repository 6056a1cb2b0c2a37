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

At = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.ID_CHARACTERS),
    Query(description="A ledger position or a time; left out, now."),
    Says({"anyOf": [{"pattern": "^[0-9]{1,15}$"}, {"format": "date-time", "pattern": IN_OUR_AGE}]}),
]
TimeAsked = Annotated[Time, BeforeValidator(plus_restored)]
"""By the clock of whoever saw it."""


async def position_of(read: Read, at: str) -> int:
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
