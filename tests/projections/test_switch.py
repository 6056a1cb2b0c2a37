"""While tables change places under load, every answer is exactly right for the position that it names."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from adapters.postgres.database import create_async_pool, create_pool
from projections.follower import Follower
from projections.inbox import Inbox
from projections.read_model import READ_MODELS, all_read_models
from projections.timeline import Timeline
from tests.projections.history import History, all_rows, named, rebuild
from tests.projections.test_follower import Quiet
from tests.projections.test_rebuild import write

SWITCHES = 3
READERS = 3
TIMEOUT_S = 30.0


@dataclass
class Told:
    """The position of each chat's first event, and of the last, in order."""

    opened: list[int] = field(default_factory=list)
    asked: int = 0

    def chats_at(self, position: int) -> int:
        return bisect_right(self.opened, position)


@pytest.fixture
def follower(url: str, history: History) -> Iterator[Follower]:
    standing: dict[str, Any] = {"role": "supervisor", "receives_new_clients": False, "active": True}
    history.append("employee.registered", "irina", private={"name": "Irina"}, employee_id="irina", **standing)
    with create_pool(url, max_size=3) as pool:
        follower = Follower(pool, all_read_models(), Quiet(), poll_interval_s=0.002)
        follower.start()
        assert follower.wait_for(history.head, TIMEOUT_S)
        yield follower
        follower.stop()


def test_no_answer_is_wrong_while_tables_change_places(
    url: str, connection: Connection[Any], follower: Follower
) -> None:
    told, over = Told(), Event()
    with ThreadPoolExecutor(READERS + 1) as threads:
        writing = threads.submit(keep_writing, url, told, over)
        reading = [threads.submit(keep_asking, url, told, over) for _ in range(READERS)]
        try:
            for _ in range(SWITCHES):
                rebuild(url)
        finally:
            over.set()
        head = writing.result()
        asked = [each.result() for each in reading]

    assert follower.wait_for(head, TIMEOUT_S)
    assert min(asked) > 5 * SWITCHES
    live = all_rows(connection, *READ_MODELS)
    rebuild(url, verify=False)
    assert all_rows(connection, *READ_MODELS) == live


def keep_writing(url: str, told: Told, over: Event) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        history = History(connection)
        history.head = 1
        while not over.is_set():
            told.opened.append(history.head + 1)
            write(history, f"chat-{len(told.opened)}", "husband")
            over.wait(0.003)
        return history.head


def keep_asking(url: str, told: Told, over: Event) -> int:
    with asyncio.Runner() as runner:
        return runner.run(ask(url, told, over))


async def ask(url: str, told: Told, over: Event) -> int:
    """What the supervisor's list counts, and the messages of a chat, over and over."""
    asked, chat = 0, named("conversation of chat-1")
    async with create_async_pool(url, max_size=1) as pool:
        inbox, timeline = Inbox(pool), Timeline(pool)
        while not over.is_set():
            counts = await inbox.counts("main", "irina")
            assert json.loads(counts.body or "{}")["incoming"] == told.chats_at(counts.position)
            page = await inbox.page("main", "irina", limit=3)
            assert len(json.loads(page.body or "{}")["items"]) == min(told.chats_at(page.position), 3)
            messages = await timeline.messages("main", "irina", chat)
            assert (messages.body is not None) == (told.chats_at(messages.position) > 0)
            asked += 1
    return asked
