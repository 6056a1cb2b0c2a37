"""A made history is what the commands record: else we would measure something else than the product."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import dict_row

from adapters.postgres.mapper import private_digest
from api.bench import history
from api.bench.company import STORIES, Company
from tests.databases import Databases

MADE = Company(3 * STORIES + 5, messages=4, sellers=3)

Told = dict[tuple[str, int], Any]
"""What an event says, by its stream and version."""


@pytest.fixture(scope="module")
def made(databases: Databases) -> str:
    url = databases.create()
    history.make(url, MADE)
    return url


def test_a_made_history_is_what_the_commands_record(made: str, databases: Databases) -> None:
    played = databases.create()
    history.found_and_play(played, MADE, range(MADE.conversations))
    assert told(made) == told(played)


def test_positions_are_dense_and_times_never_fall(made: str) -> None:
    rows = ledger(made)
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    recorded = [row["recorded_at"] for row in rows]
    assert recorded == sorted(recorded)
    occurred = [row["occurred_at"] for row in rows]
    assert occurred == sorted(occurred)


def test_what_is_private_can_be_proved(made: str) -> None:
    for row in ledger(made):
        if (private := row["private"]) is not None:
            assert row["facts"]["private_digest"] == private_digest(private["salt"], unsalted(private))


def test_conversations_go_on_in_turns(made: str) -> None:
    chats = [row["facts"]["chat_id"] for row in ledger(made) if row["topic"] == "message.received"]
    neighbours = list(pairwise(chats))
    assert sum(one == other for one, other in neighbours) < len(neighbours) / 4


def test_everybody_sees_his_own(made: str) -> None:
    with psycopg.connect(made) as connection:
        lines: dict[str, int] = dict(
            connection.execute("SELECT audience, count(*) FROM inbox.line GROUP BY audience").fetchall()
        )
    clients = [number for number in range(MADE.conversations) if MADE.is_client(number)]
    assert lines["oversight"] == MADE.conversations
    assert lines["new_client"] == MADE.conversations - len(clients)
    assert lines["employee:seller-1"] == sum(MADE.seller_of(number) == "seller-1" for number in clients)


def told(url: str) -> Told:
    """Every event without what differs each time: positions are told by the event that they mean."""
    rows = ledger(url)
    events = {row["position"]: (str(row["stream_id"]), row["version"]) for row in rows}
    return {
        events[row["position"]]: (
            row["topic"],
            row["workspace_id"],
            row["actor"],
            row["causation"],
            {name: meant(name, fact, events) for name, fact in row["facts"].items()},
            row["private"] and unsalted(row["private"]),
        )
        for row in rows
    }


def meant(name: str, fact: Any, events: dict[int, tuple[str, int]]) -> Any:
    if name == "private_digest":
        return "a digest"
    return events[fact] if name.endswith("_position") else fact


def unsalted(private: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in private.items() if name != "salt"}


def ledger(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        return rows_of(connection)


def rows_of(connection: Connection[Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("SELECT * FROM ledger ORDER BY position").fetchall()
