"""Who waits and where chats stand at a moment, held against counting one by one."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from psycopg import Connection

from adapters.postgres.database import create_async_pool
from projections.read_model import PLAN_SETTINGS
from projections.report import Look, Report
from tests.projections.history import WORKSPACE, noon

WAIT = """
INSERT INTO waits.wait (opened_position, workspace_id, conversation_id, chat_id, channel_id, opened_at,
    last_at, last_position, outcome, closed_at)
VALUES (%(position)s, %(workspace_id)s, %(id)s, %(id)s, 'wa', %(opened)s, %(opened)s, %(position)s,
    %(outcome)s, %(closed)s)
"""
STAGE = """
INSERT INTO waits.stage (chat_id, position, workspace_id, at, folder) VALUES (%s, %s, %s, %s, %s)
"""
FOLDERS = ("incoming", "in_progress", "snoozed", "closed")
MOMENTS = [noon(600 * number) for number in range(12)]
SPAN_S = 9_000
"""What happens begins before the first moment and goes on behind the last; the minute decides."""


def looked(url: str, question: Callable[[Look], Awaitable[Any]], workspace_id: str = WORKSPACE) -> Any:
    async def ask() -> Any:
        async with create_async_pool(url, max_size=1, settings=PLAN_SETTINGS) as pool:
            return await Report(pool).look(workspace_id, question)

    return asyncio.run(ask())


def some_minute(random: Random) -> float:
    return 60 * random.randint(-20, 140)


def test_clients_who_wait_at_each_moment(url: str, connection: Connection[Any]) -> None:
    random, waits = Random(1), list[dict[str, Any]]()
    for position in range(1, 200):
        opened = noon(some_minute(random))
        took = random.choice([None, timedelta(0), timedelta(minutes=random.randint(1, 90))])
        outcome = "open" if took is None else random.choice(["answered", "dismissed"])
        wait: dict[str, Any] = {"position": position, "id": UUID(int=position), "opened": opened}
        wait |= {"outcome": outcome, "closed": None if took is None else opened + took}
        wait["workspace_id"] = random.choice([WORKSPACE, "other"])
        connection.execute(WAIT, wait)
        waits += [wait] if wait["workspace_id"] == WORKSPACE else []

    def waiting(at: Any) -> int:
        return sum(each["opened"] <= at and (each["closed"] is None or at < each["closed"]) for each in waits)

    assert looked(url, lambda look: look.waiting(MOMENTS)) == [waiting(at) for at in MOMENTS]
    assert looked(url, lambda look: look.waiting([])) == []
    count, longest = looked(url, lambda look: look.open_waits(noon(0)))
    lasting = [each for each in waits if each["closed"] is None and each["opened"] < noon(0)]
    assert count == len(lasting)
    assert longest.opened_at == min(each["opened"] for each in lasting)


def test_chats_in_each_folder_before_each_moment(url: str, connection: Connection[Any]) -> None:
    random, position = Random(2), 0
    stages: list[tuple[UUID, int, str, Any, str]] = []
    for chat in range(40):
        minutes = sorted(some_minute(random) for _ in range(random.randint(1, 6)))
        workspace_id = random.choice([WORKSPACE, "other"])
        for number, seconds in enumerate(minutes):
            position += 1
            folder = random.choice(FOLDERS) if number else "incoming"
            stages.append((UUID(int=chat), position, workspace_id, noon(seconds), folder))
    with connection.cursor() as cursor:
        cursor.executemany(STAGE, stages)

    def standing(before: Any) -> dict[str, int]:
        last: dict[UUID, str] = {}
        for chat_id, _, workspace_id, at, folder in stages:
            if workspace_id == WORKSPACE and at < before:
                last[chat_id] = folder
        return dict(Counter(last.values()))

    told: Sequence[dict[str, int]] = looked(url, lambda look: look.folders(MOMENTS))
    assert [{folder: count for folder, count in each.items() if count} for each in told] == [
        standing(at) for at in MOMENTS
    ]
    assert looked(url, lambda look: look.folders([])) == []


def test_a_workspace_that_stated_nothing_has_what_all_have(url: str) -> None:
    assert looked(url, lambda look: look.workspace())[1:] == ("UTC", "en", 600)
    assert looked(url, lambda look: look.first_message_at()) is None
