"""What an analyst asks: how long clients waited, by which definition, and what is behind a number."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response

from api import limits
from api.analytics_answers import DefinitionList, ResponseTimes, WaitEvents, WaitPage
from api.definitions import described
from api.errors import invalid
from api.fields import Id, Says
from api.periods import DayText, Since, Until, period, read_day
from api.reading import DESCRIBED, AnalystRead, Cursor, Limit, Read, pass_on
from api.routing import router
from domain.definition import DEFAULT, DEFINITIONS, definition
from domain.wait import Outcome
from projections.answer import Answer
from projections.figures import Group
from projections.waits import Credited, Filters, Question, Told, microseconds

routes = router("analytics")

DefinitionName = Annotated[
    Annotated[str, Says({"enum": list(DEFINITIONS)})] | None,
    Query(
        alias="definition",
        description=f"What a response time is; left out, {DEFAULT}.",
        examples=[str(DEFAULT)],
    ),
]
GroupBy = Annotated[
    Literal["day", "hour", "weekday_hour", "employee", "channel"],
    Query(description="Left out, only the total.", examples=["day"]),
]
WhoseElse = Annotated[
    Literal["nobody", "unknown", "system"],
    Query(description="Waits that are nobody's, of an employee whom nobody knows, or of the system itself."),
]
CREDITED: dict[str | None, Credited] = {
    "nobody": (None, None),
    "unknown": ("employee", None),
    "system": ("system", None),
}
"""Whom a definition gives a wait who has no id."""

OpenedPosition = Annotated[
    int,
    Path(ge=1, le=limits.POSITION, description="Where the wait was opened.", examples=[42]),
]
RFC_3339 = "%Y-%m-%dT%H:%M:%S.%fZ"
FIRST_DAY = date(1970, 1, 1)


@routes.get("/analytics/definitions", response_model=DefinitionList, responses=DESCRIBED)
async def list_definitions(read: AnalystRead) -> Response:
    """What a response time may be: the definitions that were published, as data and in words."""
    position = await read.system.waits.position()
    return pass_on(_answer(position, {"items": described(), "next_cursor": None}), noun="", thing_id="")


@routes.get("/analytics/response-times", response_model=ResponseTimes, responses=DESCRIBED)
async def response_times(
    read: AnalystRead,
    since: Since = None,
    until: Until = None,
    group_by: GroupBy | None = None,
    called: DefinitionName = None,
) -> Response:
    """How long the clients waited whose waits began in a period: all together, and by day, person and so on.

    A group in which no wait began is not there.
    """
    question = await _question(read, since, until, called)
    told = await read.system.waits.figures(question, group_by)
    now_us = microseconds(datetime.now(UTC))
    answered = {
        "definition": str(question.definition),
        "timezone": question.settings.timezone,
        "goal_seconds": question.settings.goal_s,
        "from": question.since.strftime(RFC_3339),
        "to": question.until.strftime(RFC_3339),
        "total": _figures(told.total, now_us),
        "items": [_keys(group_by, each, told) | _figures(each, now_us) for each in told.groups],
        "next_cursor": None,
    }
    return pass_on(_answer(told.position, answered), noun="", thing_id="")


@routes.get("/analytics/response-times/waits", response_model=WaitPage, responses=DESCRIBED)
async def list_waits(
    read: AnalystRead,
    since: Since = None,
    until: Until = None,
    called: DefinitionName = None,
    day: Annotated[DayText | None, Query(description="Begun on it.", examples=["2025-03-01"])] = None,
    hour: Annotated[int | None, Query(ge=0, le=23, description="Begun in it.")] = None,
    weekday: Annotated[int | None, Query(ge=1, le=7, description="Begun on it; Monday is 1.")] = None,
    channel_id: Id | None = None,
    employee_id: Annotated[Id | None, Query(description="Whose figure it is.")] = None,
    staff_id: Annotated[Id | None, Query(description="Whose figure it is.")] = None,
    credited: WhoseElse | None = None,
    outcome: Annotated[Outcome | None, Query(description="How it ended, if it did.")] = None,
    counted: Annotated[bool | None, Query(description="Whether it is one of the n.")] = None,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """The single waits behind a number, in the order in which they began.

    With the period and the definition of the number, and the keys of its group; the answers that took longer
    than the definition's cap are `outcome=answered&counted=false`.
    """
    filters = Filters(
        day=None if day is None else (read_day(day) - FIRST_DAY).days,
        hour=hour,
        weekday=weekday,
        channel_id=channel_id,
        credited=_whose(employee_id, staff_id, credited),
        outcome=outcome,
        counted=counted,
    )
    question = await _question(read, since, until, called)
    answer = await read.system.waits.single(question, filters, cursor=cursor, limit=limit)
    return pass_on(answer, noun="", thing_id="")


@routes.get(
    "/analytics/response-times/waits/{position}/events", response_model=WaitEvents, responses=DESCRIBED
)
async def list_wait_events(
    read: AnalystRead,
    position: OpenedPosition,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """What happened while a client waited: messages and moves of his conversation, by their times.

    Nothing that quotes or identifies a person; what was written is for those who see the conversation.
    """
    answer = await read.system.waits.events(read.caller.workspace_id, position, cursor=cursor, limit=limit)
    return pass_on(answer, noun="wait", thing_id=str(position))


async def _question(read: Read, since: str | None, until: str | None, called: str | None) -> Question:
    workspace_id, asked = read.caller.workspace_id, definition(called)
    settings = await read.system.waits.settings(workspace_id)
    return Question(workspace_id, settings, asked, *period(since, until, settings.zone))


def _whose(employee_id: str | None, staff_id: str | None, credited: str | None) -> Credited | None:
    given = [
        *([("employee", employee_id)] if employee_id is not None else []),
        *([("external_staff", staff_id)] if staff_id is not None else []),
        *([CREDITED[credited]] if credited is not None else []),
    ]
    if len(given) > 1:
        message = "give at most one of employee_id, staff_id and credited"
        raise invalid([{"field": "employee_id", "message": message}])
    return given[0] if given else None


def _figures(group: Group, now_us: int) -> dict[str, Any]:
    age_us = None if group.open_since_us is None else now_us - group.open_since_us
    return asdict(group.figures) | {"longest_open_seconds": None if age_us is None else age_us / 1_000_000}


def _keys(by: str | None, group: Group, told: Told) -> dict[str, Any]:
    """What a group is, as drilling down takes it."""
    first, second = group.keys
    match by:
        case "day":
            return {"day": (FIRST_DAY + timedelta(days=int(first))).isoformat()}
        case "weekday_hour":
            return {"weekday": first, "hour": second}
        case "channel":
            return {"channel_id": first, "title": told.names.get(("channel", first))}
        case "employee":
            return {
                "kind": first,
                "employee_id": second if first == "employee" else None,
                "staff_id": second if first == "external_staff" else None,
                "name": told.names.get((first, second)),
            }
        case _:
            return {"hour": first}


def _answer(position: int, answered: dict[str, Any]) -> Answer:
    return Answer(position, json.dumps(answered, ensure_ascii=False))
