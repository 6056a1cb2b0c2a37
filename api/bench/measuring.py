"""Measures several systems in turns, so that whatever else the machine does falls on all of them alike.

A benchmark names its contenders: `ours`, `peer:<name>` for what others use, `limit:<name>` for what nothing
on this machine could beat. In each round every one of them is measured once, in another order each time.
"""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import Connection
from rich.table import Table

OURS = "ours"
ROUNDS = 5
SETTINGS_SHOWN = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "jit",
)
MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes")

Figure = Callable[[], float]
"""Measures once."""

Watch = Callable[[str, int, int], None]
"""Is told what is done, and how much of how much of it."""


def no_watch(step: str, done: int, total: int) -> None:
    """Nobody looks."""


class NotDurable(Exception):
    """The server would lose what it acknowledged, so that no figure would mean anything."""


class PeerMissing(Exception):
    """What others use for the same is not installed, so that there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One system in one case (`threads=16`); unit: of what `measure` answers, such as `events/s` or `ms`."""

    system: str
    case: str
    unit: str
    measure: Figure


@dataclass(frozen=True, slots=True)
class Row:
    """What a contender reached in all rounds."""

    system: str
    case: str
    median: float
    min: float
    max: float
    unit: str

    @classmethod
    def of(cls, system: str, case: str, figures: Sequence[float], unit: str) -> Row:
        return cls(system, case, statistics.median(figures), min(figures), max(figures), unit)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Our median, and how many times another system's it is; the other may be ours in another case."""

    case: str
    ours: float
    to: str
    ratio: float


@dataclass(slots=True)
class Promise:
    """Something that holds, of all that was looked at, or at whose first case it is broken."""

    name: str
    of: str
    """What was looked at."""
    looked_at: int = 0
    cases: int = 0
    broken: str | None = None

    def note(self, fault: str | None, looked_at: int = 1) -> None:
        """Another case was looked at. fault: what is wrong with it."""
        self.looked_at += looked_at
        if fault is not None:
            self.cases += 1
            self.broken = self.broken or fault

    @property
    def verdict(self) -> str:
        return "holds" if self.broken is None else f"broken: {self.broken} ({self.cases:,} cases)"


@dataclass(slots=True)
class Result:
    """What `--json` writes. settings: the server's, and whatever else was chosen."""

    name: str
    machine: dict[str, Any]
    settings: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not any(promise.broken for promise in self.promises)

    def compare(self, case: str, to: str, *, to_case: str | None = None, unit: str | None = None) -> None:
        """Note how ours does beside another system, or beside itself in another case.

        unit: where a case has figures of several; else its first is meant.
        """
        ours, other = self._row(OURS, case, unit), self._row(to, to_case or case, unit)
        name = ", ".join(filter(None, [to, to_case, unit]))
        self.ratios.append(Ratio(case, ours.median, name, ours.median / other.median))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")

    def _row(self, system: str, case: str, unit: str | None) -> Row:
        known = (row for row in self.rows if (row.system, row.case) == (system, case))
        return next(row for row in known if unit in (None, row.unit))


def measure(
    contenders: Sequence[Contender],
    *,
    rounds: int = ROUNDS,
    watch: Watch = no_watch,
) -> list[Row]:
    """Each contender's figures of all rounds."""
    figures: dict[int, list[float]] = {index: [] for index in range(len(contenders))}
    for turn in range(rounds):
        order = list(range(len(contenders)))
        for done, index in enumerate(order[turn % len(order) :] + order[: turn % len(order)], start=1):
            figures[index].append(contenders[index].measure())
            watch("figures", turn * len(order) + done, rounds * len(order))
    return [
        Row.of(each.system, each.case, figures[index], each.unit) for index, each in enumerate(contenders)
    ]


def server_settings(connection: Connection[Any]) -> dict[str, str]:
    """What decides how fast a server is.

    Raises:
        NotDurable: it does not wait for the disk.
    """
    rows = connection.execute(
        "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)", [list(SETTINGS_SHOWN)]
    )
    settings = dict(rows.fetchall())
    if lax := [name for name in MUST_BE_ON if settings[name] != "on"]:
        raise NotDurable(f"{', '.join(lax)} is off: nothing that this server says is safe.")
    return settings


def machine() -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def result_tables(result: Result) -> list[Table]:
    """The figures, and beneath them the ratios and what was promised, where there are any."""
    rows = Table("system", "case", title=result.name, title_justify="left")
    for heading in ("median", "min", "max"):
        rows.add_column(heading, justify="right")
    rows.add_column("unit")
    for row in result.rows:
        rows.add_row(
            row.system, row.case, *(_short(each) for each in (row.median, row.min, row.max)), row.unit
        )
    ratios = Table("case", "ours is", "of", title="ratios of medians", title_justify="left")
    for ratio in result.ratios:
        ratios.add_row(ratio.case, f"{ratio.ratio:.2f}×", ratio.to)
    promises = Table("promise", "looked at", "", title="what was promised", title_justify="left")
    for promise in result.promises:
        promises.add_row(promise.name, f"{promise.looked_at:,} {promise.of}", promise.verdict)
    return [table for table in (rows, ratios, promises) if table.row_count]


def percentile(sorted_figures: Sequence[float], percent: float) -> float:
    """The figure below which so many percent of them are; of sorted ones."""
    return sorted_figures[min(len(sorted_figures) - 1, int(len(sorted_figures) * percent / 100))]


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 or figure == int(figure) else f"{figure:.2f}"


def settings_of(url: str, **chosen: Any) -> Mapping[str, Any]:
    """The server's settings, checked, and what a benchmark chose."""
    with psycopg.connect(url, autocommit=True) as connection:
        return {**server_settings(connection), **chosen}
