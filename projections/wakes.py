"""How the leader hears at once what other processes appended.

Nothing is announced inside an append: that would make commits wait for each other. Who follows without
leading announces it afterwards, many appends at a time. Behind it the leader looks by itself now and then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolClosed

CHANNEL = "chatledger_appended"
ANNOUNCE_INTERVAL_S = 0.003
"""Between two announcements of one process; what was appended meanwhile goes with the next."""

AGAIN_AFTER_S = 1.0
"""When the connection to listen with was lost; meanwhile the leader looks by itself."""

LONGEST_SILENCE_S = 10.0
STOP_TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


def announce(connection: Connection[Any]) -> None:
    """Tell the leader that there is something to take over."""
    connection.execute(f"NOTIFY {CHANNEL}")


@contextmanager
def listening(pool: ConnectionPool[Connection[Any]], heard: Callable[[], None]) -> Iterator[None]:
    """Call `heard` whenever another process announces something, as long as the block lasts."""
    over = Event()
    thread = Thread(target=_listen, args=(pool, heard, over), name="listener", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        with suppress(psycopg.Error, PoolClosed), pool.connection() as connection:
            announce(connection)  # so that the thread looks up
        thread.join(STOP_TIMEOUT_S)


def _listen(pool: ConnectionPool[Connection[Any]], heard: Callable[[], None], over: Event) -> None:
    while not over.is_set():
        try:
            with pool.connection() as connection:
                _hear(connection, heard, over)
        except (psycopg.Error, OSError) as error:
            if not over.wait(AGAIN_AFTER_S):
                logger.warning("not listening for what other processes append: %s", error)


def _hear(connection: Connection[Any], heard: Callable[[], None], over: Event) -> None:
    connection.execute(f"LISTEN {CHANNEL}")
    try:
        while not over.is_set():
            for _ in connection.notifies(timeout=LONGEST_SILENCE_S, stop_after=1):
                heard()
    finally:
        if not connection.broken:
            connection.execute(f"UNLISTEN {CHANNEL}")
