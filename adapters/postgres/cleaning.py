"""What was deleted leaves the files too, as far as that can be done while others work.

PostgreSQL keeps former versions of rows, and what its indexes and statistics say of them, until it is cleaned
up; and the space that is freed keeps its bytes until it is used again. A small table is written anew, which
leaves nothing and makes others wait for a moment. For a large one that takes too long: there the former
versions go, the bytes of free space stay, and it is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

REWRITTEN_BYTES = 64 * 2**20
"""Of a table with its indexes: up to this it is written anew, in about a second."""

LOCK_TIMEOUT_S = 2
"""Others wait behind who waits for a table, so he gives up soon, and the table is only cleaned up."""

OLDER_READERS_TIMEOUT_S = 10.0
"""So long it is waited for whoever still reads as of before; for him former versions are kept."""

POLL_INTERVAL_S = 0.02

OLDER_READERS = """
SELECT pg_snapshot_xmin(pg_current_snapshot()) < %(now)s::xid8 OR EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND age(backend_xmin) > age(%(now)s::xid8::xid))
"""
"""Whether somebody reads as of before a moment, or may begin to: as long as a transaction of then goes on, in
whichever database of the server, whoever begins reads as of its beginning."""

TABLES = """
SELECT nspname, relname, pg_total_relation_size(pg_class.oid), ARRAY(
    SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
    JOIN pg_am ON pg_am.oid = index.relam WHERE indrelid = pg_class.oid AND amname = 'gin')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind = 'r' AND (nspname = ANY (%s) OR nspname || '.' || relname = ANY (%s))
ORDER BY nspname, relname
"""

logger = logging.getLogger(__name__)


def clean(
    connection: Connection[Any],
    schemas: Collection[str],
    tables: Collection[str],
    *,
    rewritten_bytes: int = REWRITTEN_BYTES,
) -> list[str]:
    """Clean up these tables and all of these schemas; the names of those whose free space keeps its bytes.

    connection: one that commits by itself. tables: with their schemas.
    """
    _wait_for_older_readers(connection)
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
    try:
        rows = connection.execute(TABLES, (list(schemas), list(tables))).fetchall()
        left = [
            f"{schema}.{name}"
            for schema, name, size, words in rows
            if not _clean(connection, Identifier(schema, name), words, anew=size <= rewritten_bytes)
        ]
        # Statistics hold samples of values; when those of the tables are new, the old ones go in turn.
        _wait_for_older_readers(connection)
        _clean(connection, Identifier("pg_catalog", "pg_statistic"), (), anew=True)
    finally:
        connection.execute("RESET lock_timeout")
    return left


def _clean(connection: Connection[Any], table: Identifier, words: Collection[str], *, anew: bool) -> bool:
    """Whether it was written anew. words: indexes that keep every word that ever was in them."""
    if anew:
        try:
            connection.execute(SQL("VACUUM (FULL, ANALYZE) {}").format(table))
            return True
        except psycopg.errors.LockNotAvailable:
            logger.warning("others use %s, so it is not written anew", table.as_string())
    connection.execute(SQL("VACUUM (ANALYZE) {}").format(table))
    for index in words:
        connection.execute(f"REINDEX INDEX CONCURRENTLY {index}".encode())
    return False


def _wait_for_older_readers(connection: Connection[Any]) -> None:
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert row is not None
    deadline = time.monotonic() + OLDER_READERS_TIMEOUT_S
    while (found := connection.execute(OLDER_READERS, {"now": row[0]}).fetchone()) and found[0]:
        if time.monotonic() > deadline:
            logger.warning("others read as of before the erasure; former versions of rows are kept for them")
            return
        time.sleep(POLL_INTERVAL_S)
