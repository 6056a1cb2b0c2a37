"""What stands between a process and a server, and can be cut: a proxy of TCP connections."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

HOST = "127.0.0.1"
PIECE_BYTES = 2**16
TIMEOUT_S = 10.0

Result = TypeVar("Result")


class Line:
    """A way to one server. port: where its process finds the server instead."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._is_cut = False
        self._open: set[asyncio.Transport] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="line", daemon=True)
        self._thread.start()
        self._listener, self._carries = self._run(self._listen())
        self.port: int = self._listener.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End every connection, and take none: both sides hear of it at once."""
        self._is_cut = True
        self._run(self._abort())

    def fall_silent(self) -> None:
        """Carry nothing more, in both directions, and let nobody know: as a network that loses everything."""
        self._loop.call_soon_threadsafe(self._carries.clear)

    def mend(self) -> None:
        self._is_cut = False
        self._loop.call_soon_threadsafe(self._carries.set)

    def close(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    async def _listen(self) -> tuple[asyncio.Server, asyncio.Event]:
        carries = asyncio.Event()
        carries.set()
        return await asyncio.start_server(self._connect, HOST, 0), carries

    async def _abort(self) -> None:
        for transport in self._open:
            transport.abort()

    async def _end(self) -> None:
        self._listener.close()
        await self._abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one side ends it or it is cut."""
        with self._kept(writer):
            if self._is_cut:
                return
            with suppress(OSError, asyncio.CancelledError):
                server_reader, server_writer = await asyncio.open_connection(HOST, self._server_port)
                with self._kept(server_writer):
                    ways = ((reader, server_writer), (server_reader, writer))
                    await _first(*(self._carry(*way) for way in ways))

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await source.read(PIECE_BYTES):
                await self._carries.wait()
                target.write(piece)
                await target.drain()

    def _kept(self, writer: asyncio.StreamWriter) -> Kept:
        return Kept(self._open, writer.transport)


class Kept:
    """A connection is among those that a cut ends, as long as the block lasts; then it is ended."""

    def __init__(self, among: set[asyncio.Transport], transport: asyncio.WriteTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._among, self._transport = among, transport

    def __enter__(self) -> None:
        self._among.add(self._transport)

    def __exit__(self, *_: object) -> None:
        self._among.discard(self._transport)
        self._transport.abort()


async def _first(*work: Coroutine[Any, Any, None]) -> None:
    """Until one of them is done; then none goes on."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
