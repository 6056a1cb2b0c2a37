"""The command line: `chatledger`.

What a command needs is imported by it: all of it together takes a second and more, and most do with little.
"""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import uuid4

import psycopg
import typer
from rich.console import Console

from api import analytics_cli, followers, limits, migrating, proof_cli, relay_cli
from api.auditing import commands as auditing
from api.bench import benchmarks
from api.bench.measuring import ROUNDS
from api.complaints import FAILED, end_in_order, told_in_one_line
from api.opening import KEPT_DATA, Data, database, examples, opened, say_first_token, settings_with
from api.reporting import commands as reporting
from api.terminal import Bar, models_table
from domain.fact import By
from projections import checkpoints
from projections.read_model import READ_MODELS

if TYPE_CHECKING:
    from api.system import System

SOME_BAD, INTERRUPTED = 2, 130
"""Exit codes: bad lines were left out; ended by Ctrl-C."""

app = typer.Typer(
    help="Chatledger: every message, join, leave, handover and status change is an event.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
projections = typer.Typer(help="Read models one by one.", no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(projections, name="projections")
auditing.app.add_typer(proof_cli.audit)
app.add_typer(auditing.app, name="audit")
app.add_typer(analytics_cli.analytics, name="analytics")
EXPORTS = examples("export --parquet /mnt/lake", "export --parquet acme --workspace acme")
app.command(epilog=EXPORTS)(analytics_cli.export)
app.add_typer(reporting.reports)
app.add_typer(migrating.app)
app.add_typer(followers.app)
console = Console()

Workspace = Annotated[str, typer.Option("--workspace", help="The company.")]


@app.command(epilog=examples("serve", "serve --host 0.0.0.0 --port 8080 --data /var/lib/chatledger"))
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="0: any free one.", show_default="8000")] = None,
    data: Data = None,
) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM.

    A PostgreSQL of our own runs in the data folder. With CHATLEDGER_DATABASE_URL that server is used instead.
    """
    from api import serving
    from api.app import create_app, open_system
    from api.logs import configure
    from api.tracing import tracing

    settings = settings_with(host=host, port=port, data=data)
    configure(settings.logs, secrets=settings.secrets)
    owner = f"chatledger serve on {settings.host}:{settings.port}"
    with (
        tracing() as traces,
        open_system(settings, owner=owner, traces=traces) as system,
        serving.listen(settings) as listening,
    ):
        address = serving.address_of(listening)
        app = create_app(system)
        serving.serve(
            app,
            listening,
            on_listening=lambda: say_where(system, address),
            on_stopping=app.state.feeds.close,
        )


app.command(name="relay", epilog=relay_cli.EXAMPLES)(relay_cli.relay)


@app.command(epilog=examples("status", "status --data /var/lib/chatledger", "status --format json"))
def status(
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="For people, or machines.")
    ] = "table",
    data: Data = None,
) -> None:
    """Show how the whole system is, beside a running server or without one: how far, and who does what.

    Read models, tree heads and where they are kept, webhooks, daily reports, the relay, the database.
    """
    from api.status import status_of
    from api.system_table import system_table

    with database(settings_with(data=data), owner="chatledger status") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            found = status_of(connection)
    if form == "json":
        print(json.dumps(found, indent=2, default=float))
    else:
        console.print(system_table(found))


@app.command(
    epilog=examples("rebuild inbox", "rebuild all --data /var/lib/chatledger", "rebuild inbox --roll-back")
)
def rebuild(
    name: Annotated[str, typer.Argument(help=f"{', '.join(READ_MODELS)}, or all.")],
    verify: Annotated[bool, typer.Option(help="Hold every row against the live tables first.")] = True,
    accept_difference: Annotated[
        bool, typer.Option("--accept-difference", help="Switch though rows differ: the definition changed.")
    ] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Take back what was begun.")] = False,
    roll_back: Annotated[bool, typer.Option("--roll-back", help="Put the former tables back.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove the former tables that are kept.")] = False,
    data: Data = None,
) -> None:
    """Build a read model anew from the log, beside the live one, and let it take over.

    Reading and writing go on throughout. Interrupted, it goes on where it was when it is called again.
    """
    chosen = [
        option for option, given in (("abort", abort), ("roll back", roll_back), ("drop", drop)) if given
    ]
    if len(chosen) > 1:
        raise typer.BadParameter(f"{' and '.join(chosen)} exclude each other")
    from api import rebuilds

    names = READ_MODELS if name == "all" else (name,)
    with database(settings_with(data=data), owner="chatledger rebuild") as url:
        rebuilds.carry_out(
            console,
            url,
            names,
            chosen[0] if chosen else "rebuild",
            verify=verify,
            accept_difference=accept_difference,
        )


@projections.command(epilog=examples("projections retry inbox"))
def retry(name: Annotated[str, typer.Argument(help=f"{', '.join(READ_MODELS)}.")], data: Data = None) -> None:
    """Let a read model go on that is parked at an event which it could not take over."""
    from projections.rebuild import UnknownReadModel

    if name not in READ_MODELS:
        raise UnknownReadModel(name)
    with database(settings_with(data=data), owner="chatledger projections") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            parked = checkpoints.retry(connection, name)
            console.print(f"{name} {'goes on' if parked else 'is not parked; there was nothing to do'}.")
            console.print(models_table(checkpoints.statuses(connection)))


@app.command(
    name="import",
    epilog=examples(
        "import events.jsonl --channel whatsapp-1 --kind whatsapp",
        "import chitchat --channel chitchat",
        "import - --workspace acme --channel bot < events.jsonl",
    ),
)
def import_(
    source: Annotated[str, typer.Argument(help="A file of JSON lines, - for stdin, or chitchat.")],
    channel: Annotated[str, typer.Option(help="The channel; made where there is none.")],
    workspace: Workspace = "main",
    kind: Annotated[
        Literal["whatsapp", "telegram", "instagram", "other"], typer.Option(help="Of a channel that is made.")
    ] = "other",
    visibility: Annotated[
        Literal["client_owners", "whole_team"] | None,
        typer.Option(help="Of a channel that is made.", show_default="the workspace's policy"),
    ] = None,
    data: Data = None,
) -> None:
    """Record inbound events in the shape that POST /v1/channels/ID/events takes, one JSON object a line.

    Bad lines are told and left out. Repeated, it adds nothing; interrupted, it goes on where it was.
    """
    from api import importing

    with importing.open_source(source) as (lines, total), opened(settings_with(data=data)) as system:
        by = By(workspace, "system", datetime.now(UTC), f"import:{Path(source).name}")
        if importing.connect_channel(system.application, channel, kind=kind, visibility=visibility, by=by):
            console.print(f"Channel {channel} is new, and connected now as {kind}.", highlight=False)
        tally = importing.Tally()
        try:
            with importing.summed_up(console, tally), Bar(console, "events", total) as bar:
                importing.import_lines(
                    system.application, channel, lines, by, tally, on_batch=lambda: bar.show(tally.lines)
                )
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    if tally.rejected:
        raise typer.Exit(SOME_BAD)


@app.command(
    epilog=examples(
        "token --scope admin --workspace acme --label 'first of acme'",
        "token --scope employee:oleg --scope auditor --label 'Oleg at his desk'",
    )
)
def token(
    scope: Annotated[list[str], typer.Option(help="admin, connector, employee:ID, auditor or analyst.")],
    label: Annotated[str, typer.Option(help="What it is for.")],
    workspace: Workspace = "main",
    data: Data = None,
) -> None:
    """Issue a token without one, to whoever may read the data; also a new company's first."""
    from api.access import digest_of, token_text
    from api.tokens import TokenRequest

    token_id = str(uuid4())
    text = token_text(token_id, secrets.token_urlsafe(32))
    by = By(workspace, "system", datetime.now(UTC), "chatledger token")
    asked = TokenRequest(scopes=scope, label=label)
    with opened(settings_with(data=data)) as system:
        issued = system.application.issue_token(token_id, **asked.model_dump(), digest=digest_of(text), by=by)
        system.follower.wait_for(issued.position, limits.WAIT_S)
    print(text)


@app.command(
    epilog=examples(
        "erase --contact husband --dry-run",
        "erase --contact husband --reason 'asked for in letter 12/25'",
        "erase --contact husband --reason 'letter 12/25' --workspace acme --yes",
    )
)
def erase(
    contact: Annotated[str, typer.Option(help="The CRM's id of the client.")],
    reason: Annotated[str | None, typer.Option(help="Stays in the log; it must not name him.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Write large tables anew, too; others wait meanwhile.")
    ] = False,
    workspace: Workspace = "main",
    data: Data = None,
) -> None:
    """Remove for good what identifies or quotes a client: from the log, every read model and their files.

    Shows first what it will remove, and asks. It can't be undone, and can't be half done: interrupted, it has
    removed all or nothing, and goes on where it was when it is called again. Exit code 1: repeat it.
    """
    if not dry_run and not reason:
        raise typer.BadParameter("--reason is missing; or only look, with --dry-run")
    from api import erasing_by_hand

    with opened(settings_with(data=data)) as system:
        gone = erasing_by_hand.perform(
            console,
            system,
            workspace,
            contact,
            None if dry_run else reason,
            confirm=lambda: yes or typer.confirm("Remove all of this for good?"),
            anew=anew,
        )
    if not gone:
        raise typer.Exit(FAILED)


@app.command(epilog=examples("events > docs/events.md", "events --asyncapi > docs/asyncapi.json"))
def events(
    as_asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="As they leave to JetStream, as AsyncAPI 3.")
    ] = False,
) -> None:
    """Print the catalogue of all events, as Markdown."""
    from api import asyncapi, catalogue

    print(asyncapi.document() if as_asyncapi else catalogue.markdown(), end="")


@app.command(name="demo", epilog=examples("demo", "demo --keep", "demo --data /tmp/house --port 8080"))
def demo_(
    keep: Annotated[bool, typer.Option("--keep", help=f"Keep the data, in ./{KEPT_DATA}.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Keep the data in this folder, which must be new.")
    ] = None,
    port: Annotated[int, typer.Option(help="0: any free one.")] = 0,
) -> None:
    """Play the house story over HTTP, then let 258,145 real messages stream in. Takes a minute or two."""
    from api import demo

    demo.perform(console, data or (KEPT_DATA if keep else None), port=port)


@app.command(epilog=examples("bench append", "bench ingest --json ingest.json", "bench all --rounds 7"))
def bench(
    name: Annotated[str, typer.Argument(help=f"{', '.join(benchmarks.BENCHMARKS)}, or {benchmarks.ALL}.")],
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the figures there; of all, as a list.")
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help="How often each is measured.", show_default=f"{ROUNDS}; a day, once"),
    ] = None,
    messages: Annotated[
        int | None, typer.Option(min=1, help="Of `analytics`.", show_default="10 million")
    ] = None,
) -> None:
    """Measure this machine: ours, what others use for the same, and the limit, in turns in one run.

    On a fresh PostgreSQL that waits for the disk with each commit. Exit code 1: a promise is broken.
    """
    if not benchmarks.carry_out(console, name, rounds, json, messages):
        raise typer.Exit(FAILED)


def say_where(system: System, address: str) -> None:
    """The first lines of a server; the demo and whoever scripts it read the address from the first."""
    where = "a server of yours" if system.settings.database_url else system.settings.data.resolve()
    console.print(f"Chatledger listens on {address}", highlight=False, soft_wrap=True)
    console.print(f"  the API's docs    {address}/docs", highlight=False, soft_wrap=True)
    console.print(f"  the data          {where}", highlight=False, soft_wrap=True)
    say_first_token(console, system)


def main() -> None:
    """Run a command."""
    end_in_order()
    with told_in_one_line():
        app()


if __name__ == "__main__":
    main()
