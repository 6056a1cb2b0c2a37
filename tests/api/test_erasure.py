"""A client is erased: over HTTP and by hand, from all that holds anything of him, and nobody else is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from api import answers
from tests.api.client import Client, Server, serving
from tests.databases import Databases
from tests.erased import NUMBER, SIGN, rows_with
from tests.projections.history import rebuild

PHONE, OTHER_PHONE = f"+7 999 {NUMBER}", "+7 999 1112233"
HIS, HERS = f"{NUMBER}@c.us", "1112233@c.us"
GROUP = {"id": "family", "kind": "group", "title": "The house"}


@pytest.fixture
def told(databases: Databases) -> Iterator[Server]:
    """A client with a direct chat, a deal and a task, who also writes in a group with his wife."""
    url = databases.create()
    with serving(url) as server:
        tell(server.client)
        yield server
    databases.drop(url)


@pytest.fixture
def rows(told: Server) -> Iterator[Connection[Any]]:
    with psycopg.connect(told.system.database_url, autocommit=True) as connection:
        yield connection


def tell(admin: Client) -> None:
    admin.put_channel()
    admin.put_employee("oleg", receives_new_clients=True)
    admin.put_contact("ivan", PHONE, name=f"Ivan {SIGN}", responsible_id="oleg")
    admin.put_contact("wife", OTHER_PHONE, name="Maria", responsible_id="oleg")
    admin.put_deal("house", "oleg", "ivan", title=f"House of {SIGN}")
    admin.put_deal("flat", "oleg", "ivan", "wife", title="A flat")
    connector, oleg = admin.with_token("connector"), admin.with_token("employee:oleg")
    write(connector, HIS, PHONE, f"{SIGN} wants a house", id=f"{SIGN}-1", attachments=[attachment()])
    write(connector, HERS, OTHER_PHONE, "Maria wants a flat", id="w1")
    write(connector, "family", PHONE, f"{SIGN} to the family", id=f"{SIGN}-2", chat=GROUP)
    write(connector, "family", OTHER_PHONE, "Maria to the family", id="w2", chat=GROUP)
    edited = {"id": f"{SIGN}-1", "text": f"{SIGN} wants a palace", "edited_at": "2025-03-01T11:00:00Z"}
    connector.tell({"type": "message_edited", "chat": {"id": HIS}, "message": edited})
    answered = oleg.act(oleg.conversation_with(HIS), "messages", {"text": f"Dear {SIGN}!"}).json()
    sent = {"message_id": answered["message_id"], "status": "failed", "at": "2025-03-01T12:00:00Z"}
    connector.tell({"type": "delivery", **sent, "error": f"{PHONE} has no account"})
    oleg.act(oleg.conversation_with(HIS), "tasks", {"text": f"call {SIGN}"})
    first = messages(oleg, HIS)[0]["message_id"]
    oleg.act(oleg.conversation_with(HIS), f"messages/{first}/thread", {"text": f"{SIGN} is rich"})
    quoting = {"text": "x", "assignee_id": SIGN}
    oleg.act(oleg.conversation_with(HIS), "tasks", quoting, headers={"Idempotency-Key": "refused"})


def attachment() -> dict[str, Any]:
    return {"kind": "image", "url": f"https://files/{SIGN}", "name": f"{SIGN}.png"}


def write(connector: Client, chat_id: str, sender: str, text: str, **more: Any) -> None:
    chat = more.pop("chat", {"id": chat_id, "kind": "direct", "title": f"chat with {sender}"})
    event = connector.message(chat_id, sender, text, **more)
    event["message"]["sender"]["name"] = f"{SIGN} of phone" if sender == PHONE else "Maria of phone"
    connector.tell(event | {"chat": chat})


def messages(oleg: Client, chat: str) -> list[dict[str, Any]]:
    path = f"/v1/conversations/{oleg.conversation_with(chat)}/messages"
    items: list[dict[str, Any]] = oleg.get(path)["items"]
    return items


def erase(admin: Client, contact: str = "ivan", **body: Any) -> Any:
    path = f"/v1/contacts/{contact}/erasure"
    counted = admin.get(path)["erased"]["events"] if "confirm" not in body else 0
    return admin.ask("POST", path, json={"reason": "letter 12/25", "confirm": {"events": counted}} | body)


def test_nothing_of_him_is_left_and_all_of_the_others(told: Server, rows: Connection[Any]) -> None:
    admin = told.client
    oleg = admin.with_token("employee:oleg")
    before, hers = oleg.inbox(), messages(oleg, HERS)
    assert rows_with(rows, SIGN, NUMBER).keys() >= {"public.ledger", "timeline.message", "idempotency.answer"}

    shown = admin.get("/v1/contacts/ivan/erasure")
    answers.ErasureShape.model_validate(shown)
    erased = erase(admin)
    answers.ErasedShape.model_validate(erased.json())

    assert erased.json()["erased"] == shown["erased"]
    assert shown["erased"] == {
        **{"events": 13, "contact": 2, "addresses": 0, "chats": 1, "participants": 2, "messages": 3},
        **{"edits": 1, "deliveries": 1, "replies": 1, "tasks": 1, "deals": 1},
    }
    assert rows_with(rows, SIGN, NUMBER) == {}
    after = oleg.inbox()
    assert [item["conversation_id"] for item in after] == [item["conversation_id"] for item in before]
    assert messages(oleg, HERS) == hers
    assert [message["text"] for message in messages(oleg, "family")] == [None, "Maria to the family"]
    rebuild(told.system.database_url)
