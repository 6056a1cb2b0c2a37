"""What an auditor is told over HTTP: intervals, explanations, owners, and what would happen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from api import answers, audit_answers
from domain import ids
from tests.api.client import Client, Json, Server
from tests.api.test_access import issued_in
from tests.api.test_reads import check, read

HUSBAND, WIFE = "+7 999 1", "+7 999 2"
GROUP = {"id": "group", "kind": "group", "title": "House"}
GROUP_ID, DIRECT_ID = (str(ids.chat_id("main", "phone", chat)) for chat in ("group", "direct"))
HISTORY, EXPLAIN, OWNERSHIP = (f"/v1/audit/{each}" for each in ("visibility/history", "explain", "ownership"))


@pytest.fixture(scope="module")
def auditor(admin: Client) -> Client:
    return admin.with_token("auditor")


@pytest.fixture(scope="module")
def story(server: Server, admin: Client, connector: Client) -> dict[str, int]:
    """What happens to the husband's and the wife's chats: step → position."""
    at: dict[str, int] = {}
    at["connected"] = admin.put_channel()["position"]
    for who in ("oleg", "pavel", "vera"):
        at[who] = admin.put_employee(who, receives_new_clients=who == "oleg")["position"]
    admin.put_employee("irina", "supervisor")
    connector.tell(connector.message("direct", HUSBAND))
    at["contact"] = admin.put_contact("husband", HUSBAND, responsible_id="oleg")["position"]
    at["deal"] = admin.put_deal("house", "oleg", "husband")["position"]
    told = [connector.message("group", sender) | {"chat": GROUP} for sender in (HUSBAND, WIFE)]
    at["group"] = connector.tell(*told)["position"]
    oleg = admin.with_token("employee:oleg")
    at["claimed"] = oleg.act(oleg.conversation_with("direct"), "claim").json()["position"]
    at["reassigned"] = admin.post(
        "/v1/deals/house/reassign", {"owner_id": "pavel", "reason": "won", "with_contacts": True}
    )["position"]
    at["renamed"] = admin.put_employee("oleg", name="Oleg the Great", receives_new_clients=True)["position"]
    at["quality"] = admin.put_employee("irina", "quality_control")["position"]
    at["lost"] = admin.put_deal("house", "pavel", "husband", status="lost")["position"]
    return at


def explained(auditor: Client, employee: str, chat: str = GROUP_ID, **more: Any) -> Json:
    answer = read(auditor, EXPLAIN, employee_id=employee, chat_id=chat, **more)
    check(audit_answers.Explanation, answer)
    told: Json = answer.json()
    return told


def topics(told: Json) -> list[str]:
    return [event["topic"] for event in told["events"]]


def test_who_saw_is_told_with_names_and_roles_as_they_were(auditor: Client, story: dict[str, int]) -> None:
    answer = read(auditor, "/v1/audit/visibility", chat_id=GROUP_ID, at=story["group"])
    check(answers.Witnesses, answer)

    assert [(each["name"], each["role"], each["chat_ids"]) for each in answer.json()["items"]] == [
        ("Irina", "supervisor", [GROUP_ID]),
        ("Oleg", "seller", [GROUP_ID]),
    ]


def test_a_conversation_is_the_chats_that_stood_in_it_then(
    admin: Client, connector: Client, auditor: Client, story: dict[str, int]
) -> None:
    connector.tell(connector.message("alone", "+7 888 1"), connector.message("other", "+7 888 2"))
    chats = [str(ids.chat_id("main", "phone", chat)) for chat in ("alone", "other")]
    apart = admin.put_contact("couple", "+7 888 1", responsible_id="vera")["position"]
    admin.put_contact("couple", "+7 888 1", "+7 888 2", responsible_id="vera")
    conversation = str(ids.conversation_id(chats[1]))

    def chats_seen(**more: Any) -> dict[str, set[str]]:
        asked = read(auditor, "/v1/audit/visibility", conversation_id=conversation, **more).json()
        return {each["employee_id"]: set(each["chat_ids"]) for each in asked["items"]}

    assert chats_seen()["vera"] == chats_seen()["irina"] == set(chats)
    assert chats_seen(at=apart) == {"oleg": {chats[1]}, "irina": {chats[1]}}


def test_the_history_of_a_chat_says_what_began_and_ended_each_reason(
    auditor: Client, story: dict[str, int]
) -> None:
    answer = read(auditor, HISTORY, chat_id=GROUP_ID)
    check(audit_answers.SightHistory, answer)
    items = answer.json()["items"]

    assert [
        (each["employee_id"], each["reason"]["kind"], each["from"]["event"]["topic"],
         each["to"] and each["to"]["event"]["topic"])
        for each in items
    ] == [
        ("irina", "oversight", "chat.opened", "employee.role_changed"),
        ("oleg", "new_client", "chat.opened", "chat.participant_joined"),
        ("oleg", "owns_deal", "chat.participant_joined", "deal.reassigned"),
        ("oleg", "responsible_for_contact", "chat.participant_joined", "contact.responsible_changed"),
        ("pavel", "owns_deal", "deal.reassigned", "deal.status_changed"),
        ("pavel", "responsible_for_contact", "contact.responsible_changed", None),
        ("irina", "oversight", "employee.role_changed", None),
    ]  # fmt: skip
    assert items[2]["name"] == "Oleg"
    assert items[0]["reason"]["role"] == "supervisor"
    assert items[-1]["reason"]["role"] == "quality_control"


def test_a_span_keeps_what_touches_it(auditor: Client, story: dict[str, int]) -> None:
    then = story["group"]
    items = read(auditor, HISTORY, employee_id="oleg", **{"from": then, "until": then}).json()["items"]
    recorded = items[0]["from"]["at"]
    by_time = read(auditor, HISTORY, employee_id="oleg", **{"from": recorded, "until": recorded})
    late = read(auditor, HISTORY, employee_id="oleg", **{"from": story["renamed"]})

    assert {each["chat_id"] for each in items} == {GROUP_ID, DIRECT_ID}
    assert {each["reason"]["kind"] for each in items} == {"owns_deal", "responsible_for_contact"}
    assert by_time.json()["items"]
    assert not any(each["chat_id"] == GROUP_ID for each in late.json()["items"])


@pytest.mark.parametrize("whose", [{"employee_id": "irina"}, {"chat_id": GROUP_ID}], ids=str)
def test_pages_of_a_history_follow_each_other(
    auditor: Client, story: dict[str, int], whose: dict[str, str]
) -> None:
    whole = read(auditor, HISTORY, limit=200, **whose).json()["items"]
    paged: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = read(auditor, HISTORY, limit=2, **whose, **cursor).json()
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert paged == whole
    assert len(whole) > 3


def test_an_explanation_names_the_events_that_made_it_so(auditor: Client, story: dict[str, int]) -> None:
    told = explained(auditor, "oleg", at=story["group"])

    assert (told["visible"], told["lost"], told["never"]) == (True, None, None)
    deal, responsible = told["reasons"]
    assert (deal["kind"], deal["deal_id"], deal["contact_id"]) == ("owns_deal", "house", "husband")
    assert topics(deal) == [
        *("contact.address_linked", "deal.opened", "deal.contact_added", "chat.participant_joined")
    ]
    assert topics(responsible) == [
        "contact.registered",
        "contact.address_linked",
        "chat.participant_joined",
    ]
    assert told["names"] == {
        "deal:house": "",
        "contact:husband": "Husband",
        "employee:oleg": "Oleg",
        "channel:phone": "phone",
    }
    assert told["in_words"][0] == f"Oleg sees this chat at position {story['group']}."
    in_russian = explained(auditor, "oleg", at=story["group"], language="ru")["in_words"]
    assert in_russian[0] == f"Oleg видит этот чат на позиции {story['group']}."
    assert len(in_russian) == len(told["in_words"]) > 6


def test_an_explanation_tells_what_took_it_from_him(auditor: Client, story: dict[str, int]) -> None:
    told = explained(auditor, "oleg")

    assert (told["visible"], told["reasons"], told["never"]) == (False, [], None)
    assert told["lost"]["event"]["topic"] == "contact.responsible_changed"
    assert [(each["kind"], each["ended"]) for each in told["lost"]["reasons"]] == [
        ("responsible_for_contact", ["responsible"])
    ]
    assert explained(auditor, "irina")["reasons"][0]["role"] == "quality_control"


def test_an_explanation_tells_what_keeps_him_from_it(
    admin: Client, auditor: Client, story: dict[str, int]
) -> None:
    def codes(employee: str, chat: str = GROUP_ID, **more: Any) -> dict[str, Json]:
        told = explained(auditor, employee, chat, **more)
        assert (told["visible"], told["lost"]) == (False, None)
        return {each["code"]: each for each in told["never"]["because"]}

    vera = codes("vera", DIRECT_ID)
    assert set(vera) == {"answers_for_nobody_in_it", "channel_not_shared"}
    assert vera["answers_for_nobody_in_it"]["answering"] == [
        {"employee_id": "pavel", "contact_id": "husband"}
    ]
    assert topics(vera["channel_not_shared"]) == ["channel.connected"]
    assert set(codes("vera", at=story["deal"])) == {"chat_not_open_yet"}
    assert set(codes("vera", at=story["connected"])) == {"not_registered", "chat_not_open_yet"}
    admin.put_employee("boris", active=False)
    assert topics(codes("boris")["inactive"]) == ["employee.registered"]


def test_a_stranger_s_chat_is_kept_from_who_receives_no_new_clients(
    connector: Client, auditor: Client, story: dict[str, int]
) -> None:
    connector.tell(connector.message("stranger", "+7 777"))
    told = explained(auditor, "vera", str(ids.chat_id("main", "phone", "stranger")))

    because = {each["code"]: each for each in told["never"]["because"]}
    assert set(because) == {*("answers_for_nobody_in_it", "channel_not_shared", "not_receiving_new_clients")}
    assert because["answers_for_nobody_in_it"]["answering"] == []
    assert topics(because["not_receiving_new_clients"]) == ["employee.registered"]


def owned(auditor: Client, **asked: Any) -> list[tuple[str | None, str, str, str | None]]:
    answer = read(auditor, OWNERSHIP, **asked)
    check(audit_answers.OwnershipShape, answer)
    return [
        (
            each["employee_id"],
            each["role"],
            each["from"]["event"]["topic"],
            each["to"] and each["to"]["event"]["topic"],
        )
        for each in answer.json()["items"]
    ]


def test_who_owned_a_deal_also_when_it_is_lost(auditor: Client, story: dict[str, int]) -> None:
    assert owned(auditor, deal_id="house") == [
        ("oleg", "owner", "deal.opened", "deal.reassigned"),
        ("pavel", "owner", "deal.reassigned", None),
    ]
    assert owned(auditor, deal_id="house", at=story["deal"]) == [("oleg", "owner", "deal.opened", None)]
    assert owned(auditor, deal_id="house", at=story["contact"]) == []


def test_who_answered_for_a_client(auditor: Client, story: dict[str, int]) -> None:
    assert owned(auditor, contact_id="husband") == [
        ("oleg", "responsible", "contact.registered", "contact.responsible_changed"),
        ("oleg", "owner", "deal.contact_added", "deal.reassigned"),
        ("pavel", "owner", "deal.reassigned", "deal.status_changed"),
        ("pavel", "responsible", "contact.responsible_changed", None),
    ]


@pytest.mark.parametrize(
    "asked", [{"chat_id": DIRECT_ID}, {"conversation_id": str(ids.conversation_id(DIRECT_ID))}], ids=str
)
def test_who_held_a_conversation(auditor: Client, story: dict[str, int], asked: dict[str, str]) -> None:
    assert owned(auditor, **asked) == [("oleg", "holder", "conversation.claimed", "conversation.released")]


def test_what_had_happened_by_a_time_of_what_was_known(auditor: Client, story: dict[str, int]) -> None:
    first, second = read(auditor, OWNERSHIP, deal_id="house").json()["items"]
    between = second["from"]["occurred_at"]

    assert owned(auditor, deal_id="house", valid_at=between)[-1][0] == "pavel"
    earlier = datetime.fromisoformat(first["from"]["occurred_at"]).isoformat()
    assert owned(auditor, deal_id="house", valid_at=earlier) == [("oleg", "owner", "deal.opened", None)]
    assert owned(auditor, deal_id="house", valid_at="2001-01-01T00:00:00Z") == []


@pytest.mark.parametrize(
    ("path", "parameters", "field"),
    [
        (HISTORY, {}, "chat_id"),
        (HISTORY, {"chat_id": GROUP_ID, "employee_id": "oleg"}, "chat_id"),
        (HISTORY, {"chat_id": GROUP_ID, "from": "yesterday"}, "from"),
        (HISTORY, {"chat_id": GROUP_ID, "until": 10**9}, "until"),
        *((HISTORY, {"chat_id": GROUP_ID, "cursor": cursor}, "cursor") for cursor in (
            "x", "[]x", "[1]", "{}", "[-1]", '[1,"",1,"x"]', '[1,1,1]', "[" * 500,
            '[1,"",1,"' + GROUP_ID + '","\\u0000"]', '[1e3]')),
        (EXPLAIN, {"chat_id": GROUP_ID}, "employee_id"),
        (EXPLAIN, {"employee_id": "oleg"}, "chat_id"),
        (EXPLAIN, {"employee_id": "oleg", "chat_id": "x"}, "chat_id"),
        (OWNERSHIP, {}, "conversation_id"),
        (OWNERSHIP, {"deal_id": "house", "contact_id": "husband"}, "conversation_id"),
        (OWNERSHIP, {"deal_id": "house", "valid_at": "5"}, "valid_at"),
    ],
    ids=str,
)  # fmt: skip
def test_a_question_that_can_not_be_meant_is_refused(
    auditor: Client, story: dict[str, int], path: str, parameters: dict[str, Any], field: str
) -> None:
    answer = auditor.ask("GET", path, params=parameters)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


NOBODY = "00000000-0000-0000-0000-000000000000"
UNKNOWN = [
    (HISTORY, {"chat_id": NOBODY}),
    (HISTORY, {"employee_id": "nobody"}),
    (EXPLAIN, {"employee_id": "nobody", "chat_id": GROUP_ID}),
    (EXPLAIN, {"employee_id": "oleg", "chat_id": NOBODY}),
    (OWNERSHIP, {"deal_id": "nobody"}),
    (OWNERSHIP, {"contact_id": "nobody"}),
    (OWNERSHIP, {"conversation_id": NOBODY}),
    (OWNERSHIP, {"chat_id": NOBODY}),
]
OURS = [
    (HISTORY, {"chat_id": GROUP_ID}),
    (HISTORY, {"employee_id": "oleg"}),
    (EXPLAIN, {"employee_id": "oleg", "chat_id": GROUP_ID}),
    (OWNERSHIP, {"deal_id": "house"}),
    (OWNERSHIP, {"contact_id": "husband"}),
    (OWNERSHIP, {"chat_id": GROUP_ID}),
]


def test_what_is_not_there_or_another_company_s_is_not_found(
    server: Server, auditor: Client, story: dict[str, int]
) -> None:
    theirs = Client(auditor.http, issued_in(server, "other", ["auditor"]))

    assert {auditor.ask("GET", path, params=asked).status_code for path, asked in UNKNOWN} == {404}
    assert {auditor.ask("GET", path, params=asked).status_code for path, asked in OURS} == {200}
    assert {theirs.ask("GET", path, params=asked).status_code for path, asked in OURS} == {404}
