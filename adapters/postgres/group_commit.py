"""Many callers, one commit at a time: whoever finds nobody committing commits for all who wait.

A commit costs a flush to the disk however much is in it. So while one batch is on its way the requests of
others gather, and the first of those takes all of them with it in the next. A thread commits by itself: with
one caller there is no switch of threads. For tasks, which may not block their event loop, a thread of our own
does.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Condition, Lock
from time import perf_counter
from uuid import UUID

from eventsourcing.persistence import OperationalError, StoredEvent

MAX_BATCH_EVENTS = 1_000
"""A request with more goes alone."""

MAX_WAITING_EVENTS = 10_000
"""With more, callers wait before they may queue: memory does not grow when the disk is slow."""

MAX_WAIT_S = 60.0
"""For a place in the queue, and then for the commit."""


def held_lock() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, eq=False)
class Request:
    """Events to be recorded together or not at all, if the guarded streams are at these versions.

    first_position, error: the outcome; one of them is set when it was committed or refused.
    """

    events: Sequence[StoredEvent]
    guards: Mapping[UUID, int]
    first_position: int | None = None
    error: Exception | None = None
    arrived: asyncio.Future[None] | None = None
    """Of a task: done when the outcome is there."""
    turn: Lock = field(default_factory=held_lock)
    """Of a thread: released once, when the outcome is there or when it is this caller's turn to commit."""
    leads: bool = False
    gone: bool = False
    """The caller no longer waits."""
    next: Request | None = None
    """Whom this thread wakes when it has been woken."""

    @property
    def is_decided(self) -> bool:
        return self.first_position is not None or self.error is not None

    @property
    def last_position(self) -> int:
        """The ledger's, of its last event."""
        if self.first_position is None:
            raise self.error or OperationalError("the commit was interrupted: what it recorded is not known")
        return self.first_position + len(self.events) - 1


Commit = Callable[[Sequence[Request]], None]
"""Commits a batch and sets the outcome of each of its requests. It is never called twice at a time."""


@dataclass(slots=True)
class Sizes:
    """How often what was measured was at most so much. counts: one more, for what was above all bounds."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def note(self, measured: float) -> None:
        self.counts[bisect_left(self.bounds, measured)] += 1
        self.total += measured


@dataclass(frozen=True, slots=True)
class Commits:
    """What was committed so far; counted by whoever commits, and looked at by anybody."""

    events: Sizes = field(default_factory=lambda: Sizes((1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)))
    requests: Sizes = field(default_factory=lambda: Sizes((1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)))
    seconds: Sizes = field(
        default_factory=lambda: Sizes((0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1, 5))
    )

    def note(self, batch: Sequence[Request], seconds: float) -> None:
        self.requests.note(len(batch))
        self.events.note(sum(len(request.events) for request in batch))
        self.seconds.note(seconds)


class GroupCommit:
    """The queue of those who wait, and whose turn it is to commit."""

    def __init__(
        self,
        commit: Commit,
        *,
        max_batch_events: int = MAX_BATCH_EVENTS,
        max_waiting_events: int = MAX_WAITING_EVENTS,
        max_wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._commit = commit
        self.commits = Commits()
        self._max_batch_events = max_batch_events
        self._max_waiting_events = max_waiting_events
        self._max_wait_s = max_wait_s
        self._room = Condition(Lock())  # and the lock of all that follows
        self._waiting: deque[Request] = deque()
        self._waiting_events = 0
        self._led = False
        self._thread = ThreadPoolExecutor(1, "group commit")  # begins when the first task appends

    def append(self, request: Request) -> int:
        """Return the position of the request's last event, when it is on the disk.

        Raises:
            OperationalError: no place in the queue, or no outcome, within `max_wait_s`.
            Exception: whatever the commit has against this request.
        """
        with self._room:
            if not self._room.wait_for(lambda: self._has_room_for(request), self._max_wait_s):
                raise OperationalError(f"not recorded: no place in the queue within {self._max_wait_s:g} s")
            request.leads = self._queue(request)
        woken = request.leads
        try:
            woken = woken or request.turn.acquire(timeout=self._max_wait_s)
        finally:  # also of a caller who is interrupted: nobody may wait for one who has gone
            if not woken:
                self._give_up(request)
            if request.leads:
                self._lead()
            if request.next:
                request.next.turn.release()
        return request.last_position

    async def append_async(self, request: Request) -> int:
        """As `append`, for any number of tasks; a thread is taken only where the queue has no place."""
        loop = asyncio.get_running_loop()
        with self._room:
            if self._has_room_for(request):
                request.arrived = loop.create_future()
                if self._queue(request):  # what else is ready in this turn of the loop goes with it
                    loop.call_soon(self._thread.submit, self._lead)
        if request.arrived is None:
            return await asyncio.to_thread(self.append, request)
        try:
            async with asyncio.timeout(self._max_wait_s):
                await request.arrived
        except TimeoutError:
            pass
        finally:
            if not request.is_decided:
                self._give_up(request)
        return request.last_position

    def close(self) -> None:
        """Wait until everything is committed that tasks wait for."""
        self._thread.shutdown()

    def _queue(self, request: Request) -> bool:
        """Whether the caller is to lead, because nobody does."""
        self._waiting.append(request)
        self._waiting_events += len(request.events)
        was_led, self._led = self._led, True
        return not was_led

    def _has_room_for(self, request: Request) -> bool:
        waiting = self._waiting_events
        return not waiting or waiting + len(request.events) <= self._max_waiting_events

    def _give_up(self, request: Request) -> None:
        """Leave the queue, unless it is too late for that."""
        with self._room:
            request.gone = not request.leads
            if request.leads or request.is_decided:
                return
            if request in self._waiting:
                self._waiting.remove(request)
                self._waiting_events -= len(request.events)
                self._room.notify_all()
                request.error = OperationalError(f"not recorded: no turn within {self._max_wait_s:g} s")
            else:
                request.error = OperationalError(
                    f"no answer within {self._max_wait_s:g} s: whether the events are recorded is not known"
                )

    def _lead(self) -> None:
        """Commit one batch, then let the oldest of those who came meanwhile lead the next."""
        batch = self._take()
        try:
            if batch:  # who led may have gone meanwhile
                begun = perf_counter()
                self._commit(batch)
                self.commits.note(batch, perf_counter() - begun)
        finally:
            with self._room:
                threads = [each for each in batch if not (each.arrived or each.leads or each.gone)]
                for each, following in pairwise(threads):
                    each.next = following
                self._hand_over()
            if threads:
                threads[0].turn.release()
            tell([each.arrived for each in batch if each.arrived])

    def _hand_over(self) -> None:
        following = self._waiting[0] if self._waiting else None
        self._led = following is not None
        if following and following.arrived:
            self._thread.submit(self._lead)
        elif following:
            following.leads = True
            following.turn.release()

    def _take(self) -> list[Request]:
        """The oldest requests, as many as fit into a batch.

        A request whose guard watches a stream that the batch writes begins the next one: within a batch
        the guards are checked before the events are written.
        """
        batch: list[Request] = []
        written: set[UUID | str] = set()
        events = 0
        with self._room:
            while self._waiting:
                request = self._waiting[0]
                events += len(request.events)
                if batch and (events > self._max_batch_events or not written.isdisjoint(request.guards)):
                    break
                batch.append(self._waiting.popleft())
                self._waiting_events -= len(request.events)
                written.update(event.originator_id for event in request.events)
            self._room.notify_all()
        return batch


def tell(arrived: Sequence[asyncio.Future[None]]) -> None:
    """Wake the tasks of each event loop, from another thread."""
    for loop in {future.get_loop() for future in arrived}:
        with suppress(RuntimeError):  # it is closed, and nobody waits any more
            loop.call_soon_threadsafe(_arrive, [future for future in arrived if future.get_loop() is loop])


def _arrive(futures: Sequence[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
