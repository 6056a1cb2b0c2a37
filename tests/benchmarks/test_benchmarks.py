"""Each benchmark runs to its end in a tiny size, and its figures have the names they are known by."""

from __future__ import annotations

from api.bench import inbox
from api.bench.measuring import Result, no_watch

Names = set[tuple[str, str, str]]


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


def rows_of(result: Result) -> Names:
    assert all(0 < row.min <= row.median <= row.max for row in result.rows)
    return {(row.system, row.case, row.unit) for row in result.rows}


def ratios_of(result: Result) -> set[tuple[str, str]]:
    return {(ratio.case, ratio.to) for ratio in result.ratios}


def assert_durable(result: Result) -> None:
    assert {result.settings[name] for name in ("fsync", "synchronous_commit")} == {"on"}
    assert result.machine["cores"]
