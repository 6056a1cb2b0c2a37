"""Whatever was done to a log is found, at the first position where it was done, with no database at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.merkle.leaf import leaf_hash
from adapters.merkle.note import Signer
from adapters.merkle.tiles import TILE_HASHES, Tail
from adapters.merkle.tree import HASH_BYTES
from adapters.merkle.verifying import Kept, Report, Verification
from adapters.places import Folder
from adapters.postgres.mapper import private_digest
from tests.adapters.merkle.test_leaf import EVENT
from tests.adapters.merkle.test_note import signer

Log = list[dict[str, Any]]


def log_of(size: int, word: str = "was") -> Log:
    """So many events; a drill changes the list, and never an event in it."""
    return [event(position, word) for position in range(1, size + 1)]


@cache
def event(position: int, word: str = "was") -> dict[str, Any]:
    private = {"text": f"{word} {position}"}
    return {
        **EVENT,
        "position": position,
        "recorded_at": f"2025-03-01T09:30:00.{position:06}Z",
        "facts": {"number": position, "private_digest": private_digest("c0ffee", private)},
        "private": {**private, "salt": "c0ffee"},
    }


def signed(log: Log, *sizes: int) -> list[str]:
    """Tree heads of a log as it was."""
    notes = []
    for size in sizes:
        tail = Tail()
        tail.extend([leaf_hash(each) for each in log[:size]])
        notes.append(signer().sign(size, tail.root()))
    return notes


def tiles_of(log: Log) -> Callable[[int], bytes]:
    hashes = b"".join(leaf_hash(each) for each in log)
    return lambda index: hashes[index * TILE_HASHES * HASH_BYTES : (index + 1) * TILE_HASHES * HASH_BYTES]


def checked(
    log: Log,
    notes: list[str],
    leaf_tile: Callable[[int], bytes] = lambda index: b"",
    by: Signer | None = None,
) -> Report:
    verification = Verification([(by or signer()).verifier], leaf_tile)
    for number, note in enumerate(notes):
        verification.add_checkpoint(f"{number}.txt", note)
    return verification.read(json.dumps(each) for each in log)


def first_bad(report: Report) -> tuple[str, int | None]:
    assert report.first is not None
    return report.first.code, report.first.position


@settings(max_examples=25)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=4, unique=True))
def test_a_log_is_what_was_signed_at_each_size(sizes: list[int]) -> None:
    log = log_of(max(sizes))
    report = checked(log, signed(log, *sizes), tiles_of(log))

    assert report.good, report.faults
    assert report.checkpoints == sorted(sizes)
    assert report.kept_hashes == report.size == max(sizes)


@settings(max_examples=15)
@given(st.integers(1, 50), st.data())
def test_an_erased_private_part_keeps_every_proof(size: int, data: st.DataObject) -> None:
    log = log_of(size)
    notes = signed(log, size)
    erased = data.draw(st.sets(st.integers(0, size - 1)))
    for index in erased:
        log[index] = {**log[index], "private": None}
    report = checked(log, notes)

    assert report.good
    assert report.erased == len(erased)


def flip(log: Log, at: int) -> None:
    log[at - 1] = {**log[at - 1], "facts": {**log[at - 1]["facts"], "number": 4711}}


def flip_private(log: Log, at: int) -> None:
    log[at - 1] = {**log[at - 1], "private": {"text": "never said", "salt": "c0ffee"}}


def drop(log: Log, at: int) -> None:
    del log[at - 1]


def drop_and_close_the_gap(log: Log, at: int) -> None:
    del log[at - 1]
    renumber(log)


def swap(log: Log, at: int) -> None:
    log[at - 1], log[at] = log[at], log[at - 1]
    renumber(log)


def insert(log: Log, at: int) -> None:
    log.insert(at - 1, event(at, "never was"))
    renumber(log)


def redate(log: Log, at: int) -> None:
    log[at - 1] = {**log[at - 1], "occurred_at": "2024-12-31T00:00:00.000000Z"}


def rerecord(log: Log, at: int) -> None:
    log[at - 1] = {**log[at - 1], "recorded_at": "2025-03-01T09:31:00.000000Z"}


def rewrite_the_end(log: Log, at: int) -> None:
    log[at - 1 :] = log_of(len(log), "never was")[at - 1 :]


def cut_off(log: Log, at: int) -> None:
    del log[at - 1 :]


def go_on_from_an_old_copy(log: Log, at: int) -> None:
    cut_off(log, at)
    log += [event(position, "anew") for position in range(at, 400)]


def add_a_field(log: Log, at: int) -> None:
    log[at - 1] = {**log[at - 1], "seen": True}


def renumber(log: Log) -> None:
    log[:] = [{**each, "position": position} for position, each in enumerate(log, start=1)]


DRILLS = [
    flip,
    flip_private,
    drop,
    drop_and_close_the_gap,
    swap,
    insert,
    redate,
    rerecord,
    rewrite_the_end,
    cut_off,
    go_on_from_an_old_copy,
    add_a_field,
]


@pytest.mark.parametrize("drill", DRILLS)
@pytest.mark.parametrize("at", [1, 257])
def test_with_leaf_hashes_kept_outside_the_first_bad_position_is_named(
    drill: Callable[[Log, int], None], at: int
) -> None:
    log = log_of(300)
    notes, tiles = signed(log, 100, 300), tiles_of(log)
    drill(log, at)
    report = checked(log, notes, tiles)

    assert first_bad(report)[1] == at, report.faults


@pytest.mark.parametrize("drill", DRILLS)
@pytest.mark.parametrize("at", [100, 101])
def test_with_tree_heads_alone_it_is_found_between_two_of_them(
    drill: Callable[[Log, int], None], at: int
) -> None:
    log = log_of(300)
    notes = signed(log, 100, 300)
    drill(log, at)
    report = checked(log, notes)
    fault = report.first

    assert fault is not None
    if fault.position is None:
        assert fault.code in ("altered", "cut_off")
        assert fault.after == (0 if at <= 100 else 100)
    elif fault.code == "recorded_earlier":
        assert fault.position in (at, at + 1)
    else:
        assert fault.position == at


def test_what_is_recorded_earlier_than_before_is_told_also_where_nothing_is_signed() -> None:
    log = log_of(5)
    rerecord(log, 3)

    assert first_bad(checked(log, [])) == ("recorded_earlier", 4)


def test_hashes_that_are_not_what_was_signed_are_not_believed() -> None:
    log = log_of(300)
    notes = signed(log, 100, 300)
    report = checked(log, notes, tiles_of(log_of(150, "never was")[:150] + log[150:]))

    assert report.kept_hashes == 0
    assert first_bad(report)[0] == "bad_tile"
    assert report.checkpoints == [100, 300]


def test_two_signed_histories_are_told() -> None:
    log, another = log_of(10), log_of(10)
    flip(another, 5)
    report = checked(log, signed(log, 10) + signed(another, 10))

    assert "two trees of 10 events were signed" in report.faults[0].detail


def test_a_tree_head_of_another_key_vouches_for_nothing() -> None:
    log = log_of(10)
    report = checked(log, signed(log, 10), by=signer(seed=2))

    assert [fault.code for fault in report.faults] == ["bad_checkpoint"]
    assert report.checkpoints == []


def test_of_other_companies_hashes_are_enough() -> None:
    log = log_of(300)
    notes = signed(log, 300)
    others: Log = [
        {"position": each["position"], "leaf_hash": leaf_hash(each).hex()} if each["position"] % 3 else each
        for each in log
    ]

    assert checked(others, notes).good
    others[6] = {"position": 7, "leaf_hash": "00" * HASH_BYTES}
    assert first_bad(checked(others, notes, tiles_of(log))) == ("altered", 7)
    others[6] = {"position": 7, "leaf_hash": "no hex"}
    assert first_bad(checked(others, notes)) == ("unreadable", 7)


def test_a_tree_head_in_the_log_counts_where_it_stands() -> None:
    log = log_of(10)
    (half, whole), another = signed(log, 5, 10), log_of(5)
    flip(another, 5)

    assert checked([*log[:5], {"checkpoint": half}, *log[5:], {"checkpoint": whole}], []).checkpoints == [
        5,
        10,
    ]
    assert first_bad(checked([*another, {"checkpoint": half}], []))[0] == "altered"
    assert first_bad(checked([*log, {"checkpoint": half}], []))[0] == "bad_checkpoint"


@pytest.mark.parametrize("line", ["", "{}", "[1]", "4", '{"position": 1.0}', "\ud800"])
def test_a_line_that_is_no_event_is_named(line: str) -> None:
    assert Verification([]).read([line]).first.position == 1  # type: ignore[union-attr]


def test_a_folder_of_tree_heads_is_read_as_it_was_kept(tmp_path: Path) -> None:
    log, place = log_of(600), Folder(tmp_path)
    tiles = tiles_of(log)
    for size, note in zip((100, 600), signed(log, 100, 600), strict=True):
        place.keep_tiles({index: tiles(index) for index in range(size // TILE_HASHES)})
        place.keep(size, note, tiles(size // TILE_HASHES)[: size % TILE_HASHES * HASH_BYTES])
    kept = Kept(tmp_path)

    assert {name for name, _ in kept.notes()} == {"checkpoint", "100.txt", "600.txt"}
    assert b"".join(map(kept.leaf_tile, range(4))) == b"".join(map(tiles, range(4)))
    verification = Verification([signer().verifier], kept.leaf_tile)
    for name, note in kept.notes():
        verification.add_checkpoint(name, note)
    assert verification.read(json.dumps(each) for each in log).kept_hashes == 600
