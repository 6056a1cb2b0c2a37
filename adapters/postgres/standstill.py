"""The ledger while nobody else appends: what an erasure rests on stays as it is until it is committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.postgres.refusals import library_errors

LOCK_TIMEOUT_S = 5
"""For the ledger's lock, which appends hold until their commit."""

STATEMENT_TIMEOUT_S = 600
"""Of one statement of an erasure; a client of many years may have a million events."""

BEGIN = f"""
SET LOCAL transaction_isolation = 'read committed';
SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s';
SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT_S}s'
"""

ERASE = """
SELECT ledger_erase(%s::bigint[], %s::uuid, %s::integer, %s, %s::jsonb, %s::uuid[], %s::integer[])
"""


@dataclass(frozen=True, slots=True)
class Standstill:
    """connection: within the transaction; others commit meanwhile, but not to the ledger.

    head: the position of the last event, until this one appends.
    """

    connection: Connection[Any]
    head: int

    def erase(
        self, positions: Sequence[int], events: Sequence[StoredEvent], guards: Mapping[UUID, int]
    ) -> int:
        """Remove the private part of exactly these rows, and append the one event that names them.

        Returns its position. Nothing of it is so before the standstill is left.

        Raises:
            GuardMoved, VersionConflict: as an append does.
            IntegrityError: a position is not in the ledger.
            OperationalError: a row has no private part, or the event does not name it.
        """
        (event,) = events
        with library_errors():
            row = self.connection.execute(
                ERASE,
                (
                    list(positions),
                    event.originator_id,
                    event.originator_version,
                    event.topic,
                    event.state.decode(),
                    list(guards),
                    list(guards.values()),
                ),
            ).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def standing_still(pool: ConnectionPool[Connection[tuple[Any, ...]]]) -> Iterator[Standstill]:
    """Keep others from appending, in one transaction that is committed at the end of the block."""
    with pool.connection() as connection, connection.transaction():
        with library_errors():
            connection.execute(BEGIN)
            row = connection.execute("SELECT ledger_lock()").fetchone()
        assert row is not None
        yield Standstill(connection, int(row[0]))
