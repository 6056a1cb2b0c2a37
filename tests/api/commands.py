"""The command line as its users have it: real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

PROGRAM = [sys.executable, "-m", "api.cli"]
TIMEOUT_S = 60
ADMIN_TOKEN = "the-tests-admin-token"


@dataclass
class Server:
    """A running `chatledger serve`, and the lines that it began with."""

    process: subprocess.Popen[str]
    url: str

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and what it said to the end."""
        self.process.send_signal(number)
        said, complaints = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, said + (complaints or "")


def chatledger(
    *arguments: str | Path, stdin: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command, from its start to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env=environment_with(environment),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=stdin,
    )


def started(
    *arguments: str | Path, complaints: int | IO[str] = subprocess.PIPE, **environment: str
) -> subprocess.Popen[str]:
    """A command that has just begun. complaints: where they go; a pipe holds a few pages."""
    return subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        env=environment_with(environment),
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
    )


@contextmanager
def serving(
    *arguments: str | Path, complaints: int | IO[str] = subprocess.PIPE, **environment: str
) -> Iterator[Server]:
    """`chatledger serve` on a free port, ended with the block if the test has not ended it."""
    process = started("serve", "--port", "0", *arguments, complaints=complaints, **environment)
    try:
        yield Server(process, _address(process))
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=TIMEOUT_S)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if "listens on " in line:
            return line.split("listens on ")[1].strip()
    _, complaints = process.communicate(timeout=TIMEOUT_S)
    raise AssertionError(f"chatledger serve ended with {process.returncode}: {complaints}")


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """Of a command: ours, without what this machine may have set for Chatledger, and with more."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHATLEDGER_")}
    kept = {name: os.environ[name] for name in ("CHATLEDGER_DATA", "CHATLEDGER_CHECKPOINT_PLACES")}
    return {**inherited, **kept, "CHATLEDGER_ADMIN_TOKEN": ADMIN_TOKEN, "COLUMNS": "120", **more}
