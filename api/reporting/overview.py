"""How a team answered over some days: everything that the page of charts shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from api.auditing.speaker import Language
from api.reporting.daily import Credited
from domain.figures import Figures

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


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was going on in a span of days."""

    chats: int
    chats_with_new_clients: int
    messages_in: int
    messages_out: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Days of a workspace, both included; times are of its zone.

    before: the same of as many days before these. folders: chats in each at the end of each day.
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
    folders: Sequence[tuple[date, Mapping[str, int]]]
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
