from typing import Any
from urllib.parse import quote

import pytest

from api import limits
from tests.api.client import Client, Server, addresses

PHONE = "+7 999 000-00-01"


@pytest.fixture(scope="module")
def crm(admin: Client) -> Client:
    admin.put_channel()
    for employee_id in ("oleg", "vera", "pavel"):
        admin.put_employee(employee_id)
    return admin.with_token("connector", "admin")


def sees(admin: Client, employee_id: str, chat: str) -> bool:
    inbox = admin.with_token(f"employee:{employee_id}").inbox()
    return chat in {item["chats"][0]["external_id"] for item in inbox}


STATEMENTS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/workspace", {"timezone": "Asia/Tokyo", "business_hours": {"mon": [["09:00", "24:00"]]}}),
    (
        "/v1/workspace",
        {"holidays": {"country": "RU", "exceptions": {"2026-01-09": []}}, "daily_report": {"file": True}},
    ),
    ("/v1/workspace", {"holidays": {}, "daily_report": {"file": False}, "business_hours": {}}),
    ("/v1/channels/c", {"kind": "telegram"}),
    ("/v1/employees/e", {"name": "E", "role": "seller", "addresses": addresses(PHONE)}),
    ("/v1/staff/s", {"name": "S", "addresses": addresses("+7 999 5")}),
    ("/v1/contacts/k", {"name": "K", "responsible_id": "oleg", "addresses": addresses("+7 999 6")}),
    ("/v1/deals/d", {"owner_id": "oleg", "contact_ids": ["k"]}),
]


@pytest.mark.parametrize(("path", "body"), STATEMENTS, ids=lambda value: str(value)[:20])
def test_a_statement_that_says_nothing_new_records_nothing(
    server: Server, crm: Client, path: str, body: dict[str, Any]
) -> None:
    before = server.head
    first = crm.put(path, body)

    assert first["position"] == server.head > before
    assert crm.put(path, body) == {"position": server.head} == first


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/contacts/x", {"name": "X", "responsible_id": "ghost"}, "responsible_id"),
        ("/v1/deals/x", {"owner_id": "ghost"}, "owner_id"),
        ("/v1/deals/x", {"owner_id": "oleg", "contact_ids": ["k", "ghost"]}, "contact_ids.1"),
    ],
)
def test_what_a_statement_names_has_to_be_there(
    server: Server, crm: Client, path: str, body: dict[str, Any], field: str
) -> None:
    crm.put_contact("k")
    before = server.head
    answer = crm.ask("PUT", path, json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_reference")
    assert answer.json()["errors"][0]["field"] == field
    assert answer.json()["id"] == "ghost"
    assert server.head == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"business_hours": {"someday": []}}, "business_hours.someday.[key]"),
        ({"business_hours": {"monday": [["18:00", "09:00"]]}}, "business_hours.monday.0"),
        ({"business_hours": {"monday": [["9:00", "18:00"]]}}, "business_hours.monday.0.0"),
        ({"business_hours": {"monday": [["09:00"]]}}, "business_hours.monday.0"),
        ({"response_goal_seconds": 0}, "response_goal_seconds"),
        ({"holidays": {"country": "XX"}}, "holidays.country"),
        ({"holidays": {"country": "ru"}}, "holidays.country"),
        ({"holidays": {"country": "DE", "subdivision": "AK"}}, "holidays.subdivision"),
        ({"holidays": {"subdivision": "BY"}}, "holidays.subdivision"),
        ({"holidays": {"exceptions": {"2026-02-30": []}}}, "holidays.exceptions.2026-02-30.[key]"),
        ({"holidays": {"exceptions": {"20260228": []}}}, "holidays.exceptions.20260228.[key]"),
        (
            {"holidays": {"exceptions": {"2026-02-28": [["10:00", "25:00"]]}}},
            "holidays.exceptions.2026-02-28.0.1",
        ),
        ({"daily_report": {"telegram_chat_id": "the team"}}, "daily_report.telegram_chat_id"),
        ({"daily_report": {"email": True}}, "daily_report.email"),
    ],
)
def test_a_workspace_has_sound_settings(
    server: Server, crm: Client, body: dict[str, Any], field: str
) -> None:
    before = server.head

    answer = crm.ask("PUT", "/v1/workspace", json=body)

    assert (answer.status_code, server.head) == (422, before)
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "deal_id", ["a/b", "2024%2F17", "№ 1", "a?b#c", "..", "x" * limits.ID_CHARACTERS, "🏠"]
)
def test_an_id_is_whatever_the_caller_chose(server: Server, crm: Client, deal_id: str) -> None:
    path = "/v1/deals/" + quote(deal_id, safe="").replace(".", "%2E")
    crm.put(path, {"owner_id": "oleg"})
    before = server.head
    crm.post(f"{path}/reassign", {"owner_id": "vera"})

    rows = server.system.application.recorder.select_notifications(before, 1, inclusive_of_start=False)
    assert f'"deal_id": "{deal_id}"' in rows[0].state.decode()


def test_a_reassignment_is_effective_with_its_answer(crm: Client, admin: Client) -> None:
    crm.put_contact("husband", PHONE, responsible_id="oleg")
    crm.put_deal("house", "oleg", "husband")
    crm.tell(crm.message("husbands", PHONE))
    assert sees(admin, "oleg", "husbands")

    crm.post("/v1/deals/house/reassign", {"owner_id": "pavel", "reason": "signed", "with_contacts": True})

    assert sees(admin, "pavel", "husbands")
    assert not sees(admin, "oleg", "husbands")


def test_a_lost_deal_is_not_reassigned(server: Server, crm: Client) -> None:
    crm.put_deal("lost", "oleg", status="lost")
    before = server.head
    answer = crm.ask("POST", "/v1/deals/lost/reassign", json={"owner_id": "vera"})

    assert (answer.status_code, answer.json()["code"]) == (409, "deal_lost")
    assert crm.ask("POST", "/v1/deals/nobodys/reassign", json={"owner_id": "vera"}).status_code == 404
    assert server.head == before


def test_a_handover_takes_everything_in_one_step(server: Server, crm: Client, admin: Client) -> None:
    crm.put_employee("leaver")
    for number in range(3):
        crm.put_contact(f"client {number}", f"+7 111 {number}", responsible_id="leaver")
        crm.put_deal(f"deal {number}", "leaver", f"client {number}", status=("open", "won", "lost")[number])
        crm.tell(crm.message(f"chat {number}", f"+7 111 {number}"))

    handover = {"from_employee_id": "leaver", "to_employee_id": "vera", "reason": "leaves"}
    answer = crm.post("/v1/handover", handover)

    assert (answer["deals"], answer["contacts"], answer["position"]) == (3, 3, server.head)
    for number in range(3):
        assert sees(admin, "vera", f"chat {number}")
        assert not sees(admin, "leaver", f"chat {number}")
    assert crm.post("/v1/handover", handover) == {"position": server.head, "deals": 0, "contacts": 0}


def test_a_handover_to_oneself_is_nothing_to_do(server: Server, crm: Client) -> None:
    before = server.head
    crm.post("/v1/handover", {"from_employee_id": "oleg", "to_employee_id": "oleg"})

    assert server.head == before


@pytest.mark.parametrize("field", ["from_employee_id", "to_employee_id"])
def test_a_handover_is_between_employees(server: Server, crm: Client, field: str) -> None:
    before = server.head
    body = {"from_employee_id": "oleg", "to_employee_id": "vera"} | {field: "ghost"}
    answer = crm.ask("POST", "/v1/handover", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert server.head == before


def test_a_channel_that_does_not_say_follows_the_workspace(crm: Client, admin: Client) -> None:
    crm.put("/v1/workspace", {"visibility_policy": "whole_team"})
    crm.put("/v1/channels/team", {"kind": "whatsapp"})
    crm.put("/v1/workspace", {"visibility_policy": "client_owners"})
    crm.tell(crm.message("everybodys", "+7 222"), channel_id="team")

    assert sees(admin, "pavel", "everybodys")
    crm.put("/v1/channels/team", {"kind": "whatsapp", "visibility": "client_owners"})
    assert not sees(admin, "pavel", "everybodys")


def test_who_is_not_active_sees_nothing_with_the_answer(crm: Client, admin: Client) -> None:
    crm.put_employee("boss", role="supervisor")
    assert admin.with_token("employee:boss").inbox()

    crm.put_employee("boss", role="supervisor", active=False)

    assert admin.with_token("employee:boss").inbox() == []
