"""Puts next tables into the place of live ones, for all readers at once.

PostgreSQL looks a table's name up after it has decided as of which time a query reads. So whoever began just
before a switch may find the new tables, and must not miss a row in them: what they still lack is committed
first, and the names change when nobody reads as of a time before that. Meanwhile nobody follows the ledger.
"""

from __future__ import annotations

import time
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections.building import BEFORE, NEXT, Building, value
from projections.read_model import CHECKPOINTS, ReadModel

LOCK_TIMEOUT_S = 10
OLDER_READERS_TIMEOUT_S = 0.25
"""So long nobody follows, at most, while a switch waits for readers."""

POLL_INTERVAL_S = 0.001


class SwitchHindered(Exception):
    """Others read for so long that no switch can be made for all at once; nothing is lost."""


def switch(pool: ConnectionPool[Connection[Any]], building: Building) -> bool:
    """Change names, if nobody reads for too long; whether it was done.

    Raises:
        Fenced: another process goes on with this rebuild.
    """
    with building.connection.transaction():
        building.connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
        building.execute("stop_following")
        if _are_partitions_apart(building):
            return False
        if not _is_seen_by_all(building, _take_over_rest(pool, building)):
            return False
        building.rename("", BEFORE)
        building.rename(NEXT, "")
        for name in building.names:
            ReadModel(name).make(building.connection, "functions")  # their texts name schemas
        building.step("put_into_place")
    return True


def _take_over_rest(pool: ConnectionPool[Connection[Any]], building: Building) -> str | None:
    """In a transaction that ends before the switch does; its number, None where there was nothing left."""
    with pool.connection() as connection, connection.transaction():
        if building.take_over_rest(connection):
            return str(value(connection, "written_by"))
    return None


def _are_partitions_apart(building: Building) -> bool:
    """The next tables are at one position, so those that they replace have to be."""
    row = building.connection.execute(CHECKPOINTS["unlevel_shares"], {"names": building.names}).fetchone()
    return bool(row and row[0])


def _is_seen_by_all(building: Building, transaction: str | None) -> bool:
    """Wait until nobody reads as of a time before this transaction ended; False after too long."""
    deadline = time.monotonic() + OLDER_READERS_TIMEOUT_S
    while transaction and value(building.connection, "older_readers", transaction=transaction):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
        building.execute("look_again")
    return True
