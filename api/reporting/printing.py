"""`chatledger report`: the daily report in a terminal, and the page of charts in a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import typer

from api import limits
from api.auditing.speaker import Language
from api.reporting.daily import as_text, daily_report
from api.reporting.days import yesterday
from api.reporting.overview import overview
from api.reporting.page import rendered
from api.system import System
from domain.definition import Definition

Answer = TypeVar("Answer")


class NotThereYet(Exception):
    """A report of what is half taken over would be wrong, and nobody would see it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which report. None: of the language, the workspace's; of days, those up to yesterday."""

    workspace_id: str
    definition: Definition
    language: Language | None


def told(system: System, wanted: Wanted, day: date | None, form: str) -> str:
    """The report of a day, as text, JSON or a page of the days up to it."""

    async def asked() -> str:
        chosen = day or await _yesterday(system, wanted)
        if form == "html":
            return await _page(system, wanted, None, chosen)
        report = await daily_report(system, wanted.workspace_id, chosen, wanted.definition)
        if form == "text":
            return as_text(report, wanted.language)
        body = report.body() | {"language": wanted.language or report.language}
        return json.dumps(body, ensure_ascii=False, indent=2)

    return _asking(system, asked)


def write_page(system: System, wanted: Wanted, first: date | None, last: date | None, file: Path) -> None:
    """The page of these days, into a file."""

    async def asked() -> str:
        return await _page(system, wanted, first, last or await _yesterday(system, wanted))

    file.write_text(_asking(system, asked), encoding="utf-8")


def first_day(first: date | None, last: date) -> date:
    """With which day a page begins that ends with the last.

    Raises:
        typer.BadParameter: the days end before they begin, or are too many.
    """
    begin = first or last - timedelta(days=limits.DEFAULT_PERIOD_DAYS - 1)
    if begin > last:
        raise typer.BadParameter("--to must not be before --from")
    if (last - begin).days >= limits.PERIOD_DAYS:
        raise typer.BadParameter(f"at most {limits.PERIOD_DAYS} days go into a page")
    return begin


async def _page(system: System, wanted: Wanted, first: date | None, last: date) -> str:
    begin = first_day(first, last)
    shown = await overview(system, wanted.workspace_id, begin, last, wanted.definition)
    return rendered(shown, wanted.language)


async def _yesterday(system: System, wanted: Wanted) -> date:
    settings = await system.waits.settings(wanted.workspace_id)
    return yesterday(datetime.now(UTC), settings.zone)


def _asking(system: System, question: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask when the read models have all that is recorded; connections belong to the event loop that asks.

    Raises:
        NotThereYet: they take too long.
    """
    if not system.follower.wait_for(system.application.head(), limits.START_WAIT_S):
        raise NotThereYet(
            "The read models have not yet taken over all that is recorded; ask again in a moment."
        )

    async def asked() -> Answer:
        async with system.async_pool:
            return await question()

    return asyncio.run(asked())
