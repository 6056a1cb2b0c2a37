"""A load generator in a process of its own, cheap enough not to be what is measured.

Run as `python -m api.bench.load`, with a `Load` as JSON on stdin; a `Figures` comes back on stdout. Each
client is one connection that sends a request when the last one is answered. Messages' ids have a fixed width,
so that a request is put together without counting its length anew.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from time import perf_counter
from typing import cast
from uuid import uuid4

import uvloop

from api.bench.servers import ServerFailed, carried_out

HEADER_END = b"\r\n\r\n"
LONGEST_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent for how long: new messages in so many chats, round and round; or one question."""

    host: str
    port: int
    path: str
    token: str
    clients: int
    events: int
    """In each request; 0: the path is only read."""
    chats: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Latencies of all requests, sorted, and how long all took. refused: the first answer that was none."""

    seconds: float
    latencies_ms: Sequence[float]
    refused: str | None


def chat(number: int) -> dict[str, str]:
    return {"id": f"chat-{number:06}", "kind": "direct"}


def message(chat_number: int, message_id: str) -> dict[str, object]:
    """A client's message in a direct chat of his own."""
    return {
        "type": "message",
        "chat": chat(chat_number),
        "message": {
            "id": message_id,
            "sender": {"address": f"7999{chat_number:07}", "name": "Husband"},
            "text": "Good morning! Is the house on Lime Street still for sale?",
            "sent_at": "2025-03-01T09:30:00Z",
        },
    }


class Requests:
    """Makes requests of new messages: each chat's message is known but for its id."""

    def __init__(self, load: Load) -> None:
        self._run = uuid4().hex
        self._number = count()
        self._events = load.events
        placeholder = "0" * len(self._message_id(0))
        self._chats = [
            json.dumps(message(number, placeholder)).encode().split(placeholder.encode())
            for number in range(load.chats)
        ]
        body = len(self._body())
        self._head = (
            f"POST {load.path} HTTP/1.1\r\nHost: {load.host}\r\nAuthorization: Bearer {load.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {body}\r\n\r\n"
        ).encode()

    def next(self) -> bytes:
        return self._head + self._body()

    def _body(self) -> bytes:
        return b'{"events":[' + b",".join(self._event() for _ in range(self._events)) + b"]}"

    def _event(self) -> bytes:
        number = next(self._number)
        before, after = self._chats[number % len(self._chats)]
        return before + self._message_id(number).encode() + after

    def _message_id(self, number: int) -> str:
        return f"{self._run}-{number:08}"


class Question:
    """The same request again and again."""

    def __init__(self, load: Load) -> None:
        self._request = (
            f"GET {load.path} HTTP/1.1\r\nHost: {load.host}\r\nAuthorization: Bearer {load.token}\r\n\r\n"
        ).encode()

    def next(self) -> bytes:
        return self._request


class Client(asyncio.Protocol):
    """One connection; sends the next request when it has the whole answer to the last."""

    def __init__(self, requests: Requests | Question, until: float, done: asyncio.Future[None]) -> None:
        self.latencies_ms: list[float] = []
        self.refused: str | None = None
        self._requests, self._until, self._done = requests, until, done
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(HEADER_END)
        if not end or len(body) < content_length(head):
            return
        now = perf_counter()
        self.latencies_ms.append((now - self._sent) * 1_000)
        if not head.startswith(b"HTTP/1.1 200 ") or b'"rejected"' in body or b'"duplicate"' in body:
            self.refused = self._answer.decode(errors="replace")
        if now < self._until and not self.refused:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if error and not self.refused:
            self.refused = repr(error)
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._answer = b""
        request = self._requests.next()
        self._sent = perf_counter()
        self._transport.write(request)


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def generate(load: Load) -> Figures:
    """Have a process of its own do it.

    Raises:
        ServerFailed: a request was refused.
    """
    figures = Figures(**carried_out("api.bench.load", load))
    if figures.refused:
        raise ServerFailed(f"a request was refused: {figures.refused}")
    return figures


async def _generate(load: Load) -> Figures:
    loop = asyncio.get_running_loop()
    requests = Requests(load) if load.events else Question(load)
    begun = perf_counter()
    futures = [loop.create_future() for _ in range(load.clients)]
    clients = [Client(requests, begun + load.seconds, future) for future in futures]
    for client in clients:
        await loop.create_connection(partial(_itself, client), load.host, load.port)
    async with asyncio.timeout(load.seconds + LONGEST_ANSWER_S):
        await asyncio.gather(*futures)
    return Figures(
        perf_counter() - begun,
        sorted(latency for client in clients for latency in client.latencies_ms),
        next((client.refused for client in clients if client.refused), None),
    )


def main() -> None:
    figures = uvloop.run(_generate(Load(**json.load(sys.stdin))))
    json.dump(asdict(figures), sys.stdout)


def _itself(client: Client) -> Client:
    return client


if __name__ == "__main__":
    main()
