"""Somebody who follows the feed, as an EventSource would, and folds it into a list."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from api import limits
from tests.api.client import Client, Json

READ_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Event:
    """id: None where it has none. kind: "" for a comment."""

    kind: str
    data: Any
    id: int | None

    @property
    def is_message(self) -> bool:
        return self.kind == "message"


@dataclass
class Follower:
    """items: his list, by conversation; last_id: where he may go on."""

    lines: Iterator[str]
    items: dict[str, Json] = field(default_factory=dict)
    last_id: int | None = None

    def next(self) -> Event:
        """The next event or comment; it is folded.

        Raises:
            StopIteration: the feed has ended.
        """
        told: dict[str, str] = {}
        for line in self.lines:
            if not line:
                break
            name, _, value = line.partition(":")
            told[name] = value.removeprefix(" ")
        else:
            raise StopIteration
        event = Event(
            told.get("event", ""),
            json.loads(told["data"]) if "data" in told else None,
            int(told["id"]) if "id" in told else None,
        )
        self._fold(event)
        return event

    def until(self, position: int) -> list[Event]:
        """Everything up to an id that is as far as a position; comments are left out."""
        events = []
        while self.last_id is None or self.last_id < position:
            events.append(self.next())
        return [event for event in events if event.kind]

    def rest(self) -> list[Event]:
        """Everything until the feed ends."""
        events = []
        try:
            while True:
                events.append(self.next())
        except StopIteration:
            return [event for event in events if event.kind]

    def _fold(self, event: Event) -> None:
        if event.id is not None:
            self.last_id = event.id
        if event.kind in ("visible", "conversation_changed"):
            self.items[event.data["conversation_id"]] = event.data
        if event.kind == "hidden":
            self.items.pop(event.data["conversation_id"], None)


@contextmanager
def beating_often() -> Iterator[None]:
    """Whoever waits for a position at which nothing happens to him is soon told that it has passed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "FEED_HEARTBEAT_S", 0.2)
        yield


@contextmanager
def following(client: Client, *, last_id: int | None = None, after: int | None = None) -> Iterator[Follower]:
    headers = {"Authorization": f"Bearer {client.token}"}
    if last_id is not None:
        headers["Last-Event-ID"] = str(last_id)
    parameters = {} if after is None else {"after": after}
    url = client.http.base_url.join("/v1/feed")
    with httpx.stream("GET", url, headers=headers, params=parameters, timeout=READ_TIMEOUT_S) as response:
        response.raise_for_status()
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        follower = Follower(response.iter_lines())
        follower.next()
        assert follower.last_id is not None, "first of all it says where it begins"
        yield follower


def listed(client: Client) -> dict[str, Json]:
    """The whole list, as the feed would be folded."""
    return {item["conversation_id"]: item for item in client.inbox()}


@contextmanager
def slow_reader(client: Client) -> Iterator[socket.socket]:
    """A connection that follows, and takes nothing in but what the network holds."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(READ_TIMEOUT_S)
        connection.connect((client.http.base_url.host, client.http.base_url.port))
        connection.sendall(
            b"GET /v1/feed HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
            b"Authorization: Bearer %s\r\n\r\n" % client.token.encode()
        )
        while b"\nid: " not in connection.recv(65_536, socket.MSG_PEEK):
            pass  # it is open when it has said where it begins
        yield connection


def lines_of(connection: socket.socket) -> Iterator[str]:
    """The lines of the answer's body as they come, until the server ends it."""
    with connection.makefile("rb") as received:
        while received.readline().strip():
            pass  # headers
        rest = b""
        while size := int(received.readline(), 16):
            *lines, rest = (rest + received.read(size)).split(b"\n")
            received.readline()
            yield from (line.decode() for line in lines)
