"""Holds an exported log against signed tree heads of before, and names the first position that was changed.

    an event of the exporter's own company      {"position", "workspace_id", …, "facts", "private"}
    an event of another                         {"position", "leaf_hash"}
    a checkpoint that was exported with them    {"checkpoint": "<signed note>"}

The tree heads prove that something is other than it was. The leaf hashes that were kept beside them (tiles)
tell where; they are believed as far as they make the root of a tree head. See docs/verification.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from adapters.merkle.leaf import FIELDS, PRIVATE, Uncanonical, Unhashable, leaf_hash, private_fits, read_json
from adapters.merkle.note import BadNote, Checkpoint, Verifier, read_checkpoint
from adapters.merkle.tiles import TILE_HASHES, Tail, tile_path
from adapters.merkle.tree import HASH_BYTES, Frontier

OF_AN_EVENT, OF_ANOTHER = frozenset({*FIELDS, PRIVATE}), frozenset({"position", "leaf_hash"})
OF_A_CHECKPOINT = frozenset({"checkpoint"})
TOLD_FAULTS = 100
"""Beside the first one that spoils the tree, after which nothing more can be said."""

LINES_BETWEEN_NEWS = 1_000

LeafTile = Callable[[int], bytes]
"""The leaf hashes of a tile by its index, or as many as are there; nothing where there is none."""


def no_tiles(index: int) -> bytes:
    return b""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was. position: the first that is; None where it is in no position.

    after: the last position that is known to be as it was, where the first that is not can't be told.
    """

    code: str
    detail: str
    position: int | None = None
    after: int | None = None


@dataclass(slots=True)
class Report:
    """What was found. size: events that were read; checkpoints: the sizes of those that hold."""

    size: int = 0
    root_hash: bytes = b""
    own: int = 0
    erased: int = 0
    checkpoints: list[int] = field(default_factory=list)
    kept_hashes: int = 0
    """Up to which position leaf hashes are kept elsewhere, and proven to be those that were signed."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.faults

    @property
    def first(self) -> Fault | None:
        """The fault at the lowest position."""
        return min(self.faults, key=_lowest, default=None)


class Spoiled(Exception):
    """From here on no root can be worked out."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder outside the database, as `adapters/places.py` fills it."""

    folder: Path

    def notes(self) -> Iterator[tuple[str, str]]:
        """The name and the text of each checkpoint."""
        paths = [self.folder / "checkpoint", *sorted((self.folder / "checkpoints").glob("*.txt"))]
        if not any(path.exists() for path in paths):
            paths = sorted(self.folder.glob("*.txt"))
        for path in paths:
            if path.exists():
                yield path.name, path.read_text("utf-8", errors="replace")

    def leaf_tile(self, index: int) -> bytes:
        path = self.folder / tile_path(0, index)
        if path.exists():
            return path.read_bytes()
        parts = path.with_name(f"{path.name}.p")
        widest = max((int(part.name) for part in parts.glob("*") if part.name.isdecimal()), default=0)
        return (parts / str(widest)).read_bytes() if widest else b""


class Verification:
    """Of one log. Give it all checkpoints that there are, then the lines, then ask for the report."""

    def __init__(self, verifiers: Sequence[Verifier], leaf_tile: LeafTile = no_tiles) -> None:
        self.verifiers = verifiers
        self.leaf_tile = leaf_tile
        self.report = Report()
        self.heads: dict[int, Checkpoint] = {}
        self._frontier = Frontier()
        self._recorded_at = ""
        self._tile_at_hand: tuple[int, bytes] = (-1, b"")
        self._proven = 0
        """The size of the last tree head whose root was met."""

    def add_checkpoint(self, name: str, note: str) -> None:
        """name: how to call it where it is wrong."""
        try:
            head = read_checkpoint(note, self.verifiers)
        except BadNote as error:
            self._note(Fault("bad_checkpoint", f"{name}: {error}"))
            return
        known = self.heads.setdefault(head.size, head)
        if known.root_hash != head.root_hash:
            detail = f"two trees of {head.size} events were signed: {name} has another root than a second one"
            self._note(Fault("two_histories", detail))
        elif head.size == self._frontier.size:
            self._meet()
        elif head.size < self._frontier.size and head.size not in self.report.checkpoints:
            self._note(
                Fault("bad_checkpoint", f"{name}: it comes too late, after position {self._frontier.size}")
            )

    def read(self, lines: Iterable[str], read: Callable[[int], None] = lambda size: None) -> Report:
        """Read the log to its end, or to where nothing more can be said. read: is told how far."""
        try:
            self.report.kept_hashes = self._kept_hashes()
            self._meet()
            for number, line in enumerate(lines):
                self._read(line)
                if number % LINES_BETWEEN_NEWS == 0:
                    read(self._frontier.size)
            self._end()
        except Spoiled as spoiled:
            self.report.faults.append(spoiled.fault)
        self.report.size, self.report.root_hash = self._frontier.size, self._frontier.root()
        read(self._frontier.size)
        return self.report

    def _kept_hashes(self) -> int:
        """Up to where tiles are what was signed: the largest tree head whose root they make."""
        sizes, tail, met = sorted(size for size in self.heads if size), Tail(), 0
        for size in sizes:
            while tail.size < size:
                index, begun = divmod(tail.size, TILE_HASHES)
                end = min(TILE_HASHES, size - index * TILE_HASHES)
                hashes = self.leaf_tile(index)[: end * HASH_BYTES][begun * HASH_BYTES :]
                if len(hashes) < (end - begun) * HASH_BYTES:
                    return met
                tail.extend([hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)])
            if tail.root() != self.heads[size].root_hash:
                detail = f"the hashes kept beside the checkpoints do not make the root signed at size {size}"
                self._note(Fault("bad_tile", detail))
                return met
            met = size
        return met

    def _read(self, line: str) -> None:
        expected = self._frontier.size + 1
        try:
            entry = read_json(line)
        except Uncanonical as error:
            raise Spoiled(Fault("unreadable", f"line {expected}: {error}", expected)) from None
        names: Collection[str] = entry.keys() if isinstance(entry, dict) else ()
        if names == OF_A_CHECKPOINT:
            self.add_checkpoint("the log's own checkpoint", str(entry["checkpoint"]))
            return
        if names not in (OF_AN_EVENT, OF_ANOTHER):
            detail = f"what stands at position {expected} is no event: it has {', '.join(names) or 'nothing'}"
            raise Spoiled(Fault("no_event", detail, expected))
        self._check_position(entry["position"], expected)
        leaf = _told_hash(entry, expected) if names == OF_ANOTHER else self._hashed(entry, expected)
        self._compare(leaf, expected)
        self._frontier.append(leaf)
        self._meet()

    def _check_position(self, position: Any, expected: int) -> None:
        if position == expected and isinstance(position, int):
            return
        if isinstance(position, int) and position > expected:
            detail = f"position {expected} is missing: after {expected - 1} comes {position}"
            raise Spoiled(Fault("missing", detail, expected))
        detail = f"where position {expected} should be stands position {position}"
        raise Spoiled(Fault("out_of_order", detail, expected))

    def _hashed(self, event: Mapping[str, Any], position: int) -> bytes:
        self.report.own += 1
        try:
            leaf = leaf_hash(event)
            fits = private_fits(event)
        except (Unhashable, Uncanonical, AttributeError) as error:
            raise Spoiled(Fault("unhashable", str(error), position)) from None
        if not fits:
            self._note(Fault("private_altered", "the private part is not that of the digest", position))
        self.report.erased += event[PRIVATE] is None and "private_digest" in event["facts"]
        recorded_at = str(event["recorded_at"])
        if recorded_at < self._recorded_at:
            detail = f"recorded at {recorded_at}, before an event of a lower position ({self._recorded_at})"
            self._note(Fault("recorded_earlier", detail, position))
        self._recorded_at = max(recorded_at, self._recorded_at)
        return leaf

    def _compare(self, leaf: bytes, position: int) -> None:
        """With the leaf that was signed, where that is known by itself."""
        if position > self.report.kept_hashes:
            return
        tile, place = divmod(position - 1, TILE_HASHES)
        if self._tile(tile)[place * HASH_BYTES : (place + 1) * HASH_BYTES] != leaf:
            detail = f"the event at position {position} is not the one that was signed there"
            raise Spoiled(Fault("altered", detail, position))

    def _tile(self, index: int) -> bytes:
        if self._tile_at_hand[0] != index:
            self._tile_at_hand = index, self.leaf_tile(index)
        return self._tile_at_hand[1]

    def _meet(self) -> None:
        """Hold the root against the tree head of this size, where there is one."""
        size = self._frontier.size
        head = self.heads.get(size)
        if head is None or size in self.report.checkpoints:
            return
        if head.root_hash != self._frontier.root():
            detail = (
                f"the first {size} events are not those that were signed; the first {self._proven} are,"
                f" so the first other one is between positions {self._proven + 1} and {size}"
            )
            raise Spoiled(Fault("altered", detail, None, self._proven))
        self._proven = size
        self.report.checkpoints.append(size)

    def _end(self) -> None:
        size, signed = self._frontier.size, max(self.heads, default=0)
        if signed > size:
            detail = f"the log ends at position {size}, but {signed} events were signed"
            if size <= max(self._proven, self.report.kept_hashes):
                raise Spoiled(Fault("cut_off", detail, size + 1))
            detail += f"; the first {self._proven} are those that were signed"
            raise Spoiled(Fault("cut_off", detail, None, self._proven))

    def _note(self, fault: Fault) -> None:
        if len(self.report.faults) < TOLD_FAULTS:
            self.report.faults.append(fault)


def _lowest(fault: Fault) -> float:
    """Where it may be at the lowest; what is in no position says less than what is."""
    if fault.position is not None:
        return fault.position
    return inf if fault.after is None else fault.after + 1


def _told_hash(entry: Mapping[str, Any], position: int) -> bytes:
    try:
        leaf = bytes.fromhex(entry["leaf_hash"])
    except (TypeError, ValueError):
        leaf = b""
    if len(leaf) != HASH_BYTES:
        raise Spoiled(Fault("unreadable", f"position {position} has no leaf hash", position))
    return leaf
