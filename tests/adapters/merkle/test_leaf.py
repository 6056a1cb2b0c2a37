"""What is hashed is RFC 8785, and nothing is hashed that two readers could read in two ways."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, get_args

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

import domain.application
from adapters.merkle.leaf import (
    FIELDS,
    HIGHEST_INTEGER,
    Uncanonical,
    Unhashable,
    canonical,
    leaf_bytes,
    leaf_hash,
    private_fits,
    read_json,
)
from adapters.postgres.mapper import codec_of, private_digest
from domain.fact import Noun

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-HIGHEST_INTEGER, HIGHEST_INTEGER) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
)
EVENT: dict[str, Any] = {
    "position": 1,
    "workspace_id": "main",
    "stream_id": "4175ccb3-631b-5899-a6ea-a844c88ef864",
    "version": 1,
    "topic": "contact.renamed",
    "actor": "system",
    "occurred_at": "2025-03-01T09:30:00.000000Z",
    "recorded_at": "2025-03-01T09:30:00.000001Z",
    "causation": "a test",
    "facts": {"contact_id": "husband"},
    "private": None,
}


@given(JSON)
@example({"\ufb33": 1, "\U0001f600": 2, "€": 3, "\r": 4, "1": 5, "\x80": 6, "ö": 7})
@example({'\x7f\u2028\u0000\b\f"\\/': [True, False, None, -0]})
def test_canonical_json_is_that_of_another_implementation(value: Any) -> None:
    assert canonical(read_json(json.dumps(value))) == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.0", "1.0 is not a whole number"),
        ("1e3", "1e3 is not a whole number"),
        ("NaN", "NaN is not a whole number"),
        ("[9007199254740992]", "9007199254740992 is beyond"),
        ('{"a": 1, "a": 2}', "one name twice"),
        ("{'a': 1}", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("", "not JSON"),
    ],
)
def test_what_may_be_read_in_two_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Uncanonical, match=reason):
        read_json(text)


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(Uncanonical, match="surrogate"):
        canonical(read_json(r'"\ud83d"'))


def test_the_private_part_is_no_part_of_the_leaf() -> None:
    with_private = {**EVENT, "private": {"name": "Husband", "salt": "00"}}

    assert leaf_bytes(with_private) == leaf_bytes(EVENT)
    assert json.loads(leaf_bytes(EVENT)) == {name: EVENT[name] for name in FIELDS}
    assert leaf_hash(EVENT) == sha256(b"\x00" + leaf_bytes(EVENT)).digest()


@pytest.mark.parametrize("field", FIELDS)
def test_whatever_else_changes_the_leaf_is_another(field: str) -> None:
    assert leaf_hash({**EVENT, field: "another"}) != leaf_hash(EVENT)
    with pytest.raises(Unhashable, match=f"has no {field}"):
        leaf_hash({name: value for name, value in EVENT.items() if name != field})


def test_an_event_that_has_no_leaf_is_named_by_its_position() -> None:
    with pytest.raises(Unhashable, match="position 1 has no leaf: a string holds half") as refused:
        leaf_hash({**EVENT, "actor": "\ud800"})
    assert refused.value.position == 1


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_the_digest_of_what_the_ledger_holds_fits(private: dict[str, str]) -> None:
    private.pop("salt", None)
    digest = private_digest("c0ffee", private)
    event = {**EVENT, "facts": {"private_digest": digest}, "private": {**private, "salt": "c0ffee"}}

    assert private_fits(event)
    assert private_fits({**event, "private": None})
    assert not private_fits({**event, "private": {**private, "salt": "beef"}})
    assert not private_fits({**event, "private": private})
    assert not private_fits({**event, "facts": {}})


def test_no_event_has_a_field_of_a_type_that_has_no_canonical_form() -> None:
    """Found when it is written, and not first when it is hashed."""
    assert domain.application
    events = [event for noun in Noun.__subclasses__() for event in noun.events()]

    assert len(events) > 30
    for event in events:
        for name, hint in codec_of(event).hints.items():
            assert float not in types_of(hint), f"{event.__qualname__}.{name}"


def types_of(hint: Any) -> set[Any]:
    return {hint}.union(*(types_of(each) for each in get_args(hint)))
