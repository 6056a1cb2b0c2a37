"""A folder of Parquet files, and the manifest that says which of them count and up to which position.

    manifest.json
    events/workspace=acme/day=2026-11-25/1-122880.parquet     of the days on which they were recorded, UTC
    as_of/chats-1234567.parquet, as_of/owners-1234567.parquet

Every file is written beside its place and brought there when the disk has it, the manifest last. So what the
manifest says is there, whenever a process is killed; what it does not say is removed by the next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from adapters.lake.rows import DELIVERY_ID, NEARLY_IN_ORDER, TEXTS_OFTEN_THE_SAME

CODEC = "zstd"
FORMAT = 1
MANIFEST, PART = "manifest.json", ".part"


class NotThisLake(Exception):
    """A folder holds something else than what is asked for; nothing was written."""


@dataclass(frozen=True, slots=True)
class EventFile:
    """first, last: positions of its rows; between them may be those of other companies and days."""

    path: str
    workspace_id: str
    first: int
    last: int
    events: int


@dataclass(slots=True)
class Manifest:
    """log_id: of the ledger. workspace_id: None for all. position: up to where events are there.

    as_of: the position at which `chats` and `owners` stand; None until the first export has ended.
    """

    log_id: str
    workspace_id: str | None
    position: int = 0
    files: list[EventFile] = field(default_factory=list)
    as_of: int | None = None
    chats: str | None = None
    owners: str | None = None
    format: int = FORMAT

    @property
    def events(self) -> int:
        return sum(file.events for file in self.files)

    def of_workspace(self, workspace_id: str) -> list[EventFile]:
        return [file for file in self.files if file.workspace_id == workspace_id]


class Lake:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def manifest(self) -> Manifest | None:
        """What the folder holds; None where nothing was ever written.

        Raises:
            NotThisLake: it is not of this format.
        """
        try:
            told = json.loads((self.folder / MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise NotThisLake(f"{self.folder / MANIFEST} is no manifest: {error}") from None
        if told.get("format") != FORMAT:
            raise NotThisLake(f"{self.folder} has format {told.get('format')}; this version writes {FORMAT}.")
        return Manifest(**{**told, "files": [EventFile(**file) for file in told["files"]]})

    def begun(self, log_id: str, workspace_id: str | None) -> Manifest:
        """The manifest to go on from; what a killed process left beside it is removed.

        Raises:
            NotThisLake: the folder is of another ledger, or of another choice of companies.
        """
        manifest = self.manifest() or Manifest(log_id, workspace_id)
        if (manifest.log_id, manifest.workspace_id) != (log_id, workspace_id):
            theirs = f"ledger {manifest.log_id}, workspace {manifest.workspace_id or '(all)'}"
            asked = f"ledger {log_id}, workspace {workspace_id or '(all)'}"
            raise NotThisLake(f"{self.folder} has {theirs}; asked was {asked}. Export to another folder.")
        counted = {self.folder / path for path in self._paths(manifest)}
        for path in self._written():
            if path not in counted:
                path.unlink()
        return manifest

    def keep(self, manifest: Manifest) -> None:
        """Say what counts from now on; files of the former state that do not are removed."""
        text = json.dumps(asdict(manifest), indent=1)
        self._bring(MANIFEST, lambda path: path.write_text(text, "utf-8"))
        kept = {self.folder / name for name in (manifest.chats, manifest.owners) if name}
        for path in {*(self.folder / "as_of").glob("*.parquet")} - kept:
            path.unlink()

    def write_events(self, name: str, rows: pa.Table) -> str:
        """Write a file of events; returns its name, for the manifest."""
        differences = dict.fromkeys(NEARLY_IN_ORDER, "DELTA_BINARY_PACKED")
        compression = dict.fromkeys(rows.column_names, CODEC) | {DELIVERY_ID: "none"}
        self._bring(
            name,
            lambda path: pq.write_table(
                rows,
                path,
                compression=compression,
                use_dictionary=TEXTS_OFTEN_THE_SAME,
                column_encoding=differences,
            ),
        )
        return name

    def write(self, name: str, rows: pa.Table) -> str:
        """Write a file; returns its name, for the manifest."""
        self._bring(name, lambda path: pq.write_table(rows, path, compression=CODEC))
        return name

    def paths(self, files: list[EventFile]) -> list[str]:
        return [str(self.folder / file.path) for file in files]

    def _bring(self, name: str, write: Callable[[Path], object]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + PART)
        write(part)
        _to_disk(part)
        part.replace(path)
        for folder in (path.parent, *path.parent.parents):
            _to_disk(folder)
            if folder == self.folder:
                break

    def _written(self) -> Iterator[Path]:
        for folder in ("events", "as_of"):
            yield from (path for path in (self.folder / folder).rglob("*") if path.is_file())

    def _paths(self, manifest: Manifest) -> Iterator[str]:
        yield from (file.path for file in manifest.files)
        yield from (name for name in (manifest.chats, manifest.owners) if name)


def event_path(workspace_id: str, day: str, first: int, last: int) -> str:
    """Where a file belongs; a company is called what it likes, a folder is not."""
    return f"events/workspace={quote(workspace_id, safe='')}/day={day}/{first}-{last}.parquet"


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
