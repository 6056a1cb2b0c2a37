"""Each benchmark runs to its end in a tiny size, and its figures have the names they are known by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from api.bench import (
    analytics,
    append,
    audit,
    cost,
    feed,
    follow,
    handover,
    inbox,
    ingest,
    proof,
    rebuild,
    relay,
    search,
    words,
)
from api.bench.benchmarks import ALL, UnknownBenchmark, chosen
from api.bench.measuring import ROUNDS, Result, no_watch
from api.bench.servers import fresh_postgres

Names = set[tuple[str, str, str]]
BENCHES = (
    *(analytics, append, audit, cost, feed, follow, handover, inbox, ingest, proof, rebuild, relay),
    search,
)
OF_A_BENCHMARK = "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """As durable as each benchmark has it, but one for all of them: to make one takes as long as they do."""
    with fresh_postgres() as url:
        yield url


@pytest.fixture(autouse=True)
def one_for_all(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def emptied() -> Iterator[str]:
        yield postgres
        with closing(psycopg.connect(postgres, autocommit=True)) as connection:
            for (name,) in connection.execute(OF_A_BENCHMARK).fetchall():
                connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    for bench in BENCHES:
        monkeypatch.setattr(bench, "fresh_postgres", emptied)


def test_append() -> None:
    pytest.importorskip("umadb")
    result = append.run(1, no_watch, seconds=0.1, threads=(2,))
    others = ("peer:stock", "peer:umadb", "limit:insert")
    assert rows_of(result) == {
        *((system, "threads=2", "events/s") for system in ("ours", *others)),
        *((system, "batch=100", "events/s") for system in ("ours", *others, "limit:copy")),
    }
    assert ratios_of(result) == {
        *(("threads=2", system) for system in others),
        *(("batch=100", system) for system in (*others, "limit:copy")),
    }
    assert_durable(result)


@pytest.mark.bench
def test_ingest() -> None:
    result = ingest.run(1, no_watch, seconds=0.1, chats=10, batches=(1, 5))
    cases = ("batch=1", "batch=5")
    assert rows_of(result) == {
        (system, case, unit)
        for system in ("ours", "limit:route")
        for case in cases
        for unit in ("events/s", "p99 ms")
    }
    assert ratios_of(result) == {(case, "limit:route") for case in cases}
    assert_durable(result)


def test_proof() -> None:
    result = proof.run(1, no_watch, leaves=100, events=1_000, questions=3)
    kinds = ("inclusion events=1000", "consistency events=1000")
    assert rows_of(result) == {
        *((system, "leaves", "leaves/s") for system in ("ours", "limit:hashlib")),
        *((system, kind, "p95 ms") for system in ("ours", "limit:sql") for kind in kinds),
    }
    assert ratios_of(result) == {("leaves", "limit:hashlib"), *((kind, "limit:sql") for kind in kinds)}
    assert_durable(result)


def test_relay() -> None:
    result = relay.run(1, no_watch, conversations=30)
    others = ("peer:publish_async", "limit:publish")
    assert rows_of(result) == {(system, "relay", "events/s") for system in ("ours", *others)}
    assert ratios_of(result) == {("relay", system) for system in others}
    assert_durable(result)


@pytest.mark.drill
def test_cost() -> None:
    """With processes that start, which nobody waits for in the tests of every day."""
    result = cost.run(1, no_watch, seconds=1.0, conversations=200)
    rows = rows_of(result)
    assert rows >= {
        *(("ledger", what, "B/event") for what in ("rows", "by position", "by stream and version")),
        *((name, what, "B/event") for name in ("inbox", "timeline") for what in ("rows", "indexes")),
        *((name, f"range={size}", "µs/event") for name in ("all", "inbox", "waits") for size in cost.RANGES),
        *((system, "at work together=1", "µs/message") for system in ("api", "follower", "postgres")),
        *(("postgres", f"{stage} together=100", "WAL B/message") for stage in ("accept", "behind")),
        ("api", "page", "µs/page"),
        ("relay", "relay", "µs/event"),
        ("stream", "messages", "B/event"),
    }
    assert_durable(result)


def test_a_median_is_of_five_rounds_or_more() -> None:
    assert ROUNDS >= 5


def test_every_benchmark_can_be_chosen() -> None:
    every = (
        *("append", "ingest", "rebuild", "follow", "handover", "inbox", "search", "feed", "audit", "proof"),
        *("analytics", "relay", "cost", "day"),
    )
    assert chosen(ALL) == every
    with pytest.raises(UnknownBenchmark, match="follow"):
        chosen("fellow")


@pytest.mark.bench
def test_inbox() -> None:
    result = inbox.run(1, no_watch, seconds=0.05, sizes=(20, 40))
    cases = [f"conversations={size} {reader}" for size in (20, 40) for reader in ("seller", "supervisor")]
    assert rows_of(result) == {
        (system, case, unit)
        for system in ("ours", "limit:sql")
        for case in cases
        for unit in ("requests/s", "p50 ms")
    }
    assert ratios_of(result) == {
        *((case, "limit:sql") for case in cases),
        *((case, "limit:sql, p50 ms") for case in cases),
        *(
            (f"conversations=40 {reader}", f"ours, conversations=20 {reader}, p50 ms")
            for reader in ("seller", "supervisor")
        ),
    }
    assert_durable(result)


@pytest.mark.bench
def test_search() -> None:
    result = search.run(1, no_watch, messages=2_000, questions=2)
    readers = ("supervisor", "seller-5%", "seller-few")
    cases = {
        word: [f"messages=2000 word={word} reader={reader}" for reader in readers] for word in words.ASKED
    }
    others = {("peer:like", case) for case in cases["rare"]} | {
        ("limit:sql", f"messages=2000 word={word} reader=supervisor") for word in cases
    }
    ours = {("ours", case) for each in cases.values() for case in each}
    units = ("p50 ms", "p95 ms")
    assert rows_of(result) == {(*each, unit) for each in ours | others for unit in units}
    assert ratios_of(result) == {(case, f"{system}, {unit}") for system, case in others for unit in units}
    assert_durable(result)


def test_rebuild() -> None:
    result = rebuild.run(1, no_watch, conversations=30, runner_s=0.3)
    models = ("models=all", "models=inbox+visibility+timeline", "models=timeline")
    cases = [f"{each}{ending}" for each in models for ending in ("", " unverified")]
    assert rows_of(result) == {
        *(("ours", case, "events/s") for case in cases),
        ("peer:runner", "models=timeline", "events/s"),
        ("limit:read", "models=none", "events/s"),
    }
    assert ratios_of(result) == {
        (case, to) for case in cases for to in ("peer:runner, models=timeline", "limit:read, models=none")
    }
    assert result.settings["events"] > 300
    assert_durable(result)


@pytest.mark.bench
def test_follow() -> None:
    result = follow.run(1, no_watch, seconds=0.3, conversations=40, rates=(20, 100))
    cases = [f"rate={rate}{ending}" for rate in (20, 100) for ending in ("", " unasked")]
    assert rows_of(result) == {
        ("ours", case, unit) for case in cases for unit in ("p50 ms", "p99 ms", "messages/s")
    }
    assert ratios_of(result) == {
        (f"rate={rate}", f"ours, rate={rate} unasked, {unit}")
        for rate in (20, 100)
        for unit in ("p50 ms", "p99 ms")
    }
    assert_durable(result)


@pytest.mark.bench
def test_handover() -> None:
    result = handover.run(1, no_watch, conversations=200, singles=3)
    assert rows_of(result) == {
        (system, case, unit)
        for system in ("ours", "limit:sql")
        for case, unit in (("deals=20", "ms"), ("deals=1", "p50 ms"), ("deals=1", "p99 ms"))
    }
    assert ratios_of(result) == {
        ("deals=20", "limit:sql"),
        ("deals=1", "limit:sql, p50 ms"),
        ("deals=1", "limit:sql, p99 ms"),
    }
    assert_durable(result)


@pytest.mark.bench
def test_feed() -> None:
    result = feed.run(1, no_watch, seconds=0.3, feeds=6, supervisors=2, conversations=40, rates=(20,))
    assert rows_of(result) == {
        (system, case, unit)
        for system in ("ours", "limit:sse")
        for case, unit in (("rate=20", "p50 ms"), ("rate=20", "p99 ms"), ("feeds=6", "KiB a feed"))
    }
    assert ratios_of(result) == {("rate=20", f"limit:sse, {unit}") for unit in ("p50 ms", "p99 ms")}
    assert_durable(result)


def test_audit() -> None:
    result = audit.run(1, no_watch, events=1_000, questions=3)
    ours = {("ours", case) for case in ("visibility", "history", "explain", "employee")}
    others = {("peer:scan", "chat"), ("limit:row", "event")}
    units = ("p50 ms", "p95 ms")
    assert rows_of(result) == {(*each, unit) for each in ours | others for unit in units}
    assert ratios_of(result) == {
        (case, f"{system}, {to}, {unit}") for _, case in ours for system, to in others for unit in units
    }
    assert [promise.looked_at for promise in result.promises] == [3]
    assert_durable(result)


def test_analytics() -> None:
    result = analytics.run(1, no_watch, messages=3_000, loop_messages=1_000)
    others = ("peer:window", "peer:rule", "peer:loop", "limit:sort")
    assert rows_of(result) == {
        ("ours", "first-of-run/1", "events/s"),
        *((system, "first-of-run/1", "messages/s") for system in ("ours", *others)),
    }
    assert ratios_of(result) == {("first-of-run/1", f"{system}, messages/s") for system in others}
    assert (result.settings["messages"], result.settings["loop_messages"]) == (3_000, 1_000)
    assert result.promises[-1].verdict == "holds"
    assert_durable(result)


def rows_of(result: Result) -> Names:
    assert all(0 < row.min <= row.median <= row.max for row in result.rows)
    return {(row.system, row.case, row.unit) for row in result.rows}


def ratios_of(result: Result) -> set[tuple[str, str]]:
    return {(ratio.case, ratio.to) for ratio in result.ratios}


def assert_durable(result: Result) -> None:
    assert {result.settings[name] for name in ("fsync", "synchronous_commit")} == {"on"}
    assert result.machine["cores"]
