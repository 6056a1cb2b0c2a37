"""The ledger as the library's recorder, and the factory by which the library finds it.

Name this module as `PERSISTENCE_MODULE`, and the database in `LEDGER_DATABASE_URL`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Never
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    InfrastructureFactoryError,
    Mapper,
    Notification,
    NotSupportedError,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    TrackingRecorder,
    Transcoder,
)
from eventsourcing.utils import Environment, EnvType
from psycopg import Connection
from psycopg.rows import dict_row

from adapters.postgres.database import create_pool, migrate
from adapters.postgres.group_commit import Commits, GroupCommit, Request
from adapters.postgres.mapper import FactMapper
from adapters.postgres.refusals import GuardMoved, library_errors
from adapters.postgres.standstill import Standstill, standing_still
from adapters.postgres.writer import LOCK_TIMEOUT_S, STATEMENT_TIMEOUT_S, LedgerWriter

LEDGER_SQL = Path(__file__).with_name("ledger.sql")
READ_CONNECTIONS = 8
POLL_INTERVAL_S = 0.5
"""How long a subscription may miss what another process appended."""

SUBSCRIPTION_PAGE = 500
NEVER_ABOVE = 2**31 - 1

ENVELOPE = """
json_build_object(
    'workspace_id', workspace_id, 'actor', actor,
    'occurred_at', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'causation', causation, 'facts', facts, 'private', private
)::text
"""

SELECT_EVENTS = f"""
SELECT stream_id, version, topic, {ENVELOPE} FROM ledger
WHERE stream_id = %s AND version > %s AND version <= %s
ORDER BY version LIMIT %s
"""

SELECT_STREAMS = f"""
SELECT event.* FROM unnest(%s::uuid[]) AS asked (stream_id)
CROSS JOIN LATERAL (
    SELECT stream_id, version, topic, {ENVELOPE} FROM ledger WHERE stream_id = asked.stream_id
    ORDER BY version OFFSET 0
) AS event
"""

SELECT_LAST_EVENTS = SELECT_EVENTS.replace("ORDER BY version", "ORDER BY version DESC")

SELECT_NOTIFICATIONS = f"""
SELECT stream_id, version, topic, {ENVELOPE}, position FROM ledger
WHERE position > %s AND position <= %s
ORDER BY position LIMIT %s
"""

SELECT_NOTIFICATIONS_OF_TOPICS = SELECT_NOTIFICATIONS.replace(
    "ORDER BY position", "AND topic = ANY (%s) ORDER BY position"
)

SELECT_KNOWN_STREAMS = """
SELECT asked.stream_id FROM unnest(%s::uuid[]) AS asked (stream_id)
CROSS JOIN LATERAL (
    SELECT FROM ledger WHERE ledger.stream_id = asked.stream_id AND (topic = ANY (%s::text[])) IS NOT FALSE
    LIMIT 1
) AS found
"""

SELECT_MOVED = """
SELECT guard.stream_id, guard.version, last.version
FROM unnest(%s::uuid[], %s::integer[]) AS guard (stream_id, version)
CROSS JOIN LATERAL (
    SELECT coalesce(max(ledger.version), 0) AS version FROM ledger WHERE ledger.stream_id = guard.stream_id
) AS last
WHERE last.version <> guard.version LIMIT 1
"""


class LedgerRecorder(ApplicationRecorder):
    """Events in one total order: positions 1, 2, 3 … in the order of the commits, without gaps.

    Threads that append at the same time share commits; each gets its own answer.
    """

    def __init__(
        self,
        database_url: str,
        *,
        read_connections: int = READ_CONNECTIONS,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        self.pool = create_pool(
            database_url,
            max_size=read_connections,
            name="chatledger ledger",
            statement_timeout_s=statement_timeout_s,
        )
        self._writer = LedgerWriter(
            database_url, lock_timeout_s=lock_timeout_s, statement_timeout_s=statement_timeout_s
        )
        self._group_commit = GroupCommit(self._writer.write)
        self._woken: set[Event] = set()

    def open(self) -> None:
        """Connect, and make what is not there yet of the ledger's tables and functions."""
        self.pool.open()
        with self._connection() as connection:
            migrate(connection, [LEDGER_SQL.read_text()])

    @property
    def commits(self) -> Commits:
        """What this process has committed."""
        return self._group_commit.commits

    def close(self) -> None:
        self._writer.close()
        self._group_commit.close()
        self.pool.close()

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, guards: Mapping[UUID, int] | None = None, **kwargs: Any
    ) -> list[int] | None:
        """Append the events, all or none, and return their positions when they are on the disk.

        guards: streams that were only read, with the version seen (0: it has no events).

        Raises:
            GuardMoved: a guarded stream is at another version; read it again and decide again.
            VersionConflict: an event's place in its stream is taken, or its predecessor is missing.
            DataError: PostgreSQL cannot store a value.
            OperationalError: the database did not answer in time; nothing or all of it is recorded.
        """
        if kwargs.get("tracking") is not None:
            raise NotSupportedError("the ledger records no tracking: read models have their own checkpoints")
        if not stored_events:
            return None
        last = self.append(stored_events, guards or {})
        return list(range(last - len(stored_events) + 1, last + 1))

    def append(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        """As `insert_events`; returns the position of the last event."""
        position = self._group_commit.append(Request(events, guards))
        self._wake_all()
        return position

    async def append_async(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        """As `append`, without a thread for each that waits. Threads and tasks share commits."""
        position = await self._group_commit.append_async(Request(events, guards))
        self._wake_all()
        return position

    @contextmanager
    def standing_still(self) -> Iterator[Standstill]:
        """Keep everybody else from appending as long as the block lasts; seconds, at most.

        What is done over its connection is committed at the end, or not at all.
        """
        with standing_still(self.pool) as standstill:
            yield standstill
        self._wake_all()

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """The events of one stream, by version."""
        after = -1 if gt is None else gt
        until = NEVER_ABOVE if lte is None else lte
        statement = SELECT_LAST_EVENTS if desc else SELECT_EVENTS
        return self._events(statement, originator_id, after, until, limit)

    def select_streams(self, stream_ids: Iterable[UUID]) -> list[StoredEvent]:
        """The events of many streams, each by version."""
        return self._events(SELECT_STREAMS, list(stream_ids))

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[Notification]:
        """Events by position. All up to the highest that is seen have been seen: none comes in later."""
        after = (start or 0) - 1 if inclusive_of_start else start or 0
        until = 2**63 - 1 if stop is None else stop
        if topics:
            rows = self._fetch(SELECT_NOTIFICATIONS_OF_TOPICS, after, until, list(topics), limit)
        else:
            rows = self._fetch(SELECT_NOTIFICATIONS, after, until, limit)
        return [
            Notification(stream_id, version, topic, envelope.encode(), position)
            for stream_id, version, topic, envelope, position in rows
        ]

    def max_notification_id(self) -> int | None:
        """The position of the last event, None where there is none."""
        position: int | None
        ((position,),) = self._fetch("SELECT nullif(position, 0) FROM ledger_head")
        return position

    def known_streams(self, stream_ids: Iterable[UUID], topics: Collection[str] = ()) -> set[UUID]:
        """Those of the streams that have events; with topics, those that have one of these."""
        if not (asked := list(stream_ids)):
            return set()
        return {stream_id for (stream_id,) in self._fetch(SELECT_KNOWN_STREAMS, asked, list(topics) or None)}

    def check_guards(self, guards: Mapping[UUID, int]) -> None:
        """For a decision that appends nothing.

        Raises:
            GuardMoved: as in `insert_events`.
        """
        for moved in self._fetch(SELECT_MOVED, list(guards), list(guards.values())) if guards else ():
            raise GuardMoved(*moved)

    def rows(self, after: int, until: int) -> list[dict[str, Any]]:
        """The ledger's rows after one position, up to another, as they stand; for tools and tests."""
        with self._connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(
                "SELECT * FROM ledger WHERE position > %s AND position <= %s ORDER BY position",
                (after, until),
            ).fetchall()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> LedgerSubscription:
        """Every event after a position, then those to come, without end. Enter it, or stop it."""
        return LedgerSubscription(self, gt, topics)

    def wake(self, event: Event) -> None:
        """Set the event after every append of this process, until `let_sleep`."""
        self._woken.add(event)

    def let_sleep(self, event: Event) -> None:
        self._woken.discard(event)

    def _wake_all(self) -> None:
        for event in tuple(self._woken):
            event.set()

    def _events(self, statement: str, *parameters: Any) -> list[StoredEvent]:
        return [
            StoredEvent(stream_id, version, topic, envelope.encode())
            for stream_id, version, topic, envelope in self._fetch(statement, *parameters)
        ]

    def _fetch(self, statement: str, *parameters: Any) -> list[Any]:
        """Planned each time: a plan kept from when the ledger was small would read all of it later."""
        with self._connection() as connection:
            return connection.execute(statement.encode(), parameters, prepare=False).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[Connection[tuple[Any, ...]]]:
        with library_errors(), self.pool.connection() as connection:
            yield connection


class LedgerSubscription(Subscription[LedgerRecorder]):
    """Reads on when this process appends, and every `POLL_INTERVAL_S` in case that another did."""

    def __init__(self, recorder: LedgerRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._position = gt or 0
        self._unread: deque[Notification] = deque()
        self._woken = Event()
        recorder.wake(self._woken)

    def stop(self) -> None:
        super().stop()
        self._recorder.let_sleep(self._woken)
        self._woken.set()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            if self._unread:
                return self._unread.popleft()
            self._woken.clear()
            if not self._read_on():
                self._woken.wait(POLL_INTERVAL_S)
        raise StopIteration

    def _read_on(self) -> bool:
        """Read a page; with topics, what lies before the head and was passed over is not read again."""
        head = self._recorder.max_notification_id() or 0
        if head <= self._position:
            return False
        page = self._recorder.select_notifications(
            self._position, SUBSCRIPTION_PAGE, head, self._topics, inclusive_of_start=False
        )
        self._unread.extend(page)
        self._position = page[-1].id if len(page) == SUBSCRIPTION_PAGE else head
        return True


class LedgerFactory(InfrastructureFactory[TrackingRecorder]):
    """Makes the ledger of an application: `LEDGER_DATABASE_URL`, and `LEDGER_READ_CONNECTIONS` if not 8."""

    DATABASE_URL = "LEDGER_DATABASE_URL"
    READ_CONNECTIONS = "LEDGER_READ_CONNECTIONS"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._recorders: list[LedgerRecorder] = []

    def mapper(
        self, transcoder: Transcoder | None = None, mapper_class: type[Mapper[Any]] | None = None
    ) -> Mapper[Any]:
        return super().mapper(transcoder, mapper_class or FactMapper)

    def application_recorder(self) -> LedgerRecorder:
        database_url = self.env.get(self.DATABASE_URL)
        if not database_url:
            raise InfrastructureFactoryError(f"{self.DATABASE_URL} is not set")
        recorder = LedgerRecorder(
            database_url,
            read_connections=int(self.env.get(self.READ_CONNECTIONS) or READ_CONNECTIONS),
        )
        self._recorders.append(recorder)
        recorder.open()
        return recorder

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        raise NotSupportedError(f"the ledger keeps no {purpose} but its own: load nouns from their facts")

    def tracking_recorder(self, tracking_recorder_class: type[TrackingRecorder] | None = None) -> Never:
        raise NotSupportedError("the ledger records no tracking: read models have their own checkpoints")

    def process_recorder(self) -> ProcessRecorder:
        raise NotSupportedError("the ledger records no tracking: read models have their own checkpoints")

    def close(self) -> None:
        for recorder in self._recorders:
            recorder.close()
