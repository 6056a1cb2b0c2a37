"""The daily report over HTTP: as data, as a bot writes it, and as a page of charts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from fastapi.concurrency import run_in_threadpool

from api import limits
from api.analytics import DefinitionName
from api.auditing.speaker import Language
from api.periods import DayText, read_day
from api.reading import DESCRIBED, POSITION_HEADER, AnalystRead
from api.reporting.answers import DailyReportShape
from api.reporting.daily import as_text, daily_report
from api.reporting.days import yesterday
from api.reporting.overview import overview
from api.routing import router
from domain.definition import definition

routes = router("analytics")

MEDIA_TYPES = {"json": "application/json", "text": "text/plain", "html": "text/html"}
SHOWN = {"text/plain": "Report for Saturday, 1 March 2025\n…", "text/html": "<!doctype html>…"}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        **DESCRIBED[200],
        "content": {form: {"schema": {"type": "string"}, "example": shown} for form, shown in SHOWN.items()},
    }
}


@routes.get("/analytics/daily-report", response_model=DailyReportShape, responses=ANSWERS)
async def tell_daily_report(
    read: AnalystRead,
    date: Annotated[
        DayText | None,
        Query(
            description="A day of the workspace's time zone; left out, yesterday.", examples=["2025-03-01"]
        ),
    ] = None,
    called: Annotated[DefinitionName | None, Query(alias="definition")] = None,
    form: Annotated[
        Literal["json", "text", "html"],
        Query(alias="format", description="As data, as a bot writes it, or as a page of charts."),
    ] = "json",
    language: Annotated[Language | None, Query(description="Left out, the workspace's.")] = None,
    days: Annotated[
        int,
        Query(ge=1, le=limits.PERIOD_DAYS, description="How many the page covers, the last of them `date`."),
    ] = limits.DEFAULT_PERIOD_DAYS,
) -> Response:
    """What a team is told at ten about the day before: chats, how quickly clients were answered, who waits.

    The page shows the days up to that one, and needs nothing from elsewhere.
    """
    system, workspace_id, by = read.system, read.caller.workspace_id, definition(called)
    settings = await system.waits.settings(workspace_id)
    day = read_day(date) if date else yesterday(datetime.now(UTC), settings.zone)
    if form == "html":
        first = day - timedelta(days=days - 1)
        shown = await overview(system, workspace_id, first, day, by)
        from api.reporting.page import rendered  # with what draws, which takes a second to load

        position, told = shown.position, await run_in_threadpool(rendered, shown, language)
    else:
        report = await daily_report(system, workspace_id, day, by)
        if form == "text":
            position, told = report.position, as_text(report, language) + "\n"
        else:
            body = report.body() | {"language": language or report.language}
            position, told = report.position, json.dumps(body, ensure_ascii=False)
    headers = {POSITION_HEADER: str(position)}
    return Response(told, headers=headers, media_type=MEDIA_TYPES[form])
