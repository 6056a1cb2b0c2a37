"""Whoever publishes knows what is stored, and nothing is stored but behind its predecessor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import ConnectionClosedError

from adapters.nats.connection import ConnectionToNatsLost, connected
from adapters.nats.publishing import IN_FLIGHT, Outgoing, OutOfStep, Publisher
from adapters.nats.stream import Stream, Wanted, open_stream
from tests.nats_servers import nats_server

WANTED = Wanted("LEDGER", "ledger-1")


def with_client(url: str, use: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        async with connected(url, name="a test") as client:
            await use(client)

    asyncio.run(run())


def events(positions: Iterable[int], text: str = "one") -> list[Outgoing]:
    return [Outgoing(position, f"ledger.{position}", text.encode()) for position in positions]


async def stored(client: Client) -> list[bytes | None]:
    js = client.jetstream()
    last = (await js.stream_info("LEDGER")).state.last_seq
    return [(await js.get_msg("LEDGER", seq=sequence)).data for sequence in range(1, last + 1)]


def test_what_is_settled_is_stored(nats_url: str) -> None:
    async def use(client: Client) -> None:
        async with Publisher(client, await open_stream(client.jetstream(), WANTED)) as publisher:
            await publisher.publish(events(range(1, 2 * IN_FLIGHT)))
            assert publisher.stored >= IN_FLIGHT - 1
            await publisher.settle()
            assert publisher.stored == 2 * IN_FLIGHT - 1
        assert (await open_stream(client.jetstream(), WANTED)).position == 2 * IN_FLIGHT - 1

    with_client(nats_url, use)


def test_of_two_who_continue_the_same_stream_one_is_told_and_nothing_is_doubled(nats_url: str) -> None:
    async def use(client: Client) -> None:
        begun = await open_stream(client.jetstream(), WANTED)
        async with Publisher(client, begun) as one, Publisher(client, begun) as other:
            await one.publish(events(range(1, 11)))
            await one.settle()
            await other.publish(events(range(1, 6), "other"))
            with pytest.raises(OutOfStep, match="position 5 was not stored: wrong last sequence: 10"):
                await other.settle()
        assert await stored(client) == [b"one"] * 10

    with_client(nats_url, use)


def test_whoever_publishes_what_is_there_already_goes_on_behind_it(nats_url: str) -> None:
    async def use(client: Client) -> None:
        begun = await open_stream(client.jetstream(), WANTED)
        async with Publisher(client, begun) as one, Publisher(client, begun) as other:
            await one.publish(events(range(1, 4)))
            await one.settle()
            await other.publish(events(range(1, 7), "other"))
            await other.settle()
            await one.publish(events([4]))
            with pytest.raises(OutOfStep):
                await one.settle()
        assert await stored(client) == [b"one"] * 3 + [b"other"] * 3

    with_client(nats_url, use)


def test_a_stream_is_continued_from_its_offset(nats_url: str) -> None:
    async def use(client: Client) -> None:
        await client.jetstream().add_stream(name="LEDGER", subjects=["ledger.>"], first_seq=101)
        begun = await open_stream(client.jetstream(), WANTED)
        assert begun == Stream("LEDGER", -100, False, 100, None)
        async with Publisher(client, begun) as publisher:
            await publisher.publish(events([1, 2]))
            await publisher.settle()
        assert (await open_stream(client.jetstream(), WANTED)).position == 2

    with_client(nats_url, use)


def test_a_stream_that_is_gone_is_told(nats_url: str) -> None:
    async def use(client: Client) -> None:
        async with Publisher(client, await open_stream(client.jetstream(), WANTED)) as publisher:
            await client.jetstream().delete_stream("LEDGER")
            await publisher.publish(events([1, 2]))
            with pytest.raises(OutOfStep, match="position 2 was not stored: there is no stream"):
                await publisher.settle()

    with_client(nats_url, use)


def test_a_server_that_is_gone_is_told() -> None:
    with nats_server() as server:

        async def use(client: Client) -> None:
            async with Publisher(client, await open_stream(client.jetstream(), WANTED)) as publisher:
                server.kill()
                with pytest.raises((ConnectionToNatsLost, ConnectionClosedError)):
                    await publisher.publish(events(range(1, 2 * IN_FLIGHT)))

        with_client(server.url, use)
