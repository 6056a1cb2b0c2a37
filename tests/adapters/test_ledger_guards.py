"""A guard names a stream that was only read, and the version on which the decision rests."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from adapters.postgres.recorder import LedgerRecorder
from adapters.postgres.refusals import GuardMoved, VersionConflict
from tests.adapters.ledger_events import opened, stored_event

READ = UUID(int=1)
WRITTEN = UUID(int=2)
RACES = 300


@pytest.fixture
def recorder(database_url: str) -> Iterator[LedgerRecorder]:
    with opened(database_url) as recorder:
        recorder.insert_events([stored_event(READ, 1), stored_event(READ, 2)])
        yield recorder


def test_a_stream_that_stands_where_it_was_read_lets_pass(recorder: LedgerRecorder) -> None:
    assert recorder.insert_events([stored_event(WRITTEN)], guards={READ: 2}) == [3]


@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_stream_that_stands_elsewhere_refuses(recorder: LedgerRecorder, seen: int) -> None:
    with pytest.raises(GuardMoved, match=f"{READ} was read at version {seen} and is at version 2") as refused:
        recorder.insert_events([stored_event(WRITTEN)], guards={uuid4(): 0, READ: seen})

    assert (refused.value.stream_id, refused.value.expected, refused.value.found) == (READ, seen, 2)
    assert recorder.select_events(WRITTEN) == []
    assert recorder.max_notification_id() == 2


def test_version_0_is_a_stream_without_events(recorder: LedgerRecorder) -> None:
    assert recorder.insert_events([stored_event(WRITTEN)], guards={uuid4(): 0}) == [3]
    with pytest.raises(GuardMoved, match="version 0"):
        recorder.insert_events([stored_event(uuid4())], guards={WRITTEN: 0})


def test_a_guard_on_a_stream_that_is_written_means_before_the_writing(recorder: LedgerRecorder) -> None:
    assert recorder.insert_events([stored_event(READ, 3)], guards={READ: 2}) == [3]
    with pytest.raises(GuardMoved):
        recorder.insert_events([stored_event(READ, 4)], guards={READ: 4})


def test_the_guard_speaks_before_the_version(recorder: LedgerRecorder) -> None:
    with pytest.raises(GuardMoved):
        recorder.insert_events([stored_event(WRITTEN, 9)], guards={READ: 1})
    with pytest.raises(VersionConflict):
        recorder.insert_events([stored_event(WRITTEN, 9)], guards={READ: 2})


def test_who_appends_nothing_may_ask_whether_his_guards_hold(recorder: LedgerRecorder) -> None:
    recorder.check_guards({})
    recorder.check_guards({READ: 2, WRITTEN: 0})

    with pytest.raises(GuardMoved, match=f"{READ} was read at version 1 and is at version 2"):
        recorder.check_guards({WRITTEN: 0, READ: 1})


@pytest.mark.parametrize("recorders", [1, 2])
def test_of_two_that_rest_on_each_other_exactly_one_passes(database_url: str, recorders: int) -> None:
    """In one process they may share a commit; in two they meet at the ledger's head."""
    left, right = uuid4(), uuid4()
    version = {left: 0, right: 0}
    start = Barrier(2)

    def attempt(recorder: LedgerRecorder, mine: UUID, other: UUID) -> Callable[[], UUID | None]:
        def write() -> UUID | None:
            event, guards = stored_event(mine, version[mine] + 1), {other: version[other]}
            start.wait()
            try:
                recorder.insert_events([event], guards=guards)
            except GuardMoved:
                return None
            return mine

        return write

    with opened(database_url) as first, opened(database_url) as second, ThreadPoolExecutor(2) as threads:
        attempts = [attempt(first, left, right), attempt((first, second)[recorders - 1], right, left)]
        for _ in range(RACES):
            outcomes = [future.result() for future in [threads.submit(write) for write in attempts]]
            (winner,) = [outcome for outcome in outcomes if outcome is not None]
            version[winner] += 1
        assert first.max_notification_id() == RACES
