"""The peer for `rebuild`: the library's projection runner, filling the simplest of the read models.

It takes over the same ledger, from its beginning: a row for each message, with tracking, in a transaction. It
asks for messages only, so that the events between them cost it nothing, and count as taken over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import psycopg
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from api.bench.servers import library_settings
from domain.application import Chatledger
from domain.message import Message

FORGET = "DROP TABLE IF EXISTS written_tracking, written"
CREATE = """
CREATE TABLE IF NOT EXISTS written (
    message_id uuid PRIMARY KEY, chat_id uuid NOT NULL, conversation_id uuid NOT NULL,
    direction text NOT NULL, author_kind text NOT NULL, sent_at timestamptz NOT NULL, text text)
"""
WRITE = """
INSERT INTO written (message_id, chat_id, conversation_id, direction, author_kind, sent_at, text)
VALUES (%s, %s, %s, %s, %s, %s, %s)
"""

Written = Message.Received | Message.Queued


class WrittenMessages(PostgresTrackingRecorder):
    """The view: a table of messages beside the library's own table of positions."""

    def __init__(self, datastore: PostgresDatastore, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(SQL(CREATE).format())

    def write(self, event: Written, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                WRITE,
                (
                    event.message_id,
                    event.chat_id,
                    event.conversation_id,
                    event.direction,
                    event.author_kind,
                    event.timestamp,
                    event.text,
                ),
                prepare=True,
            )


class WrittenProjection(Projection[WrittenMessages]):
    name = "written"
    topics = Message.WRITTEN_BY

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """What is no message changes nothing."""

    @process_event.register(Message.Received)
    @process_event.register(Message.Queued)
    def message_written(self, domain_event: Written, tracking: Tracking) -> None:
        self.view.write(domain_event, tracking)


def events_a_second(url: str, seconds: float) -> float:
    """How many of the ledger's events it passes in a second, measured for so long from the beginning."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FORGET)
    with ProjectionRunner(
        application_class=Chatledger,
        projection_class=WrittenProjection,
        view_class=WrittenMessages,
        env=environment(url),
    ) as runner:
        begun = time.perf_counter()
        runner.run_forever(timeout=seconds)
        return (runner.view.max_tracking_id(Chatledger.name) or 0) / (time.perf_counter() - begun)


def environment(url: str) -> Mapping[str, str]:
    """The application over our ledger, the projection over the library's own recorder."""
    return {
        "PERSISTENCE_MODULE": "adapters.postgres.recorder",
        "LEDGER_DATABASE_URL": url,
        "WRITTEN_PERSISTENCE_MODULE": "eventsourcing.postgres",
        **library_settings(url),
    }
