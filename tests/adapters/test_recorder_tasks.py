"""Tasks append as threads do, and share their commits, without a thread for each that waits."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import active_count
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from adapters.postgres.group_commit import GroupCommit
from adapters.postgres.refusals import VersionConflict
from tests.adapters.ledger_events import opened, stored_event
from tests.adapters.test_recorder_group_commit import SlowCommit, request

STREAM = UUID(int=1)


async def until(condition: object) -> None:
    assert callable(condition)
    while not condition():
        await asyncio.sleep(0.001)


def test_tasks_and_threads_share_a_commit(database_url: str) -> None:
    with opened(database_url) as recorder, ThreadPoolExecutor(4) as threads:
        waiting = recorder._group_commit._waiting

        async def append() -> list[int]:
            with psycopg.connect(database_url) as holder:
                holder.execute("SELECT ledger_lock()")
                first = asyncio.create_task(recorder.append_async([stored_event(uuid4())], {}))
                await until(lambda: recorder._group_commit._led and not waiting)
                tasks = [
                    asyncio.create_task(recorder.append_async([stored_event(uuid4())], {})) for _ in range(4)
                ]
                calls = [threads.submit(recorder.append, [stored_event(uuid4())], {}) for _ in range(4)]
                await until(lambda: len(waiting) == 8)
            return [await task for task in [first, *tasks]] + [call.result() for call in calls]

        assert sorted(asyncio.run(append())) == list(range(1, 10))
        with psycopg.connect(database_url) as connection:
            commits = connection.execute("SELECT count(*) FROM ledger GROUP BY xmin ORDER BY 1").fetchall()
        assert commits == [(1,), (8,)]


def test_each_task_gets_its_own_answer_and_no_thread(database_url: str) -> None:
    with opened(database_url) as recorder:
        recorder.append([stored_event(STREAM)], {})

        async def append() -> list[int | BaseException]:
            requests = [recorder.append_async([stored_event(uuid4())], {STREAM: 1}) for _ in range(100)]
            refused = recorder.append_async([stored_event(STREAM)], {})
            before = active_count()
            answers = await asyncio.gather(*requests, refused, return_exceptions=True)
            assert active_count() <= before + 1
            return answers

        *positions, refusal = asyncio.run(append())
        assert sorted(map(str, positions)) == sorted(map(str, range(2, 102)))
        assert isinstance(refusal, VersionConflict)


def test_a_task_that_is_cancelled_leaves_the_queue() -> None:
    async def append() -> None:
        commit = SlowCommit()
        group = GroupCommit(commit)
        first = asyncio.create_task(group.append_async(request(uuid4())))
        await until(commit.begun.is_set)
        cancelled = asyncio.create_task(group.append_async(request(uuid4())))
        last = asyncio.create_task(group.append_async(request(uuid4())))
        await until(lambda: len(group._waiting) == 2)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert len(group._waiting) == group._waiting_events == 1
        commit.let_go.set()
        assert [await first, await last] == [1, 1]
        assert commit.batches == [1, 1]
        group.close()

    asyncio.run(append())


def test_a_task_whose_commit_is_under_way_may_be_cancelled() -> None:
    async def append() -> None:
        commit = SlowCommit()
        group = GroupCommit(commit)
        cancelled = asyncio.create_task(group.append_async(request(uuid4())))
        await until(commit.begun.is_set)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        commit.let_go.set()
        assert await group.append_async(request(uuid4())) == 1
        group.close()

    asyncio.run(append())


def test_a_task_that_is_cancelled_before_anybody_commits_leaves_nothing_to_commit() -> None:
    async def append() -> None:
        commit = SlowCommit()
        commit.let_go.set()
        group = GroupCommit(commit)
        gone = asyncio.create_task(group.append_async(request(uuid4())))
        await asyncio.sleep(0)
        group._give_up(group._waiting[0])
        gone.cancel()
        await until(lambda: not group._led)
        assert await group.append_async(request(uuid4())) == 1
        await asyncio.gather(gone, return_exceptions=True)
        group.close()
        assert commit.batches == [1]

    asyncio.run(append())


def test_no_task_waits_for_ever() -> None:
    async def append() -> None:
        commit = SlowCommit()
        group = GroupCommit(commit, max_wait_s=0.1)
        first = asyncio.create_task(group.append_async(request(uuid4())))
        await until(commit.begun.is_set)
        with pytest.raises(OperationalError, match="whether the events are recorded is not known"):
            await first
        second = asyncio.create_task(group.append_async(request(uuid4())))
        await until(lambda: len(group._waiting) == 1)
        with pytest.raises(OperationalError, match="not recorded: no turn within"):
            await second
        commit.let_go.set()
        group.close()

    asyncio.run(append())


def test_who_waits_for_a_place_gets_one() -> None:
    async def append() -> None:
        commit = SlowCommit()
        group = GroupCommit(commit, max_waiting_events=1)
        tasks = [asyncio.create_task(group.append_async(request(uuid4()))) for _ in range(5)]
        await until(commit.begun.is_set)
        commit.let_go.set()
        assert await asyncio.gather(*tasks) == [1] * 5
        group.close()

    asyncio.run(append())


def test_the_end_of_one_event_loop_is_nothing_to_another() -> None:
    commit = SlowCommit()
    group = GroupCommit(commit)

    async def append_and_go() -> None:
        task = asyncio.create_task(group.append_async(request(uuid4())))
        await until(commit.begun.is_set)
        task.cancel()

    asyncio.run(append_and_go())
    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(lambda: asyncio.run(group.append_async(request(uuid4()))))
        while not group._waiting:
            pass
        commit.let_go.set()
        assert other.result(10) == 1
    group.close()
