"""Real processes that a test may kill, pause and let go on. What each tells stands in a file of its own.

They are forked from a server that has imported everything, so one is there in a few milliseconds.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["__main__", "tests.faults.company", "tests.faults.relayed", "tests.api.client"]
)
PATIENCE_S = 60.0
"""Longest time that a test waits for something that has to come."""

Line = dict[str, Any]


class Telling:
    """Where a process tells what it did: a line is written at once and as a whole, so it outlives a kill."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def __call__(self, **line: Any) -> None:
        os.write(self._file, f"{json.dumps(line)}\n".encode())


Role = Callable[..., None]
"""What a process does; it gets its `Telling`, the URL of the database, its name and maybe more."""


class Running:
    """One process, from its start to its end."""

    def __init__(self, folder: Path, role: Role, url: str, name: str, *more: Any) -> None:
        self.name = name
        self._told, self._log = folder / f"{name}.told", folder / f"{name}.log"
        arguments = (self._told, self._log, role, url, name, *more)
        self._process = CONTEXT.Process(target=_run, args=arguments, name=name)
        self._process.start()

    @property
    def lives(self) -> bool:
        return self._process.is_alive()

    @property
    def told(self) -> list[Line]:
        """What it has told so far."""
        return [json.loads(line) for line in _text(self._told).splitlines()]

    @property
    def log(self) -> str:
        """What it logged, and what it ended with if that was an error."""
        return _text(self._log)

    def wait_until_it_told(self, what: str) -> None:
        """Wait until it has told something under this name."""
        eventually(lambda: self._count(what) > 0, self)

    def wait_until_it_tells_more(self, what: str) -> None:
        """Wait until it tells something under this name from now on."""
        before = self._count(what)
        eventually(lambda: self._count(what) > before, self)

    def _count(self, what: str) -> int:
        return sum(what in line for line in self.told)

    def wait_until_it_logged(self, text: str, times: int = 1) -> None:
        eventually(lambda: self.log.count(text) >= times, self)

    def kill(self) -> None:
        if self.lives:
            self._process.kill()
        self._process.join()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


class Processes:
    """Starts processes; none outlives the block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Running] = []

    def start(self, role: Role, url: str, name: str, *more: Any) -> Running:
        """name: no other process of the test has it."""
        self.started.append(Running(self.folder, role, url, name, *more))
        return self.started[-1]

    def kill_all(self) -> None:
        for process in self.started:
            process.kill()

    def told(self) -> Iterator[Line]:
        """What all of them told, one process after the other."""
        for process in self.started:
            yield from process.told


def eventually(reached: Callable[[], bool], *needed: Running) -> None:
    """Wait until it is so, while the processes live that are needed for it."""
    deadline = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline, f"not after {PATIENCE_S:g} s"
        for process in needed:
            assert process.lives, f"{process.name} ended by itself: {process.log}"
        time.sleep(0.01)


def _run(told: Path, log: Path, role: Role, *arguments: Any) -> None:
    """In the new process."""
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stderr.fileno())
    logging.basicConfig(level=logging.INFO, force=True)
    role(Telling(told), *arguments)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
