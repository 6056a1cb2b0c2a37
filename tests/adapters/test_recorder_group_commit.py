"""Callers share commits, and each gets the answer to its own request."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import DataError, OperationalError

from adapters.postgres.group_commit import GroupCommit, Request
from adapters.postgres.recorder import LedgerRecorder
from adapters.postgres.refusals import GuardMoved, VersionConflict
from adapters.postgres.writer import LedgerWriter
from tests.adapters.ledger_events import opened, stored_event

STREAM = UUID(int=1)


@pytest.fixture
def recorder(database_url: str) -> Iterator[LedgerRecorder]:
    with opened(database_url) as recorder:
        yield recorder


@pytest.fixture
def writer(recorder: LedgerRecorder, database_url: str) -> Iterator[LedgerWriter]:
    writer = LedgerWriter(database_url)
    yield writer
    writer.close()


def request(
    stream_id: UUID, version: int = 1, guards: dict[UUID, int] | None = None, **facts: str
) -> Request:
    return Request([stored_event(stream_id, version, **facts)], guards or {})


def test_requests_that_come_while_one_commits_share_the_next_commit(database_url: str) -> None:
    with opened(database_url) as recorder, ThreadPoolExecutor(9) as threads:
        with psycopg.connect(database_url) as holder:
            holder.execute("SELECT ledger_lock()")
            appends = [threads.submit(recorder.insert_events, [stored_event(uuid4())]) for _ in range(9)]
            while len(recorder._group_commit._waiting) < 8:
                pass
        assert sorted(append.result() or [] for append in appends) == [[n] for n in range(1, 10)]
        with psycopg.connect(database_url) as connection:
            commits = connection.execute("SELECT count(*) FROM ledger GROUP BY xmin ORDER BY 1").fetchall()
        assert commits == [(1,), (8,)]


def test_one_of_a_group_is_refused_alone(writer: LedgerWriter, recorder: LedgerRecorder) -> None:
    taken, moved = uuid4(), uuid4()
    recorder.insert_events([stored_event(taken), stored_event(moved)])
    group = [
        request(uuid4()),
        request(taken),
        request(uuid4(), guards={moved: 1}),
        request(uuid4(), guards={moved: 0}),
        Request([stored_event(STREAM, version) for version in (1, 2)], {taken: 1}),
        request(STREAM, 4),
        request(STREAM, 3),
    ]

    writer.write(group)

    assert [each.first_position for each in group] == [3, None, 4, None, 5, None, 7]
    refused = [type(each.error) for each in group if each.error]
    assert refused == [VersionConflict, GuardMoved, VersionConflict]
    assert [row["position"] for row in recorder.rows(0, 99)] == list(range(1, 8))
    assert [event.originator_version for event in recorder.select_events(STREAM)] == [1, 2, 3]
    assert recorder.insert_events([stored_event(uuid4())]) == [8]


def test_later_requests_of_a_group_see_the_earlier(writer: LedgerWriter) -> None:
    writer.write([request(uuid4()), request(uuid4())])
    group = [
        request(STREAM, 1),
        request(STREAM, 1),
        request(uuid4(), guards={STREAM: 0}),
        request(uuid4(), guards={STREAM: 1}),
        request(STREAM, 2),
    ]

    writer.write(group)

    assert [each.first_position for each in group] == [3, None, None, 4, 5]
    assert isinstance(group[2].error, GuardMoved)
    assert (group[2].error.expected, group[2].error.found) == (0, 1)


def test_a_group_of_which_all_are_refused_moves_nothing(
    writer: LedgerWriter, recorder: LedgerRecorder
) -> None:
    group = [request(STREAM, 2), request(uuid4(), guards={STREAM: 1})]

    writer.write(group)

    assert all(each.error for each in group)
    assert recorder.max_notification_id() is None
    assert recorder.insert_events([stored_event(STREAM)]) == [1]


def test_what_cannot_be_stored_spoils_only_its_own_request(
    writer: LedgerWriter, recorder: LedgerRecorder
) -> None:
    group = [request(uuid4()), request(uuid4(), text="\x00"), request(uuid4())]

    writer.write(group)

    assert [each.first_position for each in group] == [1, None, 2]
    assert isinstance(group[1].error, DataError)


class SlowCommit:
    """Commits nothing anywhere, and not before it is let go."""

    def __init__(self) -> None:
        self.begun = Event()
        self.let_go = Event()
        self.batches: list[int] = []

    def __call__(self, batch: Sequence[Request]) -> None:
        self.begun.set()
        assert self.let_go.wait(10)
        self.batches.append(len(batch))
        for each in batch:
            each.first_position = 1


def test_a_batch_has_a_size() -> None:
    commit = SlowCommit()
    group = GroupCommit(commit, max_batch_events=3)
    with ThreadPoolExecutor(8) as threads:
        appends = [threads.submit(group.append, request(uuid4()))]
        commit.begun.wait()
        appends += [threads.submit(group.append, request(uuid4())) for _ in range(7)]
        while len(group._waiting) < 7:
            pass
        commit.let_go.set()
        assert all(append.result() == 1 for append in appends)
    assert commit.batches == [1, 3, 3, 1]


def test_a_guard_on_what_the_batch_writes_begins_the_next_batch() -> None:
    commit = SlowCommit()
    group = GroupCommit(commit)
    with ThreadPoolExecutor(4) as threads:
        appends = [threads.submit(group.append, request(uuid4()))]
        commit.begun.wait()
        for each in (
            request(STREAM),
            request(uuid4(), guards={uuid4(): 0}),
            request(uuid4(), guards={STREAM: 1}),
        ):
            waiting = len(group._waiting)
            appends.append(threads.submit(group.append, each))
            while len(group._waiting) == waiting:
                pass
        commit.let_go.set()
        assert all(append.result() == 1 for append in appends)
    assert commit.batches == [1, 2, 1]


def test_callers_wait_for_a_place_in_the_queue() -> None:
    commit = SlowCommit()
    group = GroupCommit(commit, max_waiting_events=2)
    with ThreadPoolExecutor(4) as threads:
        appends = [threads.submit(group.append, request(uuid4()))]
        commit.begun.wait()
        appends += [threads.submit(group.append, request(uuid4())) for _ in range(3)]
        assert not wait(appends, timeout=0.1).done
        assert len(group._waiting) == 2
        commit.let_go.set()
        assert all(append.result() == 1 for append in appends)


def test_nobody_waits_for_ever() -> None:
    commit = SlowCommit()
    group = GroupCommit(commit, max_waiting_events=2, max_wait_s=0.1)
    with ThreadPoolExecutor(1) as threads:
        committing = threads.submit(group.append, request(uuid4()))
        commit.begun.wait()
        with pytest.raises(OperationalError, match="not recorded: no turn within"):
            group.append(request(uuid4()))
        assert not group._waiting
        group._waiting.extend([request(uuid4()), request(uuid4())])
        group._waiting_events = 2
        with pytest.raises(OperationalError, match="not recorded: no place in the queue"):
            group.append(request(uuid4()))
        commit.let_go.set()
        assert committing.result() == 1


def test_a_leader_that_fails_leaves_the_lead_to_the_next() -> None:
    entered, fail = Event(), Event()

    def commit(batch: Sequence[Request]) -> None:
        if not fail.is_set():
            entered.set()
            fail.wait(10)
            raise KeyboardInterrupt
        for each in batch:
            each.first_position = 1

    group = GroupCommit(commit)
    with ThreadPoolExecutor(2) as threads:
        interrupted = threads.submit(group.append, request(uuid4()))
        entered.wait()
        following = threads.submit(group.append, request(uuid4()))
        while not group._waiting:
            pass
        fail.set()
        assert isinstance(interrupted.exception(), KeyboardInterrupt)
        assert following.result() == 1


def test_those_whose_leader_was_interrupted_are_told_so() -> None:
    first = SlowCommit()

    def commit(batch: Sequence[Request]) -> None:
        first(batch)
        if len(batch) > 1:
            batch[1].first_position = None
            raise KeyboardInterrupt

    group = GroupCommit(commit)
    with ThreadPoolExecutor(3) as threads:
        appends = [threads.submit(group.append, request(uuid4()))]
        first.begun.wait()
        appends += [threads.submit(group.append, request(uuid4())) for _ in range(2)]
        while len(group._waiting) < 2:
            pass
        first.let_go.set()
        outcomes = [append.exception() for append in appends]
    assert outcomes[0] is None
    assert {type(outcome) for outcome in outcomes[1:]} == {KeyboardInterrupt, OperationalError}
