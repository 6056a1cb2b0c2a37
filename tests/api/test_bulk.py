from typing import Any
from uuid import uuid4

import pytest

from tests.api.client import Client, Json, Server

NEXT_YEAR = "2035-01-01T00:00:00Z"
BULK = "/v1/conversations/bulk"


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    admin.put_channel()
    for employee_id in ("oleg", "vera"):
        admin.put_employee(employee_id, receives_new_clients=True)
    return admin.with_token("employee:oleg")


@pytest.fixture
def conversations(oleg: Client, connector: Client) -> list[str]:
    chats = [str(uuid4()) for _ in range(3)]
    connector.tell(*(connector.message(chat, f"+7 {chat}1") for chat in chats))
    return [oleg.conversation_with(chat) for chat in chats]


def statuses(answer: Json) -> list[str]:
    return [result["status"] for result in answer["results"]]


@pytest.mark.parametrize(
    ("move", "folder"),
    [
        ({"action": "claim"}, "in_progress"),
        ({"action": "close"}, "closed"),
        ({"action": "snooze", "until": NEXT_YEAR}, "snoozed"),
        ({"action": "assign", "employee_id": "vera"}, "in_progress"),
        ({"action": "dismiss"}, "incoming"),
        ({"action": "read", "position": 10**9}, "incoming"),
    ],
)
def test_many_are_moved_at_once(
    server: Server, oleg: Client, conversations: list[str], move: Json, folder: str
) -> None:
    answer = oleg.post(BULK, {"conversation_ids": conversations, **move})

    assert statuses(answer) == ["done"] * 3
    assert answer["position"] == server.head
    assert [oleg.get(f"/v1/conversations/{one}")["folder"] for one in conversations] == [folder] * 3


def test_one_that_is_refused_leaves_the_others_alone(
    admin: Client, oleg: Client, conversations: list[str]
) -> None:
    admin.with_token("employee:vera").act(conversations[1], "claim")
    oleg.act(conversations[2], "claim")
    asked = [*conversations, str(uuid4()), "nonsense"]

    answer = oleg.post(BULK, {"conversation_ids": asked, "action": "claim"})

    assert [result["conversation_id"] for result in answer["results"]] == asked
    assert statuses(answer) == ["done", "rejected", "unchanged", "rejected", "rejected"]
    assert answer["results"][1]["error"]["holder_id"] == "vera"
    assert answer["results"][3]["error"]["status"] == 404


def test_where_all_are_refused_nothing_is_recorded(server: Server, oleg: Client) -> None:
    before = server.head
    answer = oleg.post(BULK, {"conversation_ids": ["nobodys"], "action": "close"})

    assert (statuses(answer), answer["position"], server.head) == (["rejected"], before, before)


@pytest.mark.parametrize(
    ("move", "field"),
    [
        ({"action": "snooze"}, "until"),
        ({"action": "assign"}, "employee_id"),
        ({"action": "read"}, "position"),
        ({"action": "claim", "until": NEXT_YEAR}, "until"),
        ({"action": "close", "employee_id": "vera"}, "employee_id"),
        ({"action": "link"}, "action"),
    ],
)
def test_each_action_takes_what_it_needs_and_nothing_else(
    server: Server, oleg: Client, conversations: list[str], move: Json, field: str
) -> None:
    before = server.head
    body: dict[str, Any] = {"conversation_ids": conversations, **move}
    answer = oleg.ask("POST", BULK, json=body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert server.head == before
