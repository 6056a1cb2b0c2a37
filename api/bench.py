"""How fast this machine appends: one durable message a call, beside the plainest table that could hold it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import uuid4

import psycopg
from rich.table import Table

from adapters.postgres.embedded import EmbeddedPostgres
from domain.application import Chatledger
from domain.fact import By
from domain.inbound import ChatRef, MessageArrived

MEASURED_S = 2.0
WRITERS = (1, 16)
PLAIN_TABLE = "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event jsonb NOT NULL)"

Append = Callable[[], object]
"""Appends one message; it is on the disk when this returns."""

Writer = Callable[[int], Append]
"""What the writer with this number appends with."""


@contextmanager
def ledger(url: str) -> Iterator[Writer]:
    """`receive`: decided on the chat's state, with position, version and guards checked."""
    application = Chatledger(
        env={"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url}
    )
    by = By("bench", "system", datetime.now(UTC), "bench")
    application.put_channel("bench", kind="other", title="bench", visibility=None, by=by)

    def writer(number: int) -> Append:
        def append() -> None:
            chat = ChatRef(f"chat-{number}", "direct")
            message = MessageArrived(chat, str(uuid4()), datetime.now(UTC), f"client-{number}", text="Hello")
            application.receive("bench", [message], by=by)

        return append

    yield writer
    application.close()


@contextmanager
def plain_insert(url: str) -> Iterator[Writer]:
    """One INSERT and one commit a message, a connection for each writer; nothing is decided or checked."""
    with ExitStack() as stack:
        stack.enter_context(psycopg.connect(url, autocommit=True)).execute(PLAIN_TABLE)

        def writer(number: int) -> Append:
            connection = stack.enter_context(psycopg.connect(url, autocommit=True))
            event = json.dumps({"chat": f"chat-{number}", "sender": f"client-{number}", "text": "Hello"})
            return lambda: connection.execute("INSERT INTO plain (event) VALUES (%s)", [event])

        yield writer


def append_table() -> Table:
    """Both, alone and crowded, on one PostgreSQL with its defaults for durability."""
    table = Table("append", title=f"Durable messages, {MEASURED_S:.0f} s each", title_justify="left")
    for heading in ("writers", "a second", "median, ms", "p99, ms"):
        table.add_column(heading, justify="right")
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder), owner="chatledger bench") as url:
        for contender in (plain_insert, ledger):
            with contender(url) as writer:
                for writers in WRITERS:
                    table.add_row(contender.__name__.replace("_", " "), *_measured(writer, writers))
    return table


def _measured(writer: Writer, writers: int) -> tuple[str, str, str, str]:
    appends = [writer(number) for number in range(writers)]
    with ThreadPoolExecutor(writers) as threads:
        latencies_ms = sorted(latency for taken in threads.map(_latencies_ms, appends) for latency in taken)
    p99 = latencies_ms[len(latencies_ms) * 99 // 100]
    rate = len(latencies_ms) / MEASURED_S
    return str(writers), f"{rate:,.0f}", f"{statistics.median(latencies_ms):.2f}", f"{p99:.2f}"


def _latencies_ms(append: Append) -> list[float]:
    """Of as many appends as fit into the time."""
    taken, end = [], perf_counter() + MEASURED_S
    while (begun := perf_counter()) < end:
        append()
        taken.append((perf_counter() - begun) * 1_000)
    return taken
