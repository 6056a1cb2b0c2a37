"""A ledger that a test writes straight into, event by event, as the recorder would."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from psycopg import Connection
from psycopg.types.json import Jsonb

import adapters.postgres
from adapters.postgres.database import migrate
from projections.read_model import table_definitions

LEDGER_SQL = Path(adapters.postgres.__file__).with_name("ledger.sql")
WORKSPACE = "main"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def migrate_everything(connection: Connection[Any]) -> None:
    migrate(connection, [LEDGER_SQL.read_text(), *table_definitions()])


def noon(seconds: float = 0) -> datetime:
    """A moment of the day on which all tests play."""
    return NOON + timedelta(seconds=seconds)


def named(name: str) -> str:
    """An id for a name in a test."""
    return str(uuid5(NAMESPACE_OID, name))


class History:
    """Appends events; a stream's name stands for its id."""

    def __init__(self, connection: Connection[Any], workspace_id: str = WORKSPACE) -> None:
        self.connection = connection
        self.workspace_id = workspace_id
        self.head = 0

    def append(
        self,
        topic: str,
        stream: str,
        at: datetime = NOON,
        private: dict[str, Any] | None = None,
        workspace_id: str | None = None,
        **facts: Any,
    ) -> int:
        """Append one event and return its position."""
        row = self.connection.execute(
            APPEND,
            {
                "workspace_id": workspace_id or self.workspace_id,
                "stream_id": UUID(stream) if len(stream) == 36 else UUID(named(stream)),
                "topic": topic,
                "at": at,
                "facts": Jsonb(facts),
                "private": None if private is None else Jsonb(private),
            },
        ).fetchone()
        assert row is not None
        self.head = int(row[0])
        return self.head


APPEND = """
WITH head AS (UPDATE ledger_head SET position = position + 1 RETURNING position)
INSERT INTO ledger (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts,
                    private)
SELECT position, %(workspace_id)s, %(stream_id)s,
       (SELECT count(*) + 1 FROM ledger WHERE stream_id = %(stream_id)s),
       %(topic)s, 'system', %(at)s, 'test', %(facts)s, %(private)s
FROM head
RETURNING position
"""
