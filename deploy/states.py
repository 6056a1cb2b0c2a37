"""Which of the processes are ready, as files in $PROCESSES_DATA/ready: for those that begin after them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

LOOK_INTERVAL_S = 0.05


def forget() -> None:
    """Nobody is ready."""
    shutil.rmtree(_folder(), ignore_errors=True)


def note_ready(name: str) -> None:
    _folder().mkdir(parents=True, exist_ok=True)
    (_folder() / name).touch()


def wait_for(names: Iterable[str]) -> None:
    """Wait until all of these are ready, however long that takes: the one who waits is ended by a signal."""
    for name in names:
        while not (_folder() / name).exists():
            time.sleep(LOOK_INTERVAL_S)


def _folder() -> Path:
    return Path(os.environ["PROCESSES_DATA"]) / "ready"
