"""DuckDB over a folder of Parquet files, or over the ledger itself. It is given all SQL that it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from adapters.lake.folder import Lake, NotThisLake
from adapters.lake.ledger import Ledger

OFFLINE = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "preserve_insertion_order": False,
}
"""Nothing is fetched: all that is needed is in the package."""

TABLES = (
    *("failure", "failed", "dismissal", "moved", "said", "waved", "unclear", "spoken", "judged", "waited"),
)
"""Of the relations those that are worked out once; the others are read as often as they are asked."""

Row = tuple[Any, ...]


class Duck:
    """Relations of one company's log up to a position, and questions about them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, workspace_id: str, position: int) -> None:
        self.connection, self.workspace_id, self.position = connection, workspace_id, position

    def make(self, relations: Mapping[str, str]) -> None:
        """Make these, each of those before it; those of a former call are replaced."""
        for name, sql in relations.items():
            kind = "TABLE" if name in TABLES else "VIEW"
            self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {sql}")

    def keep(self, name: str, sql: str) -> None:
        """What a question answers, as a table."""
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")

    def rows(self, sql: str) -> list[Row]:
        return self.connection.execute(sql).fetchall()

    def configured(self) -> list[Row]:
        """(occurred_us, facts as JSON) of each time that the company stated something of itself."""
        return self.rows("SELECT occurred_us, facts FROM configured ORDER BY position")


@contextmanager
def started(threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """threads: None for as many as there are cores."""
    with TemporaryDirectory(prefix="chatledger-analytics-") as folder:
        with duckdb.connect(config={**OFFLINE, "temp_directory": folder}) as connection:
            if threads:
                connection.execute(f"SET threads = {threads}")
            yield connection


def over_files(connection: duckdb.DuckDBPyConnection, lake: Lake, workspace_id: str) -> Duck:
    """The log of a company as a folder has it.

    Raises:
        NotThisLake: there is nothing of the company, or the first export has not come to its end.
    """
    manifest = lake.manifest()
    if manifest is None or manifest.as_of is None or manifest.chats is None or manifest.owners is None:
        raise NotThisLake(f"{lake.folder} has no export that came to its end.")
    files = [file for file in manifest.of_workspace(workspace_id) if file.first <= manifest.as_of]
    if not files:
        raise NotThisLake(f"{lake.folder} has nothing of workspace {workspace_id!r}.")
    event = f"SELECT * FROM {_read(lake.paths(files))} WHERE position <= {manifest.as_of}"
    _view(connection, "event", event)
    for name, path in (("chat", manifest.chats), ("owning", manifest.owners)):
        mine = f"workspace_id = {quoted(workspace_id)}"
        _view(connection, name, f"SELECT * FROM {_read([str(lake.folder / path)])} WHERE {mine}")
    _view(connection, "configured", "SELECT * FROM event WHERE topic = 'workspace.configured'")
    return Duck(connection, workspace_id, manifest.as_of)


def over_ledger(
    connection: duckdb.DuckDBPyConnection, ledger: Ledger, questions: Mapping[str, str], workspace_id: str
) -> Duck:
    """The log of a company as the database has it.

    questions: `standing`, `chats`, `owners`, `configured` and `event` of projections/lake.sql.
    """
    position = int(ledger.table(questions["standing"])["position"][0].as_py())
    asked = {"until": position, "workspace_id": workspace_id}
    for name, question in (("chat", "chats"), ("owning", "owners"), ("configured", "configured")):
        _table(connection, name, ledger.table(questions[question], **asked))
    ledger.move_on()
    with ledger.batches(questions["event"], **asked) as rows:
        _table(connection, "event", rows)
    return Duck(connection, workspace_id, position)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _read(paths: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(map(quoted, paths))}], hive_partitioning = false)"


def _view(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")


def _table(connection: duckdb.DuckDBPyConnection, name: str, rows: Any) -> None:
    connection.register("arrived", rows)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM arrived")
    connection.unregister("arrived")
