"""The stream is made, kept as it is wanted, and recognised; what is another's is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.api import StorageType

from adapters.nats.stream import SettingRefused, Stream, StreamOfAnother, Wanted, open_stream

WANTED = Wanted("LEDGER", "ledger-1")


def with_js(url: str, use: Callable[[JetStreamContext], Awaitable[None]]) -> None:
    async def connected() -> None:
        client = await nats.connect(url)
        try:
            await use(client.jetstream())
        finally:
            await client.close()

    asyncio.run(connected())


def test_a_missing_stream_is_made_and_found_again(nats_url: str) -> None:
    async def use(js: JetStreamContext) -> None:
        assert await open_stream(js, WANTED) == Stream("LEDGER", 0, False, 0, None)
        config = (await js.stream_info("LEDGER")).config
        assert (config.subjects, config.storage, config.max_age) == (["ledger.>"], StorageType.FILE, 0)
        await js.publish("ledger.main.deal.won.1", b'{"position": 1}')
        found = await open_stream(js, WANTED)
        assert (found.position, found.last) == (1, b'{"position": 1}')

    with_js(nats_url, use)


def test_changed_settings_are_applied_and_an_operators_own_stay(nats_url: str) -> None:
    async def use(js: JetStreamContext) -> None:
        await open_stream(js, WANTED)
        config = (await js.stream_info("LEDGER")).config
        metadata = {**(config.metadata or {}), "team": "crm"}
        await js.update_stream(config.evolve(max_age=3_600, metadata=metadata))
        await open_stream(js, Wanted("LEDGER", "ledger-1", duplicate_window_s=30))
        config = (await js.stream_info("LEDGER")).config
        assert (config.duplicate_window, config.max_age) == (30, 3_600)
        assert config.metadata is not None
        assert config.metadata["team"] == "crm"

    with_js(nats_url, use)


def test_a_stream_that_an_operator_made_begins_with_the_first_position(nats_url: str) -> None:
    async def use(js: JetStreamContext) -> None:
        await js.add_stream(name="LEDGER", subjects=["ledger.>"])
        await js.publish("ledger.try", b"1")
        await js.purge_stream("LEDGER")
        assert await open_stream(js, WANTED) == Stream("LEDGER", -1, False, 1, None)
        await js.publish("ledger.main.deal.won.1", b'{"position": 1}')
        assert (await open_stream(js, WANTED)).position == 1

    with_js(nats_url, use)


def test_a_stream_of_somebody_else_is_refused(nats_url: str) -> None:
    async def use(js: JetStreamContext) -> None:
        await open_stream(js, WANTED)
        with pytest.raises(StreamOfAnother, match="it is of ledger-1, and this is ledger-2"):
            await open_stream(js, Wanted("LEDGER", "ledger-2"))
        await js.add_stream(name="ORDERS", subjects=["orders"])
        await js.publish("orders", b"1")
        with pytest.raises(StreamOfAnother, match="it holds 1 messages of somebody else's"):
            await open_stream(js, Wanted("ORDERS", "ledger-1"))

    with_js(nats_url, use)


def test_what_the_server_does_not_let_be_is_said(nats_url: str) -> None:
    async def use(js: JetStreamContext) -> None:
        with pytest.raises(SettingRefused, match="replicas > 1 not supported"):
            await open_stream(js, Wanted("LEDGER", "ledger-1", replicas=3))
        await open_stream(js, WANTED)
        with pytest.raises(SettingRefused, match="subjects overlap"):
            await open_stream(js, Wanted("LEDGER-2", "ledger-1"))

    with_js(nats_url, use)
