"""A new message in a known chat costs one round trip to the database for each commit, and nothing is read."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pytest

from domain import inbound
from domain.application import Chatledger
from domain.errors import Unauthorized
from domain.token import Shown
from tests.domain.conftest import BY, message
from tests.wire import Wire, opened_wire

PREPARING = 2
"""So many appends until the statement has been parsed, described and prepared."""

SHOWN = Shown("bot", "a digest", "connector")


@pytest.fixture
def wire(database_url: str) -> Iterator[Wire]:
    with opened_wire(database_url) as wire:
        yield wire


@pytest.fixture
def warm(wire: Wire) -> Iterator[Chatledger]:
    """It has written in the chat before, as a process has that runs."""
    with Chatledger(
        {
            "PERSISTENCE_MODULE": "adapters.postgres.recorder",
            "MAPPER_TOPIC": "adapters.postgres.mapper:FactMapper",
            "LEDGER_DATABASE_URL": wire.url,
        }
    ) as application:
        application.put_channel("wa", kind="whatsapp", title="WhatsApp", visibility=None, by=BY)
        application.issue_token("bot", scopes=["connector"], label="", digest=SHOWN.digest, by=BY)
        for number in range(PREPARING):
            application.receive("wa", [message(f"warm {number}")], by=BY, shown=SHOWN)
        yield application


def commits(wire: Wire, after: int) -> int:
    """How many transactions recorded what stands after a position."""
    with psycopg.connect(wire.url) as connection:
        query = "SELECT count(DISTINCT xmin::text) FROM ledger WHERE position > %s"
        row = connection.execute(query, [after]).fetchone()
    assert row
    return int(row[0])


def test_each_message_is_one_round_trip(warm: Chatledger, wire: Wire) -> None:
    before = wire.requests
    for number in range(20):
        (result,), _ = warm.receive("wa", [message(f"hot {number}")], by=BY, shown=SHOWN)
        assert result.status == "appended"
    assert wire.requests - before == 20


def test_threads_share_a_round_trip(warm: Chatledger, wire: Wire) -> None:
    head = warm.head()
    before = wire.requests

    def write(thread: int) -> None:
        for number in range(10):
            warm.receive("wa", [message(f"{thread} hot {number}")], by=BY, shown=SHOWN)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(16)))
    spoken = wire.requests - before
    assert spoken == commits(wire, head) < 160


def test_tasks_share_a_round_trip(warm: Chatledger, wire: Wire) -> None:
    head = warm.head()

    async def write(task: int) -> None:
        for number in range(10):
            await warm.receive_async("wa", [message(f"{task} hot {number}")], by=BY, shown=SHOWN)

    async def write_all() -> None:
        await asyncio.gather(*(write(task) for task in range(16)))

    before = wire.requests
    asyncio.run(write_all())
    assert wire.requests - before == commits(wire, head) < 40


def test_a_batch_is_one_round_trip(warm: Chatledger, wire: Wire) -> None:
    before = wire.requests
    results, accepted = warm.receive("wa", [message(f"{n}") for n in range(100)], by=BY, shown=SHOWN)
    assert wire.requests - before == 1
    assert [result.status for result in results] == ["appended"] * 100
    assert accepted.recorded == 100


def test_what_is_not_in_memory_is_read_at_once(warm: Chatledger, wire: Wire, application: Chatledger) -> None:
    """Another process knows these clients, and this one asks for all of them in one question."""
    chats = [inbound.ChatRef(f"client {number}", "direct") for number in range(50)]

    def write(application: Chatledger, text: str) -> None:
        news = [
            inbound.MessageArrived(chat, text, BY.at, chat.external_id, None, text, echo=False)
            for chat in chats
        ]
        results, _ = application.receive("wa", news, by=BY, shown=SHOWN)
        assert {result.status for result in results} == {"appended"}

    write(application, "first")
    before = wire.requests
    write(warm, "second")
    assert wire.requests - before == 2
    before = wire.requests
    write(warm, "third")
    assert wire.requests - before == 1


def test_what_is_not_in_memory_is_read_in_a_thread(warm: Chatledger) -> None:
    cold = inbound.ChatRef("another", "direct")
    item = inbound.MessageArrived(cold, "1", datetime.now(UTC), "2", "Somebody", "hello", echo=False)
    (result,), accepted = asyncio.run(warm.receive_async("wa", [item], by=BY, shown=SHOWN))
    assert (result.status, accepted.position) == ("appended", warm.head())


def test_a_token_that_another_process_revoked_opens_nothing(
    warm: Chatledger, application: Chatledger
) -> None:
    """Nothing is asked about the token, so it has to be the append that is refused."""
    application.revoke_token("bot", by=BY)
    head = application.head()
    with pytest.raises(Unauthorized):
        asyncio.run(warm.receive_async("wa", [message("late")], by=BY, shown=SHOWN))
    with pytest.raises(Unauthorized):
        warm.receive("wa", [message("late")], by=BY, shown=SHOWN)
    assert application.head() == head
