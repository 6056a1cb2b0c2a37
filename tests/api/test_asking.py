"""Asking is itself recorded: who asked what and when, before he has the answer."""

from typing import Any

import psycopg
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from api.app import create_app
from api.asking import IDS_AND_MOMENTS, PLACE
from api.audit_answers import EventPage
from domain.application import Chatledger
from tests.api.client import Client, Json, Server
from tests.api.test_reads import PHONE

NOBODYS = "5e7c7a2e-0000-4000-8000-000000000000"
OF_THE_ANSWER = {"min_position"}
PROOFS = {
    f"{PLACE}{question}"
    for question in ("checkpoint", "proof/inclusion", "proof/consistency", "tile/{level}/{index}")
}
"""These tell hashes, of nobody in particular, and are not recorded."""
"""Parameters that ask nothing."""


@pytest.fixture(scope="module")
def chat(admin: Client, connector: Client) -> str:
    admin.put_channel()
    admin.put_employee("irina", "supervisor")
    admin.put_contact("husband", PHONE)
    connector.tell(connector.message("chat", PHONE))
    (item,) = admin.with_token("employee:irina").inbox()
    return str(item["chats"][0]["chat_id"])


@pytest.fixture(scope="module")
def auditor(admin: Client) -> Client:
    return admin.with_token("auditor")


def recorded_after(server: Server, position: int) -> list[Json]:
    with psycopg.connect(server.system.database_url) as connection:
        rows = connection.execute(
            "SELECT to_jsonb(ledger) FROM ledger WHERE position > %s AND topic = 'audit.asked' ORDER BY 1",
            [position],
        )
        return [row for (row,) in rows]


def test_a_question_is_on_record_when_its_answer_comes(server: Server, auditor: Client, chat: str) -> None:
    head = server.head

    auditor.get("/v1/audit/visibility", chat_id=chat, at=str(head), min_position=1)

    (question,) = recorded_after(server, head)
    token_id = auditor.token.split("_")[1]
    assert question["actor"] == f"auditor:{token_id}"
    assert question["facts"]["question"] == "visibility"
    assert question["facts"]["asked"] == {"chat_id": chat, "at": str(head)}


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("visibility", {"chat_id": NOBODYS}),
        ("events", {"subject": "deal:nobodys"}),
        ("events", {"subject": "message:no-uuid"}),
        ("transcript", {"conversation_id": NOBODYS}),
    ],
)
def test_what_there_is_not_was_asked_for_too(
    server: Server, auditor: Client, path: str, asked: dict[str, str]
) -> None:
    head = server.head

    assert auditor.ask("GET", PLACE + path, params=asked).status_code == 404

    assert [question["facts"]["asked"] for question in recorded_after(server, head)] == [asked]


@pytest.mark.parametrize(
    ("scope", "asked", "status"),
    [
        ("auditor", {}, 422),
        ("auditor", {"chat_id": "no uuid"}, 422),
        ("auditor", {"chat_id": NOBODYS, "at": "999999999"}, 422),
        ("admin", {"chat_id": NOBODYS}, 403),
    ],
)
def test_what_is_refused_was_not_asked(
    server: Server, admin: Client, scope: str, asked: dict[str, str], status: int
) -> None:
    client, head = admin.with_token(scope), server.head

    assert client.ask("GET", "/v1/audit/visibility", params=asked).status_code == status
    assert client.http.get("/v1/audit/visibility", params=asked).status_code == 401

    assert recorded_after(server, head) == []


def test_an_address_stands_in_no_fact(server: Server, auditor: Client, chat: str) -> None:
    head = server.head

    auditor.get("/v1/audit/events", subject=f"address:whatsapp:{PHONE}")

    (question,) = recorded_after(server, head)
    assert PHONE not in str(question["facts"])
    assert question["private"]["wording"] == {"address": {"kind": "whatsapp", "address": PHONE}}
    assert set(question["facts"]["asked"]) == {"address_id"}


def test_who_can_not_be_recorded_is_not_answered(
    auditor: Client, chat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError("the database is away")

    monkeypatch.setattr(Chatledger, "note_question", away)
    for chat_id in (chat, NOBODYS):
        answer = auditor.ask("GET", "/v1/audit/visibility", params={"chat_id": chat_id})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_nobody_waits_for_the_record_of_a_question(server: Server, auditor: Client, chat: str) -> None:
    """An answer names the position of what it was read from."""
    before = auditor.ask("GET", "/v1/audit/visibility", params={"chat_id": chat})

    assert int(before.headers["chatledger-position"]) < server.head


def test_questions_are_told_by_whom_and_in_order(server: Server, admin: Client, chat: str) -> None:
    one, other = admin.with_token("auditor"), admin.with_token("auditor")
    actors = [f"auditor:{client.token.split('_')[1]}" for client in (one, other)]
    head = server.head
    for client, name in ((one, "husband"), (other, "wife"), (one, "wife")):
        client.ask("GET", "/v1/audit/events", params={"subject": f"contact:{name}"})

    asked = {"after": head, "min_position": server.head}
    all_of_them = one.get("/v1/audit/questions", **asked)
    EventPage.model_validate(all_of_them)
    assert [(item["actor"], item["facts"]["asked"]["subject"]) for item in all_of_them["items"]] == [
        (actors[0], "contact:husband"),
        (actors[1], "contact:wife"),
        (actors[0], "contact:wife"),
    ]
    page = one.get("/v1/audit/questions", **asked, actor=actors[0], limit=1)
    assert [item["facts"]["asked"]["subject"] for item in page["items"]] == ["contact:husband"]
    followed = {"actor": actors[0], "min_position": server.head}
    rest = one.get("/v1/audit/questions", cursor=page["next_cursor"], **followed)
    assert [item["facts"]["question"] for item in rest["items"]][:2] == ["events", "questions"]


def test_everything_that_can_be_asked_with_is_recorded(server: Server) -> None:
    """A new parameter has to be put among those that are, or among those that ask nothing."""
    for route in iter_route_contexts(create_app(server.system).routes):
        if isinstance(route.original_route, APIRoute) and str(route.path).startswith(PLACE):
            names = {each.alias for each in route.original_route.dependant.query_params}
            if str(route.path) not in PROOFS:
                assert names <= IDS_AND_MOMENTS | OF_THE_ANSWER, route.path
