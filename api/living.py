"""That one run of the program lives, for the others to see: they leave to it what it has begun.

The session that shows it hears, too, when another run erases something: then this one forgets what is private
in its memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import Connection, Notify

from adapters.postgres.database import CONNECT_TIMEOUT_S
from api.idempotency import live

LOOK_INTERVAL_S = 1.0
"""How often it is seen to that the session is there by which others see it."""

ERASED = "chatledger_erased"
"""The channel on which `ledger_erase` tells that it did."""

LOOKS_AFTERWARDS = 2
"""So often what is private is forgotten: a command may still have had it at hand the first time."""

LOCK_TIMEOUT_MS = 1_000
"""For the lock, which a session that was lost may hold until PostgreSQL notices."""

STOP_TIMEOUT_S = 2.0


def new_instance() -> int:
    """A number for one run of the program."""
    return secrets.randbelow(2**31 - 1) + 1


@contextmanager
def living(database_url: str, instance: int, forget: Callable[[], None]) -> Iterator[None]:
    """Others see this run live as long as the block lasts, also after its session was lost.

    forget: is called soon after something was erased, also if that may only have been so.
    """
    over = Event()
    life = Life(database_url, instance, forget)
    thread = Thread(target=life.live_on, args=(over,), name="living", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(STOP_TIMEOUT_S)


class Life:
    """The session by which others see a run live, and by which it hears of erasures."""

    def __init__(self, database_url: str, instance: int, forget: Callable[[], None]) -> None:
        self._database_url, self._instance, self._forget = database_url, instance, forget
        self._looks_left = 0
        self._session = self._begin()

    def live_on(self, over: Event) -> None:
        while not over.wait(LOOK_INTERVAL_S):
            with suppress(
                psycopg.Error
            ):  # and again in a moment; what is wrong is told by who has work to do
                self._look()
        self._session.close()

    def _look(self) -> None:
        try:
            if self._session.closed:
                self._session = self._begin()
                self._looks_left = LOOKS_AFTERWARDS  # nobody knows what it would have heard
            self._session.execute("SELECT")
        except psycopg.Error:
            self._session.close()
            raise
        if self._looks_left:
            self._looks_left -= 1
            self._forget()

    def _begin(self) -> Connection[Any]:
        session = _session(self._database_url, self._instance)
        session.add_notify_handler(self._hear)
        return session

    def _hear(self, _: Notify) -> None:
        self._looks_left = LOOKS_AFTERWARDS


def _session(database_url: str, instance: int) -> Connection[Any]:
    session = psycopg.connect(
        database_url,
        autocommit=True,
        application_name="chatledger lives",
        connect_timeout=CONNECT_TIMEOUT_S,
        options=f"-c lock_timeout={LOCK_TIMEOUT_MS}",
    )
    try:
        live(session, instance)
        session.execute(f"LISTEN {ERASED}")
    except psycopg.Error:
        session.close()
        raise
    return session
