"""Hidden threads over HTTP: helpers see the conversation while they are in, and no client hears of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from api import answers
from projections.read_model import READ_MODELS
from tests.api.client import Client, Json, Server
from tests.projections.history import all_rows

SECRET = "Their cat hates the tiles"


@dataclass(frozen=True)
class Asked:
    """A conversation of Oleg's client, and the message that a thread is under."""

    conversation: str
    message: str
    client: str = ""
    phone: str = ""

    @property
    def path(self) -> str:
        return f"/v1/conversations/{self.conversation}/messages/{self.message}/thread"

    def read(self, client: Client, **parameters: Any) -> Json:
        return client.get(self.path, **parameters)

    def write(self, client: Client, text: str | None = None, **helpers: list[str]) -> Json:
        return client.post(self.path, ({"text": text} if text else {}) | helpers)


@pytest.fixture(scope="module")
def staff(admin: Client) -> dict[str, Client]:
    """Nobody receives new clients; Oleg answers for those who write."""
    admin.put_channel()
    roles = {"oleg": "seller", "vera": "seller", "irina": "supervisor", "katya": "quality_control"}
    for employee_id, role in roles.items():
        admin.put_employee(employee_id, role)
    return {employee_id: admin.with_token(f"employee:{employee_id}") for employee_id in roles}


@pytest.fixture
def oleg(staff: dict[str, Client]) -> Client:
    return staff["oleg"]


@pytest.fixture
def vera(staff: dict[str, Client]) -> Client:
    return staff["vera"]


@pytest.fixture
def ask(admin: Client, connector: Client, oleg: Client) -> Callable[..., Asked]:
    def ask(**chat: str) -> Asked:
        """A client of Oleg's writes, in a chat of his own."""
        name, phone = str(uuid4()), f"+7 {uuid4().int}"
        admin.put_contact(name, phone, responsible_id="oleg")
        message = connector.message(name, phone, "Which tiles?")
        message["chat"] |= chat
        oleg.get("/v1/inbox", min_position=connector.tell(message)["position"])
        conversation = oleg.conversation_with(name)
        (item,) = oleg.get(f"/v1/conversations/{conversation}/messages")["items"]
        return Asked(conversation, item["message_id"], name, phone)

    return ask


@pytest.fixture
def asked(ask: Callable[..., Asked]) -> Asked:
    return ask()


def sees(client: Client, asked: Asked) -> bool:
    """Whether somebody sees it, which must be the same wherever he looks."""
    path = f"/v1/conversations/{asked.conversation}"
    listed = asked.conversation in {item["conversation_id"] for item in client.inbox()}
    opened = {client.ask("GET", each).status_code for each in (path, f"{path}/messages", asked.path)}
    assert opened == ({200} if listed else {404})
    return listed


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_helper_sees_the_whole_conversation_until_he_is_removed(
    connector: Client, oleg: Client, vera: Client, asked: Asked
) -> None:
    assert not sees(vera, asked)

    asked.write(oleg, "Do you know?", add_employee_ids=["vera"])

    assert sees(vera, asked)
    item = vera.get(f"/v1/conversations/{asked.conversation}")
    assert item["reasons"] == [{"kind": "thread_helper", "message_id": asked.message}]
    (first,) = vera.get(f"/v1/conversations/{asked.conversation}/messages")["items"]
    assert first["text"] == "Which tiles?"
    asked.write(oleg, remove_employee_ids=["vera"])
    assert not sees(vera, asked)
    assert [reply["text"] for reply in asked.read(oleg)["items"]] == ["Do you know?"]


def test_a_helper_writes_answers_the_client_and_goes_by_himself(
    oleg: Client, vera: Client, asked: Asked
) -> None:
    asked.write(oleg, add_employee_ids=["vera"])

    asked.write(vera, "Grey ones")
    assert vera.act(asked.conversation, "messages", {"text": "The grey ones"}).status_code == 201
    asked.write(vera, remove_employee_ids=["vera"])

    assert not sees(vera, asked)
    (reply,) = asked.read(oleg)["items"]
    assert (reply["author"], reply["text"]) == (
        {"kind": "employee", "id": "vera", "name": "Vera"},
        "Grey ones",
    )


def test_one_who_helps_twice_sees_it_until_nobody_needs_him(
    connector: Client, oleg: Client, vera: Client, asked: Asked
) -> None:
    sent = oleg.act(asked.conversation, "messages", {"text": "I will ask"}).json()
    other = Asked(asked.conversation, sent["message_id"])
    asked.write(oleg, add_employee_ids=["vera"])
    other.write(oleg, add_employee_ids=["vera"])

    asked.write(oleg, remove_employee_ids=["vera"])
    assert sees(vera, asked)

    other.write(oleg, remove_employee_ids=["vera"])
    assert not sees(vera, asked)


def test_a_helper_who_holds_it_is_released_when_he_is_removed(
    oleg: Client, vera: Client, asked: Asked
) -> None:
    asked.write(oleg, add_employee_ids=["vera"])
    vera.act(asked.conversation, "claim")
    assert oleg.get(f"/v1/conversations/{asked.conversation}")["holder_id"] == "vera"

    asked.write(oleg, remove_employee_ids=["vera"])

    item = oleg.get(f"/v1/conversations/{asked.conversation}")
    assert (item["folder"], item["holder_id"]) == ("incoming", None)


def test_a_helper_who_is_gone_sees_nothing_and_can_not_be_asked(
    server: Server, admin: Client, oleg: Client, asked: Asked, ask: Callable[..., Asked]
) -> None:
    admin.put_employee("pavel")
    pavel = admin.with_token("employee:pavel")
    asked.write(oleg, add_employee_ids=["pavel"])
    other = ask()
    admin.put_employee("pavel", active=False)
    before = server.head

    assert not sees(pavel, asked)
    answer = oleg.ask("POST", other.path, json={"add_employee_ids": ["pavel"]})
    assert refused(answer) == (422, "inactive_employee")
    assert answer.json()["errors"][0]["field"] == "add_employee_ids"
    assert server.head == before

    admin.put_employee("pavel")
    assert sees(pavel, asked)


def test_a_seller_loses_the_thread_with_the_conversation(
    admin: Client, oleg: Client, vera: Client, asked: Asked
) -> None:
    asked.write(oleg, "Mine so far")

    admin.put_contact(asked.client, asked.phone, responsible_id="vera")

    assert not sees(oleg, asked)
    assert oleg.ask("POST", asked.path, json={"text": "Still here?"}).status_code == 404
    assert [reply["text"] for reply in asked.read(vera)["items"]] == ["Mine so far"]


def test_whoever_sees_the_message_may_write_and_let_others_in(staff: dict[str, Client], asked: Asked) -> None:
    asked.write(staff["irina"], "I am asking Vera", add_employee_ids=["vera"])
    asked.write(staff["vera"], "Katya too?")
    asked.write(staff["katya"], "Quality control reads along", add_employee_ids=["oleg"])

    thread = asked.read(staff["oleg"])
    assert [reply["author"]["id"] for reply in thread["items"]] == ["irina", "vera", "katya"]
    assert [(one["employee_id"], one["name"], one["added_by"]) for one in thread["helpers"]] == [
        ("vera", "Vera", "irina"),
        ("oleg", "Oleg", "katya"),
    ]
    assert staff["katya"].act(asked.conversation, "messages", {"text": "x"}).status_code == 403


def test_what_is_not_seen_is_not_there(
    server: Server, staff: dict[str, Client], asked: Asked, ask: Callable[..., Asked]
) -> None:
    elsewhere = ask()
    nowhere = (
        (staff["vera"], asked),
        (staff["oleg"], Asked(asked.conversation, elsewhere.message)),
        (staff["oleg"], Asked(asked.conversation, asked.conversation)),
        (staff["oleg"], Asked(asked.conversation, str(uuid4()))),
        (staff["oleg"], Asked(asked.conversation, "x")),
        (staff["oleg"], Asked("x", asked.message)),
    )
    before = server.head
    for client, place in nowhere:
        assert refused(client.ask("GET", place.path)) == (404, "not_found")
        assert refused(client.ask("POST", place.path, json={"text": "x"})) == (404, "not_found")
    assert server.head == before


def test_a_thread_in_a_group_is_on_no_card_of_the_crm(oleg: Client, ask: Callable[..., Asked]) -> None:
    asked = ask(kind="group", title="House")
    asked.write(oleg, "Who is the wife?")

    assert len(asked.read(oleg, surface="mobile")["items"]) == 1
    assert oleg.ask("GET", asked.path, params={"surface": "deal_card"}).status_code == 404


def test_nothing_of_a_thread_is_in_what_leaves_for_the_client(
    server: Server, connector: Client, oleg: Client, asked: Asked
) -> None:
    position = asked.write(oleg, SECRET, add_employee_ids=["vera"])["position"]
    oleg.act(asked.conversation, "messages", {"text": "We have an idea"})

    oleg.get("/v1/inbox", min_position=position)
    with psycopg.connect(server.system.database_url) as connection:
        told = connection.execute(
            "SELECT DISTINCT topic FROM ledger WHERE strpos(to_jsonb(ledger)::text, %s) > 0", [SECRET]
        ).fetchall()
        shown = all_rows(connection, *READ_MODELS)
    assert told == [("thread.replied",)]
    assert [table for table, rows in shown.items() if SECRET in str(rows)] == ["threads.reply"]
    assert connector.ask("GET", asked.path).status_code == 403
    page = oleg.ask("GET", f"/v1/conversations/{asked.conversation}/messages")
    assert SECRET not in page.text
    assert [item["thread"] for item in page.json()["items"]] == [{"replies": 1}, {"replies": 0}]
    assert SECRET not in oleg.ask("GET", "/v1/inbox").text


def test_pages_follow_each_other_in_the_order_of_writing(
    server: Server, connector: Client, oleg: Client, asked: Asked
) -> None:
    """Also where a position has a digit more than the one before it."""
    room = 10 ** len(str(server.head)) - server.head - 2
    connector.tell(*(connector.message(asked.client, asked.phone) for _ in range(room)))
    texts = [f"reply {number}" for number in range(5)]
    for text in texts:
        asked.write(oleg, text)

    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = oleg.ask("GET", asked.path, params={"limit": 2, **cursor})
        answers.ThreadPage.model_validate_json(answer.content)
        found += [reply["text"] for reply in answer.json()["items"]]
        if answer.json()["next_cursor"] is None:
            break
        cursor = {"cursor": answer.json()["next_cursor"]}

    assert found == texts
    assert refused(oleg.ask("GET", asked.path, params={"cursor": "x"})) == (422, "invalid_request")


def test_the_same_key_writes_once(server: Server, oleg: Client, asked: Asked) -> None:
    body = {"text": "Once", "add_employee_ids": ["vera"]}
    first = oleg.post(asked.path, body, key=asked.message)
    before = server.head

    assert oleg.post(asked.path, body, key=asked.message) == first
    assert server.head == before
    answers.ThreadWritten.model_validate(first)
    assert [reply["reply_id"] for reply in asked.read(oleg)["items"]] == [first["reply_id"]]
    assert asked.write(oleg, add_employee_ids=["vera"])["reply_id"] is None
    assert server.head == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": None}, "text"),
        ({"text": " \n", "add_employee_ids": ["vera"]}, "text"),
        ({"add_employee_ids": ["vera"], "remove_employee_ids": ["vera"]}, "remove_employee_ids"),
        ({"text": "x", "add_employee_ids": ["ghost"]}, "add_employee_ids"),
        ({"add_employee_ids": ["vera"] * 51}, "add_employee_ids"),
    ],
    ids=str,
)
def test_a_wrong_body_changes_nothing(
    server: Server, oleg: Client, asked: Asked, body: Json, field: str
) -> None:
    before = server.head
    answer = oleg.ask("POST", asked.path, json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert server.head == before


def test_an_auditor_is_told_who_saw_it_as_a_helper_and_when(
    admin: Client, oleg: Client, asked: Asked
) -> None:
    auditor = admin.with_token("auditor")
    added = asked.write(oleg, add_employee_ids=["vera"])["position"]
    removed = asked.write(oleg, remove_employee_ids=["vera"])["position"]

    def vera_at(position: int) -> list[Json]:
        answer = auditor.ask(
            "GET", "/v1/audit/visibility", params={"conversation_id": asked.conversation, "at": position}
        )
        answers.Witnesses.model_validate_json(answer.content)
        return [item for item in answer.json()["items"] if item["employee_id"] == "vera"]

    assert vera_at(added - 1) == vera_at(removed) == []
    (witness,) = vera_at(removed - 1)
    assert witness["reasons"] == [{"kind": "thread_helper", "message_id": asked.message}]
    assert witness["since"]["position"] == added
