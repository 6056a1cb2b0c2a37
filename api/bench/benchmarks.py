"""Which benchmarks there are, and how they are run and told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import cast

from rich.console import Console

from api.bench.measuring import ROUNDS, Result, result_tables
from api.terminal import Bars

BENCHMARKS: Mapping[str, str] = {
    name: f"api.bench.{name}"
    for name in (
        *("append", "ingest", "rebuild", "follow", "handover", "inbox", "search", "feed", "audit", "proof"),
        *("analytics", "relay", "cost", "day"),
    )
}
"""name → the module whose `run` measures it; imported when it is asked for, as some need much."""

ALL = "all"
LONG = frozenset({"day"})
"""Measured once unless more is asked for: it says whether promises hold, and takes minutes."""

SIZED = frozenset({"analytics"})
"""Those that can be had smaller."""

Run = Callable[..., Result]
"""How many rounds, who watches, and how many messages, where that can be said."""


class UnknownBenchmark(Exception):
    """There is no benchmark of this name; the message lists those there are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No benchmark is called {name!r}; there are {', '.join(BENCHMARKS)}, and {ALL}.")


def chosen(name: str) -> Sequence[str]:
    """The names of one benchmark, or of all.

    Raises:
        UnknownBenchmark: there is none of this name.
    """
    if name == ALL:
        return tuple(BENCHMARKS)
    if name not in BENCHMARKS:
        raise UnknownBenchmark(name)
    return (name,)


def carry_out(
    console: Console, name: str, rounds: int | None, json_file: Path | None, messages: int | None = None
) -> bool:
    """Run one benchmark or all, tell the figures, and write them down; returns whether all promises hold.

    rounds: None for as many as the benchmark needs. messages: None for as many as SIZED ones are meant for.
    """
    results: list[dict[str, object]] = []
    holds = True
    for each in chosen(name):
        sizes = {"messages": messages} if messages and each in SIZED else {}
        result = _result(console, each, rounds or (1 if each in LONG else ROUNDS), sizes)
        holds &= result.holds
        results.append(asdict(result))
        if json_file:
            json_file.write_text(json.dumps(results if name == ALL else results[0], indent=2) + "\n")
    return holds


def _result(console: Console, name: str, rounds: int, sizes: Mapping[str, int]) -> Result:
    run = cast(Run, import_module(BENCHMARKS[name]).run)
    with Bars(console, fast=()) as bars:
        result = run(rounds, lambda step, done, total: bars.show(f"{name}: {step}", done, total), **sizes)
    _tell(console, result)
    return result


def _tell(console: Console, result: Result) -> None:
    console.print(f"\nmachine: {_listed(result.machine)}", highlight=False)
    console.print(f"settings, checked: {_listed(result.settings)}", highlight=False)
    for table in result_tables(result):
        console.print(table)


def _listed(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
