"""Daily reports as files in a folder, where another program takes them from there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from uuid import uuid4

PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


class ReportFiles:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, workspace: str, name: str, contents: dict[str, bytes]) -> None:
        """Write the files of one report, by their endings, in the place of those that are there.

        Raises:
            OSError: not all are there.
            ValueError: a workspace that may not be the name of a folder.
        """
        if not PLAIN_NAME.fullmatch(workspace):
            raise ValueError(f"{workspace!r} can't be the name of a folder")
        folder = self.folder / workspace
        folder.mkdir(parents=True, exist_ok=True)
        for ending, content in contents.items():
            _replace(folder / f"{name}.{ending}", content)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with new.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
