"""Asking a real Chatledger that has lived through the house story: over HTTP, and without a server."""

import json
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api.auditing.asker import AnswerRefused
from api.cli import app
from api.house import GROUP_CHAT, House
from api.story import STORY
from tests.api.client import ADMIN_TOKEN, Server

NOWHERE = "00000000-0000-4000-8000-000000000000"
EVERYBODY = {6: "pavel irina katya", 9: "vera irina katya"}
"""Step of the story → who sees the group after it."""


@pytest.fixture(scope="module")
def house(server: Server) -> House:
    house = House(server.client.http, ADMIN_TOKEN)
    house.open()
    return house


@pytest.fixture(scope="module")
def positions(house: House) -> dict[int, int]:
    """Step → the position after it."""
    after = {}
    for step in STORY:
        step.play(house)
        after[step.number] = house.position
    return after


def ask(words: str, **environment: str) -> Any:
    return CliRunner().invoke(
        app, ["audit", *words.split()], env={"LC_ALL": "C", "COLUMNS": "100", **environment}
    )


def test_over_http_and_without_a_server_the_answer_is_the_same(
    server: Server, house: House, positions: dict[int, int]
) -> None:
    conversation_id = house.conversation_id(GROUP_CHAT)
    over_http = {"CHATLEDGER_URL": server.url, "CHATLEDGER_TOKEN": house.tokens["auditor"]}
    here = {"CHATLEDGER_DATABASE_URL": server.system.database_url}
    for step, everybody in EVERYBODY.items():
        words = f"who --conversation {conversation_id} --at {positions[step]} --json"
        told = ask(words, **over_http).stdout
        assert ask(words, **here).stdout == told
        assert {item["employee_id"] for item in json.loads(told)["items"]} == set(everybody.split())
    table = ask(f"who --conversation {conversation_id}", **over_http).stdout
    assert "responsible for contact “son”" in table


def test_who_asks_without_a_server_does_so_on_a_token_of_that_moment(
    server: Server, house: House, positions: dict[int, int]
) -> None:
    before = server.head
    words = f"who --conversation {house.conversation_id(GROUP_CHAT)}"
    assert ask(words, CHATLEDGER_DATABASE_URL=server.system.database_url).exit_code == 0
    with psycopg.connect(server.system.database_url) as connection:
        rows = connection.execute(
            "SELECT topic, actor, causation, facts->>'token_id' FROM ledger"
            " WHERE position > %s AND topic LIKE 'token.%%' ORDER BY position",
            [before],
        ).fetchall()
    assert [row[:3] for row in rows] == [
        ("token.issued", "system", "chatledger audit"),
        ("token.revoked", "system", "chatledger audit"),
    ]
    assert rows[0][3] == rows[1][3]


@pytest.mark.parametrize("way", ["http", "here"])
def test_what_is_refused_is_told_in_one_line(server: Server, house: House, way: str) -> None:
    ways = {
        "http": {"CHATLEDGER_URL": server.url, "CHATLEDGER_TOKEN": house.tokens["auditor"]},
        "here": {"CHATLEDGER_DATABASE_URL": server.system.database_url},
    }
    where = server.url if way == "http" else "this database"
    for words, why in {
        f"who --chat {NOWHERE}": f"404 There is no chat {NOWHERE!r}.",
        f"who --chat {NOWHERE} --at 999999": "422 at must not be beyond the ledger's head",
        "who --chat house": "422 chat_id must be a UUID",
    }.items():
        error = ask(words, **ways[way]).exception
        assert isinstance(error, AnswerRefused)
        assert str(error).startswith(f"GET /v1/audit/visibility on {where}: {why}")
