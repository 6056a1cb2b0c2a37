"""A caller of the HTTP API that costs little, so that hundreds fit beside the server that is measured."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self

from api.bench.served import HOST
from api.bench.servers import ServerFailed

HEADER_END = b"\r\n\r\n"
POSITION, LENGTH = b"chatledger-position", b"content-length"
IDLE_S = 2.0
"""A connection that was asked longer ago is made anew: the server ends those that rest for five seconds."""

LONGEST_ANSWER_S = 60.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """position: of the read model that a read was served from; 0 for a write. ms: how long it took."""

    status: int
    body: Json
    position: int
    ms: float

    @property
    def refused(self) -> bool:
        return self.status >= 400


class Caller:
    """One connection of the holder of one token; one request at a time."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._credentials = f"Host: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def ask(self, method: str, path: str, body: Json | None = None) -> Answer:
        """Any request, any answer.

        Raises:
            TimeoutError: none came within LONGEST_ANSWER_S.
            ServerFailed: the connection was lost.
        """
        sent = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\n{self._credentials}"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n"
        begun = perf_counter()
        async with asyncio.timeout(LONGEST_ANSWER_S):
            status, headers, received = await self._answer(f"{head}\r\n".encode() + sent)
        took_ms = (perf_counter() - begun) * 1_000
        self._used = begun
        return Answer(status, json.loads(received), int(headers.get(POSITION, 0)), took_ms)

    async def _answer(self, request: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        try:
            reader, writer = await self._connected()
            writer.write(request)
            told = await reader.readuntil(HEADER_END)
            headers = _headers(told)
            return int(told[9:12]), headers, await reader.readexactly(int(headers[LENGTH]))
        except (ConnectionError, EOFError) as error:
            raise ServerFailed(f"the connection was lost: {error}") from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    async def _close(self) -> None:
        if self._connection:
            _, writer = self._connection
            self._connection = None
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if perf_counter() - self._used > IDLE_S:
            await self._close()
        if self._connection is None:
            self._connection = await asyncio.open_connection(HOST, self._port)
        return self._connection


def _headers(told: bytes) -> dict[bytes, bytes]:
    lines = (line.partition(b":") for line in told.split(b"\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}
