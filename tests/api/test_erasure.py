"""A client is erased over HTTP: from all that holds anything of him; nobody else is, and life goes on."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from api import admin_answers, answers, living
from domain.application import Chatledger
from domain.fact import By
from projections.read_model import READ_MODELS
from tests.api.client import Client, Server
from tests.api.erasable import Person, meet
from tests.api.following import beating_often, following
from tests.erased import rows_with
from tests.projections.history import noon, rebuild

BY = By("main", "system", noon(), "a test")


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    admin.put_channel()
    admin.put_employee("oleg", receives_new_clients=True)
    return admin.with_token("employee:oleg")


@pytest.fixture
def him(admin: Client, connector: Client, oleg: Client) -> Person:
    return meet(admin, connector, oleg)


@pytest.fixture
def rows(server: Server) -> Iterator[Connection[Any]]:
    with psycopg.connect(server.system.database_url, autocommit=True) as connection:
        yield connection


def recorded_after(rows: Connection[Any], position: int) -> list[str]:
    found = rows.execute("SELECT topic FROM ledger WHERE position > %s ORDER BY position", (position,))
    return [topic for (topic,) in found]


def test_nothing_of_him_is_left_and_all_of_the_others(
    server: Server, him: Person, oleg: Client, rows: Connection[Any]
) -> None:
    other = meet(him.admin, him.connector, oleg)
    before, hers = oleg.inbox(), other.messages(other.conversation)
    theirs = rows_with(rows, other.sign, other.number)
    assert rows_with(rows, him.sign, him.number).keys() == {
        *("public.ledger", "idempotency.answer", "directory.contact", "directory.contact_address"),
        *("directory.deal", "timeline.message", "inbox.chat", "inbox.card", "inbox.participant"),
        *("search.message", "search.chat_name", "search.person_name", "tasks.task", "threads.reply"),
    }
    auditor = him.admin.with_token("auditor")
    auditor.get("/v1/audit/events", subject=f"address:whatsapp:{him.phone}")
    shown = him.admin.get(him.erasure)
    admin_answers.ErasureShape.model_validate(shown)
    assert shown["erased"] == {
        **{"events": 14, "contact": 2, "addresses": 0, "chats": 1, "participants": 2, "messages": 3},
        **{"edits": 1, "deliveries": 1, "replies": 1, "tasks": 1, "deals": 1, "questions": 1},
    }

    erased = him.ask_to_erase().json()

    admin_answers.ErasedShape.model_validate(erased)
    assert erased["erased"] == shown["erased"]
    assert rows_with(rows, him.sign, him.number) == {}
    assert rows_with(rows, other.sign, other.number).items() == theirs.items() - {("idempotency.answer", 1)}
    assert [seen(item) for item in oleg.inbox()] == [seen(item) for item in before]
    assert other.messages(other.conversation) == hers
    group = oleg.conversation_with(him.group)
    assert [message["text"] for message in him.messages(group)] == [None, "Hello husband"]
    rebuild(server.system.database_url)


def seen(item: dict[str, Any]) -> Any:
    return [item[name] for name in ("conversation_id", "folder", "unread", "waiting_since", "contact_ids")]


def test_what_is_erased_is_shown_as_the_description_says(him: Person, oleg: Client) -> None:
    conversation = him.conversation
    him.ask_to_erase()

    path = f"/v1/conversations/{conversation}"
    item = oleg.get(path)
    messages = oleg.get(f"{path}/messages")
    thread = oleg.get(f"{path}/messages/{messages['items'][0]['message_id']}/thread")
    tasks = oleg.get(f"{path}/tasks")

    for shape, shown in (
        (answers.ConversationShape, item),
        (answers.MessagePage, messages),
        (answers.ThreadPage, thread),
        (answers.TaskPage, tasks),
        (answers.InboxPage, oleg.get("/v1/inbox")),
        (answers.Findings, oleg.get("/v1/search", q=him.sign)),
    ):
        shape.model_validate(shown)
    assert (item["title"], item["participants"][0]["address"]) == (None, None)
    assert [message["text"] for message in messages["items"]] == [None, None]
    assert messages["items"][0]["attachments"] == []
    assert (thread["items"][0]["text"], tasks["items"][0]["text"]) == (None, None)
    assert oleg.get("/v1/search", q=him.sign)["items"] == []
    assert oleg.get("/v1/search", q=him.number)["conversations"] == []


def test_who_has_it_open_is_told(him: Person, oleg: Client) -> None:
    conversation = him.conversation
    with beating_often(), following(oleg) as feed:
        position = him.ask_to_erase().json()["position"]
        told = feed.until(position)

    changed = [event.data for event in told if event.kind == "conversation_changed"]
    assert him.sign not in str(told)
    assert conversation in {item["conversation_id"] for item in changed}
    emptied = [event.data for event in told if event.is_message]
    assert [message["text"] for message in emptied] == [None] * 3
    path = f"/v1/conversations/{conversation}/messages"
    assert oleg.get(path)["items"][0] | {"conversation_id": conversation} in emptied


def test_who_asks_again_finds_nothing_to_do(him: Person, rows: Connection[Any]) -> None:
    body = {"reason": "letter 12/25", "confirm": {"events": 13}}
    first = him.admin.post(him.erasure, body)
    again = him.admin.post(him.erasure, body)

    assert recorded_after(rows, first["position"] - 1) == ["contact.erased"]
    assert again["erased"]["events"] == 0
    assert him.admin.get(him.erasure)["name"] is None


def test_what_has_changed_since_it_was_shown_is_looked_at_again(him: Person, rows: Connection[Any]) -> None:
    shown = him.shown()
    head = him.write("one more thing,")["position"]
    refused = him.ask_to_erase(confirm={"events": 13}).json()

    assert (refused["code"], refused["confirmed"], refused["found"]) == ("erasure_changed", 13, 14)
    assert recorded_after(rows, head) == []
    assert him.ask_to_erase(confirm=shown).json()["erased"]["events"] == 14


@pytest.mark.parametrize("reason", ["asked by Ivan", "IVAN {sign} asked", "call of 7999{number}"])
def test_a_reason_must_not_name_him(him: Person, reason: str) -> None:
    told = reason.format(sign=him.sign, number=him.number)
    refused = him.ask_to_erase(reason=told).json()

    assert (refused["code"], refused["errors"][0]["field"]) == ("reason_names_client", "reason")
    assert told not in str(refused)
    assert him.shown()["events"] == 13


def test_nobody_of_that_name_can_be_erased(admin: Client) -> None:
    body = {"reason": "x", "confirm": {"events": 0}}
    for answer in (
        admin.ask("GET", "/v1/contacts/nobody/erasure"),
        admin.ask("POST", "/v1/contacts/nobody/erasure", json=body),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_life_goes_on_with_what_is_not_known_any_more(him: Person, oleg: Client) -> None:
    conversation = him.conversation
    task = oleg.get(f"/v1/conversations/{conversation}/tasks")["items"][0]["task_id"]
    position = him.ask_to_erase().json()["position"]

    him.admin.put_contact(him.id, him.phone, name=f"Ivan {him.sign}", responsible_id="oleg")
    him.admin.put_deal(f"house of {him.id}", "oleg", him.id, title="A house")
    oleg.put(f"/v1/tasks/{task}", {"text": "call him", "assignee_id": "oleg"})
    him.edit("I want a hut", 5)
    him.write("I am back,")

    item = oleg.get(f"/v1/conversations/{conversation}")
    assert (item["title"], item["chats"][0]["external_id"]) == (f"Ivan {him.sign}", him.chat)
    assert [one["address"] for one in item["participants"]] == [him.phone]
    texts = [message["text"] for message in him.messages(conversation)]
    assert texts == ["I want a hut", f"I am back, {him.sign}", None]
    assert oleg.get(f"/v1/conversations/{conversation}/tasks")["items"][0]["text"] == "call him"
    address = {"kind": "whatsapp", "address": him.phone}
    for action in ("unlink", "link"):
        assert oleg.act(conversation, action, {"address": address, "contact_id": him.id}).is_success
    assert him.ask_to_erase().json()["position"] > position
    assert him.messages(conversation)[1]["text"] is None


def test_what_is_told_again_does_not_come_back(him: Person, rows: Connection[Any]) -> None:
    position = him.ask_to_erase().json()["position"]

    him.edit(f"I want a palace, {him.sign}", 0)
    him.write("I want a house,", id=f"{him.sign}-1")

    assert recorded_after(rows, position) == []
    assert rows_with(rows, him.sign) == {}


def test_all_that_came_before_is_gone_and_nothing_that_came_after(him: Person, rows: Connection[Any]) -> None:
    """He writes all the time, and two want him erased at once."""
    stop, erased = Event(), list[dict[str, Any]]()

    def go_on_writing() -> None:
        while not stop.is_set():
            him.write("and another thing,")

    def have_him_erased() -> None:
        erased.append(him.ask_to_erase().json())

    writer, erasers = Thread(target=go_on_writing), [Thread(target=have_him_erased) for _ in range(2)]
    for thread in (writer, *erasers):
        thread.start()
    for thread in erasers:
        thread.join()
    stop.set()
    writer.join()

    last = max(answer["position"] for answer in erased)
    written = rows.execute(
        "SELECT position, private IS NULL FROM ledger WHERE topic = 'message.received'"
        " AND facts->>'sender_id' = (SELECT facts->>'address_id' FROM ledger"
        " WHERE topic = 'contact.address_linked' AND facts->>'contact_id' = %s)",
        (him.id,),
    ).fetchall()
    assert {position < last for position, erased in written if erased} == {True}
    assert all(position > last for position, erased in written if not erased)


def test_another_process_forgets_too(server: Server, him: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(living, "LOOK_INTERVAL_S", 0.02)
    forgot = Event()
    with living.living(server.system.database_url, 4711, forgot.set):
        assert not forgot.wait(0.1)
        him.ask_to_erase()
        assert forgot.wait(5)


def test_what_a_process_remembers_decides_nothing_after_it_forgot(server: Server, him: Person) -> None:
    with Chatledger(dict(server.system.application.env)) as elsewhere:
        deal = {"title": f"House of {him.sign}", "owner_id": "oleg", "status": "open"}
        put: dict[str, Any] = {**deal, "contact_ids": [him.id], "by": BY}
        assert elsewhere.put_deal(f"house of {him.id}", **put).recorded == 0
        him.ask_to_erase()

        elsewhere.forget_private()

        assert elsewhere.put_deal(f"house of {him.id}", **put).recorded == 1


def test_former_tables_go_as_a_whole(server: Server, him: Person, rows: Connection[Any]) -> None:
    rebuild(server.system.database_url, READ_MODELS)
    assert any("_before." in table for table in rows_with(rows, him.sign))

    him.ask_to_erase()

    for _ in range(500):
        if rows.execute("SELECT count(*) FROM projection.rebuild").fetchone() == (0,):
            assert rows_with(rows, him.sign) == {}
            return
        Event().wait(0.02)
    raise AssertionError("they are still there")
