"""Inbound events from a file: JSON lines in the shape that connectors send, recorded by the same commands.

The ids are derived from the lines, so an import that is repeated adds nothing, and one that was interrupted
goes on where it was.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import IO, Any

from pydantic import TypeAdapter
from rich.console import Console
from rich.text import Text

from api import chitchat
from api.errors import Problem
from api.fields import Id
from api.inbound import parse_event
from domain.application import Chatledger
from domain.channel import Channel
from domain.fact import By
from domain.ids import derive
from domain.inbound import Inbound
from domain.receiving import APPENDED, DUPLICATE

BATCH_EVENTS = 500
"""Recorded in one commit."""

BAD_LINES_KEPT = 20
"""Of these the number and the reason are told; more are only counted."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """number: from 1."""

    number: int
    reason: str


@dataclass(slots=True)
class Tally:
    """What became of the lines so far."""

    appended: int = 0
    duplicate: int = 0
    rejected: int = 0
    position: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.appended + self.duplicate + self.rejected

    def reject(self, number: int, reason: str) -> None:
        self.rejected += 1
        if len(self.bad_lines) < BAD_LINES_KEPT:
            self.bad_lines.append(BadLine(number, reason))


Line = tuple[int, Any]
"""Its number, from 1, and its value; bytes where it is still to be read."""


@contextmanager
def open_source(source: str) -> Iterator[tuple[Iterable[Line], int | None]]:
    """The lines of a file, of stdin (`-`) or of `chitchat`, and how many there are, if that is known."""
    if source == "chitchat":
        yield enumerate(chitchat.inbound_events(chitchat.conversations()), start=1), chitchat.MESSAGES
    elif source == "-":
        yield _lines(sys.stdin.buffer), None
    else:
        with Path(source).open("rb") as file:
            total = None
            if file.seekable():  # a pipe under a file's name is not
                total = sum(1 for _ in _lines(file))
                file.seek(0)
            yield _lines(file), total


def _lines(file: IO[bytes]) -> Iterator[Line]:
    """Blank lines are passed over."""
    return ((number, line) for number, line in enumerate(file, start=1) if not line.isspace())


def connect_channel(
    application: Chatledger, channel_id: str, *, kind: str, visibility: str | None, by: By
) -> bool:
    """Make the channel where there is none; whether it was made."""
    channel_id = TypeAdapter(Id).validate_python(channel_id)
    stream_id = derive("channel", by.workspace_id, channel_id)
    known, _ = application.decide(by, lambda decision, _: decision.read(Channel, stream_id).exists)
    if not known:
        application.put_channel(channel_id, kind=kind, title=channel_id, visibility=visibility, by=by)
    return not known


def import_lines(
    application: Chatledger,
    channel_id: str,
    lines: Iterable[Line],
    by: By,
    tally: Tally,
    *,
    on_batch: Callable[[], None],
) -> None:
    """Record the lines, batch by batch; the tally is up to date whenever a batch is recorded."""
    remaining = iter(lines)
    while batch := list(islice(remaining, BATCH_EVENTS)):
        _import_batch(application, channel_id, batch, by, tally)
        on_batch()


@contextmanager
def summed_up(console: Console, tally: Tally) -> Iterator[None]:
    """Tell what became of the lines, also when somebody interrupts."""
    begun = monotonic()
    try:
        yield
    except KeyboardInterrupt:
        console.print("Interrupted; the same command goes on where it was.")
        raise
    finally:
        _tell(console, tally, monotonic() - begun)


def _tell(console: Console, tally: Tally, seconds: float) -> None:
    for bad in sorted(tally.bad_lines, key=lambda bad: bad.number):
        console.print(Text(f"line {bad.number}: {bad.reason}", "yellow"), soft_wrap=True)
    if more := tally.rejected - len(tally.bad_lines):
        console.print(f"and {more:,} more bad lines", style="yellow", highlight=False)
    counts = (tally.appended, "appended"), (tally.duplicate, "there already"), (tally.rejected, "rejected")
    told = ", ".join(f"{count:,} {what}" for count, what in counts)
    console.print(f"{told}; {seconds:.1f} s, {tally.lines / max(seconds, 0.001):,.0f}/s", highlight=False)


def _import_batch(application: Chatledger, channel_id: str, batch: list[Line], by: By, tally: Tally) -> None:
    good: list[tuple[int, Inbound]] = []
    for number, value in batch:
        item = _told(value)
        if isinstance(item, Problem):
            tally.reject(number, item.detail)
        else:
            good.append((number, item))
    results, accepted = application.receive(channel_id, [item for _, item in good], by=by)
    for (number, _), result in zip(good, results, strict=True):
        if result.status == APPENDED:
            tally.appended += 1
        elif result.status == DUPLICATE:
            tally.duplicate += 1
        else:
            tally.reject(number, str(result.refusal))
    tally.position = accepted.position


def _told(value: Any) -> Inbound | Problem:
    if isinstance(value, bytes):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            return Problem("malformed_json", f"not JSON: {error}")
    return parse_event(value)
