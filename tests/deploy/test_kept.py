"""A command is run as a container would be: after others, again and again, or once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from deploy.processes import ROOT

TIMEOUT_S = 30


@contextmanager
def kept(tmp_path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """`python -m deploy.kept` with these, and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "deploy.kept", *arguments],
        cwd=ROOT,
        env={"PROCESSES_DATA": str(tmp_path), "PROCESS": "it", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    try:
        yield process, process.stdout
    finally:
        with suppress(ProcessLookupError):  # whatever of it is left
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_what_ends_is_started_again_after_longer_and_longer_pauses_until_we_are_told(tmp_path: Path) -> None:
    with kept(tmp_path, "sh", "-c", "echo begun; exit 3") as (process, said):
        lines = [next(said).strip() for _ in range(4)]
        assert [line for line in lines if line != "begun"] == [
            "ended with 3 and is started again in 0.2 s",
            "ended with 3 and is started again in 0.4 s",
        ]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0


def test_a_signal_goes_on_to_it_and_its_end_is_waited_for(tmp_path: Path) -> None:
    script = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    with kept(tmp_path, "sh", "-c", script) as (process, said):
        assert next(said) == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=TIMEOUT_S)[0] == "tidied\n"
        assert process.returncode == 0


def test_it_begins_after_those_that_have_to_be_ready(tmp_path: Path) -> None:
    (tmp_path / "ready").mkdir()
    (tmp_path / "ready" / "first").touch()
    script = 'ls "$PROCESSES_DATA/ready"; exec sleep 60'
    with kept(tmp_path, "--after", "first,second", "sh", "-c", script) as (process, said):
        (tmp_path / "ready" / "second").touch()
        assert [next(said), next(said)] == ["first\n", "second\n"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize(("script", "code", "ready"), [("exit 4", 4, False), ("exit 0", None, True)])
def test_what_runs_once_is_ready_when_it_succeeded_and_ends_all_when_not(
    tmp_path: Path, script: str, code: int | None, ready: bool
) -> None:
    with kept(tmp_path, "--once", "sh", "-c", script) as (process, _):
        if code is None:
            monitored = {"PROCESSES_DATA": str(tmp_path)}
            waits = [sys.executable, "-c", "from deploy import states; states.wait_for(['it'])"]
            subprocess.run(waits, cwd=ROOT, env=monitored, timeout=TIMEOUT_S, check=True)
            assert process.poll() is None
        else:
            assert process.wait(TIMEOUT_S) == code
        assert (tmp_path / "ready" / "it").exists() == ready
