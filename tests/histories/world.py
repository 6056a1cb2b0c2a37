"""The whole system without HTTP: commands go in, read models follow, questions come out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from adapters.postgres.database import create_async_pool
from domain.application import Chatledger
from domain.fact import By
from projections.answer import Answer, Pool
from projections.building import NEXT
from projections.checkpoints import Range
from projections.leader import Leader
from projections.reactions import Reactions
from projections.read_model import REACTIONS, READ_MODELS, ReadModel
from tests.histories.alphabet import WORKSPACE, at
from tests.projections.history import all_rows, leading

T = TypeVar("T")

MORNING = 5
"""The minute in which a history begins: not the first, since news may be older."""


class World:
    """One database with one history in it, and a clock that stands still unless it is told."""

    def __init__(self, application: Chatledger, leader: Leader, pool: Pool, runner: asyncio.Runner) -> None:
        self.application = application
        self.leader = leader
        self.connection = leader.connection
        self.pool = pool
        self.runner = runner
        self.minute = MORNING
        self.reactions = Reactions(application, now=lambda: at(self.minute))
        self.position = 0

    def by(self, workspace: str = WORKSPACE) -> By:
        return By(workspace, "system", at(self.minute), "a history")

    def follow(self, sizes: Iterator[int]) -> None:
        """Bring the read models to the head in ranges of these sizes; do what follows until nothing does."""
        before = self.position
        while True:
            head = self.application.head()
            self._take_over(READ_MODELS, self.position, head, sizes)
            self.position = head
            if self.reactions.react(self.connection, before, head):
                continue
            if not self.reactions.do_due(self.connection):
                break
        if head > before:
            self.leader.checkpoints.advance([REACTIONS], before, head)

    def rows(self) -> dict[str, list[Any]]:
        """Everything that the read models hold."""
        return all_rows(self.connection, *READ_MODELS)

    def rows_made_anew(self, names: Collection[str], sizes: Iterator[int]) -> dict[str, list[Any]]:
        """What these hold when they follow from the beginning, over the others as they are now."""
        beside = {name: name + NEXT for name in READ_MODELS if name in names}
        models = [ReadModel(name, beside) for name in beside]
        with self.connection.transaction(force_rollback=True):
            for model in models:
                model.make(self.connection, "create", "functions")
            for after, until in _cut(0, self.position, sizes):
                topics = self.leader.checkpoints.topics(after, until)
                for model in models:
                    model.apply(self.connection, after, until, topics)
            rows = all_rows(self.connection, *beside.values())
        return {table.replace(f"{NEXT}.", "."): found for table, found in rows.items()}

    def ask(self, question: Coroutine[Any, Any, Answer]) -> Any:
        """The answer to a question, which must be that of the last position; None where there is none."""
        answer = self.run(question)
        assert answer.position == self.position
        return None if answer.body is None else json.loads(answer.body)

    def run(self, question: Coroutine[Any, Any, T]) -> T:
        """What a question finds. In the loop itself, since the runner would mind the signals each time."""
        return self.runner.get_loop().run_until_complete(question)

    def _take_over(self, names: Collection[str], after: int, until: int, sizes: Iterator[int]) -> None:
        for start, end in _cut(after, until, sizes):
            self.leader.take_over(Range(tuple(names), start, end))


def _cut(after: int, until: int, sizes: Iterator[int]) -> Iterator[tuple[int, int]]:
    while after < until:
        end = min(after + next(sizes), until)
        yield after, end
        after = end


@contextmanager
def open_world(url: str) -> Iterator[World]:
    """The world over a database that has all tables."""
    with (
        _application(url) as application,
        psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection,
        leading(connection) as leader,
        asyncio.Runner() as runner,
    ):
        pool = create_async_pool(url, max_size=1)
        runner.run(_open(pool))
        try:
            yield World(application, leader, pool, runner)
        finally:
            runner.run(pool.close())


async def _open(pool: Pool) -> None:
    """A history is short, and planning takes longer than the work: each question is planned once."""
    await pool.open()
    async with pool.connection() as connection:
        connection.prepare_threshold = 1
        await connection.execute("SET plan_cache_mode = force_generic_plan")


def _application(url: str) -> Chatledger:
    return Chatledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "MAPPER_TOPIC": "adapters.postgres.mapper:FactMapper",
            "LEDGER_DATABASE_URL": url,
        }
    )
