"""Who owns a data folder: one living process, or nobody.

The owner holds a lock on the file DIR/owner, which says who it is and where its server listens. The lock dies
with its process, however that ends.
"""

import fcntl
import os
from pathlib import Path


class DataFolderTaken(Exception):
    """Another living process owns the data folder. `url` is where its server listens, once it does."""

    def __init__(self, folder: Path, owner: str, url: str | None) -> None:
        super().__init__(f"{folder} is in use by {owner}")
        self.folder, self.owner, self.url = folder, owner, url


class Ownership:
    """A data folder that is ours, until `give_up` or the end of the process."""

    def __init__(self, folder: Path, owner: str) -> None:
        """Take the folder; it is made when it is not there.

        Raises:
            DataFolderTaken: another living process owns it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "owner"
        self._file = _locked(self._path)
        os.truncate(self._file, 0)
        self._write(f"{owner}, pid {os.getpid()}")

    def tell_url(self, url: str) -> None:
        """Let those whom we refuse know where our server listens."""
        self._write(url)

    def give_up(self) -> None:
        self._path.unlink(missing_ok=True)  # while it is still locked: see _locked
        os.close(self._file)

    def _write(self, line: str) -> None:
        os.write(self._file, f"{line}\n".encode())


def _locked(path: Path) -> int:
    """A file descriptor, not a file: no garbage collection closes it and lets go of the lock."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, mode=0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise _refusal(path) from None
        # An owner that gives up removes the file, and a lock on a removed file keeps nobody out.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file)):
            return file
        os.close(file)


def _refusal(path: Path) -> DataFolderTaken:
    lines = path.read_text().splitlines() if path.exists() else []
    owner, url, *_ = [*lines, "", ""]
    return DataFolderTaken(path.parent, owner or "another process", url or None)
