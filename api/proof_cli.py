"""`chatledger audit`: the log and its proofs, taken away and checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer
from rich.console import Console
from rich.text import Text

from adapters.merkle.note import BadNote, Verifier
from adapters.merkle.verifying import Kept, LeafTile, Report, Verification, no_tiles
from api.complaints import FAILED
from api.exporting import TIMEOUT_S, OfDatabase, OfServer, Source, export, whole_lines
from api.opening import Data, database, examples, settings_with
from api.terminal import Bar

STDIN = "-"

audit = typer.Typer(rich_markup_mode="rich")
console = Console()

Token = Annotated[
    str | None, typer.Option(envvar="CHATLEDGER_TOKEN", help="An auditor's, for a server.", show_envvar=True)
]
Server = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="CHATLEDGER_URL", help="A server; left out, the database of --data.", show_envvar=True
    ),
]


@audit.command(
    epilog=examples(
        "audit verify log.jsonl --key log.example+3f2a9c10+AQ... --checkpoints /mnt/usb/checkpoints",
        "audit verify https://chat.example --token cl_... --key log.example+3f2a9c10+AQ...",
    )
)
def verify(
    log: Annotated[str, typer.Argument(help="A file of `audit export`, - for stdin, or a server's URL.")],
    key: Annotated[list[str], typer.Option(help="A public key of the log, NAME+ID+KEY.")],
    checkpoints: Annotated[
        list[Path] | None, typer.Option(help="Folder of checkpoints from before, or one file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    token: Token = None,
) -> None:
    """Hold a log against tree heads of before, and name the first position that is not as it was.

    Needs nothing but the key and the files. Exit code 1: something is not as it was.
    """
    with ExitStack() as stack:
        places = [Kept(path) for path in checkpoints or () if path.is_dir()]
        source = stack.enter_context(_at(log, token)) if log.startswith(("http://", "https://")) else None
        verification = Verification(_verifiers(key), _leaf_tile(places, source))
        for path in checkpoints or ():
            notes = Kept(path).notes() if path.is_dir() else [(path.name, path.read_text("utf-8"))]
            for name, note in notes:
                verification.add_checkpoint(name, note)
        lines = stack.enter_context(_lines(log, source, verification))
        bar = stack.enter_context(Bar(Console(stderr=True), "events", max(verification.heads, default=None)))
        report = verification.read(lines, bar.show)
    _tell(report, as_json=as_json)
    if not report.good:
        raise typer.Exit(FAILED)


@audit.command(
    name="export", epilog=examples("audit export log.jsonl", "audit export log.jsonl --url https://…")
)
def export_(
    file: Annotated[Path, typer.Argument(help="Of JSON lines; one that was begun is gone on with.")],
    server: Server = None,
    token: Token = None,
    workspace: Annotated[
        str | None, typer.Option(help="Of the others only hashes.", show_default="all, from the database")
    ] = None,
    data: Data = None,
) -> None:
    """Write the log up to its latest signed tree head as JSON lines, and the tree head behind it.

    It holds what people wrote and is not covered by a later erasure: keep it as you keep the database.
    """
    with _source(server, token, workspace, data) as source, Bar(console, "events", None) as bar:
        events = export(source, file, bar.show)
    console.print(f"{file} has {events:,} events.", highlight=False)


@audit.command(epilog=examples("audit checkpoint", "audit checkpoint --url https://chat.example > head.txt"))
def checkpoint(server: Server = None, token: Token = None, data: Data = None) -> None:
    """Print the latest signed tree head, to be kept where nobody of the company can change it."""
    with _source(server, token, None, data) as source:
        print(source.checkpoint()["note"], end="")


@audit.command(epilog=examples("audit key", "audit key --url https://chat.example"))
def key(server: Server = None, token: Token = None, data: Data = None) -> None:
    """Print the public key that tree heads are checked with."""
    from api.proving import signer_of

    if server:
        with _at(server, token) as source:
            print(source.checkpoint()["public_key"])
        return
    settings = settings_with(data=data)
    with database(settings, owner="chatledger audit") as url, psycopg.connect(url) as connection:
        print(signer_of(connection, settings).verifier.vkey)


@contextmanager
def _source(
    server: str | None, token: str | None, workspace: str | None, data: Path | None
) -> Iterator[Source]:
    if server:
        with _at(server, token) as source:
            yield source
        return
    with database(settings_with(data=data), owner="chatledger audit") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            yield OfDatabase(connection, workspace)


@contextmanager
def _at(url: str, token: str | None) -> Iterator[OfServer]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S) as client:
        yield OfServer(client)


@contextmanager
def _lines(log: str, source: OfServer | None, verification: Verification) -> Iterator[Iterator[str]]:
    if source:
        head = source.checkpoint()
        verification.add_checkpoint("the server's own checkpoint", head["note"])
        yield whole_lines(source.lines(0, head["size"]))
    elif log == STDIN:
        yield whole_lines(iter(sys.stdin.buffer))
    else:
        with Path(log).open("rb") as file:
            yield whole_lines(iter(file))


def _verifiers(keys: list[str]) -> list[Verifier]:
    try:
        return [Verifier.of(each) for each in keys]
    except BadNote as error:
        raise typer.BadParameter(str(error)) from None


def _leaf_tile(places: list[Kept], source: OfServer | None) -> LeafTile:
    """From the place that has most of a tile; what is in it is checked before it is believed."""
    tiles = [place.leaf_tile for place in places] or ([source.leaf_tile] if source else [no_tiles])
    return lambda index: max((tile(index) for tile in tiles), key=len)


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        first = report.first and asdict(report.first)
        told = {**asdict(report), "root_hash": report.root_hash.hex(), "good": report.good, "first": first}
        print(json.dumps(told, indent=2))
        return
    heads = report.checkpoints
    console.print(f"read: {report.size:,} events, {report.erased:,} of them erased", highlight=False)
    console.print(f"tree heads that hold: {len(heads):,}, up to {max(heads, default=0):,}", highlight=False)
    for fault in report.faults:
        style = "bold red" if fault is report.first else "red"
        console.print(Text(f"{_where(fault.position, fault.after)}: {fault.detail}", style))
    proven = "The log is what was signed." if heads else "No tree head vouches for any of it."
    console.print(proven if report.good else "The log is NOT what was signed.", highlight=False)


def _where(position: int | None, after: int | None) -> str:
    if position is not None:
        return f"position {position}"
    return "the evidence" if after is None else f"after position {after}"
