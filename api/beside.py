"""What a process without an API tells beside its work: whether it is well, and its numbers.

/healthz    200 as long as the process answers
/readyz     200 where it can do its work, else 503, with what it says of itself
/metrics    for Prometheus
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Health = Callable[[], dict[str, Any]]
"""What a process says of itself; it is ready where its `status` is "ok". One that fails is not ready."""

READY: Final = {"status": "ok"}
REQUEST_TIMEOUT_S = 5.0
"""Whoever takes longer over a request is left."""

LOOK_INTERVAL_S = 0.1
"""How often is looked whether it is over."""

STOP_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class Telling(ThreadingHTTPServer):
    """Answers each request in a thread that keeps no process alive."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], health: Health, registry: CollectorRegistry) -> None:
        self.health, self.registry = health, registry
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Answering)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("somebody who asked for the numbers has gone", exc_info=True)


class Answering(BaseHTTPRequestHandler):
    """One request."""

    timeout = REQUEST_TIMEOUT_S
    server_version, sys_version = "chatledger", ""
    server: Telling

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/healthz":
                self._tell(200, READY)
            case "/readyz":
                told = self._health()
                self._tell(200 if told.get("status") == READY["status"] else 503, told)
            case "/metrics":
                self._answer(200, generate_latest(self.server.registry), CONTENT_TYPE_LATEST)
            case _:
                self._tell(404, {"status": "no such path"})

    def log_message(self, format: str, *args: Any) -> None:
        """Who looks every few seconds is worth no line."""

    def _health(self) -> dict[str, Any]:
        try:
            return self.server.health()
        except Exception as error:
            return {"status": "failing", "error": type(error).__name__}

    def _tell(self, status: int, told: dict[str, Any]) -> None:
        self._answer(status, json.dumps(told, default=str).encode(), "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def beside(
    port: int, health: Health, registry: CollectorRegistry, *, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Answer in a thread as long as the block lasts; gives the address. port: 0 for any free one.

    Raises:
        OSError: the address is taken, or is none of this machine's.
    """
    with Telling((host, port), health, registry) as server:
        thread = Thread(target=server.serve_forever, args=(LOOK_INTERVAL_S,), name="beside", daemon=True)
        thread.start()
        try:
            where = f"[{host}]" if ":" in host else host
            yield f"http://{where}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(STOP_TIMEOUT_S)
