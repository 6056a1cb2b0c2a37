"""Sixteen processes append at once, and a reader tails the ledger: it sees each event once, in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from adapters.postgres.recorder import LedgerRecorder
from tests.adapters.ledger_events import opened
from tests.faults.hammer import hammer
from tests.faults.processes import CONTEXT, Line, Processes, eventually
from tests.faults.proof import (
    Rows,
    assert_ledger_is_dense,
    assert_no_command_is_there_half,
    assert_told_is_recorded_once,
    ledger,
)

PROCESSES = 16
SECONDS = float(os.environ.get("CHATLEDGER_HAMMER_S", "2"))
PAGE = 1_000
PAUSE_S = 0.001
"""Of the reader, when there is nothing new."""

Seen = list[tuple[int, Any, int]]


class Tail:
    """Reads by position, always on from the last that it has seen, as whoever follows the ledger does."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self.seen: Seen = []
        self.pages = 0
        self.failure: Exception | None = None
        self._recorder = recorder
        self._ending = Event()
        self._thread = Thread(target=self._follow)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Read what is there yet, and end."""
        self._ending.set()
        self._thread.join()

    def _follow(self) -> None:
        try:
            while self._read_on() or not self._ending.wait(PAUSE_S):
                pass
        except Exception as failure:
            self.failure = failure

    def _read_on(self) -> bool:
        """Read the next page; whether there was anything."""
        after = self.seen[-1][0] if self.seen else 0
        page = self._recorder.select_notifications(after, PAGE, inclusive_of_start=False)
        self.seen += [(each.id, each.originator_id, each.originator_version) for each in page]
        self.pages += bool(page)
        return bool(page)


@contextmanager
def tailing(url: str) -> Iterator[Tail]:
    with opened(url) as recorder:
        tail = Tail(recorder)
        tail.start()
        try:
            yield tail
        finally:
            tail.end()


def test_sixteen_processes_append_and_a_tailing_reader_sees_all_in_order(
    url: str, processes: Processes
) -> None:
    before, begin = len(ledger(url)), CONTEXT.Event()
    with tailing(url) as tail:
        hammers = [
            processes.start(hammer, url, f"hammer-{number}", begin, SECONDS) for number in range(PROCESSES)
        ]
        for one in hammers:
            one.wait_until_it_told("ready")
        begin.set()
        time.sleep(SECONDS)
        eventually(lambda: not any(one.lives for one in hammers))
    told, rows = list(processes.told()), ledger(url)
    appended = len(rows) - before
    print(f"{PROCESSES} processes, {appended} events, {appended / SECONDS:.0f} a second, {tail.pages} pages")

    assert [one.log for one in hammers if {"ended": True} not in one.told] == []
    assert all(any("accepted" in line for line in one.told) for one in hammers)
    assert tail.failure is None
    assert_reader_saw_all_in_order(tail.seen, rows)
    assert_ledger_is_dense(rows)
    assert_no_command_is_there_half(rows)
    assert_told_is_recorded_once(rows, told)
    assert_positions_are_in_the_order_of_commits([line for line in told if "accepted" in line])


def assert_reader_saw_all_in_order(seen: Seen, rows: Rows) -> None:
    """What it saw is what there is: so nothing came in later at a position that it had passed."""
    assert [position for position, _, _ in seen] == list(range(1, len(rows) + 1))
    assert seen == [(row["position"], row["stream_id"], row["version"]) for row in rows]


def assert_positions_are_in_the_order_of_commits(accepted: Sequence[Line]) -> None:
    """Who began when another had been answered has the higher position, in whichever process."""
    latest_begin = float("-inf")
    for line in sorted(accepted, key=lambda line: int(line["position"])):
        assert line["ended"] > latest_begin, line
        latest_begin = max(latest_begin, line["began"])
