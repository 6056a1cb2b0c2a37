"""`make processes`, from its start to its end: real servers, real processes, one message through all."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from deploy.processes import PORTS, ROOT, procfile
from deploy.secrets import kept_secrets
from tests.api.client import Client

PATIENCE_S = 60.0
APIS = ("API_1_PORT", "API_2_PORT")
PORTS_OF_SERVERS = range(10_000, 32_000)


@dataclass
class Started:
    """All that the Procfile says, running. log: what all of them said."""

    process: subprocess.Popen[bytes]
    folder: Path
    log: Path
    ports: dict[str, str]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def answers(self, name: str) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url(name)}/readyz", timeout=5).is_success
        return False

    @property
    def said(self) -> str:
        """What all of them said, in one line."""
        return " ".join(self.log.read_text().split())

    def wait_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not reached():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def starting(folder: Path, names: Collection[str]) -> Iterator[Started]:
    """`make processes`, or those of its processes that are named; none outlives the block."""
    data, log, ports = folder / "processes", folder / "log", _free_ports()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHATLEDGER_")}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.processes", *names],
            cwd=ROOT,
            env={**kept, **ports, "PROCESSES_DATA": str(data)},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    started = Started(process, data, log, ports)
    try:
        yield started
    finally:
        started.stop()
        for left in _left_by(data):
            left.kill()


def test_servers_are_set_up_for_who_has_the_password_and_end_in_order(tmp_path: Path) -> None:
    """Without those that serve, whose start takes most of the time: all of them are in the drill."""
    names = ("postgres", "nats", "migrate")
    with starting(tmp_path, names) as started:
        started.wait_until(lambda: all((started.folder / "ready" / name).exists() for name in names))
        told = kept_secrets(started.folder / "env")
        at = f"127.0.0.1:{started.ports['POSTGRES_PORT']}/chatledger"
        with psycopg.connect(f"postgresql://chatledger:{told['POSTGRES_PASSWORD']}@{at}") as connection:
            assert connection.execute("SELECT position FROM ledger_head").fetchone() == (0,)
            connection.execute("SELECT FROM inbox.line")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://chatledger:another@{at}")
        jetstream = httpx.get(f"{started.url('NATS_MONITOR_PORT')}/jsz").json()["config"]
        assert (jetstream["sync_always"], Path(jetstream["store_dir"]).parent.name) == (True, "nats")
        _stops_in_order(started, names)


@pytest.mark.drill
def test_a_message_that_is_told_to_one_server_is_read_from_the_other(tmp_path: Path) -> None:
    with starting(tmp_path, ()) as started:
        for name in (*APIS, "FOLLOWER_1_PORT", "FOLLOWER_2_PORT", "RELAY_PORT"):
            started.wait_until(partial(started.answers, name))
        head = _told_to_one_and_read_from_the_other(started)
        started.wait_until(lambda: _published(started) == head)

        _kill(started, "api-1")
        started.wait_until(lambda: "api-1 | ended with -9 and is started again" in started.said)
        started.wait_until(partial(started.answers, "API_1_PORT"))
        _stops_in_order(started, procfile())


def _told_to_one_and_read_from_the_other(started: Started) -> int:
    """Returns the position at which the ledger ends."""
    with _admins(started) as (one, two):
        one.put_channel()
        one.put_employee("irina", role="supervisor")
        connector, irina = one.with_token("connector"), two.with_token("employee:irina")
        position = connector.tell(connector.message("chat", "+7 999 1", "over the first"))["position"]
        irina.get("/v1/inbox", min_position=position)
        assert [item["last_message"]["text"] for item in irina.inbox()] == ["over the first"]
        return max(int(item["head"]) for item in two.get("/v1/projections")["items"])


def _stops_in_order(started: Started, names: Collection[str]) -> None:
    assert started.stop() == 0
    assert not _left_by(started.folder)
    assert "Traceback" not in started.said
    assert started.said.count("stopped (rc=0)") == len(names)


def _kill(started: Started, name: str) -> None:
    """The command itself, not who keeps it."""
    (process,) = (each for each in _left_by(started.folder) if _is_command(each, name))
    process.kill()


def _is_command(process: psutil.Process, name: str) -> bool:
    words = process.cmdline()
    ours = "deploy.kept" not in words and any(word.endswith("chatledger") for word in words)
    return ours and process.environ().get("PROCESS") == name


@contextmanager
def _admins(started: Started) -> Iterator[list[Client]]:
    """An administrator at each of the two servers."""
    token = kept_secrets(started.folder / "env")["CHATLEDGER_ADMIN_TOKEN"]
    with ExitStack() as stack:
        https = [httpx.Client(base_url=started.url(name), timeout=30) for name in APIS]
        yield [Client(stack.enter_context(http), token) for http in https]


def _published(started: Started) -> int:
    """How many events are in JetStream, as nats-server tells who watches it."""
    told: dict[str, Any] = httpx.get(f"{started.url('NATS_MONITOR_PORT')}/jsz").json()
    return int(told["messages"])


def _free_ports() -> dict[str, str]:
    """Of those that no connection is given for its own end, so that nobody takes one meanwhile."""
    free: list[str] = []
    for port in random.sample(PORTS_OF_SERVERS, len(PORTS_OF_SERVERS)):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            free.append(str(port))
        if len(free) == len(PORTS):
            break
    return dict(zip(PORTS, free, strict=True))


def _left_by(folder: Path) -> list[psutil.Process]:
    """Processes that were started for it and have not ended."""
    return [process for process in psutil.process_iter() if _works_for(folder, process)]


def _works_for(folder: Path, process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.environ().get("PROCESSES_DATA") == str(folder))
    return False
