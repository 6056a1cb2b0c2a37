"""Where the followers of the ledger are, as this process knows it, and who waits for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition

from projections.checkpoints import Standing

Measure = Callable[[Standing], int]
"""The position that somebody waits for, out of a standing."""


@dataclass(frozen=True, eq=False, slots=True)
class Waiter:
    measure: Measure
    position: int
    loop: asyncio.AbstractEventLoop
    arrived: asyncio.Future[None]


class Progress:
    """A standing that one thread writes, and any number of threads and tasks wait on."""

    def __init__(self, on_wait: Callable[[], None]) -> None:
        """on_wait: called when somebody has begun to wait."""
        self.on_note: list[Callable[[Standing], None]] = []
        """Who else wants to know every standing; they must be quick, and must not fail."""
        self._on_wait = on_wait
        self._changed = Condition()
        self._standing = Standing(0, {})
        self._threads_waiting = 0
        self._waiters: set[Waiter] = set()

    @property
    def awaited(self) -> bool:
        """Whether anybody waits."""
        return self._threads_waiting > 0 or bool(self._waiters)

    @property
    def head(self) -> int:
        """The ledger's, when somebody last looked."""
        return self._standing.head

    def note(self, standing: Standing) -> None:
        for listener in self.on_note:
            listener(standing)
        with self._changed:
            self._standing = standing
            self._changed.notify_all()
            arrived = [waiter for waiter in self._waiters if waiter.measure(standing) >= waiter.position]
            self._waiters.difference_update(arrived)
        for loop in {waiter.loop for waiter in arrived}:
            futures = [waiter.arrived for waiter in arrived if waiter.loop is loop]
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                loop.call_soon_threadsafe(_arrive, futures)

    def wait(self, measure: Measure, position: int, timeout_s: float) -> bool:
        with self._changed:
            self._threads_waiting += 1
            self._on_wait()
            try:
                return self._changed.wait_for(lambda: measure(self._standing) >= position, timeout_s)
            finally:
                self._threads_waiting -= 1

    async def wait_async(self, measure: Measure, position: int, timeout_s: float) -> bool:
        loop = asyncio.get_running_loop()
        waiter = Waiter(measure, position, loop, loop.create_future())
        with self._changed:
            if measure(self._standing) >= position:
                return True
            self._waiters.add(waiter)
        self._on_wait()
        try:
            async with asyncio.timeout(timeout_s):
                await waiter.arrived
            return True
        except TimeoutError:
            return False
        finally:
            with self._changed:
                self._waiters.discard(waiter)


def _arrive(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
