"""`chatledger report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from api.opening import Data, examples, opened, settings_with, there
from domain.definition import DEFAULT
from domain.definition import definition as named_definition

DAY = "%Y-%m-%d"

reports = typer.Typer(rich_markup_mode="rich")


@reports.command(
    epilog=examples(
        "report",
        "report --date 2026-11-25 --language ru --format json",
        "report --html november.html --from 2026-11-01 --to 2026-11-30",
    )
)
def report(
    date: Annotated[
        datetime | None,
        typer.Option(formats=[DAY], help="A day of the workspace's time zone.", show_default="yesterday"),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page of charts there, of --from to --to.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=[DAY], help="First day of the page.", show_default="30 days"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=[DAY], help="Last day of the page.", show_default="yesterday"),
    ] = None,
    definition: Annotated[
        str | None, typer.Option(help="What a response time is.", show_default=str(DEFAULT))
    ] = None,
    language: Annotated[
        Literal["ru", "en"] | None, typer.Option(help="Of the words.", show_default="the workspace's")
    ] = None,
    form: Annotated[
        Literal["text", "html", "json"], typer.Option("--format", help="What is printed.")
    ] = "text",
    workspace: Annotated[str, typer.Option(help="The company.")] = "main",
    data: Data = None,
) -> None:
    """Print what a team is told about a day, or write a page of charts that needs nothing else.

    Works beside a running server or without one.
    """
    if html and date:
        raise typer.BadParameter("--html takes --from and --to, not --date")
    if not html and (since or until):
        raise typer.BadParameter("--from and --to are for --html")
    from api.reporting import printing

    wanted = printing.Wanted(workspace, named_definition(definition), language)
    with opened(there(settings_with(data=data))) as system:
        if html:
            first, last = since and since.date(), until and until.date()
            printing.write_page(system, wanted, first, last, html)
        else:
            print(printing.told(system, wanted, date and date.date(), form))
