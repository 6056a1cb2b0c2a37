"""How a team answered over some days: everything that the page of charts shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from api.auditing.speaker import Language
from api.reporting.days import Moment, beginning, days, moments
from api.reporting.people import Credited, credited
from domain.definition import DEFAULT, Definition
from domain.figures import Figures
from projections.figures import Group
from projections.report import Look, Traffic, Workspace
from projections.waits import Question, Settings

if TYPE_CHECKING:
    from api.system import System

FOLDERS = ("incoming", "in_progress", "snoozed", "closed")
FEW_ANSWERS = 5
"""An hour with fewer says little, and is marked."""

SHORTEST_S, LONGEST_S = 8.0, 400_000.0
"""About what is told apart of how long answers took: from ten seconds to some days."""


@dataclass(frozen=True, slots=True)
class Hour:
    """An hour of a weekday (1: Monday), with the median of its answers in seconds."""

    weekday: int
    hour: int
    answers: int
    median: float | None


@dataclass(frozen=True, slots=True)
class Lasted:
    """How many answers took longer than `over` and at most `at_most` seconds; None: without this limit."""

    over: float | None
    at_most: float | None
    answers: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many clients wait at a time of day: on average, and on the day when most had to wait at once."""

    minute: int
    average: float
    worst: int | None


Stand = tuple[date, Mapping[str, int]]
"""How many chats are in each folder at the end of a day."""


@dataclass(frozen=True, slots=True)
class Overview:
    """Days of a workspace, both included; times are of its zone.

    before: the same of as many days before these. waits_open: that began by then, and last until now.
    """

    first: date
    last: date
    timezone: str
    language: Language
    definition: str
    position: int
    made_at: datetime
    goal_seconds: int
    figures: Figures
    before: Figures
    traffic: Traffic
    traffic_before: Traffic
    hours: Sequence[Hour]
    lasted: Sequence[Lasted]
    employees: Sequence[Credited]
    waiting: Sequence[Waiting]
    worst_day: date | None
    folders: Sequence[Stand]
    waits_open: int


def limits_s(goal_seconds: int) -> list[float]:
    """Where one duration ends and the next begins: the goal, its halves and its doubles."""
    shorter, longer = [float(goal_seconds)], [2.0 * goal_seconds]
    while shorter[-1] > 2 * SHORTEST_S:
        shorter.append(shorter[-1] / 2)
    while longer[-1] < LONGEST_S:
        longer.append(longer[-1] * 2)
    return [*reversed(shorter), *longer]


def spans(limits: Sequence[float]) -> list[tuple[float | None, float | None]]:
    """The durations that these limits tell apart."""
    return [(None, limits[0]), *pairwise(limits), (limits[-1], None)]


async def overview(
    system: System, workspace_id: str, first: date, last: date, definition: Definition = DEFAULT
) -> Overview:
    """These days as they are known now. position: the lowest that any part of it was read at."""
    now = datetime.now(UTC)
    seen = await system.report.look(workspace_id, partial(_seen, first, last, now))
    workspace = seen.workspace
    settings = Settings(workspace.timezone, workspace.goal_seconds)
    earlier, since, until = _turns(first, last, settings.zone)
    question = Question(workspace_id, settings, definition, since, until)
    people = await system.waits.figures(question, "employee")
    hours = await system.waits.figures(question, "weekday_hour")
    before = await system.waits.figures(Question(workspace_id, settings, definition, earlier, since))
    limits = limits_s(workspace.goal_seconds)
    answers = await system.waits.durations(question, [round(each * 1_000_000) for each in limits])
    return Overview(
        first,
        last,
        workspace.timezone,
        "ru" if workspace.language == "ru" else "en",
        str(definition),
        min(workspace.position, people.position, hours.position, before.position),
        now,
        workspace.goal_seconds,
        people.total.figures,
        before.total.figures,
        seen.traffic,
        seen.traffic_before,
        [_hour(each) for each in hours.groups],
        [Lasted(*span, count) for span, count in zip(spans(limits), answers, strict=True)],
        credited(people.groups, people.names),
        *seen.times,
        seen.folders,
        seen.waits_open,
    )


class _Seen(NamedTuple):
    """What is looked at beside the figures. times: of `times_of_day`."""

    workspace: Workspace
    traffic: Traffic
    traffic_before: Traffic
    times: tuple[list[Waiting], date | None]
    folders: list[Stand]
    waits_open: int


async def _seen(first: date, last: date, now: datetime, look: Look) -> _Seen:
    workspace = await look.workspace()
    zone = ZoneInfo(workspace.timezone)
    earlier, since, until = _turns(first, last, zone)
    half_hours = [*moments(first, last, zone, now)]
    waiting = await look.waiting([each.at for each in half_hours])
    begun = [day for day in days(first, last) if beginning(day, zone) < now]
    folders = await look.folders([beginning(day + timedelta(days=1), zone) for day in begun])
    return _Seen(
        workspace,
        await look.traffic(since, until),
        await look.traffic(earlier, since),
        times_of_day(half_hours, waiting),
        [*zip(begun, folders, strict=True)],
        (await look.open_waits(until))[0],
    )


def _turns(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime, datetime]:
    """When as many days before these begin, when these do, and when they end."""
    after = last + timedelta(days=1)
    earlier, since, until = (beginning(day, zone) for day in (first - (after - first), first, after))
    return earlier, since, until


def _hour(group: Group) -> Hour:
    weekday, hour = group.keys
    return Hour(int(weekday), int(hour), group.figures.n, group.figures.median)


def times_of_day(seen: Iterable[Moment], waiting: Iterable[int]) -> tuple[list[Waiting], date | None]:
    """The days laid upon each other, and which was the worst; None where nobody ever waited."""
    at_once: dict[int, list[int]] = defaultdict(list)
    most: dict[date, dict[int, int]] = defaultdict(dict)
    for moment, count in zip(seen, waiting, strict=True):
        at_once[moment.minute].append(count)
        most[moment.day][moment.minute] = max(count, most[moment.day].get(moment.minute, 0))
    worst_day = max(most, key=lambda day: max(most[day].values()), default=None)
    if worst_day is None or not any(most[worst_day].values()):
        worst_day = None
    worst = most[worst_day] if worst_day else {}
    return [
        Waiting(minute, sum(counts) / len(counts), worst.get(minute))
        for minute, counts in sorted(at_once.items())
    ], worst_day
