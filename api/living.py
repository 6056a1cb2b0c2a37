"""That one run of the program lives, for the others to see: they leave to it what it has begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import Connection

from adapters.postgres.database import CONNECT_TIMEOUT_S
from api.idempotency import live

LOOK_INTERVAL_S = 1.0
"""How often it is seen to that the session is there by which others see it."""

LOCK_TIMEOUT_MS = 1_000
"""For the lock, which a session that was lost may hold until PostgreSQL notices."""

STOP_TIMEOUT_S = 2.0


@contextmanager
def living(database_url: str, instance: int) -> Iterator[None]:
    """Others see this run live as long as the block lasts, also after its session was lost."""
    over = Event()
    session = _session(database_url, instance)
    thread = Thread(target=_live_on, args=(session, database_url, instance, over), name="living", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(STOP_TIMEOUT_S)


def _live_on(session: Connection[Any], database_url: str, instance: int, over: Event) -> None:
    while not over.wait(LOOK_INTERVAL_S):
        try:
            if session.closed:
                session = _session(database_url, instance)
            session.execute("SELECT")
        except psycopg.Error:
            session.close()  # and again in a moment; what is wrong is told by those who have work to do
    session.close()


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
    except psycopg.Error:
        session.close()
        raise
    return session
