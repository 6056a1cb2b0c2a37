"""What an event costs at each stage: processor time, write-ahead log, bytes on the disk and on the wire.

range=N            the read models of a company's history, N events at a time: PostgreSQL's session, for each
accept together=N  messages over HTTP until they are on the disk, N in a request; the follower stands still
behind …           what the follower has to do then, in ranges as large as they come
at work …          the same messages while it follows
page               the first 50 lines of an inbox that has all of them
relay              the ledger to JetStream, until all of it is stored

Of each stage the processor time of every process that takes part is told, and what PostgreSQL writes ahead.
The bytes are those of the history. The ledger's index by stream and version is made behind its rows; where
they come one by one it grows to 1.4 times of that. There is no peer and no limit: from these figures
docs/scale.md works out what so and so many messages need.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import Connection

from adapters.nats.connection import connected
from adapters.postgres.database import migrate
from api.bench import company, history, ingest
from api.bench.company import Company
from api.bench.load import Load, generate
from api.bench.measuring import Result, Row, Watch, machine, settings_of
from api.bench.relay import STREAM, relay_everything
from api.bench.served import HOST, Served, served
from api.bench.servers import database, free_port, fresh_nats, fresh_postgres, python_process
from api.relaying import STATEMENTS as RELAYING
from projections.read_model import CHECKPOINTS, PLANS, REACTIONS, READ_MODELS, ReadModel, table_definitions

CONVERSATIONS = 5_000
MESSAGES = 10
"""Of each; with the other events about 80,000."""

MEASURED_S = 3.0
TOGETHER = (1, 100)
CLIENTS = 8
CHATS = 1_000
RANGES = (5_000, 50)
"""As they come when many events do, and as they come while one message follows the other."""

PART_IN_LARGE_RANGES = 0.75
PAGE = "/v1/inbox?limit=50"
POSTGRES = "postgres"
MESSAGE, EVENT, A_PAGE = "message", "event", "page"
CPU, WAL, BYTES = "µs/", "WAL B/", "B/event"

TABLES = """
SELECT schemaname, sum(pg_table_size(relid))::bigint, sum(pg_indexes_size(relid))::bigint
FROM pg_stat_user_tables WHERE schemaname = ANY (%s) GROUP BY schemaname
"""
LEDGER = """
SELECT pg_table_size('ledger'), pg_relation_size('ledger_pkey'), pg_relation_size('ledger_stream_version')
"""
WRITTEN = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
COUNTED = "SELECT max(position), count(*) FILTER (WHERE topic LIKE 'message.%%') FROM ledger"

Name = tuple[str, str, str]
"""System, case, unit."""


@dataclass
class Meter:
    """Notes what stages cost; each figure is of one round."""

    connection: Connection[Any]
    figures: dict[Name, list[float]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def stage(self, case: str, what: str, **processes: psutil.Process) -> Iterator[list[int]]:
        """Measure the block, which puts into the list of how many messages, pages or events it was.

        processes: by the names of those that take part; PostgreSQL always does.
        """
        numbers: list[int] = []
        before, written = self._spent_s(processes), self._written()
        yield numbers
        number = sum(numbers)
        for name, spent_s in self._spent_s(processes).items():
            self.note(name, case, CPU + what, (spent_s - before[name]) * 1e6 / number)
        self.note(POSTGRES, case, WAL + what, (self._written() - written) / number)

    def note(self, system: str, case: str, unit: str, figure: float) -> None:
        """What is too little to be measured has no figure."""
        if figure > 0:
            self.figures[system, case, unit].append(figure)

    def rows(self) -> list[Row]:
        return [Row.of(system, case, figures, unit) for (system, case, unit), figures in self.figures.items()]

    def _spent_s(self, processes: Mapping[str, psutil.Process]) -> dict[str, float]:
        first = psutil.Process(self.connection.info.backend_pid).parent()
        assert first is not None
        spent = {name: cpu_s(process) for name, process in processes.items()}
        return spent | {POSTGRES: sum(cpu_s(each) for each in (first, *first.children()))}

    def _written(self) -> float:
        row = self.connection.execute(WRITTEN).fetchone()
        assert row is not None
        return float(row[0])


def run(
    rounds: int, watch: Watch, *, seconds: float = MEASURED_S, conversations: int = CONVERSATIONS
) -> Result:
    """seconds: how long each way of load is kept up in a round. conversations: of the company.

    Raises:
        PeerMissing: there is no nats-server.
    """
    with fresh_postgres() as url, fresh_nats() as nats_url:
        own_url = database(url, "company")
        with psycopg.connect(own_url, autocommit=True) as connection:
            meter = Meter(connection)
            head, messages = make(own_url, connection, conversations, watch)
            follow(meter, head, rounds, watch)
            weigh(meter, head)
            with at_work(own_url) as (ours, follower):
                for nth in range(rounds):
                    serve(meter, ours, follower, seconds)
                    watch("at work", nth + 1, rounds)
            for nth in range(rounds):
                publish(meter, own_url, nats_url)
                watch("relay", nth + 1, rounds)
        chosen = {"events": head, "messages": messages, "measured_s": seconds, "clients": CLIENTS}
        settings = settings_of(url, **chosen)
    return Result("cost", machine(), dict(settings), meter.rows())


def make(url: str, connection: Connection[Any], conversations: int, watch: Watch) -> tuple[int, int]:
    """A company's history without read models; how many events it is, and how many of them of messages."""
    made = Company(conversations, messages=MESSAGES)
    heads = history.found_and_play(url, made, range(min(company.STORIES, conversations)))
    history.stamp_out(connection, made, heads, watch)
    connection.execute("VACUUM ANALYZE ledger")
    migrate(connection, [*table_definitions(), RELAYING["create"]])
    row = connection.execute(COUNTED).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def follow(meter: Meter, head: int, parts: int, watch: Watch) -> None:
    """Bring the read models to the head; of each part most in large ranges, the rest in small ones."""
    connection, models = meter.connection, [ReadModel(name) for name in READ_MODELS]
    connection.execute(PLANS)
    for part in range(parts):
        after, until = head * part // parts, head * (part + 1) // parts
        between = after + int((until - after) * PART_IN_LARGE_RANGES)
        for size, first, last in ((RANGES[0], after, between), (RANGES[1], between, until)):
            spent_s = _take_over(connection, models, first, last, size)
            for name, model_s in spent_s.items():
                meter.note(name, f"range={size}", CPU + EVENT, model_s * 1e6 / (last - first))
            meter.note("all", f"range={size}", CPU + EVENT, sum(spent_s.values()) * 1e6 / (last - first))
        watch("ranges", part + 1, parts)
    connection.execute("RESET ALL")
    connection.execute(CHECKPOINTS["add"], {"names": [*READ_MODELS, REACTIONS]})
    connection.execute("UPDATE projection.checkpoint SET position = %s", [head])


def _take_over(
    connection: Connection[Any], models: list[ReadModel], after: int, until: int, size: int
) -> dict[str, float]:
    """Seconds of the session's processor time, by read model."""
    spent_s: dict[str, float] = defaultdict(float)
    backend = connection.info.backend_pid
    for first in range(after, until, size):
        last = min(first + size, until)
        rows = connection.execute(CHECKPOINTS["topics"], {"after": first, "until": last})
        topics = {topic for (topic,) in rows}
        with connection.transaction():
            for model in models:
                before_s = busy_s(backend)
                model.apply(connection, first, last, topics, pipelined=True)
                spent_s[model.name] += busy_s(backend) - before_s
    return spent_s


def weigh(meter: Meter, head: int) -> None:
    """Bytes on the disk: of the ledger, and of each read model as it grew."""
    meter.connection.execute("VACUUM ANALYZE")
    rows = meter.connection.execute(LEDGER).fetchall()
    for what, size in zip(("rows", "by position", "by stream and version"), rows[0], strict=True):
        meter.note("ledger", what, BYTES, size / head)
    for name, tables, indexes in meter.connection.execute(TABLES, [list(READ_MODELS)]).fetchall():
        meter.note(name, "rows", BYTES, tables / head)
        meter.note(name, "indexes", BYTES, indexes / head)


@contextmanager
def at_work(url: str) -> Iterator[tuple[Served, psutil.Process]]:
    """A server that does not follow, and the process that does."""
    port = free_port()
    arguments = ["-m", "api.cli", "follow", "--metrics-port", str(port)]
    environment = {**os.environ, "CHATLEDGER_DATABASE_URL": url}
    with python_process(arguments, f"{HOST}:{port}", environment) as follower:
        with served(url, CHATLEDGER_FOLLOW="false") as ours:
            yield ours, psutil.Process(follower.pid)


def serve(meter: Meter, ours: Served, follower: psutil.Process, seconds: float) -> None:
    """Messages while the follower stands still, what it has to do then, both at once, and pages."""
    api, token = psutil.Process(ours.pid), ingest.prepare(ours, CHATS)
    load = Load(HOST, ours.port, ingest.PATH, token, CLIENTS, 1, CHATS, seconds)
    for together in TOGETHER:
        case, messages = f"together={together}", replace(load, events=together)
        with standing_still(follower), meter.stage(f"accept {case}", MESSAGE, api=api) as numbers:
            told = asked(messages) * together
            numbers.append(told)
        with meter.stage(f"behind {case}", MESSAGE, follower=follower) as numbers:
            ours.catch_up()
            numbers.append(told)
        with meter.stage(f"at work {case}", MESSAGE, api=api, follower=follower) as numbers:
            numbers.append(asked(messages) * together)
            ours.catch_up()
    reader = ours.token(f"employee:{company.SUPERVISOR}")
    with meter.stage("page", A_PAGE, api=api) as numbers:
        numbers.append(asked(replace(load, path=PAGE, token=reader, events=0)))


def asked(load: Load) -> int:
    """Ask as fast as answers come; how many requests were answered."""
    return len(generate(load).latencies_ms)


@contextmanager
def standing_still(process: psutil.Process) -> Iterator[None]:
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def publish(meter: Meter, url: str, nats_url: str) -> None:
    """The whole ledger, into a new stream."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT position FROM ledger_head").fetchone()
    assert row is not None
    server = next(each for each in psutil.Process().children() if each.name() == "nats-server")
    with meter.stage("relay", EVENT, relay=psutil.Process(), nats=server) as numbers:
        relay_everything(url, nats_url, row[0])
        numbers.append(row[0])
    messages, size = asyncio.run(_stored(nats_url))
    meter.note("stream", "messages", BYTES, size / messages)


async def _stored(nats_url: str) -> tuple[int, int]:
    """How many messages the stream has, and how many bytes they take there."""
    async with connected(nats_url, name="chatledger bench") as client:
        state = (await client.jetstream().stream_info(STREAM)).state
        return state.messages, state.bytes


def cpu_s(process: psutil.Process) -> float:
    """Processor time so far, also of those that it started and waited for."""
    times = process.cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def busy_s(pid: int) -> float:
    """Processor time of a process with one thread, to the microsecond where the system tells it (Linux)."""
    told = Path(f"/proc/{pid}/schedstat")
    return int(told.read_text().split()[0]) / 1e9 if told.exists() else cpu_s(psutil.Process(pid))
