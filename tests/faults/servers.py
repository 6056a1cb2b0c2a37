"""A PostgreSQL of a test's own, on a disk that keeps what it was told to keep, to be killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

import psutil
import psycopg

from adapters.postgres.embedded import EmbeddedPostgres
from tests.faults.processes import eventually


class Server:
    """Durable as in production; started again by its owner, this process, whenever it is killed."""

    def __init__(self, folder: Path) -> None:
        self._postgres = EmbeddedPostgres(folder, owner="a test of faults")
        self.url = self._postgres.start()

    def stop(self) -> None:
        self._postgres.stop()

    def new_database(self) -> str:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def kill_first_process(self) -> None:
        """The others end when they notice."""
        postmaster(self._postgres.folder).kill()

    def kill_every_process(self) -> None:
        for process in processes_in(self._postgres.folder):
            kill(process)

    def kill_one_session(self, random: Random) -> None:
        """PostgreSQL ends all others then, and recovers by itself."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            pids = [pid for (pid,) in rows]
        kill(psutil.Process(random.choice(pids)))

    def ways_to_kill(self, random: Random) -> list[Callable[[], None]]:
        return [self.kill_first_process, self.kill_every_process, lambda: self.kill_one_session(random)]

    def wait_until_it_answers(self) -> None:
        eventually(self._answers)

    def _answers(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.url):
            return True
        return False


def postmaster(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))


def processes_in(folder: Path) -> list[psutil.Process]:
    """PostgreSQL's processes stand in the folder of their database."""
    return [process for process in psutil.process_iter() if _folder_of(process) == folder / "postgres"]


def kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def _folder_of(process: psutil.Process) -> Path | None:
    with suppress(psutil.Error):
        return Path(process.cwd())
    return None
