"""Named statements of the SQL files."""

import re

import pytest

from projections.read_model import READ_MODELS
from projections.statements import StatementMissing, Statements, in_schemas

FILE = """
-- What this file is about: 100% comment.

-- name: create
CREATE TABLE noun (verb text);

-- name: noun_verbed
-- on: noun.verbed, noun.unverbed
-- on: noun.reverbed
-- Why it is written so: 50% of the time.
INSERT INTO noun
    -- inside too
SELECT '%%';

-- name: always
-- on: *
SELECT 1;
"""


def test_a_statement_is_found_by_its_name_without_its_comments() -> None:
    assert Statements("noun.sql", FILE)["noun_verbed"] == "INSERT INTO noun\nSELECT '%%';"


def test_a_missing_name_is_answered_with_those_that_are_there() -> None:
    with pytest.raises(StatementMissing, match=r"noun\.sql.*'creat'.*create, noun_verbed, always"):
        Statements("noun.sql", FILE)["creat"]


@pytest.mark.parametrize(
    ("topics", "names"),
    [
        ({"noun.reverbed"}, ["noun_verbed", "always"]),
        ({"noun.unverbed", "other"}, ["noun_verbed", "always"]),
        ({"other"}, ["always"]),
    ],
)
def test_statements_write_on_their_topics_in_the_order_of_the_file(
    topics: set[str], names: list[str]
) -> None:
    assert [statement.name for statement in Statements("noun.sql", FILE).writing(topics)] == names


def test_two_statements_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two statements named 'a'"):
        Statements("noun.sql", "-- name: a\nSELECT 1;\n-- name: a\nSELECT 2;")


@pytest.mark.parametrize("name", READ_MODELS)
def test_every_read_model_can_be_made_in_another_schema(name: str) -> None:
    beside = Statements.load(name, {name: f"{name}_next"})

    assert f"CREATE SCHEMA IF NOT EXISTS {name}_next;" in beside["create"]
    assert not re.search(rf"\b{name}\.", beside.text)


def test_only_names_of_schemas_are_put_into_others() -> None:
    text = "CREATE SCHEMA inbox; SELECT inbox.line.folder, 'inbox' FROM inbox.line AS inbox -- an inbox"

    assert in_schemas(text, {"inbox": "next"}) == (
        "CREATE SCHEMA next; SELECT next.line.folder, 'inbox' FROM next.line AS inbox -- an inbox"
    )
