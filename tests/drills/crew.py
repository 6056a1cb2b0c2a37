"""The system as real processes; each may be killed, started again, and cut off from its servers."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.bench.servers import free_port
from tests.api.commands import PROGRAM, environment_with
from tests.drills.lines import HOST, Line
from tests.faults.processes import PATIENCE_S, eventually

READY_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Site:
    """Where workers work. servers: name → port; folder: of their logs.

    environment: of all of them, with `{name}` where the port of a line to that server belongs.
    """

    servers: Mapping[str, int]
    environment: Mapping[str, str]
    folder: Path


class Worker:
    """One process of the system. lines: the ways to the servers that it uses, by their names."""

    def __init__(self, name: str, site: Site, *command: str) -> None:
        """command: with `{port}` where its own port belongs; one without tells nobody whether it is ready."""
        self.name, self.port = name, free_port()
        self.tells = "{port}" in command
        servers, environment, folder = site.servers, site.environment, site.folder
        self.lines = {server: Line(port) for server, port in servers.items()}
        ports = {server: line.port for server, line in self.lines.items()}
        self._command = [part.format(port=self.port) for part in command]
        self._environment = {setting: value.format(**ports) for setting, value in environment.items()}
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*PROGRAM, *self._command],
                env=environment_with(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_ready(self) -> None:
        eventually(self._is_ready)

    def kill(self) -> None:
        """kill -9, whatever it is doing."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """In order; returns its exit code."""
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        """When the drills are over."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        for line in self.lines.values():
            line.close()

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE_S)

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.name} ended by itself: {self.log[-2000:]}"
        if not self.tells:
            return True
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=READY_TIMEOUT_S).is_success
        return False
