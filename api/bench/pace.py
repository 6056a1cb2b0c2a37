"""Messages at a steady rate, whatever the answers take, and somebody who wants to see them; in a process.

Run as `python -m api.bench.pace`, with a `Pace` as JSON on stdin; a `Seen` comes back on stdout.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import count, cycle
from time import perf_counter
from typing import cast
from uuid import uuid4

import uvloop
from psycopg import AsyncConnection

from api.bench import company
from api.bench.load import HEADER_END, content_length
from api.bench.served import HOST
from api.bench.servers import ServerFailed, carried_out

CONNECTIONS = 32
"""So many requests may be on their way; with more the pace would not be kept anyway."""

READERS = 16
LOOK_INTERVAL_S = 0.002
CHECKPOINT = "SELECT position FROM projection.checkpoint WHERE name = 'inbox'"
LONGEST_S = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """rate: messages a second, `together` in each request, to these conversations of the company in turns.

    asking: of how many requests a second a reader wants to see the messages at once; 0: nobody asks, and the
    database is looked at instead.
    """

    port: int
    connector: str
    reader: str
    url: str
    numbers: list[int]
    rate: int
    together: int
    asking: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """visible_ms: from the answer to a request until its messages were in the inbox; sorted.

    rate: messages a second that were answered.
    """

    rate: float
    visible_ms: list[float]


def keep(pace: Pace) -> Seen:
    """Have a process of its own do it.

    Raises:
        ServerFailed: a request was refused, or took for ever.
    """
    return Seen(**carried_out("api.bench.pace", pace))


class Caller(asyncio.Protocol):
    """One connection: a question, then its answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer.

        Raises:
            ServerFailed: it was refused.
        """
        self._received = b""
        self._answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(HEADER_END)
        if not end or len(body) < content_length(head):
            return
        if head.startswith(b"HTTP/1.1 200 ") and b'"rejected"' not in body:
            self._answered.set_result(body)
        else:
            self._answered.set_exception(ServerFailed(self._received.decode(errors="replace")))

    def connection_lost(self, error: Exception | None) -> None:
        answered: asyncio.Future[bytes] | None = getattr(self, "_answered", None)
        if answered and not answered.done():
            answered.set_exception(ServerFailed(f"the connection was lost: {error}"))


class Callers:
    """Connections that are shared: each is somebody's for one request."""

    def __init__(self) -> None:
        self._idle: asyncio.Queue[Caller] = asyncio.Queue()

    async def connect(self, port: int, number: int) -> None:
        for _ in range(number):
            _, caller = await asyncio.get_running_loop().create_connection(Caller, HOST, port)
            self._idle.put_nowait(caller)

    async def ask(self, request: bytes) -> bytes:
        caller = await self._idle.get()
        try:
            return await caller.ask(request)
        finally:
            self._idle.put_nowait(caller)


@dataclass
class Run:
    """unseen: position and time of what was answered and is not known to be visible."""

    pace: Pace
    connectors: Callers = field(default_factory=Callers)
    readers: Callers = field(default_factory=Callers)
    visible_ms: list[float] = field(default_factory=list)
    unseen: list[tuple[int, float]] = field(default_factory=list)
    all_told: bool = False

    async def measure(self) -> Seen:
        pace = self.pace
        await self.connectors.connect(pace.port, CONNECTIONS)
        await self.readers.connect(pace.port, READERS)
        async with asyncio.timeout(pace.seconds + LONGEST_S), asyncio.TaskGroup() as looking:
            if not pace.asking:
                looking.create_task(self.look())
            rate = await self.tell_all()
            self.all_told = True
        return Seen(rate, sorted(self.visible_ms))

    async def tell_all(self) -> float:
        """Each request at its time; returns how many messages were answered a second."""
        pace = self.pace
        number_of_requests = max(1, round(pace.rate * pace.seconds / pace.together))
        one_in = round(pace.rate / pace.together / pace.asking) if pace.asking else 0
        begun = perf_counter()
        async with asyncio.TaskGroup() as telling:
            for number, request in zip(range(number_of_requests), self.requests(), strict=False):
                await asyncio.sleep(begun + number * pace.together / pace.rate - perf_counter())
                asks = bool(pace.asking) and number % max(1, one_in) == 0
                telling.create_task(self.tell(request, asks=asks))
        return number_of_requests * pace.together / (perf_counter() - begun)

    async def tell(self, request: bytes, *, asks: bool) -> None:
        body = await self.connectors.ask(request)
        answered, position = perf_counter(), int(json.loads(body)["position"])
        if asks:
            path = f"/v1/inbox?limit=1&min_position={position}"
            await self.readers.ask(_request("GET", path, self.pace.reader))
            self.visible_ms.append((perf_counter() - answered) * 1_000)
        elif not self.pace.asking:
            self.unseen.append((position, answered))

    async def look(self) -> None:
        """See in the database how far the inbox is, until everything is there."""
        async with await AsyncConnection.connect(self.pace.url, autocommit=True) as connection:
            while self.unseen or not self.all_told:
                ((position,),) = await (await connection.execute(CHECKPOINT)).fetchall()
                now = perf_counter()
                self.visible_ms += [(now - at) * 1_000 for each, at in self.unseen if each <= position]
                self.unseen = [(each, at) for each, at in self.unseen if each > position]
                await asyncio.sleep(LOOK_INTERVAL_S)

    def requests(self) -> Iterator[bytes]:
        """Without end, each with new messages."""
        run, nth, numbers = uuid4().hex, count(), cycle(self.pace.numbers)
        path = f"/v1/channels/{company.CHANNEL}/events"
        while True:
            events = [_message(next(numbers), f"{run}-{next(nth)}") for _ in range(self.pace.together)]
            yield _request("POST", path, self.pace.connector, json.dumps({"events": events}).encode())


def _message(number: int, message_id: str) -> dict[str, object]:
    """A client of the company writes, now, in a chat that is known."""
    return {
        "type": "message",
        "chat": {"id": company.external_id(number)},
        "message": {
            "id": message_id,
            "sender": {"address": company.phone(number), "name": f"Client {number}"},
            "text": company.text_of(number, 0),
            "sent_at": datetime.now(UTC).isoformat(),
        },
    }


def _request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def main() -> None:
    gc.disable()  # it does not live long, and a pause of ours would look like one of the server
    seen = uvloop.run(Run(Pace(**json.load(sys.stdin))).measure())
    json.dump(asdict(seen), sys.stdout)


if __name__ == "__main__":
    main()
