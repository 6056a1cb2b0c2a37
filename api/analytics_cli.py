"""`chatledger export` and `chatledger analytics`: the log for heavy questions, and figures made anew."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from api.opening import Data, database, examples, settings_with
from api.terminal import Bars
from domain.definition import DEFAULT, definition

if TYPE_CHECKING:
    from api.lake import Exported

analytics = typer.Typer(
    help="Response times, made anew of the log.", no_args_is_help=True, rich_markup_mode="rich"
)
console = Console()

By = Literal["all", "day", "hour", "weekday", "weekday_hour", "employee", "channel"]
DAY = ["%Y-%m-%d"]
Since = Annotated[
    datetime | None,
    typer.Option("--from", formats=DAY, help="The first day, by the company's clocks.", show_default="all"),
]
Until = Annotated[
    datetime | None, typer.Option("--to", formats=DAY, help="The last day.", show_default="all")
]
Compared = Annotated[
    tuple[str, str] | None,
    typer.Option(
        "--compare", help="Two definitions side by side, and what moved and why.", metavar="OLD NEW"
    ),
]
Folder = Annotated[
    Path | None, typer.Option(help="A folder of `chatledger export`.", show_default="the ledger itself")
]


@analytics.command(epilog=examples("analytics definitions", "analytics definitions --language ru"))
def definitions(language: Annotated[Literal["en", "ru"], typer.Option(help="Of the words.")] = "en") -> None:
    """Show what a response time is, by each name and version that there is."""
    from api.definitions import described

    table = Table(box=None, padding=(0, 2, 1, 0), show_header=False)
    table.add_column(no_wrap=True, style="bold")
    for each in described():
        table.add_row(each["definition"], each["in_words"][language])
    console.print(table)


@analytics.command(
    epilog=examples(
        "analytics rebuild --from 2025-01-01 --to 2025-01-31 --group-by day",
        "analytics rebuild --definition business-hours/1 --group-by employee --parquet /mnt/lake",
        "analytics rebuild --compare first-of-run/1 by-owner/1 --group-by employee --format json",
    )
)
def rebuild(
    called: Annotated[str, typer.Option("--definition", help="NAME/VERSION.")] = str(DEFAULT),
    compared: Compared = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By, typer.Option("--group-by", help="Figures for each of these.")] = "all",
    parquet: Folder = None,
    workspace: Annotated[str, typer.Option(help="The company.")] = "main",
    form: Annotated[Literal["text", "json", "csv"], typer.Option("--format")] = "text",
    data: Data = None,
) -> None:
    """Make the figures of a definition anew of the log: the same to the last digit as those that are live."""
    chosen = [definition(name) for name in compared or (called,)]
    from api import figure_tables, recounting

    with ExitStack() as stack:
        url = None
        if parquet is None:
            url = stack.enter_context(database(settings_with(data=data), owner="chatledger analytics"))
        duck = stack.enter_context(recounting.over(parquet, url, workspace))
        settings = recounting.settings_of(duck)
        days = (each and each.date() for each in (since, until))
        period = recounting.period_of(duck, settings, *days)
        counts = [recounting.count(duck, settings, each, period, by) for each in chosen]
        head = figure_tables.head_of(settings, period, by, workspace, duck.position)
        if compared:
            moved = recounting.compare(duck, settings, chosen[0], chosen[1], period)
            _tell(form, *figure_tables.compared(form, head, counts[0], counts[1], moved, by))
        else:
            _tell(form, *figure_tables.told(form, head, counts[0], by))


def export(
    parquet: Annotated[Path, typer.Option(help="The folder; one that was begun is gone on with.")],
    workspace: Annotated[str | None, typer.Option(help="One company.", show_default="all")] = None,
    data: Data = None,
) -> None:
    """Write the log as Parquet files, by company and day, for DuckDB, ClickHouse, Spark and others.

    Nothing private leaves: no texts, names or addresses. Interrupted, or called again later, it goes on where
    it was. In the end all that is in the folder is held against the ledger and its tree. Exit code 1: it is
    not the same.
    """
    from api import lake

    with database(settings_with(data=data), owner="chatledger export") as url:
        with Bars(console, fast=("events", "checked")) as bars:
            writing, checking = partial(bars.show, "events"), partial(bars.show, "checked")
            exported = lake.export_to(url, parquet, workspace, writing, checking)
    _tell_export(parquet, exported)


def _tell_export(folder: Path, exported: Exported) -> None:
    manifest, standing = exported.manifest, exported.standing
    lines = [f"{folder} has {manifest.events:,} events in {len(manifest.files):,} files, each once."]
    if manifest.workspace_id is not None:
        lines.append("Of one workspace only their number can be checked, and it is that of the ledger.")
    elif exported.hashed:
        lines.append(f"The tree over the first {exported.hashed:,} of them is that of the ledger.")
        if exported.signed:
            lines.append(f"So it is the tree over {exported.signed:,} that was signed.")
    if manifest.workspace_id is None and exported.hashed < manifest.position:
        rest = manifest.position - exported.hashed
        lines.append(f"{rest:,} were not hashed yet: chatledger serve does it; then call this again.")
    if behind := standing.head - standing.position:
        lines.append(f"{behind:,} more are in the ledger that the read models have not taken over yet.")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _tell(form: str, *answers: Any) -> None:
    for answer in answers:
        if form == "text":
            console.print(answer)
        else:
            print(answer, end="" if form == "csv" else "\n")
