"""Search over HTTP: what is asked, what is answered, and what is refused."""

from __future__ import annotations

import pytest

from api.answers import Findings
from tests.api.client import Client, Json

PHONE = "+7 999 123-45-67"


@pytest.fixture(scope="module")
def irina(admin: Client, connector: Client) -> Client:
    """Oversees the chat of a husband, who is Oleg's client."""
    admin.put_channel()
    for name in ("oleg", "vera"):
        admin.put_employee(name)
    admin.put_employee("irina", role="supervisor")
    admin.put_contact("husband", PHONE, responsible_id="oleg", name="Иван Петров")
    irina = admin.with_token("employee:irina")
    told = [connector.message("husband's", PHONE, f"Договор номер {number} подписан") for number in range(5)]
    hear(connector, irina, *told, connector.message("other", "+7 111", "The contract is signed"))
    return irina


@pytest.fixture(scope="module")
def oleg(admin: Client, irina: Client) -> Client:
    return admin.with_token("employee:oleg")


def hear(connector: Client, irina: Client, *messages: Json) -> None:
    """Wait until messages that were told can be found."""
    irina.get("/v1/inbox/counts", min_position=connector.tell(*messages)["position"])


def texts(client: Client, q: str, **asked: object) -> list[str]:
    return [item["text"] for item in client.get("/v1/search", q=q, **asked)["items"]]


def test_a_message_is_answered_as_in_its_conversation_and_where_it_was_found(oleg: Client) -> None:
    found = oleg.get("/v1/search", q="договоры", limit=1)
    (item,) = found["items"]
    Findings.model_validate(found)

    conversation_id = item.pop("conversation_id")
    assert item.pop("title") == "Иван Петров"
    fragment = item.pop("fragment")
    assert fragment == {"text": "Договор номер 4 подписан", "highlights": [[0, 7]]}
    messages = oleg.get(f"/v1/conversations/{conversation_id}/messages")["items"]
    assert item == messages[-1]


def test_a_conversation_is_found_by_name_and_by_a_part_of_the_phone(oleg: Client) -> None:
    by_name = oleg.get("/v1/search", q="петров")
    by_phone = oleg.get("/v1/search", q="123-45")
    Findings.model_validate(by_phone)

    (named,), (phoned,) = by_name["conversations"], by_phone["conversations"]
    assert named["matched"] == [{"kind": "name", "text": "Иван Петров"}]
    assert phoned == named | {"matched": [{"kind": "phone", "text": PHONE}]}
    assert by_name["items"] == by_phone["items"] == []


def test_pages_follow_each_other(oleg: Client) -> None:
    whole = texts(oleg, "договор")
    found: list[str] = []
    cursor = None
    while True:
        page = oleg.get("/v1/search", q="договор", limit=2, **({"cursor": cursor} if cursor else {}))
        found += [item["text"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert found == whole == [f"Договор номер {number} подписан" for number in (4, 3, 2, 1, 0)]


def test_who_does_not_see_a_chat_does_not_find_it(admin: Client, oleg: Client, irina: Client) -> None:
    vera = admin.with_token("employee:vera")
    for q in ("договор", "петров", "123-45"):
        found = vera.get("/v1/search", q=q)
        assert (found["items"], found["conversations"]) == ([], [])
    assert len(texts(irina, "договор or contract")) == 6


def test_a_handover_is_effective_with_its_answer(admin: Client, oleg: Client, connector: Client) -> None:
    vera = admin.with_token("employee:vera")
    admin.put_contact("husband", PHONE, responsible_id="vera", name="Иван Петров")
    assert (texts(oleg, "договор"), len(texts(vera, "договор"))) == ([], 5)

    admin.put_contact("husband", PHONE, responsible_id="oleg", name="Иван Петров")
    assert (len(texts(oleg, "договор")), texts(vera, "договор")) == (5, [])


def test_filters_are_asked_by_their_names(irina: Client, connector: Client, oleg: Client) -> None:
    conversation_id = irina.get("/v1/search", q="contract")["items"][0]["conversation_id"]

    assert texts(irina, "подписан or signed", conversation_id=conversation_id) == ["The contract is signed"]
    assert texts(irina, "договор", direction="out") == []
    assert texts(irina, "договор", channel_id="telegram") == []
    times = [item["sent_at"] for item in irina.get("/v1/search", q="договор")["items"]]
    between = {"from": times[3], "to": times[1]}
    assert texts(irina, "договор", **between) == [f"Договор номер {number} подписан" for number in (2, 1)]
    told = {"from": times[3].replace(".000000Z", "+00:00"), "to": times[1]}
    assert texts(irina, "договор", **told) == texts(irina, "договор", **between)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "q"),
        ({"q": ""}, "q"),
        ({"q": "-договор"}, "q"),
        ({"q": "x" * 201}, "q"),
        ({"q": "дом\x00"}, "q"),
        ({"q": "дом", "cursor": "x"}, "cursor"),
        ({"q": "дом", "cursor": f"2026-01-01T00:00:00Z~{2**63}"}, "cursor"),
        ({"q": "дом", "limit": 201}, "limit"),
        ({"q": "дом", "from": "yesterday"}, "from"),
        ({"q": "дом", "to": "2026-01-01T00:00:00"}, "to"),
        ({"q": "дом", "direction": "up"}, "direction"),
        ({"q": "дом", "surface": "moon"}, "surface"),
        ({"q": "дом", "conversation_id": "x"}, "conversation_id"),
    ],
)
def test_what_can_not_be_meant_is_refused(irina: Client, asked: Json, field: str) -> None:
    answer = irina.ask("GET", "/v1/search", params=asked)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_nothing_searchable_has_a_code_of_its_own(irina: Client) -> None:
    assert irina.ask("GET", "/v1/search", params={"q": "?!"}).json()["code"] == "nothing_to_search"


@pytest.mark.parametrize(
    "q", ["'", '"', "\\", "&|!:*()<->", "a:* & b", "дом:* | !", "%", "�", "дом 'x", "#c1"]
)
def test_signs_that_mean_something_to_others_are_harmless(irina: Client, q: str) -> None:
    assert irina.ask("GET", "/v1/search", params={"q": q}).status_code in (200, 422)
    assert texts(irina, f"договор {q}") in ([], texts(irina, "договор"))
