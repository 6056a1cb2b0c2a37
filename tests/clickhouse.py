"""ClickHouse in this process: the second engine, for the same SQL over the same files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import chdb

from adapters.lake.duck import TABLES, quoted
from adapters.lake.folder import Lake
from projections.figures import COLUMNS, Asked, Row

SETTINGS = ("join_use_nulls = 1", "cast_keep_nullable = 1")
"""Standard SQL: what an outer join does not find is null, and so is what is cast from it."""


class ClickHouse:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        for setting in SETTINGS:
            self.run(f"SET {setting}")

    def run(self, sql: str) -> None:
        self._connection.query(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self._connection.query(sql, "ArrowTable").to_pylist()]

    def make(self, relations: Mapping[str, str]) -> None:
        """As DuckDB makes them."""
        for name, sql in relations.items():
            kept = name in (*TABLES, "credited", "wait")  # what it reads twice it would work out twice
            kind, engine = ("TABLE", "ENGINE = Memory") if kept else ("VIEW", "")
            self.run(f"DROP {kind} IF EXISTS {name}")
            self.run(f"CREATE {kind} {name} {engine} AS {sql}")

    def in_front(self, asked: Asked) -> str:
        """What is asked, as relations behind WITH."""
        return ",\n".join(self._literal(name, rows) for name, rows in asked.relations.items())

    def _literal(self, name: str, rows: Sequence[Row]) -> str:
        columns = ", ".join(f"{column} Nullable(Int64)" for column in COLUMNS[name])
        values = ", ".join(
            f"({', '.join('NULL' if each is None else str(each) for each in row)})" for row in rows
        )
        return f"{name} AS (SELECT * FROM values('{columns}', {values}))"

    def over_files(self, lake: Lake, workspace_id: str) -> None:
        """The relations that are read from a folder."""
        manifest = lake.manifest()
        assert manifest
        event = " UNION ALL ".join(
            f"SELECT * FROM file({quoted(path)}, Parquet)"
            for path in lake.paths(manifest.of_workspace(workspace_id))
        )
        self.make({"event": event})
        for name, path in (("chat", manifest.chats), ("owning", manifest.owners)):
            mine = f"SELECT * FROM file({quoted(f'{lake.folder}/{path}')}, Parquet)"
            self.make({name: f"{mine} WHERE workspace_id = {quoted(workspace_id)}"})


@contextmanager
def clickhouse() -> Iterator[ClickHouse]:
    with closing(chdb.connect(":memory:")) as connection:  # type: ignore[no-untyped-call]
        yield ClickHouse(connection)
