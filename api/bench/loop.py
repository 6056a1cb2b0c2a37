"""What others do for response times: a loop over rows, in Python.

The obvious one reads events as rows and asks the rule, which is written to be read. The plain one is what is
left when all that can be is done elsewhere: DuckDB finds the messages that matter, and they are tuples.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import pyarrow.parquet as pq

from adapters.lake.duck import Duck
from adapters.lake.folder import Lake
from domain.figures import Sums, sums_of
from domain.wait import Outcome, Place, Spoken, Wait, dismissed_at, waits_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US = timedelta(microseconds=1)

MESSAGES = """
SELECT chat.conversation_number, message.sent_us, message.position, message.asks, message.chat_number
FROM message JOIN chat ON chat.number = message.chat_number
WHERE message.position <= {until} AND message.position NOT IN (SELECT position FROM failed)
"""
DISMISSALS = """
SELECT chat_number, position, dismissed_us, seen_position FROM dismissal
WHERE position <= {until} ORDER BY position
"""

READ = (
    *("position", "topic", "occurred_us", "chat_number", "direction", "author_kind", "delivery_id", "status"),
    "seen_position",
)
ROWS_AT_A_TIME = 100_000
At = tuple[int, int]
"""When, position."""

Said = tuple[int, int, int, int]
"""When, position, whether it asks, in which chat."""

Dismissals = dict[int, list[tuple[int, int, int]]]
"""Of a chat: position, when, up to where; the first first."""


def read(duck: Duck, until: int) -> tuple[dict[int, list[Said]], Dismissals]:
    """What was said in each conversation up to a position, and what was dismissed, from the files."""
    said: dict[int, list[Said]] = defaultdict(list)
    for conversation, *message in _rows(duck.connection, MESSAGES.format(until=until)):
        said[conversation].append((message[0], message[1], message[2], message[3]))
    dismissals: Dismissals = defaultdict(list)
    for chat, position, us, seen in _rows(duck.connection, DISMISSALS.format(until=until)):
        dismissals[chat].append((position, us, seen))
    return said, dismissals


def by_the_rule(lake: Lake, until: int, goal_us: int) -> Sums:
    """Over the events of the files, with `waits_of`."""
    said, dismissals = _heard(lake, until)
    waits = [
        wait
        for messages in said.values()
        for wait in waits_of(_spoken(each, dismissals) for each in messages)
    ]
    took_us = [(wait.closed.at - wait.opened.at) // US for wait in waits if wait.closed and _answered(wait)]
    outcomes = Counter(wait.outcome for wait in waits)
    sums = sums_of(took_us, goal_us=goal_us)
    return replace(sums, open_waits=outcomes[Outcome.OPEN], dismissed=outcomes[Outcome.DISMISSED])


def _heard(lake: Lake, until: int) -> tuple[dict[int, list[Said]], Dismissals]:
    """What `read` finds, event by event; each chat is a conversation of its own."""
    said: dict[int, list[Said]] = defaultdict(list)
    dismissals: Dismissals = defaultdict(list)
    sent: dict[UUID, tuple[int, Said]] = {}
    for event in _events(lake, until):
        chat, at = event["chat_number"], event["occurred_us"]
        if event["topic"] in ("message.received", "message.queued"):
            asks = event["direction"] == "in"
            if asks or event["author_kind"] in ("employee", "external_staff"):
                said[chat].append((at, event["position"], asks, chat))
                sent[event["delivery_id"]] = chat, said[chat][-1]
        elif event["topic"] in ("conversation.closed", "conversation.dismissed"):
            dismissals[chat].append((event["position"], at, event["seen_position"]))
        elif event["topic"] == "delivery.reported" and event["status"] == "failed":
            failed = sent.get(event["delivery_id"])
            if failed and not failed[1][2]:
                said[failed[0]].remove(failed[1])
    return said, dismissals


def _events(lake: Lake, until: int) -> Iterator[dict[str, Any]]:
    manifest = lake.manifest()
    files = [each for each in manifest.files if each.first <= until] if manifest else []
    for path in lake.paths(files):
        for event in pq.read_table(path, columns=list(READ)).to_pylist():
            if event["position"] <= until:
                yield event


def plainly(duck: Duck, until: int, goal_us: int) -> Sums:
    """With tuples and numbers only."""
    said, dismissals = read(duck, until)
    took_us: list[int] = []
    outcomes = Counter[Outcome]()
    for messages in said.values():
        run: list[tuple[int, At | None]] = []
        for us, position, asks, chat in sorted(messages):
            if asks:
                waved = _waved(us, position, dismissals[chat]) if chat in dismissals else None
                run.append((us, waved))
            elif run:
                for opened_us, waved in _waits_of_run(run, (us, position)):
                    if waved:
                        outcomes[Outcome.DISMISSED] += 1
                    else:
                        took_us.append(us - opened_us)
                run = []
        for _, waved in _waits_of_run(run, None):
            outcomes[Outcome.DISMISSED if waved else Outcome.OPEN] += 1
    sums = sums_of(took_us, goal_us=goal_us)
    return replace(sums, open_waits=outcomes[Outcome.OPEN], dismissed=outcomes[Outcome.DISMISSED])


def _waits_of_run(run: list[tuple[int, At | None]], answer: At | None) -> Iterator[tuple[int, At | None]]:
    closed: At | None = None
    for nth, (us, waved) in enumerate(run):
        if waved and answer and answer < waved:
            waved = None
        if nth == 0 or (closed and (waved is None or closed < waved)):
            closed = waved
            yield us, waved


def _waved(us: int, position: int, dismissals: list[tuple[int, int, int]]) -> At | None:
    for waved_position, waved_us, seen in dismissals:
        if seen >= position:
            return max(us, waved_us), waved_position
    return None


def _spoken(said: Said, dismissals: Dismissals) -> Spoken:
    us, position, asks, chat = said
    place = Place(EPOCH + us * US, position)
    for waved_position, waved_us, seen in dismissals.get(chat, ()) if asks else ():
        if seen >= position:
            return Spoken(place, True, dismissed_at(place, Place(EPOCH + waved_us * US, waved_position)))
    return Spoken(place, bool(asks))


def _answered(wait: Wait) -> bool:
    return wait.outcome is Outcome.ANSWERED


def _rows(connection: duckdb.DuckDBPyConnection, question: str) -> Iterator[tuple[int, ...]]:
    """As tuples, some at a time: a list of them all would be most of the memory."""
    found = connection.execute(question)
    while rows := found.fetchmany(ROWS_AT_A_TIME):
        yield from rows
