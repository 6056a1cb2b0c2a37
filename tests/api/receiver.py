"""A stranger's system that is told by webhooks, over real HTTP. It may refuse, dawdle and go away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_S = 10.0


@dataclass
class Received:
    """One request as it came. headers: by their names in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Receiver:
    """Answers `status`, or what `answers` has for the next requests of a path, with the words of that."""

    port: int = 0
    status: int = 204
    words: dict[int, bytes] = field(default_factory=dict)
    """status → the body that goes with it."""
    requests: list[Received] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    held: threading.Event = field(default_factory=threading.Event)
    """Requests to /slow are not answered before it is set."""
    at_once: int = 0
    most_at_once: int = 0

    def url(self, path: str = "/told") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def note(self, request: Received) -> None:
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def accepted(self, path: str = "/told") -> list[Received]:
        return [one for one in self.requests if one.path == path and one.status < 300]

    def positions(self, path: str = "/told") -> list[int]:
        return [one.told["position"] for one in self.accepted(path)]

    def wait_for(self, count: int, path: str = "/told") -> list[Received]:
        """Wait until so many were accepted."""
        self.wait_until(lambda: len(self.accepted(path)) >= count)
        return self.accepted(path)

    def wait_for_attempts(self, count: int, path: str = "/told") -> None:
        self.wait_until(lambda: sum(one.path == path for one in self.requests) >= count)

    def wait_until(self, reached: Any) -> None:
        with self.changed:
            assert self.changed.wait_for(reached, PATIENCE_S), self.requests

    def next_status(self, path: str) -> int:
        with self.changed:
            coming = self.answers.get(path)
            return coming.pop(0) if coming else self.status

    @contextmanager
    def open(self) -> Iterator[Receiver]:
        """Listen, the first time on any free port, then on the same again."""
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler_of(self))
        server.daemon_threads = True
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="receiver")
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _handler_of(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with receiver.changed:
                receiver.at_once += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.at_once)
                receiver.changed.notify_all()
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever told it was killed amid
                with receiver.changed:
                    receiver.at_once -= 1
                return
            if self.path == "/slow":
                receiver.held.wait(PATIENCE_S)
            status = receiver.next_status(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            with receiver.changed:
                receiver.at_once -= 1
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", receiver.url("/elsewhere"))
            words = receiver.words.get(status, b"")
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever told it was killed since
                self.wfile.write(words)
            receiver.note(Received(self.path, headers, body, status))

        def log_message(self, *_: Any) -> None:
            """Nothing is wrong with it."""

    return Handler
