"""How the hashes of a tree are kept: tiles of up to 256 of them, as C2SP tlog-tiles says.

A tile of level 0 holds leaf hashes, and one of a higher level the roots of full tiles of the level below. The
levels between are worked out from these. Only the last tile of each level ever changes, and only grows.

https://c2sp.org/tlog-tiles
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256

from adapters.merkle.tree import HASH_BYTES, NODE_PREFIX, Node, root

TILE_HASHES = 256
TILE_BYTES = TILE_HASHES * HASH_BYTES
TILE_HEIGHT = 8
"""Levels of the tree from one level of tiles to the next."""

Place = tuple[int, int]
"""A tile's level and its index in it."""

Tile = Callable[[int, int], bytes]


def tile_path(level: int, index: int, width: int = TILE_HASHES) -> str:
    """Where a tile is: `tile/0/x001/x234/067`, and `….p/112` while it holds no more than 112 hashes."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03}")
    partial = "" if width == TILE_HASHES else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{partial}"


def last_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Level, index and width of the tiles that are not full in a tree of this size; none that is empty."""
    level = 0
    while size:
        if width := size % TILE_HASHES:
            yield level, size // TILE_HASHES, width
        level, size = level + 1, size // TILE_HASHES


def node_of(tile: Tile) -> Node:
    """Perfect subtrees, from tiles."""

    def node(level: int, index: int) -> bytes:
        tile_level, below = divmod(level, TILE_HEIGHT)
        tile_index, first = divmod(index << below, TILE_HASHES)
        hashes = tile(tile_level, tile_index)
        return perfect_root(hashes[first * HASH_BYTES : (first + (1 << below)) * HASH_BYTES])

    return node


def tiles_for(proof: Callable[[Node], object]) -> set[Place]:
    """Which tiles a root or a proof will be made from."""
    needed: set[Place] = set()

    def tile(level: int, index: int) -> bytes:
        needed.add((level, index))
        return bytes(TILE_BYTES)

    def node(level: int, index: int) -> bytes:
        tile(level // TILE_HEIGHT, (index << level % TILE_HEIGHT) // TILE_HASHES)
        return bytes(HASH_BYTES)

    proof(node)
    return needed


def perfect_root(hashes: bytes) -> bytes:
    """The root over 2^n hashes that stand one behind the other."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([sha256(NODE_PREFIX + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
    return hashes


class Tail:
    """A tree that grows: its last tile of each level, which is all that is needed for that."""

    def __init__(self, size: int = 0, tiles: Mapping[int, bytes] | None = None) -> None:
        """tiles: those of `last_tiles(size)`, by their level.

        Raises:
            ValueError: they are not.
        """
        self.size = size
        self._tiles = dict(tiles or {})
        widths = {level: width * HASH_BYTES for level, _, width in last_tiles(size)}
        if {level: len(tile) for level, tile in self._tiles.items()} != widths:
            raise ValueError(f"these are not the last tiles of a tree of {size} leaves")

    def extend(self, leaves: Sequence[bytes]) -> dict[Place, bytes]:
        """Add leaf hashes; returns the tiles that are other than before."""
        changed: dict[Place, bytes] = {}
        level, hashes = 0, b"".join(leaves)
        while hashes:
            hashes = self._fill(level, hashes, changed)
            level += 1
        self.size += len(leaves)
        return changed

    def root(self) -> bytes:
        return root(self.size, node_of(lambda level, _: self._tiles[level]))

    def last_leaf(self) -> bytes | None:
        """The hash of the last leaf, as far as the tail still has it."""
        return self._tiles[0][-HASH_BYTES:] if 0 in self._tiles else None

    def _fill(self, level: int, hashes: bytes, changed: dict[Place, bytes]) -> bytes:
        """Add hashes to a level; returns those of the level above."""
        index = self.size // TILE_HASHES ** (level + 1)
        rest, roots = self._tiles.pop(level, b"") + hashes, []
        while len(rest) >= TILE_BYTES:
            changed[level, index], rest = rest[:TILE_BYTES], rest[TILE_BYTES:]
            roots.append(perfect_root(changed[level, index]))
            index += 1
        if rest:
            self._tiles[level] = changed[level, index] = rest
        return b"".join(roots)
