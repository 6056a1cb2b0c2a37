"""The ledger as Arrow, through ADBC: PostgreSQL's binary COPY, without a Python object for each value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from psycopg import ClientCursor, Connection


class Ledger:
    """Questions with %(names)s, answered as tables; until `move_on` all from one state of the database."""

    def __init__(self, binding: Connection[Any], reading: adbc.Connection) -> None:
        self._binding, self._reading = ClientCursor(binding), reading

    def move_on(self) -> None:
        """Let that state go, which the database keeps for us; what was recorded does not change."""
        self._reading.commit()

    def table(self, question: str, **values: Any) -> pa.Table:
        with self._reading.cursor() as cursor:
            cursor.execute(self._bound(question, values))
            return cursor.fetch_arrow_table()

    @contextmanager
    def batches(self, question: str, **values: Any) -> Iterator[pa.RecordBatchReader]:
        """The same bit by bit; nothing else is asked meanwhile."""
        with self._reading.cursor() as cursor:
            cursor.execute(self._bound(question, values))
            yield cursor.fetch_record_batch()

    def _bound(self, question: str, values: dict[str, Any]) -> str:
        """COPY takes no parameters, so they are written into the question, quoted."""
        return self._binding.mogrify(question.rstrip().rstrip(";").encode(), values)


@contextmanager
def reading(url: str) -> Iterator[Ledger]:
    with Connection.connect(url, autocommit=True) as binding, adbc.connect(url) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield Ledger(binding, connection)
