"""A disk of a test's own, so small that it can be filled up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

SIZE = 192 * 2**20
"""Room for a database, for what a rebuild of its read models takes, and for four files of its log."""


class Disk:
    """A file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    @property
    def room(self) -> int:
        """Bytes that are free."""
        state = os.statvfs(self.folder)
        return state.f_bavail * state.f_frsize

    def fill(self, *, leave: int = 0) -> None:
        """Somebody else takes all room but this, in bytes."""
        with self._filler.open("ab") as filler:
            while (more := self.room - leave) > 0:
                with suppress(OSError):  # somebody else took some of it meanwhile
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, more)

    def make_room(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Skips the test where nothing may be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk that is small enough to be filled")
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "small", str(folder)]
    if (mounted := subprocess.run(mounting, capture_output=True, text=True)).returncode != 0:
        pytest.skip(f"no disk can be mounted here that is small enough to be filled: {mounted.stderr}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
