"""What an employee is notified of, and when he does not want to be."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from fastapi import Query, Response
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api import limits
from api.answers import MutedHoursShape, NotificationPage, Written
from api.errors import invalid
from api.fields import Statement
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from api.writing import EmployeeWrite, written
from domain.muted_hours import MutedHours

routes = router("inbox")

After = Annotated[
    int, Query(ge=0, le=limits.POSITION, description="Only what was recorded after this ledger position.")
]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Begin = Annotated[str, Field(strict=True, pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
End = Annotated[str, Field(strict=True, pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


class MutedHoursStatement(Statement):
    """From one time until another, in the workspace's time zone; over midnight where it ends first."""

    days: Annotated[list[Day], Field(min_length=1, max_length=7)] = Field(
        default=list(get_args(Day)), description="On which days it begins; every day where it is left out."
    )
    begin: Begin = Field(alias="from", examples=["22:00"])
    end: End = Field(alias="to", examples=["08:00"])

    @model_validator(mode="after")
    def lasts(self) -> Self:
        if self.begin == self.end:
            raise PydanticCustomError("hours", "must not end when they begin; a whole day is 00:00 to 24:00")
        return self

    @property
    def hours(self) -> MutedHours:
        return MutedHours(frozenset(self.days), self.begin, self.end)


class MutedHoursList(Statement):
    muted_hours: Annotated[list[MutedHoursStatement], Field(max_length=limits.MUTED_HOURS)]


@routes.get("/notifications", response_model=NotificationPage, responses=DESCRIBED)
async def list_notifications(
    read: EmployeeRead, after: After = 0, cursor: Cursor = None, limit: Limit = limits.DEFAULT_PAGE_ITEMS
) -> Response:
    """The messages that the employee is notified of, in ledger order; of chats that he still sees."""
    answer = await read.system.notifications.page(
        read.caller.workspace_id,
        read.caller.employee_id,
        after=max(after, position_of(cursor, 0)),
        limit=limit,
    )
    return pass_on(answer, noun="inbox", thing_id=read.caller.employee_id)


@routes.get("/muted-hours", response_model=MutedHoursShape, responses=DESCRIBED)
async def show_muted_hours(read: EmployeeRead) -> Response:
    """When the employee is notified of nothing."""
    answer = await read.system.notifications.muted_hours(read.caller.workspace_id, read.caller.employee_id)
    return pass_on(answer, noun="employee", thing_id=read.caller.employee_id)


@routes.put("/muted-hours", response_model=Written)
async def mute_hours(body: MutedHoursList, write: EmployeeWrite) -> Response:
    """Notify the employee of nothing in these hours; what comes meanwhile is unread, and rings no more."""
    hours = [one.hours for one in body.muted_hours]
    return written(await write.carry_out(write.ledger.mute_hours, write.caller.employee_id, hours))


def position_of(cursor: str | None, otherwise: int) -> int:
    """The ledger position that a cursor is.

    Raises:
        Problem: it is none.
    """
    if cursor is None:
        return otherwise
    if not (cursor.isascii() and cursor.isdecimal()) or int(cursor) > limits.POSITION:
        raise invalid([{"field": "cursor", "message": "must be the next_cursor of a page of this list"}])
    return int(cursor)
