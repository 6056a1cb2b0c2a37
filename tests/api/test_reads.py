import threading
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from api import admin_answers, answers
from tests.api.client import Client, Server

PHONE = "+7 999 000-00-01"


@pytest.fixture(scope="module")
def oleg(admin: Client, connector: Client) -> Client:
    """Sees 25 direct chats and a group with everything in it that an answer can show."""
    admin.put_channel()
    admin.put_employee(
        "oleg", receives_new_clients=True, addresses=[{"kind": "whatsapp", "address": "+7 222"}]
    )
    admin.put(
        "/v1/staff/arkady", {"name": "Arkady", "addresses": [{"kind": "whatsapp", "address": "+7 333"}]}
    )
    admin.put_contact("husband", PHONE, responsible_id="oleg")
    admin.put_deal("house", "oleg", "husband")
    connector.tell(*(connector.message(f"chat {number}", f"+7 111 {number}") for number in range(25)))
    group = {"id": "group", "kind": "group", "title": "House"}
    told = [
        connector.message("group", sender, attachments=[{"kind": "image", "url": "https://files/1"}])
        | {"chat": group}
        for sender in (PHONE, "+7 222", "+7 333", "+7 444")
    ]
    left = {
        "type": "participant_left",
        "chat": group,
        "participant": {"address": "+7 444"},
        "at": "2025-04-01T00:00:00Z",
    }
    connector.tell(*told, left)
    oleg = admin.with_token("employee:oleg")
    oleg.act(oleg.conversation_with("group"), "messages", {"text": "hello"})
    return oleg


@pytest.fixture(scope="module")
def group(oleg: Client) -> str:
    return oleg.conversation_with("group")


@pytest.fixture(scope="module")
def auditor(admin: Client) -> Client:
    return admin.with_token("auditor")


def read(client: Client, path: str, **parameters: Any) -> httpx.Response:
    """An answer that names the position at which it was read."""
    answer = client.ask("GET", path, params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert int(answer.headers["chatledger-position"]) >= 0
    return answer


def check(shape: type[BaseModel], answer: httpx.Response) -> None:
    """Hold an answer against what the API's description says of it."""
    shape.model_validate_json(answer.content)


def test_real_answers_are_what_the_description_says(
    oleg: Client, auditor: Client, admin: Client, group: str
) -> None:
    check(answers.InboxPage, read(oleg, "/v1/inbox", limit=200))
    check(answers.Counts, read(oleg, "/v1/inbox/counts"))
    check(answers.ConversationShape, read(oleg, f"/v1/conversations/{group}"))
    check(answers.NotificationPage, read(oleg, "/v1/notifications", limit=5))
    check(answers.MutedHoursShape, read(oleg, "/v1/muted-hours"))
    check(answers.MessagePage, read(oleg, f"/v1/conversations/{group}/messages"))
    check(answers.Witnesses, read(auditor, "/v1/audit/visibility", conversation_id=group))
    check(admin_answers.ReadModelStatuses, read(admin, "/v1/projections"))


def test_answers_to_writes_are_what_the_description_says(
    admin: Client, connector: Client, oleg: Client
) -> None:
    direct = oleg.conversation_with("chat 24")
    address = {"kind": "whatsapp", "address": "+7 111 24"}
    for shape, client, path, body in (
        (admin_answers.Issued, admin, "/v1/tokens", {"scopes": ["auditor"]}),
        (answers.HandedOver, admin, "/v1/handover", {"from_employee_id": "oleg", "to_employee_id": "oleg"}),
        (answers.Written, admin, "/v1/deals/house/reassign", {"owner_id": "oleg"}),
        (
            answers.Received,
            connector,
            "/v1/channels/phone/events",
            {"events": [connector.message("x", "1"), {}]},
        ),
        (answers.Sent, oleg, f"/v1/conversations/{direct}/messages", {"text": "x"}),
        (answers.Moved, oleg, f"/v1/conversations/{direct}/claim", {}),
        (answers.Linked, oleg, f"/v1/conversations/{direct}/link", {"address": address, "contact_id": "son"}),
        (
            answers.BulkMoved,
            oleg,
            "/v1/conversations/bulk",
            {"conversation_ids": [direct, "x"], "action": "close"},
        ),
    ):
        check(shape, client.ask("POST", path, json=body))


def test_a_group_chat_shows_everybody_in_it(oleg: Client, group: str) -> None:
    participants = oleg.get(f"/v1/conversations/{group}")["participants"]

    assert {(one["kind"], one["address"], one["left_at"] is None) for one in participants} == {
        ("client", PHONE, True),
        ("employee", "+7 222", True),
        ("external_staff", "+7 333", True),
        ("unknown", "+7 444", False),
    }


@pytest.mark.parametrize("surface", ["deal_card", "open_line"])
def test_a_group_chat_is_on_no_card_of_the_crm(oleg: Client, group: str, surface: str) -> None:
    shown = oleg.get("/v1/inbox", surface=surface, limit=200)["items"]

    assert {item["kind"] for item in shown} == {"direct"}
    for path in (f"/v1/conversations/{group}", f"/v1/conversations/{group}/messages"):
        assert oleg.ask("GET", path, params={"surface": surface}).status_code == 404


def test_pages_follow_each_other_without_a_gap(oleg: Client) -> None:
    whole = [item["conversation_id"] for item in oleg.get("/v1/inbox", limit=200)["items"]]
    paged: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = oleg.get("/v1/inbox", limit=7, **cursor)
        paged += [item["conversation_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert paged == whole
    assert len(paged) >= 26


@pytest.mark.parametrize(
    "cursor", ["x", "~", "2025-01-01~x", "now~" + "0" * 36, "after~2025-01-01~x", "x" * 2_000]
)
def test_a_cursor_is_one_of_ours(oleg: Client, group: str, cursor: str) -> None:
    for path in ("/v1/inbox", f"/v1/conversations/{group}/messages"):
        answer = oleg.ask("GET", path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize(
    "parameters",
    [
        {"folder": "nowhere"},
        {"surface": "watch"},
        {"limit": 0},
        {"limit": 201},
        {"limit": "many"},
        {"waiting": "perhaps"},
        {"channel_id": ""},
        {"holder_id": "x" * 129},
        {"q": "x" * 201},
        {"q": "\x00"},
        {"min_position": -1},
        {"min_position": 2**63},
    ],
    ids=str,
)
def test_a_parameter_that_is_none_is_named(oleg: Client, parameters: dict[str, Any]) -> None:
    answer = oleg.ask("GET", "/v1/inbox", params=parameters)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, next(iter(parameters)))


@pytest.mark.parametrize("mark", ["before", "after"])
def test_a_mark_is_a_message_a_position_or_a_time(oleg: Client, group: str, mark: str) -> None:
    path = f"/v1/conversations/{group}/messages"
    items = oleg.get(path)["items"]
    second = items[1]

    pages = [
        oleg.get(path, **{mark: second[name]})["items"] for name in ("message_id", "position", "sent_at")
    ]

    expected = items[:1] if mark == "before" else items[2:]
    assert pages == [expected] * 3
    for wrong in ("yesterday", "\x00", "2025-03-01T10:00:00"):
        answer = oleg.ask("GET", path, params={mark: wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, mark)


def test_a_read_waits_for_the_position_that_it_is_to_show(
    server: Server, oleg: Client, connector: Client
) -> None:
    wanted = server.head + 1
    written = threading.Timer(0.2, lambda: connector.tell(connector.message("late", "+7 555")))
    written.start()

    answer = read(oleg, "/v1/inbox", min_position=wanted)

    written.join()
    assert int(answer.headers["chatledger-position"]) >= wanted


def test_what_was_written_is_read_at_its_position(oleg: Client, connector: Client) -> None:
    for number in range(20):
        position = connector.tell(connector.message("chat 1", "+7 111 1", text=f"n{number}"))["position"]
        conversation = oleg.conversation_with("chat 1")
        answer = read(oleg, f"/v1/conversations/{conversation}", min_position=position)
        assert answer.json()["last_message"]["text"] == f"n{number}"


def test_an_auditor_asks_for_any_position_or_moment(
    server: Server, auditor: Client, admin: Client, group: str
) -> None:
    path, then = "/v1/audit/visibility", server.head
    admin.put_employee("irina", role="supervisor")

    def who(**parameters: Any) -> set[str]:
        items = read(auditor, path, conversation_id=group, **parameters).json()["items"]
        return {item["employee_id"] for item in items}

    assert who(at=then) == {"oleg"}
    assert who() == who(at=server.head) == who(at="2150-01-01T00:00:00Z") == {"oleg", "irina"}
    assert who(at="2001-01-01T00:00:00+03:00") == set()


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "chat_id"),
        ({"chat_id": "A", "conversation_id": "A"}, "chat_id"),
        ({"chat_id": "nonsense"}, "chat_id"),
        ({"conversation_id": "A", "at": "yesterday"}, "at"),
        ({"conversation_id": "A", "at": "2025-01-01T00:00:00"}, "at"),
        ({"conversation_id": "A", "at": 10**9}, "at"),
        ({"conversation_id": "A", "at": -1}, "at"),
    ],
)
def test_an_auditor_asks_about_one_thing_at_one_moment(
    auditor: Client, group: str, parameters: dict[str, Any], field: str
) -> None:
    asked = {name: group if value == "A" else value for name, value in parameters.items()}
    answer = auditor.ask("GET", "/v1/audit/visibility", params=asked)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


def test_an_auditor_is_told_of_no_chat_that_is_not_there(auditor: Client) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"

    assert auditor.ask("GET", f"/v1/audit/visibility?chat_id={nobody}").status_code == 404
