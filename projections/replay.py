"""Fills the next tables of read models from the ledger: each in a thread and a connection of its own.

A model never gets ahead of those whose rows it reads. Ranges grow while they are quick, and shrink around an
event that can't be taken over, until the error names that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from threading import Condition
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections.checkpoints import Fenced, Range
from projections.leader import ReadModelFailed
from projections.read_model import PLANS, ReadModel, built_from
from projections.statements import Statements

FIRST_RANGE_SIZE = 5_000
LARGEST_RANGE_SIZE = 200_000
QUICK_S, SLOW_S = 0.5, 2.0
"""A range that takes less makes the next one larger, one that takes more makes it smaller."""

STANDSTILL_S = 30
"""Of a process that stands still inside a transaction, which keeps others waiting; then its session ends."""

SESSION = f"""
SET synchronous_commit = off; SET work_mem = '64MB'; SET maintenance_work_mem = '256MB'; {PLANS};
SET idle_in_transaction_session_timeout = '{STANDSTILL_S}s'
"""

STATEMENTS = Statements.load("rebuild")
TOPICS = Statements.load("checkpoints")["topics"]


class Stopped(Exception):
    """Another of the models failed, so that this one need not go on."""


def take_over(
    connection: Connection[Any], model: ReadModel, epoch: int, taken: Range, *, shown: bool = True
) -> None:
    """Bring next tables over one range, rows and position in one transaction.

    shown: also what only readers need.

    Raises:
        Fenced: another process goes on with this rebuild.
        ReadModelFailed: the model can't take it over.
    """
    bounds = {"after": taken.after, "until": taken.until}
    with connection.transaction():
        moved = connection.execute(STATEMENTS["advance"], {"name": model.name, "epoch": epoch, **bounds})
        if moved.rowcount != 1:
            raise Fenced(f"Another process goes on with the rebuild of {model.name}.")
        topics = {topic for (topic,) in connection.execute(TOPICS, bounds)}
        take = model.apply if shown else model.fold
        try:
            take(connection, taken.after, taken.until, topics)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise  # the database's trouble, not the event's
        except Exception as error:
            raise ReadModelFailed(model.name, taken) from error


class Replay:
    """One run over a stretch of the ledger, for several models at once."""

    def __init__(
        self,
        pool: ConnectionPool[Connection[Any]],
        models: Sequence[ReadModel],
        epoch: int,
        reached: Mapping[str, int],
        progress: Callable[[int, int], None],
        *,
        shown: bool,
    ) -> None:
        """reached: where each model is. progress: is told how many of how many events are done.

        shown: as `take_over` has it.
        """
        self.pool, self.models, self.epoch = pool, models, epoch
        self.reached = dict(reached)
        self.progress = progress
        self.shown = shown
        self._tops: Mapping[str, int] = {}
        self._moved = Condition()
        self._stopped = False
        self._connections: set[Connection[Any]] = set()

    def run(self, tops: Mapping[str, int]) -> None:
        """Bring each model to its top.

        Raises:
            ReadModelFailed: one of them can't take over an event; what others did stays.
            Fenced: another process goes on with this rebuild.
        """
        self._tops = tops
        with ThreadPoolExecutor(len(self.models), thread_name_prefix="replay") as threads:
            running = [threads.submit(self._bring_up, model) for model in self.models]
            try:
                done, _ = wait(running, return_when=FIRST_EXCEPTION)
                failed = [error for each in done if (error := each.exception()) is not None]
            except BaseException:  # interrupted
                self._stop()
                raise
            if failed:
                self._stop()
                raise next((error for error in failed if not isinstance(error, Stopped)), failed[0])

    def _stop(self) -> None:
        with self._moved:
            self._stopped = True
            self._moved.notify_all()
            connections = list(self._connections)
        for connection in connections:
            connection.cancel_safe()

    def _bring_up(self, model: ReadModel) -> None:
        with self.pool.connection() as connection:
            connection.execute(SESSION)
            with self._moved:
                self._connections.add(connection)
            try:
                self._go(connection, model)
            finally:
                with self._moved:
                    self._connections.discard(connection)
                with suppress(psycopg.Error):  # a session that is lost has lost this too
                    connection.execute("RESET ALL")

    def _go(self, connection: Connection[Any], model: ReadModel) -> None:
        size = FIRST_RANGE_SIZE
        while (after := self.reached[model.name]) < self._tops[model.name]:
            taken = Range((model.name,), after, min(after + size, self._wait_for_bound(model.name)))
            events, begun = taken.until - taken.after, time.monotonic()
            try:
                take_over(connection, model, self.epoch, taken, shown=self.shown)
            except ReadModelFailed:
                if events == 1:
                    raise
                size = events // 2
                continue
            self._note(model.name, taken.until)
            size = _next_size(size, time.monotonic() - begun)

    def _wait_for_bound(self, name: str) -> int:
        """How far it may go, as soon as that is any further than it is."""
        with self._moved:
            self._moved.wait_for(lambda: self._stopped or self._bound(name) > self.reached[name])
            if self._stopped:
                raise Stopped(name)
            return self._bound(name)

    def _bound(self, name: str) -> int:
        read = [self.reached[other] for other in built_from(name) if other in self.reached]
        return min(self._tops[name], *read) if read else self._tops[name]

    def _note(self, name: str, position: int) -> None:
        with self._moved:
            self.reached[name] = position
            self._moved.notify_all()
            count = len(self.models)
            self.progress(
                sum(self.reached[model.name] for model in self.models) // count,
                sum(self._tops.values()) // count,
            )


def _next_size(size: int, seconds: float) -> int:
    if seconds < QUICK_S:
        return min(size * 2, LARGEST_RANGE_SIZE)
    return max(size // 2, 1) if seconds > SLOW_S else size
