"""Every event of the domain comes back from the ledger as it went in."""

import dataclasses
import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from eventsourcing.persistence import (
    DataError,
    JSONTranscoder,
    MapperDeserialisationError,
    NotSupportedError,
    StoredEvent,
)
from eventsourcing.utils import get_topic, register_topic
from hypothesis import given
from hypothesis import strategies as st

import domain
from adapters.merkle.leaf import canonical
from adapters.postgres.mapper import FactMapper, private_digest
from domain.fact import Fact, Noun, Private
from tests.adapters.ledger_events import opened

AT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NAIVE = AT.replace(tzinfo=None)


class Happened(Fact):
    """With every kind of field."""

    TOPIC = "mapper_test.happened"
    owner_id: UUID
    until: datetime | None
    weight: float
    tags: list[str]
    note: Private[str | None]
    met: Private[datetime]


class Counted(Fact):
    TOPIC = "mapper_test.counted"
    class_version = 3
    number: int
    unit: str
    remark: Private[str]

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        state["number"] = int(state.pop("count"))

    @staticmethod
    def upcast_v2_v3(state: dict[str, Any]) -> None:
        state["unit"] = "pieces"


@pytest.fixture(scope="module")
def mapper() -> FactMapper:
    for event_class in (Happened, Counted):
        register_topic(get_topic(event_class), event_class)
    return FactMapper(JSONTranscoder())


def happened(**fields: Any) -> Happened:
    default: dict[str, Any] = {
        "originator_id": UUID(int=7),
        "originator_version": 3,
        "timestamp": AT,
        "workspace_id": "main",
        "actor": "employee:oleg",
        "causation": "webhook 7",
        "owner_id": UUID(int=8),
        "until": None,
        "weight": 1.5,
        "tags": ["red"],
        "note": "Wife's keys",
        "met": AT,
    }
    return Happened(**{**default, **fields})


def every_event() -> Iterator[type[Fact]]:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    for noun in Noun.__subclasses__():
        yield from noun.events()


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
scalars: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    bool: st.booleans(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    datetime: st.datetimes(NAIVE.replace(year=1900), timezones=offsets),
    type(None): st.none(),
}
any_json = st.recursive(
    st.none() | st.booleans() | scalars[int] | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field; `Any` stands for any JSON, wherever it stands in the hint."""
    arguments = [of_type(argument) for argument in get_args(hint)]
    if hint is Any:
        return any_json
    if get_origin(hint) is list:
        return st.lists(arguments[0], max_size=3)
    if get_origin(hint) is dict:
        return st.dictionaries(*arguments, max_size=3)
    return st.one_of(arguments) if arguments else scalars[hint]


@st.composite
def events(draw: st.DrawFn) -> Fact:
    event_class = draw(st.sampled_from(sorted(every_event(), key=lambda each: each.__qualname__)))
    hints = get_type_hints(event_class)
    names = [field.name for field in dataclasses.fields(event_class)]
    drawn = {
        name: draw(of_type(hints[name]))
        for name in names
        if name not in ("originator_id", "originator_version")
    }
    return event_class(originator_id=draw(st.uuids()), originator_version=draw(scalars[int]), **drawn)


@given(event=events())
def test_what_went_in_comes_out(event: Fact) -> None:
    mapper: FactMapper = FactMapper(JSONTranscoder())

    stored = mapper.to_stored_event(event)

    assert mapper.to_domain_event(stored) == event
    assert_private_is_apart(stored)


def assert_private_is_apart(stored: StoredEvent) -> None:
    envelope = json.loads(stored.state)
    facts, private = envelope["facts"], envelope["private"]
    assert ("private_digest" in facts) == (private is not None)
    if private is not None:
        assert not (facts.keys() - {"private_digest"}) & private.keys()
        salt = private.pop("salt")
        assert len(bytes.fromhex(salt)) == 16
        assert facts["private_digest"] == private_digest(salt, private)


def test_every_noun_is_found() -> None:
    assert {"message.received", "conversation.claimed", "deal.reassigned"} <= {
        getattr(event, "TOPIC", None) for event in every_event()
    }


def test_the_envelope(mapper: FactMapper) -> None:
    stored = mapper.to_stored_event(happened())

    envelope = json.loads(stored.state)
    digest = envelope["facts"].pop("private_digest")
    salt = envelope["private"].pop("salt")
    assert (stored.originator_id, stored.originator_version) == (UUID(int=7), 3)
    assert stored.topic == "mapper_test.happened"
    assert envelope == {
        "workspace_id": "main",
        "actor": "employee:oleg",
        "occurred_at": "2024-05-06T07:08:09.123456Z",
        "causation": "webhook 7",
        "facts": {"owner_id": str(UUID(int=8)), "until": None, "weight": 1.5, "tags": ["red"]},
        "private": {"note": "Wife's keys", "met": "2024-05-06T07:08:09.123456Z"},
    }
    assert digest == private_digest(salt, envelope["private"])


def test_the_digest_is_over_canonical_json() -> None:
    assert canonical({"b": [1, "é"], "a": None}).decode() == '{"a":null,"b":[1,"é"]}'
    assert private_digest("00" * 16, {}) != private_digest("01" * 16, {})


def test_the_same_text_has_another_digest_each_time(mapper: FactMapper) -> None:
    first, second = (json.loads(mapper.to_stored_event(happened()).state)["facts"] for _ in range(2))
    assert first["private_digest"] != second["private_digest"]


def test_what_the_ledger_stores_comes_back_the_same(mapper: FactMapper, database_url: str) -> None:
    """jsonb orders keys anew and knows one kind of number; neither changes an event or its digest."""
    east = timezone(timedelta(hours=3))
    event = happened(
        originator_version=1, timestamp=AT.astimezone(east), until=AT.astimezone(east), weight=1e23
    )
    with opened(database_url) as recorder:
        recorder.insert_events([mapper.to_stored_event(event)])
        (stored,) = recorder.select_events(event.originator_id)
        (row,) = recorder.rows(0, 1)

    assert mapper.to_domain_event(stored) == event
    assert_private_is_apart(stored)
    assert row["occurred_at"] == AT


def test_what_was_erased_is_none(mapper: FactMapper) -> None:
    stored = mapper.to_stored_event(happened())
    envelope = json.loads(stored.state)
    erased = dataclasses.replace(stored, state=json.dumps({**envelope, "private": None}).encode())

    assert mapper.to_domain_event(erased) == happened(note=None, met=None)


@pytest.mark.parametrize(
    ("facts", "number", "unit"),
    [
        ({"count": "5"}, 5, "pieces"),
        ({"class_version": 2, "number": 6}, 6, "pieces"),
        ({"class_version": 3, "number": 7, "unit": "kg"}, 7, "kg"),
    ],
)
@pytest.mark.parametrize("private", [{"remark": "fragile", "salt": "00"}, None])
def test_old_events_are_brought_up_to_date(
    mapper: FactMapper, facts: dict[str, Any], number: int, unit: str, private: dict[str, str] | None
) -> None:
    envelope = json.loads(mapper.to_stored_event(happened()).state)
    state = json.dumps({**envelope, "facts": facts, "private": private}).encode()
    topic = "mapper_test.counted"

    event: Any = mapper.to_domain_event(StoredEvent(UUID(int=7), 1, topic, state))

    assert (event.number, event.unit) == (number, unit)
    assert event.remark == ("fragile" if private else None)
    assert event.timestamp == AT
    assert set(vars(event)) - {"erased"} == {field.name for field in dataclasses.fields(event)}
    assert event.erased == (private is None)


def test_an_event_says_the_version_of_its_class(mapper: FactMapper) -> None:
    common = {
        name: value for name, value in vars(happened()).items() if name in vars(Fact)["__dataclass_fields__"]
    }
    event = Counted(**{**common, "number": 1, "unit": "kg", "remark": "fragile"})

    stored = mapper.to_stored_event(event)

    assert json.loads(stored.state)["facts"]["class_version"] == 3
    assert mapper.to_domain_event(stored) == event


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("note", "half a \ud83c"),
        ("note", 5),
        ("tags", "red"),
        ("timestamp", NAIVE),
        ("until", NAIVE),
        ("met", NAIVE),
        ("actor", None),
        ("weight", "heavy"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(mapper: FactMapper, field: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"cannot be stored in: {field}$") as refused:
        mapper.to_stored_event(happened(**{field: value}))
    assert "half" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_nul_character_is_refused_and_what_looks_like_one_is_not(mapper: FactMapper) -> None:
    with pytest.raises(DataError, match="NUL"):
        mapper.to_stored_event(happened(note="a\x00b"))
    event = happened(note="a\\u0000b")
    assert mapper.to_domain_event(mapper.to_stored_event(event)) == event


def test_what_does_not_fit_its_class_is_told_without_what_it_says(mapper: FactMapper) -> None:
    stored = mapper.to_stored_event(happened(note="secret"))
    broken = dataclasses.replace(stored, state=stored.state.replace(b'"secret"', b'["secret"]'))

    with pytest.raises(MapperDeserialisationError, match="version 3 of 00000000") as refused:
        mapper.to_domain_event(broken)

    assert "secret" not in str(refused.value)


def test_facts_are_neither_compressed_nor_encrypted() -> None:
    with pytest.raises(NotSupportedError):
        FactMapper(JSONTranscoder(), compressor=object())  # type: ignore[arg-type]
