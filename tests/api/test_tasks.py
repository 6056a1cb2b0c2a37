"""Tasks over HTTP: whoever sees the conversation has them on his lists, from the first answer to the last."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api import answers
from tests.api.client import Client, Json, Server

PAST, SOON, LATER = "2025-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z"


@pytest.fixture(scope="module")
def staff(admin: Client) -> dict[str, Client]:
    """Nobody receives new clients; Pavel sees only what he is asked to help with."""
    admin.put_channel()
    roles = {
        "oleg": "seller",
        "vera": "seller",
        "pavel": "seller",
        "irina": "supervisor",
        "katya": "quality_control",
    }
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
def begin(admin: Client, connector: Client, staff: dict[str, Client]) -> Callable[..., str]:
    def begin(owner: str = "oleg", client: str = "", **chat: str) -> str:
        """A client writes for the first time, or he is another's from now on; the id of the conversation."""
        name = client or str(uuid4())
        phone = f"+7 {UUID(name).int}"
        admin.put_contact(name, phone, responsible_id=owner)
        message = connector.message(name, phone)
        message["chat"] |= chat
        staff[owner].get("/v1/inbox", min_position=connector.tell(message)["position"])
        return staff[owner].conversation_with(name)

    return begin


@pytest.fixture
def conversation(begin: Callable[..., str]) -> str:
    return begin()


def create(client: Client, conversation: str, text: str = "Send the plan", **task: Any) -> str:
    body = {"text": text} | task
    return str(client.post(f"/v1/conversations/{conversation}/tasks", body)["task_id"])


def listed(client: Client, path: str = "/v1/tasks", **asked: Any) -> list[Json]:
    """The whole list, page by page, each as the description says."""
    items: list[Json] = []
    cursor: Json = {}
    while True:
        answer = client.ask("GET", path, params={"limit": 2, **asked, **cursor})
        assert answer.status_code == 200, answer.text
        answers.TaskPage.model_validate_json(answer.content)
        items += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return items
        cursor = {"cursor": answer.json()["next_cursor"]}


def tasks_of(client: Client, conversation: str, **asked: Any) -> list[Json]:
    return listed(client, f"/v1/conversations/{conversation}/tasks", **asked)


def ids(items: list[Json]) -> list[str]:
    return [item["task_id"] for item in items]


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def field(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["field"]


def test_a_task_is_shown_as_the_contract_says(oleg: Client, conversation: str) -> None:
    title = oleg.get(f"/v1/conversations/{conversation}")["title"]
    sent = oleg.post(f"/v1/conversations/{conversation}/tasks", {"text": "Send the plan", "due_at": SOON})

    (item,) = tasks_of(oleg, conversation)
    assert item.pop("created_at").endswith("Z")
    assert item == {
        "task_id": sent["task_id"],
        "conversation_id": conversation,
        "title": title,
        "text": "Send the plan",
        "assignee_id": "oleg",
        "assignee_name": "Oleg",
        "created_by": "oleg",
        "due_at": "2100-01-01T00:00:00.000000Z",
        "overdue": False,
        "done_at": None,
        "done_by": None,
        "position": sent["position"],
    }
    answers.TaskWritten.model_validate(sent)


def test_a_task_is_done_and_opened_again(server: Server, oleg: Client, vera: Client, begin: Any) -> None:
    conversation = begin("vera")
    task = create(vera, conversation, due_at=PAST)
    assert [item["overdue"] for item in listed(vera, overdue=True) if item["task_id"] == task] == [True]

    vera.post(f"/v1/tasks/{task}/done")
    before = server.head
    vera.post(f"/v1/tasks/{task}/done")
    assert server.head == before
    (item,) = tasks_of(vera, conversation)
    assert (item["done_by"], item["overdue"], item["done_at"] is None) == ("vera", False, False)
    assert task not in ids(listed(vera)) + ids(listed(vera, overdue=True))
    assert task in ids(listed(vera, done=True))

    vera.post(f"/v1/tasks/{task}/reopen")
    before = server.head
    vera.post(f"/v1/tasks/{task}/reopen")
    assert server.head == before
    assert task in ids(listed(vera))


def test_a_task_is_stated_as_it_is_to_be(server: Server, oleg: Client, staff: Any, conversation: str) -> None:
    task = create(oleg, conversation, due_at=SOON)
    stated = {"text": "Call", "assignee_id": "irina", "due_at": LATER}

    oleg.put(f"/v1/tasks/{task}", stated)

    (item,) = tasks_of(oleg, conversation)
    assert (item["text"], item["assignee_id"], item["due_at"]) == (
        "Call",
        "irina",
        "2100-01-02T00:00:00.000000Z",
    )
    assert task in ids(listed(staff["irina"]))
    assert task not in ids(listed(oleg))
    before = server.head
    oleg.put(f"/v1/tasks/{task}", stated)
    assert server.head == before
    oleg.put(f"/v1/tasks/{task}", {"text": "Call", "assignee_id": "irina"})
    assert tasks_of(oleg, conversation)[0]["due_at"] is None


def test_the_soonest_is_first_and_what_has_no_time_is_last(
    admin: Client, staff: dict[str, Client], begin: Callable[..., str]
) -> None:
    pavel, here, there = staff["pavel"], begin("pavel"), begin("pavel")
    whenever = create(pavel, here)
    later = create(pavel, there, due_at=LATER)
    soon = create(pavel, here, due_at=SOON)
    as_soon = create(pavel, there, due_at=SOON)
    past = create(pavel, here, due_at=PAST)
    done = create(pavel, here, due_at=PAST)
    pavel.post(f"/v1/tasks/{done}/done")
    irinas = create(staff["irina"], here, due_at=SOON)

    assert ids(listed(pavel)) == ids(listed(pavel, mine=True)) == [past, soon, as_soon, later, whenever]
    assert ids(listed(pavel, overdue=True)) == [past]
    assert ids(listed(pavel, overdue=False)) == [soon, as_soon, later, whenever]
    assert ids(listed(pavel, done=True)) == ids(listed(pavel, done=True, overdue=False)) == [done]
    assert ids(listed(pavel, done=True, overdue=True)) == []
    assert ids(listed(pavel, mine=False)) == [past, soon, as_soon, irinas, later, whenever]
    assert ids(listed(pavel, assignee_id="irina")) == [irinas]
    assert ids(listed(staff["irina"], assignee_id="pavel")) == [past, soon, as_soon, later, whenever]
    assert ids(tasks_of(pavel, here)) == [past, soon, irinas, whenever, done]


def test_who_loses_sight_loses_the_tasks_and_who_gets_it_has_them(
    begin: Callable[..., str], oleg: Client, vera: Client, staff: dict[str, Client]
) -> None:
    client = str(uuid4())
    conversation = begin("oleg", client)
    task = create(oleg, conversation)

    assert begin("vera", client) == conversation

    for asked in ({}, {"mine": False}, {"assignee_id": "oleg"}):
        assert task not in ids(listed(oleg, **asked))
    assert oleg.ask("GET", f"/v1/conversations/{conversation}/tasks").status_code == 404
    assert ids(tasks_of(vera, conversation)) == [task]
    assert task in ids(listed(vera, assignee_id="oleg"))
    assert task in ids(listed(staff["irina"], mine=False))
    stated = {"text": "Say goodbye for Oleg", "assignee_id": "oleg"}
    vera.put(f"/v1/tasks/{task}", stated)
    assert field(vera.ask("PUT", f"/v1/tasks/{task}", json=stated | {"assignee_id": "pavel"})) == (
        422,
        "assignee_id",
    )
    begin("oleg", client)
    assert task in ids(listed(oleg))


def test_a_helper_has_the_tasks_while_he_helps(
    oleg: Client, staff: dict[str, Client], conversation: str
) -> None:
    (message,) = oleg.get(f"/v1/conversations/{conversation}/messages")["items"]
    thread = f"/v1/conversations/{conversation}/messages/{message['message_id']}/thread"
    body = {"text": "Measure it", "assignee_id": "pavel"}
    answer = oleg.ask("POST", f"/v1/conversations/{conversation}/tasks", json=body)
    assert refused(answer) == (422, "assignee_cannot_see")

    oleg.post(thread, {"add_employee_ids": ["pavel"]})
    task = create(oleg, conversation, assignee_id="pavel")
    assert task in ids(listed(staff["pavel"]))
    staff["pavel"].post(f"/v1/tasks/{task}/done")

    oleg.post(thread, {"remove_employee_ids": ["pavel"]})
    assert task not in ids(listed(staff["pavel"], mine=False, done=True))
    assert staff["pavel"].ask("POST", f"/v1/tasks/{task}/reopen").status_code == 404


def test_who_sees_it_for_several_reasons_has_it_once(
    admin: Client, staff: dict[str, Client], begin: Callable[..., str]
) -> None:
    conversation = begin("irina")
    (message,) = staff["irina"].get(f"/v1/conversations/{conversation}/messages")["items"]
    thread = f"/v1/conversations/{conversation}/messages/{message['message_id']}/thread"
    staff["irina"].post(thread, {"add_employee_ids": ["irina"]})
    task = create(staff["irina"], conversation)

    assert ids(listed(staff["irina"])).count(task) == 1
    assert ids(tasks_of(staff["irina"], conversation)) == [task]


def test_quality_control_has_tasks_too(staff: dict[str, Client], conversation: str) -> None:
    task = create(staff["katya"], conversation, "Listen to the call")

    assert ids(listed(staff["katya"])) == [task]
    staff["katya"].post(f"/v1/tasks/{task}/done")
    assert listed(staff["katya"]) == []


def test_what_is_not_seen_is_not_there(server: Server, oleg: Client, vera: Client, conversation: str) -> None:
    task = create(oleg, conversation)
    body = {"text": "x", "assignee_id": "vera"}
    before = server.head
    for client, known, place in (
        (vera, task, conversation),
        (oleg, str(uuid4()), str(uuid4())),
        (oleg, "x", "x"),
    ):
        for method, path in (
            ("GET", f"/v1/conversations/{place}/tasks"),
            ("POST", f"/v1/conversations/{place}/tasks"),
            ("PUT", f"/v1/tasks/{known}"),
        ):
            assert refused(client.ask(method, path, json=body)) == (404, "not_found")
        for action in ("done", "reopen"):
            assert refused(client.ask("POST", f"/v1/tasks/{known}/{action}")) == (404, "not_found")
    assert refused(oleg.ask("POST", f"/v1/tasks/{conversation}/done")) == (404, "not_found")
    assert server.head == before


def test_a_task_in_a_group_is_on_no_card_of_the_crm(oleg: Client, begin: Callable[..., str]) -> None:
    conversation = begin(kind="group", title="House")
    task = create(oleg, conversation)

    assert task in ids(listed(oleg, surface="mobile"))
    assert task not in ids(listed(oleg, surface="deal_card")) + ids(
        listed(oleg, surface="open_line", mine=False)
    )
    answer = oleg.ask("GET", f"/v1/conversations/{conversation}/tasks", params={"surface": "deal_card"})
    assert answer.status_code == 404


def test_the_same_key_creates_once(server: Server, oleg: Client, conversation: str) -> None:
    path, body = f"/v1/conversations/{conversation}/tasks", {"text": "Once"}
    first = oleg.post(path, body, key=conversation)
    before = server.head

    assert oleg.post(path, body, key=conversation) == first
    assert (server.head, len(tasks_of(oleg, conversation))) == (before, 1)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"text": " \n"}, "text"),
        ({"text": "x" * 4_001}, "text"),
        ({"assignee_id": "ghost"}, "assignee_id"),
        ({"assignee_id": "vera"}, "assignee_id"),
        ({"due_at": "tomorrow"}, "due_at"),
    ],
    ids=str,
)
def test_a_wrong_body_changes_nothing(
    server: Server, oleg: Client, conversation: str, wrong: Json, name: str
) -> None:
    task = create(oleg, conversation)
    before = server.head

    answer = oleg.ask("POST", f"/v1/conversations/{conversation}/tasks", json={"text": "x"} | wrong)
    assert field(answer) == (422, name)
    stated = {"text": "x", "assignee_id": "oleg"} | wrong
    assert field(oleg.ask("PUT", f"/v1/tasks/{task}", json=stated)) == (422, name)
    assert server.head == before


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"mine": True, "assignee_id": "vera"}, "assignee_id"),
        ({"overdue": "perhaps"}, "overdue"),
        *(
            ({"cursor": cursor}, "cursor")
            for cursor in ("x", "~", "now~x", "yesterday or so~1", "infinity~1.5")
        ),
    ],
    ids=str,
)
def test_a_list_is_asked_for_in_its_words(oleg: Client, conversation: str, asked: Json, name: str) -> None:
    assert field(oleg.ask("GET", "/v1/tasks", params=asked)) == (422, name)
    if name == "cursor":
        path = f"/v1/conversations/{conversation}/tasks"
        assert field(oleg.ask("GET", path, params=asked)) == (422, name)
