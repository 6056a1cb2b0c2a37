"""Many who follow the feed while messages come at a steady rate; in a process.

Run as `python -m api.bench.following`, with an `Audience` as JSON on stdin; a `Heard` comes back on stdout.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from time import perf_counter
from typing import cast

import psutil
import uvloop

from api.bench import pace
from api.bench.pace import Pace
from api.bench.served import HOST
from api.bench.servers import ServerFailed, carried_out

LONGEST_S = 60.0
SHORTEST_S = 1e-6
"""What comes with the answer, or before, came at once; with nothing there is no ratio."""

FRAME_END = b"\n\n"
TOLD = re.compile(rb'"external_id" : "([0-9a-f]{32}-\d+)"')
SENT = re.compile(rb'"id": "([0-9a-f]{32}-\d+)"')
"""How a message is known: by the id that we gave it, which no chat has."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who follows, each with a token; how messages are told; and how many of those hear each of them.

    process_id: of the server.
    """

    tokens: list[str]
    pace: Pace
    heard_by: int
    process_id: int


@dataclass(frozen=True, slots=True)
class Heard:
    """delays_ms: from the answer to a message until each reader had it, sorted. message_bytes: what each was
    sent for it. kib_a_feed: by how much the server grew, for each reader.
    """

    delays_ms: list[float]
    message_bytes: float
    kib_a_feed: float


def follow(audience: Audience) -> Heard:
    """Have a process of its own do it.

    Raises:
        ServerFailed: a request was refused, or somebody did not hear something.
    """
    return Heard(**carried_out("api.bench.following", audience))


class Reader(asyncio.Protocol):
    """One who follows. heard: told of each message, when it came."""

    def __init__(self, token: str, heard: Callable[[bytes, float], None]) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.bytes_read = 0
        self.ended = False
        self._token, self._heard = token, heard
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        head = f"GET /v1/feed HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        cast(asyncio.Transport, transport).write(head.encode())

    def data_received(self, data: bytes) -> None:
        now = perf_counter()
        self.bytes_read += len(data)
        frames, end, self._rest = (self._rest + data).rpartition(FRAME_END)
        if end and not self.begun.done():
            self.begun.set_result(None)
        for message_id in TOLD.findall(frames):
            self._heard(message_id, now)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended = True
        if not self.begun.done():
            self.begun.set_exception(ServerFailed(f"no feed: {self._rest.decode(errors='replace')} {error}"))


@dataclass
class Run(pace.Run):
    """answered, came: when, by the message's id."""

    answered: dict[bytes, float] = field(default_factory=dict)
    came: list[tuple[bytes, float]] = field(default_factory=list)

    async def tell(self, request: bytes, *, asks: bool) -> None:
        await self.connectors.ask(request)
        self.answered |= dict.fromkeys(SENT.findall(request), perf_counter())

    async def hear(self, audience: Audience) -> Heard:
        process = psutil.Process(audience.process_id)
        await self.connectors.connect(self.pace.port, pace.CONNECTIONS)
        before = process.memory_info().rss
        readers = [await self._reader(token) for token in audience.tokens]
        await self.tell_all()
        until = perf_counter() + LONGEST_S
        while len(self.came) < (due := len(self.answered) * audience.heard_by):
            await asyncio.sleep(pace.LOOK_INTERVAL_S)
            if perf_counter() > until:
                ended = sum(reader.ended for reader in readers)
                raise ServerFailed(f"only {len(self.came)} of {due} events came, and {ended} feeds ended")
        grown = process.memory_info().rss - before
        delays = [max(SHORTEST_S, at - self.answered[message_id]) * 1_000 for message_id, at in self.came]
        read = sum(reader.bytes_read for reader in readers) / len(self.came)
        return Heard(sorted(delays), read, grown / 1_024 / len(readers))

    async def _reader(self, token: str) -> Reader:
        reader = Reader(token, lambda *heard: self.came.append(heard))
        await asyncio.get_running_loop().create_connection(partial(_itself, reader), HOST, self.pace.port)
        async with asyncio.timeout(LONGEST_S):
            await reader.begun
        return reader


def _itself(reader: Reader) -> Reader:
    return reader


def main() -> None:
    gc.disable()  # it does not live long, and a pause of ours would look like one of the server
    told = json.load(sys.stdin)
    audience = Audience(**{**told, "pace": Pace(**told["pace"])})
    json.dump(asdict(uvloop.run(Run(audience.pace).hear(audience))), sys.stdout)


if __name__ == "__main__":
    main()
