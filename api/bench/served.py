"""A `chatledger serve` that is measured, as its admin sees it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import httpx

from api.bench.servers import ServerFailed, free_port, python_process

HOST = "127.0.0.1"
CATCH_UP_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class Served:
    """admin: a client whose requests carry the admin's token. pid: of the server's process."""

    port: int
    admin: httpx.Client
    pid: int

    def token(self, *scopes: str) -> str:
        """A new token with these scopes, which is in force."""
        asked = {"scopes": list(scopes), "label": "bench"}
        return str(self.admin.post("/v1/tokens", json=asked).raise_for_status().json()["token"])

    def catch_up(self) -> None:
        """Wait until the read models have everything, so that this is not done while others are measured.

        Raises:
            ServerFailed: they do not within CATCH_UP_TIMEOUT_S.
        """
        deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
        while any(model["lag_events"] for model in self.admin.get("/v1/projections").json()["items"]):
            if time.monotonic() > deadline:
                raise ServerFailed("the read models do not catch up")
            time.sleep(POLL_INTERVAL_S)


@contextmanager
def served(url: str, **settings: str) -> Iterator[Served]:
    """A server process on this database, until the end of the context. settings: of the environment."""
    port, token = free_port(), secrets.token_urlsafe()
    environment = {**os.environ, "CHATLEDGER_DATABASE_URL": url, "CHATLEDGER_ADMIN_TOKEN": token} | settings
    with TemporaryDirectory(prefix="chatledger-bench-data-") as data, ExitStack() as stack:
        serve = ["-m", "api.cli", "serve", "--host", HOST, "--port", str(port), "--data", data]
        process = stack.enter_context(python_process(serve, f"{HOST}:{port}", environment))
        base, headers = f"http://{HOST}:{port}", {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=base, headers=headers, timeout=CATCH_UP_TIMEOUT_S) as admin:
            yield Served(port, admin, process.pid)
