"""Many callers, one commit at a time: whoever finds nobody committing commits for all who wait.

A commit costs a flush to the disk however much is in it. So while one batch is on its way the requests of
other threads gather, and the first of those takes all of them with it in the next. There is no thread of our
own: with one caller, a request is committed by its caller, without a switch of threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Condition, Lock
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
    leads: bool = False
    turn: Lock = field(default_factory=held_lock)
    """Released once: when the outcome is there, or when it is this caller's turn to commit."""

    @property
    def is_decided(self) -> bool:
        return self.first_position is not None or self.error is not None

    @property
    def positions(self) -> list[int]:
        if self.first_position is None:
            raise self.error or OperationalError("the commit was interrupted: what it recorded is not known")
        return list(range(self.first_position, self.first_position + len(self.events)))


Commit = Callable[[Sequence[Request]], None]
"""Commits a batch and sets the outcome of each of its requests. It is never called twice at a time."""


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
        self._max_batch_events = max_batch_events
        self._max_waiting_events = max_waiting_events
        self._max_wait_s = max_wait_s
        self._room = Condition(Lock())  # and the lock of all that follows
        self._waiting: deque[Request] = deque()
        self._waiting_events = 0
        self._led = False

    def append(self, request: Request) -> list[int]:
        """Return the positions of the request's events, when they are on the disk.

        Raises:
            OperationalError: no place in the queue, or no outcome, within `max_wait_s`.
            Exception: whatever the commit has against this request.
        """
        self._queue(request)
        try:
            if not request.leads:
                request.turn.acquire(timeout=self._max_wait_s)
        finally:  # also of a caller who is interrupted: nobody may wait for a leader who has gone
            if not request.leads and not request.is_decided:
                self._give_up(request)
            if request.leads:
                self._lead()
        return request.positions

    def _queue(self, request: Request) -> None:
        with self._room:
            if not self._room.wait_for(lambda: self._has_room_for(request), self._max_wait_s):
                raise OperationalError(f"not recorded: no place in the queue within {self._max_wait_s:g} s")
            self._waiting.append(request)
            self._waiting_events += len(request.events)
            if not self._led:
                self._led = request.leads = True

    def _has_room_for(self, request: Request) -> bool:
        waiting = self._waiting_events
        return not waiting or waiting + len(request.events) <= self._max_waiting_events

    def _give_up(self, request: Request) -> None:
        """Leave the queue, unless it is too late for that."""
        with self._room:
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
            self._commit(batch)
        finally:
            with self._room:
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
                if following:
                    following.leads = True
            if following:
                following.turn.release()
            for request in islice(batch, 1, None):  # the first is our own
                request.turn.release()

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
