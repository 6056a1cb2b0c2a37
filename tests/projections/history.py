"""A ledger that a test writes straight into, event by event, as the recorder would."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from psycopg import Connection
from psycopg.types.json import Jsonb

import adapters.postgres
from adapters.postgres.database import create_pool, migrate
from projections.checkpoints import Checkpoints, Range
from projections.leader import Leader
from projections.read_model import LEADS, REACTIONS, READ_MODELS, ReadModel, table_definitions
from projections.rebuild import CONNECTIONS, Watch, no_watch, rebuilding

LEDGER_SQL = Path(adapters.postgres.__file__).with_name("ledger.sql")
WORKSPACE = "main"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def migrate_everything(connection: Connection[Any]) -> None:
    migrate(connection, [LEDGER_SQL.read_text(), *table_definitions()])


@contextmanager
def leading(connection: Connection[Any]) -> Iterator[Leader]:
    """The lead over all real read models, for as long as the block lasts."""
    checkpoints = Checkpoints(connection, [*READ_MODELS, REACTIONS])
    assert checkpoints.take_lead(LEADS)
    assert checkpoints.leads_all
    try:
        yield Leader(checkpoints, [ReadModel(name) for name in READ_MODELS])
    finally:
        checkpoints.give_up_lead()


def follow(connection: Connection[Any], until: int, cuts: Collection[int] = ()) -> None:
    """Bring all read models up to a position, in ranges that end at these positions and there."""
    with leading(connection) as leader:
        after = leader.look().position(READ_MODELS)
        for cut in sorted({*(cut for cut in cuts if after < cut < until), until}):
            if cut > after:
                leader.take_over(Range(READ_MODELS, after, cut))
            after = cut


def rebuild(url: str, names: Collection[str] = READ_MODELS, watch: Watch = no_watch, **how: Any) -> int:
    """Build read models anew, in connections of their own."""
    with create_pool(url, max_size=CONNECTIONS) as pool, rebuilding(pool, names, watch) as building:
        return building.run(**how)


def all_rows(connection: Connection[Any], *schemas: str) -> dict[str, list[Any]]:
    """Every row of every table in these schemas, in an order that does not depend on how it came there."""
    names = connection.execute(
        "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = ANY (%s)",
        [list(schemas)],
    ).fetchall()
    return {
        name: connection.execute(
            f"SELECT to_jsonb(row) FROM {name} AS row ORDER BY to_jsonb(row)::text"
        ).fetchall()
        for (name,) in names
    }


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
INSERT INTO ledger (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts,
                    private)
SELECT (SELECT coalesce(max(position), 0) + 1 FROM ledger), %(workspace_id)s, %(stream_id)s,
       (SELECT count(*) + 1 FROM ledger WHERE stream_id = %(stream_id)s),
       %(topic)s, 'system', %(at)s, 'test', %(facts)s, %(private)s
RETURNING position
"""
