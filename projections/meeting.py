"""Has followers wait for each other at one position, so that rows are seen as of one moment of all.

Whoever reads the rows of another read model may find them further on than he is, where another process leads
that one. He sees early then what he would see anyhow at its own event; so his rows are right as soon as he is
there too, but not equal until then to rows that were made in another rhythm. One process moves all that stand
together in one transaction, and nobody has to be waited for.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections.read_model import CHECKPOINTS, READ_MODELS, built_from

LONGEST_MEETING_S = 5
"""When whoever called the others together has ended without a word."""

PATIENCE_S = 3.0
"""So long others are waited for; one that nobody leads never comes."""

LOOK_INTERVAL_S = 0.002


@contextmanager
def meeting(pool: ConnectionPool[Connection[Any]], names: Collection[str]) -> Iterator[None]:
    """As long as the block lasts these, and whose rows they read, stand at one position, if they can."""
    chosen = {"names": _with_those_read(names), "seconds": LONGEST_MEETING_S}
    with pool.connection() as connection:
        if (_value(connection, "leaders", chosen) or 0) <= 1:
            yield
            return
        connection.execute(CHECKPOINTS["meet"], chosen)
        try:
            _wait(connection, chosen)
            yield
        finally:
            connection.execute(CHECKPOINTS["part"])


def _wait(connection: Connection[Any], chosen: dict[str, Any]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        match _value(connection, "met", chosen):
            case True:
                return
            case None:
                connection.execute(CHECKPOINTS["meet"], chosen)
        time.sleep(LOOK_INTERVAL_S)


def _with_those_read(names: Collection[str]) -> list[str]:
    found = set(names)
    for name in reversed(READ_MODELS):
        if name in found:
            found |= built_from(name)
    return sorted(found)


def _value(connection: Connection[Any], statement: str, values: dict[str, Any]) -> Any:
    row = connection.execute(CHECKPOINTS[statement], values).fetchone()
    return row[0] if row else None
