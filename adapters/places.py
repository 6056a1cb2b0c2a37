"""Where signed tree heads are kept outside the database, where who changes that can't change them.

    a folder           PATH or file:///PATH     checkpoint, checkpoints/<size>.txt, tile/0/… (C2SP tlog-tiles)
    a git repository   git+file:///PATH         the same, each checkpoint a commit
    another party      https://…                each note is posted as text/plain

What a folder has once is never written over with something else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import httpx

from adapters.merkle.tiles import tile_path
from adapters.merkle.tree import HASH_BYTES

TIMEOUT_S = 10.0
USER_AGENT = "Chatledger/1 (checkpoints)"
PLAIN = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": USER_AGENT}
COMMITTER = (
    *("-c", "user.name=Chatledger", "-c", "user.email=chatledger@localhost"),
    *("-c", "commit.gpgsign=false"),
)


class PlaceFailed(Exception):
    """A place did not take something; the message says why, without what is secret in its URL."""


class Place(Protocol):
    name: str
    """As operators know it, without a password."""

    keeps_tiles: bool

    def latest(self) -> str | None:
        """The note of the largest tree head that is there, where that can be asked."""

    def keep_tiles(self, tiles: Mapping[int, bytes]) -> None:
        """Keep full tiles of leaf hashes, by their index.

        Raises:
            PlaceFailed, OSError: not all are there.
        """

    def keep(self, size: int, note: str, last_tile: bytes) -> None:
        """Keep a tree head. last_tile: the leaf hashes that fill no tile yet.

        Raises:
            PlaceFailed, OSError: it is not there.
        """


class Folder:
    keeps_tiles = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def latest(self) -> str | None:
        path = self.path / "checkpoint"
        return path.read_text("utf-8") if path.exists() else None

    def keep_tiles(self, tiles: Mapping[int, bytes]) -> None:
        for index, hashes in tiles.items():
            path = self.path / tile_path(0, index)
            self._keep(path, hashes)
            shutil.rmtree(path.with_name(f"{path.name}.p"), ignore_errors=True)

    def keep(self, size: int, note: str, last_tile: bytes) -> None:
        if last_tile:
            width = len(last_tile) // HASH_BYTES
            self._keep(self.path / tile_path(0, size // 256, width), last_tile)
        self._keep(self.path / "checkpoints" / f"{size}.txt", note.encode())
        self._write(self.path / "checkpoint", note.encode())

    def _keep(self, path: Path, content: bytes) -> None:
        if not path.exists():
            self._write(path, content)
        elif path.read_bytes() != content:
            raise PlaceFailed(f"{path} holds something else already: it is another log's, or was altered")

    def _write(self, path: Path, content: bytes) -> None:
        """Whole or not at all, and on the disk."""
        path.parent.mkdir(parents=True, exist_ok=True)
        begun = path.with_name(f".{path.name}.{os.getpid()}")
        with begun.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        begun.rename(path)


class GitRepository(Folder):
    """A folder under git; made one where it is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.name = f"git+file://{path}"

    def keep(self, size: int, note: str, last_tile: bytes) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / ".git").exists():
            self._git("init", "--quiet")
        super().keep(size, note, last_tile)
        self._git("add", "--all", "--", "checkpoint", "checkpoints", *(["tile"] if self._has_tiles() else []))
        if self._git("status", "--porcelain", "--untracked-files=no"):
            self._git(*COMMITTER, "commit", "--quiet", "--no-verify", "-m", f"The log has {size} events")

    def _has_tiles(self) -> bool:
        return (self.path / "tile").exists()

    def _git(self, *arguments: str) -> str:
        try:
            told = subprocess.run(
                ["git", "-C", str(self.path), *arguments],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            raise PlaceFailed(f"git {arguments[0]} did not end within {TIMEOUT_S:g} s") from None
        if told.returncode:
            raise PlaceFailed(f"git {arguments[0]}: {' '.join(told.stderr.split())}")
        return told.stdout


class Endpoint:
    """Another party, who keeps the notes as he likes."""

    keeps_tiles = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = str(httpx.URL(url).copy_with(userinfo=b""))

    def latest(self) -> str | None:
        return None

    def keep_tiles(self, tiles: Mapping[int, bytes]) -> None:
        """He gets none."""

    def keep(self, size: int, note: str, last_tile: bytes) -> None:
        try:
            answer = httpx.post(
                self.url, content=note.encode(), headers=PLAIN, timeout=TIMEOUT_S, trust_env=False
            )
        except httpx.HTTPError as error:
            raise PlaceFailed(f"no connection ({type(error).__name__})") from None
        if not answer.is_success:
            raise PlaceFailed(f"answered {answer.status_code}")


def place_of(told: str) -> Place:
    """A place as it is named in CHATLEDGER_CHECKPOINT_PLACES.

    Raises:
        ValueError: nobody knows what that is.
    """
    url = urlsplit(told)
    if url.scheme in ("http", "https"):
        return Endpoint(told)
    path = Path(unquote(url.path) if url.scheme else told)
    if url.scheme == "git+file" or (url.scheme in ("", "file") and (path / ".git").exists()):
        return GitRepository(path)
    if url.scheme not in ("", "file"):
        raise ValueError(f"{told!r} is no folder, no git repository and no HTTP endpoint")
    return Folder(path)
