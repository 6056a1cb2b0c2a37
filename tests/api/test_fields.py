"""What the description says of a field is what its check takes, character by character."""

import re
from typing import Any
from unicodedata import category

import pytest
from jsonschema_rs import validator_for
from pydantic import TypeAdapter, ValidationError

from api import limits
from api.fields import IN_OUR_AGE, AddressText, Id, Name, TaskText, Uuid, whole
from api.idempotency import KEY
from api.tokens import Scope

CHARACTERS = [
    chr(code) for code in (*range(0xD800), *range(0xE000, 0x110000, 97)) if category(chr(code)) != "Cn"
]


def takes(checks: TypeAdapter[Any], value: object) -> bool:
    try:
        checks.validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("field", [Id, Name, AddressText, TaskText], ids=["Id", "Name", "Address", "Task"])
def test_a_character_is_taken_where_the_description_lets_it(field: Any) -> None:
    checks = TypeAdapter(field)
    described = validator_for(checks.json_schema())

    assert [one for one in CHARACTERS if described.is_valid(one) != takes(checks, one)] == []


@pytest.mark.parametrize(
    "scope",
    ["admin", "connector", "auditor", "analyst", "employee:oleg", "employee:", "employee", "admins", ""],
)
def test_a_scope_is_taken_where_the_description_lets_it(scope: str) -> None:
    checks = TypeAdapter(Scope)

    assert validator_for(checks.json_schema()).is_valid(scope) == takes(checks, scope)


def test_an_id_of_ours_is_described_as_one() -> None:
    assert TypeAdapter(Uuid).json_schema() == {"type": "string", "format": "uuid"}


def test_the_years_of_our_age_are_those_of_the_limits() -> None:
    described = [year for year in range(10_000) if re.match(IN_OUR_AGE, f"{year:04}-03-01T10:00:00Z")]

    assert described == list(range(limits.FIRST_YEAR, limits.LAST_YEAR + 1))


@pytest.mark.parametrize(("told", "meant"), [(42, 42), (42.0, 42), (42.5, 42.5), (True, True), ("42", "42")])
def test_a_whole_number_may_be_written_as_a_decimal(told: object, meant: object) -> None:
    assert repr(whole(told)) == repr(meant)


def test_a_key_is_as_long_as_the_limit_says() -> None:
    longest = "k" * limits.IDEMPOTENCY_KEY_CHARACTERS

    assert KEY.fullmatch(longest)
    assert not KEY.fullmatch(longest + "k")
