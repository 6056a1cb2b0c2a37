"""How fast events are appended; each save is on the disk when it returns.

ours          Application.save on the ledger: one total order without gaps, each stream's version checked
peer:stock    the same with the library's own recorder for PostgreSQL
peer:umadb    UmaDB's conditional append: refused if the message's stream has an event already
limit:insert  INSERT into a table without order or checks: by pgbench, one commit each on as many
              connections; of a hundred, as many rows in one statement
limit:copy    COPY of as many rows
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from math import ceil
from random import getrandbits
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import psycopg
from eventsourcing.application import Application
from psycopg import Connection

from adapters.postgres.embedded import programs
from api.bench.measuring import OURS, Contender, PeerMissing, Result, Watch, machine, measure, settings_of
from api.bench.servers import (
    ServerFailed,
    database,
    free_port,
    fresh_postgres,
    library_settings,
    python_process,
)
from domain.application import Chatledger
from domain.fact import By
from domain.message import Message

MEASURED_S = 2.0
THREADS = (1, 16, 64)
BATCH = 100
PGBENCH_WORKERS = 2

PLAIN_TABLE = "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event jsonb NOT NULL)"
INSERT = "INSERT INTO plain (event) VALUES (:event);"
INSERT_ROWS = f"INSERT INTO plain (event) VALUES {', '.join(['(%s)'] * BATCH)}"
COPY_ROWS = "COPY plain (event) FROM STDIN"

SaveMany = Callable[[int], object]
"""Saves so many events together; they are on the disk when it returns."""


def run(
    rounds: int, watch: Watch, *, seconds: float = MEASURED_S, threads: Sequence[int] = THREADS
) -> Result:
    """seconds: how long each is measured in a round.

    Raises:
        PeerMissing: UmaDB is not installed.
    """
    with fresh_postgres() as url, ExitStack() as stack:
        event = received()
        ours = stack.enter_context(closing(_ledger(database(url, "ours"))))
        stock = stack.enter_context(closing(_stock(database(url, "stock"), connections=max(threads))))
        text = ours.mapper.to_stored_event(event).state.decode()
        savers: Mapping[str, SaveMany] = {
            OURS: partial(_save, ours, event),
            "peer:stock": partial(_save, stock, event),
            "peer:umadb": stack.enter_context(_umadb(text.encode())),
        }
        plain = database(url, "plain")
        connection = stack.enter_context(psycopg.connect(plain, autocommit=True))
        connection.execute(PLAIN_TABLE)
        contenders = [
            *_one_by_one(savers, partial(_pgbench, plain, text), threads, seconds),
            *_together({**savers, **_rows_together(connection, text)}, seconds),
        ]
        rows = measure(contenders, rounds=rounds, watch=watch)
        result = Result("append", machine(), dict(settings_of(url, measured_s=seconds)), rows)
    for contender in contenders:
        if contender.system != OURS:
            result.compare(contender.case, contender.system)
    return result


def _one_by_one(
    savers: Mapping[str, SaveMany],
    pgbench: Callable[[int, float], float],
    threads: Sequence[int],
    seconds: float,
) -> Iterator[Contender]:
    for number in threads:
        case = f"threads={number}"
        for system, saver in savers.items():
            yield Contender(system, case, "events/s", partial(_rate, saver, 1, number, seconds))
        yield Contender("limit:insert", case, "events/s", partial(pgbench, number, seconds))


def _together(savers: Mapping[str, SaveMany], seconds: float) -> Iterator[Contender]:
    for system, saver in savers.items():
        yield Contender(system, f"batch={BATCH}", "events/s", partial(_rate, saver, BATCH, 1, seconds))


def _rate(saver: SaveMany, events: int, threads: int, seconds: float) -> float:
    """Events a second that so many threads save, so many events at a time."""
    saved = [0] * threads
    begun = perf_counter()

    def write(number: int) -> None:
        while perf_counter() - begun < seconds:
            saver(events)
            saved[number] += events

    writers = [Thread(target=write, args=(number,)) for number in range(threads)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return sum(saved) / (perf_counter() - begun)


def received() -> Message.Received:
    """A message as a connector brings it."""
    message = Message.blank(uuid4())
    message.receive(
        By("main", f"connector:{uuid4()}", datetime.now(UTC), f"request:{uuid4()}"),
        chat_id=str(uuid4()),
        conversation_id=str(uuid4()),
        channel_id="whatsapp-1",
        delivery_id=str(uuid4()),
        direction="in",
        author_kind="client",
        author_id=None,
        sender_id=str(uuid4()),
        echo=False,
        reply_to=None,
        attachment_count=0,
        external_id=f"wamid.{uuid4()}",
        text="Good morning! Is the house on Lime Street still for sale?",
        sender_address="79990000001",
        sender_name="Husband",
        attachments=[],
    )
    (event,) = message.collect_events()
    assert isinstance(event, Message.Received)
    return event


def _another(event: Message.Received) -> Message.Received:
    """The same as another message, the first event of another stream."""
    another: Message.Received = object.__new__(type(event))
    message_id = UUID(int=getrandbits(128))  # uuid4 lets another thread run
    vars(another).update(vars(event), originator_id=message_id, message_id=str(message_id))
    return another


def _save(application: Application[UUID], event: Message.Received, events: int) -> None:
    application.save(*(_another(event) for _ in range(events)))


def _ledger(url: str) -> Chatledger:
    return Chatledger({"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url})


def _stock(url: str, *, connections: int) -> Application[UUID]:
    return Application(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            **library_settings(url),
            "POSTGRES_POOL_SIZE": str(connections),
        }
    )


@contextmanager
def _umadb(data: bytes) -> Iterator[SaveMany]:
    """A server of its own, with its defaults."""
    if find_spec("umadb") is None:
        raise PeerMissing("UmaDB is not there to compare with: pip install 'chatledger[bench]'")
    from umadb import AppendCondition, Client, Event, Query, QueryItem

    address = f"127.0.0.1:{free_port()}"

    def append(events: int) -> None:
        stream_ids = [str(uuid4()) for _ in range(events)]
        none_yet = Query([QueryItem(tags=[stream_id]) for stream_id in stream_ids])
        client.append(
            [Event("message.received", data, tags=[stream_id]) for stream_id in stream_ids],
            AppendCondition(none_yet),
        )

    with TemporaryDirectory(prefix="chatledger-bench-umadb-") as folder:
        start = "from umadb.umadb_server_cli import main; main()"
        with python_process(["-c", start, "--listen", address, "--db-path", folder], address):
            client = Client(f"http://{address}")
            yield append


def _pgbench(url: str, event: str, connections: int, seconds: float) -> float:
    """Transactions a second; pgbench counts in whole seconds."""
    told = subprocess.run(
        [
            programs() / "pgbench",
            *("--no-vacuum", "--protocol=prepared", "--file=-", f"--define=event={event}"),
            f"--client={connections}",
            f"--jobs={min(connections, PGBENCH_WORKERS)}",
            f"--time={ceil(seconds)}",
            url,
        ],
        input=INSERT,
        capture_output=True,
        text=True,
    )
    found = re.search(r"tps = ([0-9.]+)", told.stdout)
    if told.returncode or found is None:
        raise ServerFailed(f"pgbench: {told.stderr.strip()}")
    return float(found[1])


def _rows_together(connection: Connection[Any], event: str) -> Mapping[str, SaveMany]:
    def copy_rows(events: int) -> None:
        with connection.cursor().copy(COPY_ROWS) as rows:
            for _ in range(events):
                rows.write_row([event])

    return {
        "limit:insert": lambda events: connection.execute(INSERT_ROWS, [event] * events),
        "limit:copy": copy_rows,
    }
