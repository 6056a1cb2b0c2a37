"""Connections to PostgreSQL, and the tables that the program brings with it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

CONNECT_TIMEOUT_S = 10
WAIT_FOR_CONNECTION_S = 10.0
CONNECT_AGAIN_S = 10.0
"""So long a pool tries by itself, with longer and longer pauses; then again when somebody asks. Left alone it
tries for five minutes, and may find a database that is back two minutes later."""

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

MIGRATION_LOCK = 0x636861746C656467  # "chatledg"; advisory locks are known by a number
MIGRATION_LOCK_TIMEOUT_S = 60


def create_pool(
    url: str, *, max_size: int, min_size: int = 1, name: str = "chatledger", statement_timeout_s: float = 0
) -> ConnectionPool[Connection[tuple[Any, ...]]]:
    """A closed pool: open it with `with`, or with `open()` and `close()`.

    Connections commit by themselves, so one statement is one round trip; say `with connection.transaction()`
    for more. `statement_timeout_s` 0 lets a statement run for ever.
    """
    return ConnectionPool(
        url,
        kwargs=_options(name, statement_timeout_s),
        min_size=min_size,
        max_size=max_size,
        timeout=WAIT_FOR_CONNECTION_S,
        reconnect_timeout=CONNECT_AGAIN_S,
        name=name,
        open=False,
    )


def create_async_pool(
    url: str,
    *,
    max_size: int,
    min_size: int = 1,
    name: str = "chatledger",
    statement_timeout_s: float = 0,
    settings: Mapping[str, str] = NO_SETTINGS,
) -> AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]:
    """As `create_pool`, for the event loop in which it is opened. settings: PostgreSQL's, of each session."""
    return AsyncConnectionPool(
        url,
        kwargs=_options(name, statement_timeout_s, settings),
        min_size=min_size,
        max_size=max_size,
        timeout=WAIT_FOR_CONNECTION_S,
        reconnect_timeout=CONNECT_AGAIN_S,
        name=name,
        open=False,
    )


def migrate(connection: Connection[Any], statements: Sequence[str]) -> None:
    """Execute SQL texts in order, all or none; each must be harmless where it already ran.

    Processes that start at the same time do so one after the other.
    """
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{MIGRATION_LOCK_TIMEOUT_S}s'")
        connection.execute("SET LOCAL client_min_messages = warning")  # "already exists" is no news
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        for statement in statements:
            # As bytes: only there may a text of several statements go without being a literal in our code.
            connection.execute(statement.encode(), prepare=False)


def _options(
    name: str, statement_timeout_s: float, settings: Mapping[str, str] = NO_SETTINGS
) -> dict[str, Any]:
    told = {"statement_timeout": round(statement_timeout_s * 1000), **settings}
    return {
        "autocommit": True,
        "application_name": name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "options": " ".join(f"-c {setting}={value}" for setting, value in told.items()),
    }
