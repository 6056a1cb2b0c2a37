"""How fast response times are made anew of a log with many messages, by the default definition.

ours          what `chatledger analytics rebuild --parquet` does: DuckDB over Parquet files, from opening them
              to the figures
peer:window   the same SQL, with its window functions, in PostgreSQL with plans of its own choice, parallel
              and with room to sort; what it reads is loaded and analysed before
peer:rule     the obvious loop in Python: over the events of the same files, asking `waits_of`
peer:loop     the same with tuples and numbers only, of messages that DuckDB has found
limit:sort    DuckDB reading the same columns of the messages and sorting them, and nothing else

Figures are messages/s, and of ours also events/s, as what matters is found among all events of the files. The
loops are given a part of the conversations, as their time only grows with these. All say the same figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import psycopg
from psycopg import Connection

from adapters.lake.duck import TABLES, Duck, over_files, started
from adapters.lake.folder import Lake
from api.bench import lake as made
from api.bench import loop
from api.bench.measuring import OURS, Contender, Promise, Result, Watch, machine, measure, settings_of
from api.bench.servers import database, fresh_postgres
from api.recounting import asked_of, count, period_of
from api.recounting import settings_of as stated_by
from domain.definition import DEFAULT
from domain.figures import Sums, sums_of
from domain.wait import Outcome
from projections.figures import Group, grouped
from projections.lake import WAITED, credited, in_front

MESSAGES = 10_000_000
LOOP_MESSAGES = 500_000
THREADS = 2
CASE, PART = "first-of-run/1", "part"
MESSAGES_S, EVENTS_S = "messages/s", "events/s"
WINDOW, RULE, LOOP, SORT = "peer:window", "peer:rule", "peer:loop", "limit:sort"
EVENTS_S_AT_LEAST, TIMES_WINDOW, TIMES_RULE = 4_000_000, 3.0, 20.0

EVENT = """
CREATE UNLOGGED TABLE event (
    position bigint, topic text, actor text, occurred_us bigint, chat_number bigint, direction text,
    author_kind text, author_id text, sender_id text, delivery_id text, status text, seen_position bigint,
    holder_id text);
CREATE UNLOGGED TABLE chat (number bigint, channel_id text, conversation_number bigint);
CREATE UNLOGGED TABLE owning (
    address_id text, employee_id text, from_position bigint, until_position bigint);
"""
PLANS = f"""
SET work_mem = '512MB'; SET max_parallel_workers_per_gather = {THREADS}; SET max_parallel_workers = {THREADS};
SET hash_mem_multiplier = 2; SET jit = off
"""
CHUNK_BYTES = 2**20
LOADED = {
    "event": "position, topic, actor, occurred_us, chat_number, direction, author_kind, author_id, "
    "sender_id, delivery_id, status, seen_position, holder_id",
    "chat": "number, channel_id, conversation_number",
}
"""What is loaded of each relation, in the order of its columns."""

SORTED = """
SELECT sum(position), sum(sent_us), sum(asks), sum(conversation_number)
FROM (SELECT message.position, sent_us, asks, conversation_number
      FROM message JOIN chat ON chat.number = message.chat_number
      ORDER BY conversation_number, sent_us, message.position LIMIT 100000000000 OFFSET 1) AS in_order
"""


@dataclass(slots=True)
class Lakeside:
    """The files, and the same in PostgreSQL. part: up to which position the loops are given conversations.

    front, goal_us: what is asked. said: what each system made of it, the last time.
    """

    lake: Lake
    connection: Connection[Any]
    part: int
    front: str = ""
    goal_us: int = 0
    said: dict[str, Sums] = field(default_factory=dict)

    def load(self) -> None:
        """Have in PostgreSQL what the questions read, and what is asked."""
        self.connection.execute(EVENT.encode())
        with started(THREADS) as connection, TemporaryDirectory() as folder:
            duck = over_files(connection, self.lake, made.WORKSPACE)
            for name, columns in LOADED.items():
                path = Path(folder, f"{name}.csv")
                connection.execute(
                    f"COPY (SELECT {columns} FROM {name}) TO '{path}' (FORMAT csv, HEADER false)"
                )
                with self.connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)".encode()) as copy:
                    with path.open("rb") as file:
                        while chunk := file.read(CHUNK_BYTES):
                            copy.write(chunk)
            duck.make(WAITED)
            settings = stated_by(duck)
            asked = asked_of(duck, settings, DEFAULT, period_of(duck, settings, None, None), named=False)
            self.front, self.goal_us = in_front(asked), asked.goal_us
            self.said[PART] = _sums(duck, self.part, self.goal_us)
        self.connection.execute("VACUUM ANALYZE")
        self.connection.execute(PLANS.encode())

    def by_duck(self) -> float:
        begun = perf_counter()
        with started(THREADS) as connection:
            duck = over_files(connection, self.lake, made.WORKSPACE)
            duck.make(WAITED)
            settings = stated_by(duck)
            counted = count(duck, settings, DEFAULT, period_of(duck, settings, None, None), "all")
            self.said[OURS] = counted.total.sums
            return perf_counter() - begun

    def by_window(self) -> float:
        for name in reversed({**WAITED, **credited(None)}):
            kind = "TABLE" if name in TABLES else "VIEW"
            self.connection.execute(f"DROP {kind} IF EXISTS {name}".encode())
        begun = perf_counter()
        for name, sql in {**WAITED, **credited(None)}.items():
            kind = "UNLOGGED TABLE" if name in TABLES else "VIEW"
            self.connection.execute(f"CREATE {kind} {name} AS {sql}".encode())
        rows = self.connection.execute(grouped("all", self.front).encode()).fetchall()
        self.said[WINDOW] = Group.of(rows[0]).sums
        return perf_counter() - begun

    def by_rule(self) -> float:
        begun = perf_counter()
        self.said[RULE] = loop.by_the_rule(self.lake, self.part, self.goal_us)
        return perf_counter() - begun

    def by_loop(self) -> float:
        begun = perf_counter()
        with started(THREADS) as connection:
            duck = over_files(connection, self.lake, made.WORKSPACE)
            duck.make({name: WAITED[name] for name in ("message", "failure", "failed", "dismissal")})
            self.said[LOOP] = loop.plainly(duck, self.part, self.goal_us)
            return perf_counter() - begun

    def by_sort(self) -> float:
        begun = perf_counter()
        with started(THREADS) as connection:
            duck = over_files(connection, self.lake, made.WORKSPACE)
            duck.make({"message": WAITED["message"]})
            duck.rows(SORTED)
            return perf_counter() - begun


def run(rounds: int, watch: Watch, *, messages: int = MESSAGES, loop_messages: int = LOOP_MESSAGES) -> Result:
    """messages: in the files, about; loop_messages: of these, what the loops are given."""
    with (
        TemporaryDirectory(prefix="chatledger-bench-") as folder,
        fresh_postgres() as url,
        ExitStack() as stack,
    ):
        lake = made.make(Path(folder), messages, watch)
        manifest = lake.manifest()
        events = manifest.events if manifest else 0
        part = min(events, -(-loop_messages // made.MESSAGES) * made.EVENTS_A_CHAT // made.TURN * made.TURN)
        own_url = database(url, "analytics")
        lakeside = Lakeside(lake, stack.enter_context(psycopg.connect(own_url, autocommit=True)), part)
        lakeside.load()
        rows = measure(_contenders(lakeside, events), rounds=rounds, watch=watch)
        settings = settings_of(url, events=events, messages=_messages(events), loop_messages=_messages(part))
    result = Result("analytics", machine(), dict(settings), rows)
    for system in (WINDOW, RULE, LOOP, SORT):
        result.compare(CASE, system, unit=MESSAGES_S)
    result.promises += _promises(result, lakeside)
    return result


def _contenders(lakeside: Lakeside, events: int) -> list[Contender]:
    whole, part = _messages(events), _messages(lakeside.part)
    ways: list[tuple[str, str, int, Callable[[], float]]] = [
        (OURS, MESSAGES_S, whole, lakeside.by_duck),
        (OURS, EVENTS_S, events, lakeside.by_duck),
        (WINDOW, MESSAGES_S, whole, lakeside.by_window),
        (RULE, MESSAGES_S, part, lakeside.by_rule),
        (LOOP, MESSAGES_S, part, lakeside.by_loop),
        (SORT, MESSAGES_S, whole, lakeside.by_sort),
    ]
    return [Contender(system, CASE, unit, _rate(size, way)) for system, unit, size, way in ways]


def _rate(size: int, way: Callable[[], float]) -> Callable[[], float]:
    return lambda: size / way()


def _messages(events: int) -> int:
    return events // made.EVENTS_A_CHAT * made.MESSAGES


def _sums(duck: Duck, until: int, goal_us: int) -> Sums:
    """Of the conversations up to a position, from `waited`."""
    rows = duck.rows(f"SELECT outcome, closed_us - opened_us FROM waited WHERE opened_position <= {until}")
    sums = sums_of([us for outcome, us in rows if outcome == Outcome.ANSWERED], goal_us=goal_us)
    counts = Counter(outcome for outcome, _ in rows)
    return replace(sums, open_waits=counts[Outcome.OPEN], dismissed=counts[Outcome.DISMISSED])


def _promises(result: Result, lakeside: Lakeside) -> list[Promise]:
    medians = {(row.system, row.unit): row.median for row in result.rows}
    fast = Promise(f"≥ {EVENTS_S_AT_LEAST:,} events/s", "rebuild")
    reached = medians[OURS, EVENTS_S]
    fast.note(f"{reached:,.0f} events/s" if reached < EVENTS_S_AT_LEAST else None)
    promises = [fast]
    for system, times in ((WINDOW, TIMES_WINDOW), (RULE, TIMES_RULE)):
        ratio = medians[OURS, MESSAGES_S] / medians[system, MESSAGES_S]
        promise = Promise(f"≥ {times:g}× {system}", "ratio of medians")
        promise.note(f"{ratio:.1f}×" if ratio < times else None)
        promises.append(promise)
    same = Promise("all say the same figures", "answers")
    for system, other in ((WINDOW, OURS), (RULE, PART), (LOOP, PART)):
        told, expected = lakeside.said[system], lakeside.said[other]
        same.note(None if told == expected else f"{system} says {told}, and not {expected}")
    return [*promises, same]
