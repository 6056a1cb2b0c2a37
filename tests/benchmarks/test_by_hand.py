"""What is written by hand as the limit of a handover changes the same rows as the product does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from api.bench import by_hand, company, history
from api.bench.company import Company
from domain.application import Chatledger
from tests.benchmarks.test_company import rows_of
from tests.databases import Databases
from tests.projections.history import all_rows, follow

MADE = Company(60, sellers=2, deal_every=1, successors=1, strangers=False)
SELLER, SUCCESSOR = company.seller(0), company.successor(0)
NUMBERS = [number for number in range(MADE.conversations) if MADE.seller_of(number) == SELLER]
DEALS = sorted(company.deal_id(number) for number in NUMBERS)
CONTACTS = sorted(company.contact_id(number) for number in NUMBERS)


@pytest.fixture(scope="module")
def made(databases: Databases) -> str:
    url = databases.create()
    history.make(url, MADE)
    return url


@pytest.fixture
def ours(databases: Databases, made: str) -> str:
    return databases.create(template=made)


@pytest.fixture
def limit(databases: Databases, made: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(databases.create(template=made), autocommit=True) as connection:
        by_hand.prepare(connection)
        yield connection


def test_everything_of_one_seller(ours: str, limit: Connection[Any]) -> None:
    with closing(application(ours)) as chatledger:
        accepted = chatledger.hand_over(
            SELLER, SUCCESSOR, deal_ids=DEALS, contact_ids=CONTACTS, reason=by_hand.REASON, by=company.by()
        )
    by_hand.hand_over(limit, SELLER, SUCCESSOR)
    assert accepted.recorded == 2 * len(NUMBERS)
    assert outcome(limit) == followed(ours, accepted.position)


def test_one_deal(ours: str, limit: Connection[Any]) -> None:
    with closing(application(ours)) as chatledger:
        accepted = chatledger.reassign_deal(
            DEALS[0], SUCCESSOR, reason=by_hand.REASON, with_contacts=True, by=company.by()
        )
    by_hand.reassign(limit, DEALS[0], SELLER, SUCCESSOR)
    assert outcome(limit) == followed(ours, accepted.position)


def application(url: str) -> Chatledger:
    return Chatledger({"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url})


def followed(url: str, position: int) -> dict[str, Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        follow(connection, position)
        return outcome(connection)


def outcome(connection: Connection[Any]) -> dict[str, Any]:
    """What a handover changes, but for who told it, when, and salts."""
    events = [
        (
            row["position"],
            row["stream_id"],
            row["version"],
            row["topic"],
            row["facts"] | {"private_digest": ""},
        )
        for row in rows_of(connection)
    ]
    lines = all_rows(connection, "inbox")["inbox.line"]
    return {"ledger": events, "lines": lines, **all_rows(connection, "directory", "visibility")}
