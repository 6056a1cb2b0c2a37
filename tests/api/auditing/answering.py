"""A stand-in for the audit API over real HTTP: it answers with the house, and its pages hold two items."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.api.auditing import house

PAGE_ITEMS = 2
ANSWERS: dict[str, Any] = {
    "/v1/audit/visibility": house.VISIBILITY,
    "/v1/audit/explain": house.LOST,
    "/v1/audit/ownership": house.OWNERSHIP,
    "/v1/audit/preview": house.PREVIEW,
}
LISTS: dict[str, dict[str, Any]] = {
    "/v1/audit/visibility/history": {"items": house.HISTORY},
    "/v1/audit/events": {"items": house.EVENTS},
    "/v1/audit/questions": {"items": [house.QUESTION]},
    "/v1/audit/transcript": house.TRANSCRIPT,
}
TOKEN = "an-auditors-token"


@dataclass
class Answering:
    """url: where it listens; asked: every path with its parameters or body, in order."""

    url: str = ""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


@contextmanager
def answering() -> Iterator[Answering]:
    told = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802: its base class calls it so
            path = urlsplit(self.path)
            parameters = dict(parse_qsl(path.query))
            told.asked.append((path.path, parameters))
            self.answer(path.path, parameters)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append((self.path, body))
            self.answer(self.path, {})

        def answer(self, path: str, parameters: dict[str, str]) -> None:
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.send(401, {"detail": "This token opens nothing: unknown, or revoked."})
            elif parameters.get("chat_id") == "nowhere":
                self.send(404, {"detail": "There is no chat nowhere."})
            else:
                self.send(200, _page(LISTS[path], parameters) if path in LISTS else ANSWERS[path])

        def send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A test's output is the test's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(answer: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    who = parameters.get("employee_id")
    items = [item for item in answer["items"] if who is None or item["employee_id"] == who]
    begin = int(parameters.get("cursor", "0"))
    end = begin + min(PAGE_ITEMS, int(parameters["limit"]))
    more = str(end) if end < len(items) else None
    return {**answer, "items": items[begin:end], "next_cursor": more}
