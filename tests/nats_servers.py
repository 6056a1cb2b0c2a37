"""A nats-server of a test's own, with JetStream on a disk, to be killed; or the one of the environment."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import nats
from nats.js import JetStreamContext

PROGRAM = Path(sysconfig.get_path("scripts")) / "nats-server"
PATIENCE_S = 30.0
POLL_INTERVAL_S = 0.01


class NatsServer:
    """One server; at the same address whenever it is started again.

    sync_always: whether it waits for the disk with each message, as in production.
    """

    def __init__(self, folder: Path, *, sync_always: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._configuration = folder / "nats.json"
        self._log = folder / "nats.log"
        self._sync_always = sync_always
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def data(self) -> Path:
        return self.folder / "jetstream"

    def start(self) -> None:
        """Start it, and wait until it answers with JetStream; what it had on its disk it has again."""
        stored: dict[str, Any] = {"store_dir": str(self.data)}
        if self._sync_always:
            stored["sync_interval"] = "always"
        told = {"listen": f"127.0.0.1:{self.port}", "jetstream": stored}
        self.folder.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(json.dumps(told))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([PROGRAM, "-c", self._configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, f"nats-server does not answer: {self._log.read_text()}"
            time.sleep(POLL_INTERVAL_S)

    def kill(self) -> None:
        """As by kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """In order, as by SIGTERM."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
            self._process = None

    def restart(self, *, with_data: bool = True) -> None:
        """Kill it and start it again, with what is on its disk or with an empty one."""
        self.kill()
        if not with_data:
            shutil.rmtree(self.data, ignore_errors=True)
        self.start()

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            return connection.recv(5) == b"INFO "
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def nats_server(*, sync_always: bool = False) -> Iterator[NatsServer]:
    """A server in a folder of its own, both gone with the block."""
    with TemporaryDirectory(prefix="chatledger-nats-") as folder:
        with NatsServer(Path(folder), sync_always=sync_always) as server:
            yield server


async def remove_streams(url: str) -> None:
    """So that a server that is shared is as a new one."""
    client = await nats.connect(url)
    try:
        js: JetStreamContext = client.jetstream()
        for each in await js.streams_info():
            await js.delete_stream(str(each.config.name))
    finally:
        await client.close()
