"""The whole system without HTTP: commands go in, read models follow, questions come out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from adapters.postgres.database import create_async_pool, migrate
from domain.application import Chatledger
from domain.fact import By
from domain.visibility import Reason
from projections.checkpoints import Checkpoints
from projections.inbox import Inbox
from projections.reactions import Reactions
from projections.read_model import REACTIONS, READ_MODELS, ReadModel, all_read_models, table_definitions
from projections.visibility import Visibility

DAWN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ROWS_OF = {
    "visibility": ("fact", "chat", "membership", "sight"),
    "inbox": ("chat", "line", "participant", "reading"),
    "timeline": ("message", "delivery"),
}


def at(minute: int) -> datetime:
    return DAWN + timedelta(minutes=minute)


class World:
    """One database; each example has a workspace of its own in it."""

    def __init__(self, application: Chatledger, connection: psycopg.Connection[Any], url: str) -> None:
        self.application = application
        self.connection = connection
        self.minute = 100
        self.reactions = Reactions(application, now=lambda: at(self.minute))
        self.read_models = all_read_models()
        self.runner = asyncio.Runner()
        self.pool = create_async_pool(url, max_size=2)
        self.runner.run(self.pool.open())
        self.inbox, self.visibility = Inbox(self.pool), Visibility(self.pool)
        self.position = 0

    def close(self) -> None:
        self.runner.run(self.pool.close())
        self.runner.close()

    def by(self, workspace: str, actor: str = "system") -> By:
        return By(workspace, actor, at(self.minute), "a history")

    def follow(self, size: int) -> None:
        """Bring the read models to the head in ranges of a size, then do what follows, until nothing does."""
        reacted = self.position
        while True:
            head = self.application.head()
            self.apply(self.read_models, self.position, head, size)
            self.position = head
            if not self.reactions.react(self.connection, reacted, head):
                return

    def apply(self, read_models: list[ReadModel], after: int, until: int, size: int) -> None:
        for low in range(after, until, size):
            high = min(low + size, until)
            with self.connection.transaction():
                rows = self.connection.execute(
                    "SELECT DISTINCT topic FROM ledger WHERE position > %s AND position <= %s", (low, high)
                )
                topics = {row[0] for row in rows}
                for read_model in read_models:
                    read_model.apply(self.connection, low, high, topics)
                self.connection.execute("UPDATE projection.checkpoint SET position = %s", (high,))

    def rebuild(self, size: int) -> None:
        for read_model in self.read_models:
            read_model.clear(self.connection)
        self.apply(self.read_models, 0, self.position, size)

    def rows(self) -> dict[str, list[Any]]:
        """Everything that the read models hold, in an order of its own."""
        found = {}
        for schema, tables in ROWS_OF.items():
            for table in tables:
                query = f"SELECT to_jsonb(t)::text FROM {schema}.{table} AS t ORDER BY 1"
                found[f"{schema}.{table}"] = [row[0] for row in self.connection.execute(query)]
        return found

    def items(self, workspace: str, employee: str, *, limit: int, **filters: Any) -> list[dict[str, Any]]:
        """An employee's whole inbox, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            question = self.inbox.page(workspace, employee, limit=limit, cursor=cursor, **filters)
            page = json.loads(self.runner.run(question).body or "{}")
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return items

    def counts(self, workspace: str, employee: str) -> dict[str, int]:
        answer = self.runner.run(self.inbox.counts(workspace, employee))
        return dict(json.loads(answer.body or "{}"))

    def who_saw(self, workspace: str, chat_id: str, position: int | None = None) -> dict[str, set[Reason]]:
        answer = self.runner.run(self.visibility.who_saw(workspace, chat_id=chat_id, at=position))
        items = json.loads(answer.body)["items"] if answer.body else []
        return {item["employee_id"]: reasons_of(item) for item in items}


def reasons_of(item: dict[str, Any]) -> set[Reason]:
    return {Reason(**reason) for reason in item["reasons"]}


@contextmanager
def open_world(url: str) -> Iterator[World]:
    application = Chatledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "MAPPER_TOPIC": "adapters.postgres.mapper:FactMapper",
            "LEDGER_DATABASE_URL": url,
        }
    )
    with application, psycopg.connect(url, autocommit=True) as connection:
        migrate(connection, table_definitions())
        Checkpoints(connection, (*READ_MODELS, REACTIONS)).take_lead()
        world = World(application, connection, url)
        try:
            yield world
        finally:
            world.close()
