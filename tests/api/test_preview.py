"""What would happen, over HTTP: the preview is what happens then, and it does nothing."""

from __future__ import annotations

from typing import Any

import pytest

from api import audit_answers, limits
from domain import ids
from tests.api.client import Client, Json, Server
from tests.api.test_reads import check

PREVIEW = "/v1/audit/preview"
PHONE = {"kind": "whatsapp", "address": "+7 999 1"}
CHAT = str(ids.chat_id("main", "phone", "direct"))


@pytest.fixture(scope="module")
def auditor(admin: Client) -> Client:
    return admin.with_token("auditor")


@pytest.fixture(scope="module", autouse=True)
def story(admin: Client, connector: Client) -> None:
    admin.put_channel()
    for who in ("oleg", "pavel", "vera"):
        admin.put_employee(who, receives_new_clients=who == "vera")
    admin.put_contact("husband", PHONE["address"], responsible_id="oleg")
    admin.put_deal("house", "oleg", "husband")
    admin.put_deal("lost", "oleg", status="lost")
    connector.tell(connector.message("direct", PHONE["address"]))


def previewed(auditor: Client, **wish: Any) -> tuple[set[tuple[str, str]], Json]:
    """Who gains and who loses, and the whole answer."""
    answer = auditor.ask("POST", PREVIEW, json=wish)
    assert answer.status_code == 200, answer.text
    check(audit_answers.PreviewShape, answer)
    told: Json = answer.json()
    return {(each["employee_id"], each["change"]) for each in told["items"]}, told


def test_a_handover_is_foreseen_and_nothing_is_done(server: Server, auditor: Client) -> None:
    before = server.head
    found, told = previewed(auditor, action="handover", from_employee_id="oleg", to_employee_id="pavel")

    assert found == {("oleg", "loses"), ("pavel", "gains")}
    assert told["counts"] == {"gains": 1, "loses": 1}
    assert {each["chat_id"] for each in told["items"]} == {CHAT}
    assert told["items"][1]["name"] == "Pavel"
    assert [each["kind"] for each in told["items"][1]["reasons"]] == ["owns_deal", "responsible_for_contact"]
    assert server.head == before + 1, "only that it was asked is recorded"


def test_a_deal_takes_its_contacts_along_only_if_asked(auditor: Client) -> None:
    wish = {"action": "reassign", "deal_id": "house", "owner_id": "pavel"}

    assert previewed(auditor, **wish)[0] == {("pavel", "gains")}
    assert previewed(auditor, **wish, with_contacts=True)[0] == {("oleg", "loses"), ("pavel", "gains")}


def test_links_are_foreseen(auditor: Client) -> None:
    link = {"action": "link", "address": PHONE, "contact_id": "wife", "responsible_id": "pavel"}
    unlink = {"action": "unlink", "address": PHONE, "contact_id": "husband"}

    assert previewed(auditor, **link)[0] == {("pavel", "gains")}
    assert previewed(auditor, **unlink)[0] == {("oleg", "loses"), ("vera", "gains")}


def test_helpers_go_where_a_link_moves_the_chats(admin: Client, connector: Client, auditor: Client) -> None:
    admin.put_employee("anna")
    anna = admin.with_token("employee:anna")
    one, two = (str(ids.chat_id("main", "phone", chat)) for chat in ("one", "two"))
    admin.put_employee("boris")
    admin.put_contact("couple", "+7 888 1", "+7 888 2", responsible_id="anna")
    connector.tell(connector.message("one", "+7 888 1"), connector.message("two", "+7 888 2"))
    conversation = anna.conversation_with("one")
    messages = anna.get(f"/v1/conversations/{conversation}/messages")["items"]
    message = next(each["message_id"] for each in messages if each["chat_id"] == one)
    thread = f"/v1/conversations/{conversation}/messages/{message}/thread"
    assert anna.post(thread, {"text": "help", "add_employee_ids": ["boris"]})["position"]
    wish = {"address": {"kind": "whatsapp", "address": "+7 888 2"}, "contact_id": "couple"}

    unlinked, told = previewed(auditor, action="unlink", **wish)
    admin.put_contact("couple", "+7 888 1", responsible_id="anna")
    linked, _ = previewed(auditor, action="link", **wish)

    assert unlinked == {("anna", "loses"), ("boris", "loses"), ("vera", "gains")}
    assert {each["chat_id"] for each in told["items"]} == {two}
    assert linked == {("boris", "gains"), ("anna", "gains"), ("vera", "loses")}


@pytest.mark.parametrize(
    ("wish", "status", "what"),
    [
        ({"action": "handover", "from_employee_id": "oleg"}, 422, "to_employee_id"),
        ({"action": "handover", "from_employee_id": "o", "to_employee_id": "vera"}, 422, "from_employee_id"),
        ({"action": "handover", "from_employee_id": "oleg", "to_employee_id": "v"}, 422, "to_employee_id"),
        (
            {"action": "handover", "from_employee_id": "oleg", "to_employee_id": "vera", "deal_id": "house"},
            422,
            "deal_id",
        ),
        ({"action": "reassign", "deal_id": "nobodys", "owner_id": "vera"}, 404, None),
        ({"action": "reassign", "deal_id": "house", "owner_id": "nobody"}, 422, "owner_id"),
        ({"action": "reassign", "deal_id": "lost", "owner_id": "vera"}, 409, None),
        ({"action": "link", "address": PHONE, "contact_id": "nobody"}, 422, "contact_id"),
        (
            {"action": "link", "address": PHONE, "contact_id": "nobody", "responsible_id": "nobody"},
            422,
            "responsible_id",
        ),
        ({"action": "unlink", "address": PHONE, "contact_id": "nobody"}, 422, "contact_id"),
        ({"action": "fire"}, 422, "action"),
    ],
    ids=str,
)
def test_what_could_not_be_done_is_refused_alike(
    auditor: Client, wish: Json, status: int, what: str | None
) -> None:
    answer = auditor.ask("POST", PREVIEW, json=wish)

    assert answer.status_code == status, answer.text
    assert what is None or answer.json()["errors"][0]["field"] == what


def test_more_than_can_be_worked_out_is_refused(auditor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREVIEW_CHATS", 0)
    wish = {"action": "handover", "from_employee_id": "oleg", "to_employee_id": "pavel"}

    assert "reaches 1 chats" in auditor.ask("POST", PREVIEW, json=wish).json()["detail"]
