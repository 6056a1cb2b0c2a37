"""What the terminal shows: lines, tables and progress bars, also where it is a file or a pipe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from time import monotonic
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

PLAIN_LINES = 10
"""In how many lines a whole bar is told where nothing can move."""


class Rate(ProgressColumn):
    """How many a second, of late."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", "progress.data.speed", justify="right")


class Bar:
    """How far something is, how fast, and how long it will still take. total: None if not known."""

    def __init__(self, console: Console, told: str, total: int | None, *, fast: bool = True) -> None:
        """fast: there are so many that how many a second says something."""
        self._console, self._told, self._total, self._fast = console, told, total, fast
        self._begun = monotonic()
        self._lines = 0
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *([Rate()] * fast)
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console)
        self._task = self._progress.add_task(told, total=total)

    def __enter__(self) -> Self:
        self._begun = monotonic()
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def show(self, done: int, total: int | None = None) -> None:
        """Move to this many; total: as it is known by now."""
        self._total = total or self._total
        self._progress.update(self._task, completed=done, total=self._total)
        if not self._console.is_terminal and self._total and done * PLAIN_LINES // self._total > self._lines:
            self._lines = done * PLAIN_LINES // self._total
            rate = f", {done / (monotonic() - self._begun):,.0f}/s" if self._fast else ""
            self._console.print(f"{self._told}: {done:,} of {self._total:,}{rate}", highlight=False)


class Bars:
    """A bar for each step of something, one after the other."""

    def __init__(self, console: Console, *, fast: Collection[str]) -> None:
        """fast: the steps that count so much that a rate says something."""
        self._console, self._fast = console, fast
        self._step = ""
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if self._bar:
            self._bar.__exit__(None)
        self._step, self._bar = "", None

    def show(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self.stop()
            bar = Bar(self._console, step, total, fast=step in self._fast)
            self._step, self._bar = step, bar.__enter__()
        if self._bar:
            self._bar.show(done, total)


def models_table(statuses: Iterable[Mapping[str, Any]]) -> Table:
    """Each read model beside the ledger's head."""
    table = Table("read model", "state")
    for heading in ("position", "head", "lag, events", "lag, seconds"):
        table.add_column(heading, justify="right")
    for status in statuses:
        numbers = [status["position"], status["head"], status["lag_events"]]
        style = "bold red" if status["parked"] else "yellow" if status["lag_events"] else ""
        table.add_row(
            status["name"],
            status["state"],
            *(f"{number:,}" for number in numbers),
            f"{status['lag_seconds'] or 0:.1f}",
            style=style,
        )
    return table
