"""Rebuilds as they are seen in a terminal: a bar for each step, and what is different by name."""

from __future__ import annotations

from collections.abc import Collection

from rich.console import Console
from rich.table import Table

from adapters.postgres.database import create_pool
from api.terminal import Bars
from projections.rebuild import CONNECTIONS, Different, Rebuild, rebuilding

FAST = ("replay", "catch up")
"""These steps count events, the others tables."""


def carry_out(
    console: Console,
    url: str,
    names: Collection[str],
    what: str,
    *,
    verify: bool = True,
    accept_difference: bool = False,
) -> None:
    """Do one of `rebuild`, `abort`, `roll back` and `drop`, and tell how it went.

    Raises:
        Different: the next tables are not the live ones; which rows, was told.
    """
    with (
        create_pool(url, max_size=CONNECTIONS, name="chatledger rebuild") as pool,
        Bars(console, fast=FAST) as bars,
    ):
        with rebuilding(pool, names, bars.show) as rebuild:
            try:
                told = _do(rebuild, what, verify=verify, accept_difference=accept_difference)
            except Different as different:
                bars.stop()
                console.print(differences_table(different))
                raise
    console.print(told, highlight=False)


def _do(rebuild: Rebuild, what: str, *, verify: bool, accept_difference: bool) -> str:
    match what:
        case "abort":
            return "What was begun is gone." if rebuild.abort() else "No rebuild was under way."
        case "drop":
            rebuild.drop()
            return "The former tables are gone."
        case "roll back":
            return f"The former tables are back, at position {rebuild.roll_back():,}."
    position = rebuild.run(verify=verify, accept_difference=accept_difference)
    return (
        f"Rebuilt from the first event to position {position:,}.\n"
        "The former tables are kept: --roll-back puts them back, --drop removes them."
    )


def differences_table(different: Different) -> Table:
    """What differs, side by side."""
    table = Table("table", title="What differs", title_justify="left")
    for heading in ("row", "live → built anew"):
        table.add_column(heading, overflow="fold")
    for found in different.found:
        table.add_row(f"{found.model}.{found.table}", found.row, found.what)
    return table
