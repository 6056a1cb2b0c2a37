"""The web server, from its socket to its orderly end."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from adapters.settings import Settings

BACKLOG = 2_048
GRACE_S = 10
"""How long requests that are under way may take when the server is to stop."""

COLLECT_AFTER_OBJECTS = 50_000
"""With what the start made out of the way, collections may be rare: answers never wait long for one."""


def nothing() -> None:
    """For whoever has nothing to be done."""


class Server(uvicorn.Server):
    """Says so when it listens, and when it is about to stop: what would never end by itself can end then."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], None] = nothing,
        on_stopping: Callable[[], None] = nothing,
    ) -> None:
        super().__init__(config)
        self._on_listening, self._on_stopping = on_listening, on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets=sockets)


def listen(settings: Settings) -> socket.socket:
    """Take the address.

    Raises:
        OSError: the address is taken, or is none of this machine's.
    """
    address = settings.host, settings.port
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        reason = str(error.strerror).partition(" (")[0]  # Python adds the address, which we tell ourselves
        raise OSError(f"can't listen on {settings.host}:{settings.port}: {reason}") from error


def address_of(listening: socket.socket) -> str:
    """As it is told to people."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: Starlette,
    listening: socket.socket,
    *,
    on_listening: Callable[[], None] = nothing,
    on_stopping: Callable[[], None] = nothing,
) -> None:
    """Answer requests until SIGINT or SIGTERM, then finish those that are under way."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,  # it logs as everything does
        log_level="warning",
        access_log=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_S,
    )
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal once more when it has stopped
        Server(config, on_listening, on_stopping).run(sockets=[listening])
