"""The figures of a definition, made anew of the log by an engine for heavy questions; and two compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.lake.duck import Duck, over_files, over_ledger, started
from adapters.lake.folder import Lake
from adapters.lake.ledger import reading
from domain.calendar import Configuration, calendar, zone_offsets
from domain.definition import Definition, Hours
from domain.workspace import GOAL_SECONDS
from projections.figures import NOTHING, Asked, Group, grouped, measured
from projections.lake import COMPARING, QUESTIONS, WAITED, credited, in_front
from projections.workspaces import configured

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NAMING = ("employee", "channel")
"""Groupings that name who or where."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a company stated of itself, as far as figures need it."""

    timezone: str
    goal_seconds: int
    configurations: list[Configuration]


@dataclass(frozen=True, slots=True)
class Period:
    """Waits that were opened in [since, until)."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Recounted:
    """The groups of a definition, and all of them together."""

    definition: Definition
    groups: list[Group]
    total: Group


@dataclass(frozen=True, slots=True)
class Handed:
    """So many waits are one's by the former definition, and another's by the latter; None: nobody's."""

    former_kind: str | None
    former_id: str | None
    latter_kind: str | None
    latter_id: str | None
    waits: int


@dataclass(frozen=True, slots=True)
class Moved:
    """What is otherwise by the new definition. waits: why → (how many, by how many microseconds in all).

    lost, gained: how many that count by both met the goal only before, only now.
    """

    waits: dict[str, tuple[int, int]]
    lost: int
    gained: int
    credit: list[Handed]


@contextmanager
def over(folder: Path | None, url: str | None, workspace_id: str) -> Iterator[Duck]:
    """The company's log: in a folder of Parquet files, or else in the database.

    Raises:
        NotThisLake: the folder has nothing of the company.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(started())
        if folder is not None:
            duck = over_files(connection, Lake(folder), workspace_id)
        else:
            ledger = stack.enter_context(reading(url or ""))
            duck = over_ledger(connection, ledger, QUESTIONS, workspace_id)
        duck.make(WAITED)
        yield duck


def settings_of(duck: Duck) -> Settings:
    stated, goal_seconds = [], GOAL_SECONDS
    for occurred_us, text in duck.configured():
        facts: dict[str, Any] = json.loads(text)
        hours = facts.get("timezone"), facts.get("business_hours"), facts.get("holidays")
        stated.append((moment(occurred_us), *hours))
        goal_seconds = facts.get("response_goal_seconds") or goal_seconds
    configurations = configured(stated)
    return Settings(configurations[-1].timezone, goal_seconds, configurations)


def count(duck: Duck, settings: Settings, definition: Definition, period: Period, by: str) -> Recounted:
    """The figures by a definition. by: one of `GROUPINGS`."""
    asked = asked_of(duck, settings, definition, period, named=by in NAMING)
    groups = [Group.of(row) for row in duck.rows(grouped(by, in_front(asked)))]
    total = groups
    if by != "all":
        total = [Group.of(row) for row in duck.rows(grouped("all", in_front(asked)))]
    return Recounted(definition, groups, total[0] if total else NOTHING)


def compare(duck: Duck, settings: Settings, former: Definition, latter: Definition, period: Period) -> Moved:
    for name, definition in (("former", former), ("latter", latter)):
        asked = asked_of(duck, settings, definition, period, named=True)
        duck.keep(name, measured(in_front(asked), COMPARING["measured"]))
    waits = {why: (int(n), int(us or 0)) for why, n, us in duck.rows(COMPARING["moved"])}
    ((lost, gained),) = duck.rows(COMPARING["goals_moved"])
    credit = [Handed(*row) for row in duck.rows(COMPARING["credit_moved"])]
    return Moved(waits, int(lost or 0), int(gained or 0), credit)


def period_of(duck: Duck, settings: Settings, since: date | None, until: date | None) -> Period:
    """From the first to the last of these days, by the company's clocks; None: of all waits."""
    ((first_us, last_us),) = duck.rows("SELECT min(opened_us), max(opened_us) FROM waited")
    zone = ZoneInfo(settings.timezone)
    begin = moment(first_us or 0) if since is None else datetime.combine(since, time(), zone)
    end = moment((last_us or 0) + 1) if until is None else datetime.combine(until + DAY, time(), zone)
    return Period(begin.astimezone(UTC), max(begin, end).astimezone(UTC))


def moment(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def asked_of(duck: Duck, settings: Settings, definition: Definition, period: Period, *, named: bool) -> Asked:
    """What is asked, of `wait` with the credit of the definition. named: whether it names somebody."""
    duck.make(credited(definition.credit if named else None))
    zone = zone_offsets(settings.timezone, period.since, period.until)
    asked = Asked(definition, _us(period.since), _us(period.until), settings.goal_seconds * 1_000_000, zone)
    if definition.hours is Hours.ALL:
        return asked
    ((closed_us,),) = duck.rows("SELECT max(closed_us) FROM waited")
    until = max(period.until, moment((closed_us or 0) + 1))
    as_it_was = definition.hours is Hours.BUSINESS_THEN
    return replace(
        asked, calendar=calendar(settings.configurations, period.since, until, as_it_was=as_it_was)
    )


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
