"""PostgreSQL servers on loopback, as durable as in production: killed, copied to a standby, promoted."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from adapters.postgres.embedded import SETTINGS, programs
from adapters.postgres.processes import give_to_system_account, spawn
from api.bench.servers import free_port
from tests.drills.lines import HOST
from tests.faults.processes import PATIENCE_S, eventually
from tests.faults.servers import kill, processes_in

TOGETHER = {"max_connections": "300", "shared_buffers": "128MB", "hot_standby_feedback": "on"}
"""Beside what we ship: room for a whole crew."""

STANDBY = "standby"
"""As which the standby makes itself known to the primary, and the primary waits for it."""

CHECKED = "SELECT application_name, sync_state FROM pg_stat_replication"


class Postgres:
    """One server; its database is in `folder`/postgres, and it says what it has to say in `folder`/log."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        self._cluster, self._log = folder / "postgres", folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{HOST}:{self.port}/postgres"

    def make(self) -> None:
        """A database with nothing in it."""
        self._make_folder()
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run("initdb", "-D", self._cluster, *options)

    def make_standby_of(self, primary: Postgres) -> None:
        """A copy of a running server, which follows it; the primary waits for it with each commit."""
        self._make_folder()
        told = f"host={HOST} port={primary.port} user=postgres application_name={STANDBY}"
        self._run("pg_basebackup", "-D", self._cluster, "-d", told, "-R", "-X", "stream", "-c", "fast")
        self.start()
        primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
        primary.ask("SELECT pg_reload_conf()")
        eventually(lambda: primary.ask(CHECKED) == [(STANDBY, "sync")])

    def start(self) -> None:
        """Start it and wait until it answers; it recovers first if it was killed."""
        options = {**SETTINGS, **TOGETHER, "listen_addresses": HOST, "unix_socket_directories": ""}
        told = [f"--{name}={value}" for name, value in {**options, "port": str(self.port)}.items()]
        self._process = self._spawn("postgres", "-D", self._cluster, *told)
        eventually(self._answers)

    def kill(self) -> None:
        """kill -9 of each of its processes."""
        for process in processes_in(self.folder):
            kill(process)
        self._wait_for_end()

    def stop_at_once(self) -> None:
        """PostgreSQL's immediate shutdown: nothing is finished, and the next start recovers."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """Shut it down in order, if it runs."""
        self._end(signal.SIGINT)

    def promote(self) -> None:
        """Let a standby become the one that is written to."""
        self.ask("SELECT pg_promote()")
        eventually(lambda: self.ask("SELECT pg_is_in_recovery()") == [(False,)])

    def ask(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _make_folder(self) -> None:
        self._cluster.mkdir(mode=0o700)
        give_to_system_account(self._cluster)

    def _run(self, program: str, *arguments: str | Path) -> None:
        assert self._spawn(program, *arguments).wait(PATIENCE_S) == 0, self._log.read_text()

    def _spawn(self, program: str, *arguments: str | Path) -> subprocess.Popen[bytes]:
        told: Sequence[str | Path] = arguments
        return spawn(programs() / program, told, folder=self._cluster, log=self._log)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._wait_for_end()

    def _wait_for_end(self) -> None:
        if self._process is not None:
            self._process.wait(PATIENCE_S)
        eventually(lambda: not processes_in(self.folder))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        with suppress(psycopg.OperationalError), psycopg.connect(self.url):
            return True
        return False
