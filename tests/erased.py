"""Whether anything of a client is left in a database: in its rows, or in its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

TABLES = """
SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname <> 'information_schema'
  AND (nspname NOT LIKE 'pg_%%' OR relname = ANY (%s))
ORDER BY 1, 2
"""
FILES = """
SELECT pg_class.oid::regclass::text, current_setting('data_directory') || '/' || pg_relation_filepath(oid)
FROM pg_class WHERE pg_relation_filepath(oid) IS NOT NULL
"""


def rows_with(connection: Connection[Any], *signs: str, catalog: str = "") -> dict[str, int]:
    """How many rows of which tables have one of these in them, whatever the column.

    catalog: a table of PostgreSQL's own to be looked at too.
    """
    found = {}
    for schema, table in connection.execute(TABLES, ([catalog],)).fetchall():
        query = SQL("SELECT count(*) FROM {} AS t WHERE t::text ~* %s").format(Identifier(schema, table))
        row = connection.execute(query, ("|".join(signs),)).fetchone()
        if row and row[0]:
            found[f"{schema}.{table}"] = row[0]
    return found


def files_with(connection: Connection[Any], *signs: str) -> set[str]:
    """The tables and indexes in whose files one of these is, also where no row has it any more."""
    connection.execute("CHECKPOINT")
    found = set()
    for name, path in connection.execute(FILES).fetchall():
        for part in Path(path).parent.glob(f"{Path(path).name}*"):
            try:
                held = part.read_bytes().lower()
            except FileNotFoundError:  # it was written anew just now
                continue
            except PermissionError:
                pytest.skip("the server keeps its files to itself")
            if any(sign.encode() in held for sign in signs):
                found.add(name)
    return found
