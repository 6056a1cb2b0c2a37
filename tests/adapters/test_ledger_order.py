"""Many writers, a tailing reader: nothing skipped, doubled, inverted or missing, also while writers die."""

import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from random import Random
from threading import Thread
from typing import IO, Any

from adapters.postgres.recorder import LedgerRecorder
from tests.adapters.ledger_events import opened

PROCESSES = 3
KILLS = 4
SECONDS_BETWEEN_KILLS = (0.1, 0.4)
ROOT = Path(__file__).parents[2]


class WriterProcess:
    """Writes until it is killed; `acknowledged` holds what it was told, by save."""

    def __init__(self, database_url: str, name: str) -> None:
        self.acknowledged: dict[str, list[int]] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.adapters.ledger_writers", database_url, name],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self._listening = Thread(target=self._listen, args=(self._process.stdout,))
        self._listening.start()

    def wait_for_the_first_save(self) -> None:
        while not self.acknowledged:
            assert self._process.poll() is None, "the writer ended by itself"
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listening.join()

    def _listen(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                if line.endswith("\n"):  # the last may be cut off
                    save, *positions = line.split()
                    self.acknowledged[save] = [int(position) for position in positions]


class Tail:
    """Reads on from the last position it has seen, as a follower does."""

    def __init__(self, recorder: LedgerRecorder) -> None:
        self.seen: list[tuple[int, Any, int]] = []
        self._recorder = recorder
        self._ending = False
        self._thread = Thread(target=self._follow)
        self._thread.start()

    def end(self) -> None:
        self._ending = True
        self._thread.join()

    def _follow(self) -> None:
        while True:
            ending = self._ending
            after = self.seen[-1][0] if self.seen else 0
            page = self._recorder.select_notifications(after, 1000, inclusive_of_start=False)
            self.seen += [(each.id, each.originator_id, each.originator_version) for each in page]
            if ending and not page:
                return


def test_the_order_a_reader_sees_is_the_order_there_is(database_url: str) -> None:
    random = Random(2)
    with opened(database_url) as recorder:
        tail = Tail(recorder)
        writers = [WriterProcess(database_url, f"writer{number}") for number in range(PROCESSES)]
        living = list(writers)
        try:
            for number in range(KILLS):
                living[-1].wait_for_the_first_save()
                time.sleep(random.uniform(*SECONDS_BETWEEN_KILLS))
                living.pop(random.randrange(len(living))).kill()
                if number < KILLS - PROCESSES:
                    writers.append(WriterProcess(database_url, f"writer{number}-again"))
                    living.append(writers[-1])
        finally:
            for writer in living:
                writer.kill()
            tail.end()
        last = recorder.max_notification_id() or 0
        rows = recorder.rows(0, last)

    assert [row["position"] for row in rows] == list(range(1, last + 1))
    assert tail.seen == [(row["position"], row["stream_id"], row["version"]) for row in rows]
    assert_streams_are_dense(rows)
    assert_saves_are_whole(rows)
    assert_acknowledged_is_recorded(rows, writers)


def assert_streams_are_dense(rows: Iterable[dict[str, Any]]) -> None:
    versions = defaultdict(list)
    for row in rows:
        versions[row["stream_id"]].append(row["version"])
    for of_stream in versions.values():
        assert of_stream == list(range(1, len(of_stream) + 1))


def assert_saves_are_whole(rows: list[dict[str, Any]]) -> None:
    """All events of a save or none, and nothing of another between them."""
    saves = [row["facts"]["save"] for row in rows]
    runs = [save for save, before in zip(saves, [None, *saves], strict=False) if save != before]
    assert len(runs) == len(set(runs))
    counted = Counter(saves)
    assert all(counted[row["facts"]["save"]] == row["facts"]["events"] for row in rows)


def assert_acknowledged_is_recorded(rows: list[dict[str, Any]], writers: list[WriterProcess]) -> None:
    recorded = defaultdict(list)
    for row in rows:
        recorded[row["facts"]["save"]].append(row["position"])
    acknowledged = {save: at for writer in writers for save, at in writer.acknowledged.items()}
    assert len(acknowledged) > 100
    assert {save: recorded[save] for save in acknowledged} == acknowledged
