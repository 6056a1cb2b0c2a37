"""Whoever follows hears of each position, also after the stream or the server was away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from queue import Queue

import nats
import pytest

from adapters.nats import waking
from adapters.nats.stream import Wanted, open_stream
from tests.nats_servers import NatsServer, nats_server

PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waking, "AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr(waking, "LOOK_INTERVAL_S", 0.05)


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


def publish(url: str, position: int, *, anew: bool = False) -> None:
    """anew: the stream is lost, and made again."""

    async def use() -> None:
        client = await nats.connect(url)
        js = client.jetstream()
        if anew:
            await js.delete_stream("LEDGER")
        await open_stream(js, Wanted("LEDGER", "ledger-1"))
        headers = {"Nats-Msg-Id": str(position)}
        await js.publish("ledger.main.deal.won.1", b"{}", headers=headers)
        await client.close()

    asyncio.run(use())


def test_each_position_is_heard_whatever_becomes_of_the_stream_and_the_server(server: NatsServer) -> None:
    positions: Queue[int] = Queue()
    with waking.hearing(server.url, "LEDGER", positions.put):
        publish(server.url, 7)  # where there was no stream before
        assert positions.get(timeout=PATIENCE_S) == 7
        publish(server.url, 8)
        assert positions.get(timeout=PATIENCE_S) == 8

        publish(server.url, 9, anew=True)
        assert positions.get(timeout=PATIENCE_S) == 9

        server.restart()
        publish(server.url, 10)
        while positions.get(timeout=PATIENCE_S) != 10:
            pass  # the last of before may be told once more


def test_where_there_is_no_server_nobody_is_kept_waiting() -> None:
    with waking.hearing("nats://127.0.0.1:9", "LEDGER", print):
        pass
