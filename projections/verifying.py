"""Holds tables that were built anew against the live ones, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

ROWS_SHOWN = 20
"""Of each table; how many more there are is not counted."""

PAIRED = SQL("""
SELECT to_jsonb(live), to_jsonb(built)
FROM {live} AS live FULL JOIN {built} AS built USING ({key})
WHERE live IS DISTINCT FROM built
LIMIT {limit}
""")
LONE = SQL("""
WITH only_live AS (SELECT * FROM {live} EXCEPT ALL SELECT * FROM {built}),
     only_built AS (SELECT * FROM {built} EXCEPT ALL SELECT * FROM {live})
(SELECT to_jsonb(only_live), NULL FROM only_live LIMIT {limit})
UNION ALL
(SELECT NULL, to_jsonb(only_built) FROM only_built LIMIT {limit})
""")
"""For tables without a primary key: a row that differs stands there twice."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a read model in both schemas; columns are None where one has no such table."""

    name: str
    key: tuple[str, ...]
    live_columns: str | None
    built_columns: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not the same on both sides. model: the read model's name."""

    model: str
    table: str
    row: str
    what: str

    def __str__(self) -> str:
        return f"{self.model}.{self.table} {self.row}: {self.what}"


def differences(connection: Connection[Any], model: str, schema: str, table: Table) -> Iterator[Difference]:
    """What differs between a live table of a read model and the one in the other schema."""
    if table.live_columns != table.built_columns:
        told = f"{table.live_columns or 'no table'} → {table.built_columns or 'no table'}"
        yield Difference(model, table.name, "columns", told)
        return
    query = _query(Identifier(model, table.name), Identifier(schema, table.name), table.key)
    for live, built in connection.execute(query).fetchall():
        yield Difference(model, table.name, _named(live or built, table.key), _told(live, built))


def _query(live: Identifier, built: Identifier, key: tuple[str, ...]) -> Composed:
    if key:
        columns = SQL(", ").join(map(Identifier, key))
        return PAIRED.format(live=live, built=built, key=columns, limit=ROWS_SHOWN)
    return LONE.format(live=live, built=built, limit=ROWS_SHOWN // 2)


def _named(row: Row, key: tuple[str, ...]) -> str:
    return ", ".join(f"{column} {row[column]}" for column in key or row if row[column] is not None)


def _told(live: Row | None, built: Row | None) -> str:
    """What became of it; in the order old, new."""
    if live is None or built is None:
        return "is not live" if live is None else "is only live"
    changed = [column for column in live if live[column] != built[column]]
    return ", ".join(f"{column} {_short(live[column])} → {_short(built[column])}" for column in changed)


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
