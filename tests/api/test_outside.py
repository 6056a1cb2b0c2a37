"""The example of an outside consumer works, and the description of what leaves is whole and true."""

from __future__ import annotations

import json
import re
import runpy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import psycopg
import pytest
from eventsourcing.utils import get_topic

from api import asyncapi
from api.catalogue import NOUNS
from domain.application import Chatledger
from domain.fact import By
from tests.faults.relayed import asked, everything, head, run_until_relayed
from tests.projections.history import follow

DOCS = Path(__file__).parents[2] / "docs"


def test_an_outside_read_model_equals_ours(
    migrated_url: str, nats_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(DOCS / "consumer.py"))["main"]
    asked = nats_url, tmp_path / "deals.db", migrated_url
    sell(migrated_url, 0, handed_over=3)
    relay_and_follow(migrated_url, nats_url)
    assert not main(*asked)
    assert capsys.readouterr().out == "acme.ru: oleg has 5\nacme.ru: vera has 2\n"

    sell(migrated_url, 20, handed_over=10)
    relay_and_follow(migrated_url, nats_url)
    assert not main(*asked)

    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE directory.deal SET status = 'lost' WHERE deal_id = '3'")
    assert main(*asked)


def sell(url: str, first: int, *, handed_over: int) -> None:
    """Ten deals of Oleg's, some of them open; so many are handed over to Vera."""
    by = By("acme.ru", "system", datetime.now(UTC), "a test")
    with Chatledger(
        {"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url}
    ) as chatledger:
        for employee_id in ("oleg", "vera"):
            chatledger.put_employee(
                employee_id,
                name=employee_id.title(),
                role="seller",
                receives_new_clients=True,
                active=True,
                addresses=[],
                by=by,
            )

        def state(number: int, owner_id: str, status: str) -> None:
            chatledger.put_deal(
                str(number), title="A house", owner_id=owner_id, status=status, contact_ids=[], by=by
            )

        for number in range(first, first + 10):
            state(number, "oleg", "open")
        for number in range(first, first + handed_over):
            chatledger.reassign_deal(str(number), "vera", reason="holidays", with_contacts=False, by=by)
        for number in range(first, first + 10, 4):
            state(number, "vera" if number < first + handed_over else "oleg", "won")


def relay_and_follow(url: str, nats_url: str) -> None:
    run_until_relayed(url, nats_url)
    with psycopg.connect(url, autocommit=True) as connection:
        follow(connection, head(url))


def test_the_description_is_what_the_classes_say() -> None:
    renew = "renew it: chatledger events --asyncapi > docs/asyncapi.json"
    assert (DOCS / "asyncapi.json").read_text() == asyncapi.document(), renew


def test_the_description_refers_to_what_is_in_it_and_names_every_event() -> None:
    described = json.loads(asyncapi.document())
    topics = {get_topic(event) for noun in NOUNS for event in noun.events()}
    assert set(described["channels"]) == set(described["operations"]) == topics
    for found in re.findall(r'"\$ref": "#/([^"]+)"', asyncapi.document()):
        there: Any = described
        for part in found.split("/"):
            there = there[part]
        assert there


def test_what_leaves_is_as_described(migrated_url: str, nats_url: str) -> None:
    sell(migrated_url, 0, handed_over=3)
    run_until_relayed(migrated_url, nats_url, nats_private=True)
    described = json.loads(asyncapi.document())
    for _, event in asked(nats_url, everything)[0]:
        payload = described["components"]["messages"][event["topic"]]["payload"]
        schema = {**payload, "components": described["components"]}
        jsonschema_rs.validator_for(schema).validate(event)
        known = described["components"]["schemas"]["event"]["properties"]
        assert set(event) <= set(known)
        own = payload["allOf"][1]["properties"]
        assert set(event["facts"]) <= set(own["facts"]["properties"]) | {"class_version"}
