"""The Merkle tree of RFC 9162, section 2.1: roots, inclusion and consistency proofs, and their verification.

A `Node` gives the hash of a perfect subtree by its level (0: a leaf) and its index in that level. Every
subtree that a proof needs is one, or is put together from some, so where they are kept is not said here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
NODE_PREFIX = b"\x01"

Node = Callable[[int, int], bytes]


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(NODE_PREFIX + left + right).digest()


def root(size: int, node: Node) -> bytes:
    """MTH of the first so many leaves (2.1.1)."""
    return subtree(0, size, node) if size else EMPTY_ROOT


def subtree(begin: int, end: int, node: Node) -> bytes:
    """MTH(D[begin:end]), for the ranges that the tree is split into."""
    size = end - begin
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, begin >> level)
    middle = begin + _split(size)
    return node_hash(subtree(begin, middle, node), subtree(middle, end, node))


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[0:size]) (2.1.3.1), for 0 <= index < size."""
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append(subtree(middle, end, node))
            end = middle
        else:
            path.append(subtree(begin, middle, node))
            begin = middle
    return path[::-1]


def consistency_proof(first: int, second: int, node: Node) -> list[bytes]:
    """PROOF(first, D[0:second]) (2.1.4.1), for 0 < first <= second."""
    begin, end, path = 0, second, []
    while first < end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append(subtree(middle, end, node))
            end = middle
        else:
            path.append(subtree(begin, middle, node))
            begin = middle
    if begin:  # else it is the first tree itself, whose root is known
        path.append(subtree(begin, end, node))
    return path[::-1]


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root_hash: bytes) -> bool:
    """Whether an inclusion proof holds (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    here, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(sibling, found)
            here, last = _to_right_child(here, last)
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root_hash


def is_consistent(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether a consistency proof holds (2.1.4.2)."""
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    hashes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not path:
        return False
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    of_first = of_second = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            of_first, of_second = node_hash(sibling, of_first), node_hash(sibling, of_second)
            here, last = _to_right_child(here, last)
        else:
            of_second = node_hash(of_second, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and of_first == first_root and of_second == second_root


class Frontier:
    """A tree that only grows: the roots of its perfect subtrees, from the largest to the smallest."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        size, carried = self.size, leaf
        while size & 1:
            carried = node_hash(self._roots.pop(), carried)
            size >>= 1
        self._roots.append(carried)
        self.size += 1

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        *left, found = self._roots
        for each in reversed(left):
            found = node_hash(each, found)
        return found


def _split(size: int) -> int:
    """The largest power of two below the size."""
    return 1 << ((size - 1).bit_length() - 1)


def _to_right_child(here: int, last: int) -> tuple[int, int]:
    """Up past the levels at which the last node has no sibling."""
    while not here & 1 and here:
        here, last = here >> 1, last >> 1
    return here, last
