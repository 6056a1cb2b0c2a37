"""The tree is that of RFC 9162: by the vectors that its authors tested theirs with, and by another's tree."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from adapters.merkle.leaf import LEAF_PREFIX
from adapters.merkle.tiles import TILE_HASHES, Tail, last_tiles, node_of, tile_path, tiles_for
from adapters.merkle.tree import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    is_included,
    root,
)

ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first so many entries; as in the reference implementation of RFC 6962."""

INCLUDED_0_OF_8 = [
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
]
CONSISTENT_6_TO_8 = [
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
]


def leaf(entry: bytes) -> bytes:
    return sha256(LEAF_PREFIX + entry).digest()


def of_entries(entries: Sequence[bytes]) -> tuple[Node, Tail]:
    """A tree of these entries, all at once."""
    tail = Tail()
    tiles = tail.extend([leaf(entry) for entry in entries])
    return node_of(lambda level, index: tiles[level, index]), tail


def numbered(size: int) -> list[bytes]:
    return [str(number).encode() for number in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    entries = [bytes.fromhex(entry) for entry in ENTRIES[:size]]
    node, tail = of_entries(entries)
    frontier = Frontier()
    for entry in entries:
        frontier.append(leaf(entry))

    assert {found.hex() for found in (root(size, node), tail.root(), frontier.root())} == {ROOTS[size]}


def test_proofs_are_those_of_the_reference() -> None:
    node, _ = of_entries([bytes.fromhex(entry) for entry in ENTRIES])

    assert [each.hex() for each in inclusion_proof(0, 8, node)] == INCLUDED_0_OF_8
    assert [each.hex() for each in consistency_proof(6, 8, node)] == CONSISTENT_6_TO_8


@settings(max_examples=40)
@given(st.integers(1, 70), st.data())
def test_roots_and_proofs_are_those_of_another_implementation(size: int, data: st.DataObject) -> None:
    other, entries = InmemoryTree(algorithm="sha256"), numbered(size)
    for entry in entries:
        other.append_entry(entry)
    node, _ = of_entries(entries)
    index = data.draw(st.integers(0, size - 1))
    former = data.draw(st.integers(1, size))

    assert root(former, node) == other.get_root(former)
    itself, *included = other.prove_inclusion(index + 1, size).serialize()["path"]
    assert itself == leaf(entries[index]).hex()
    assert [each.hex() for each in inclusion_proof(index, size, node)] == included
    proof = consistency_proof(former, size, node)
    assert is_consistent(former, size, proof, other.get_root(former), other.get_root(size))


@pytest.mark.parametrize("size", [*range(1, 18), 255, 256, 257, 513])
def test_every_proof_holds_and_no_other_thing_is_proven_by_it(size: int) -> None:
    node, _ = of_entries(numbered(size))
    whole = root(size, node)
    step = max(1, size // 10)
    for index in {*range(0, size, step), size - 1}:
        path, own = inclusion_proof(index, size, node), node(0, index)
        assert is_included(own, index, size, path, whole)
        assert not is_included(leaf(b"another"), index, size, path, whole)
        assert not is_included(own, index, size, path, leaf(b"another"))
        assert not is_included(own, index, size, [*path, whole], whole)
        assert not is_included(own, size, size, path, whole)
        if path:
            assert not is_included(own, index, size, path[:-1], whole)
    for former in {*range(1, size + 1, step), size}:
        proof, before = consistency_proof(former, size, node), root(former, node)
        assert is_consistent(former, size, proof, before, whole)
        assert not is_consistent(former, size, [*proof, whole], before, whole)
        assert not is_consistent(former, size, proof, leaf(b"another"), whole)
        assert not is_consistent(former, size, proof, before, leaf(b"another"))
        assert not is_consistent(size + 1, size, proof, before, whole)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 300), max_size=5))
def test_a_tree_that_grows_in_parts_is_that_which_was_made_at_once(parts: list[int]) -> None:
    """Also where it is put down after each part, and taken up again from its last tiles."""
    entries = numbered(sum(parts))
    tiles: dict[tuple[int, int], bytes] = {}
    size = 0
    for part in parts:
        tail = Tail(size, {level: tiles[level, index] for level, index, _ in last_tiles(size)})
        tiles |= tail.extend([leaf(entry) for entry in entries[size : size + part]])
        size += part
    at_once = Tail()

    assert tiles == at_once.extend([leaf(entry) for entry in entries])
    assert at_once.root() == (root(size, node_of(lambda level, index: tiles[level, index])))


def test_an_empty_tree_has_the_root_of_nothing() -> None:
    assert Tail().root() == Frontier().root() == root(0, lambda level, index: b"") == EMPTY_ROOT


def test_a_tail_of_other_tiles_than_the_last_is_none() -> None:
    with pytest.raises(ValueError, match="not the last tiles of a tree of 3 leaves"):
        Tail(3, {0: bytes(64)})


def test_a_proof_in_a_large_tree_needs_few_tiles() -> None:
    size = 10_000_000
    needed = tiles_for(lambda node: [inclusion_proof(4_711, size, node), root(size, node)])

    assert len(needed) <= 8
    assert {level for level, _ in needed} == {0, 1, 2}


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 0, TILE_HASHES), "tile/0/000"),
        ((0, 1_234_067, TILE_HASHES), "tile/0/x001/x234/067"),
        ((1, 273, 112), "tile/1/273.p/112"),
    ],
)
def test_tiles_are_where_the_specification_has_them(place: tuple[int, int, int], path: str) -> None:
    assert tile_path(*place) == path


def test_a_tree_of_70_000_has_the_last_tiles_of_the_specification() -> None:
    assert list(last_tiles(70_000)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
