from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.client import Client, Json, Server

NEXT_YEAR = "2035-01-01T00:00:00Z"
WRITES: list[tuple[str, Json]] = [
    ("claim", {}),
    ("release", {}),
    ("reopen", {}),
    ("close", {}),
    ("dismiss", {}),
    ("snooze", {"until": NEXT_YEAR}),
    ("assign", {"employee_id": "vera"}),
    ("messages", {"text": "hello"}),
    ("link", {"address": {"kind": "whatsapp", "address": "+7 999"}, "contact_id": "k"}),
    ("unlink", {"address": {"kind": "whatsapp", "address": "+7 999"}, "contact_id": "k"}),
]


@pytest.fixture(scope="module")
def staff(admin: Client) -> dict[str, Client]:
    admin.put_channel()
    roles = {"oleg": "seller", "vera": "seller", "irina": "supervisor", "katya": "quality_control"}
    for employee_id, role in roles.items():
        admin.put_employee(employee_id, role, receives_new_clients=role == "seller")
    admin.put_employee("pavel")
    return {employee_id: admin.with_token(f"employee:{employee_id}") for employee_id in (*roles, "pavel")}


@pytest.fixture
def oleg(staff: dict[str, Client]) -> Client:
    return staff["oleg"]


@pytest.fixture
def write(connector: Client) -> Callable[..., Json]:
    """The client of a chat writes."""

    def write(chat: str, phone: str = "+7 999", **message: Any) -> Json:
        return connector.tell(connector.message(chat, phone, **message))

    return write


@pytest.fixture
def conversation(oleg: Client, write: Callable[..., Json]) -> str:
    """One of a new client, whom every seller but Pavel sees."""
    chat = str(uuid4())
    write(chat, phone=f"+7 {uuid4().int}")
    return oleg.conversation_with(chat)


def seen(client: Client, conversation: str) -> Json:
    return client.get(f"/v1/conversations/{conversation}")


def folder(client: Client, conversation: str) -> tuple[str, str | None]:
    item = seen(client, conversation)
    return item["folder"], item["holder_id"]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_conversation_goes_through_all_folders(oleg: Client, conversation: str) -> None:
    for action, body, expected in (
        ("claim", {}, ("in_progress", "oleg")),
        ("release", {}, ("incoming", None)),
        ("snooze", {"until": NEXT_YEAR}, ("snoozed", None)),
        ("reopen", {}, ("incoming", None)),
        ("close", {}, ("closed", None)),
        ("assign", {"employee_id": "vera"}, ("in_progress", "vera")),
    ):
        answer = oleg.act(conversation, action, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["conversation_id"] == conversation
        assert folder(oleg, conversation) == expected


def test_each_move_made_twice_records_nothing_new(server: Server, oleg: Client, conversation: str) -> None:
    for action, body in WRITES[:7]:
        oleg.act(conversation, action, body)
        before = server.head
        assert oleg.act(conversation, action, body).status_code == 200
        assert server.head == before, action


def test_of_two_who_claim_at_once_one_wins_and_the_other_is_told(
    staff: dict[str, Client], conversation: str
) -> None:
    with ThreadPoolExecutor(4) as rush:
        answers = list(
            rush.map(lambda who: (who, staff[who].act(conversation, "claim")), ("oleg", "vera", "irina"))
        )

    winners = [who for who, answer in answers if answer.status_code == 200]
    losers = [answer for _, answer in answers if answer.status_code == 409]
    assert len(winners) == 1
    assert [answer.json()["holder_id"] for answer in losers] == winners * 2
    assert folder(staff["irina"], conversation) == ("in_progress", winners[0])


@pytest.mark.parametrize(
    ("action", "body"), [*WRITES, ("read", {"position": 1})], ids=lambda value: str(value)
)
def test_who_does_not_see_it_finds_nothing(
    server: Server, staff: dict[str, Client], conversation: str, action: str, body: Json
) -> None:
    before = server.head

    assert problem(staff["pavel"].act(conversation, action, body)) == (404, "not_found")
    assert server.head == before


@pytest.mark.parametrize(("action", "body"), WRITES, ids=lambda value: str(value))
def test_quality_control_reads_and_never_writes(
    server: Server, staff: dict[str, Client], conversation: str, action: str, body: Json
) -> None:
    before = server.head

    assert problem(staff["katya"].act(conversation, action, body)) == (403, "read_only_role")
    assert server.head == before


def test_quality_control_may_read(staff: dict[str, Client], conversation: str) -> None:
    katya = staff["katya"]
    position = katya.get(f"/v1/conversations/{conversation}/messages")["items"][0]["position"]
    assert seen(katya, conversation)["unread"] == 1

    assert katya.act(conversation, "read", {"position": position}).status_code == 200

    assert seen(katya, conversation)["unread"] == 0


def test_nobody_has_read_what_is_not_there_yet(
    oleg: Client, connector: Client, write: Callable[..., Json]
) -> None:
    write("ahead", "+7 999 8")
    conversation = oleg.conversation_with("ahead")
    oleg.act(conversation, "read", {"position": 10**12})

    write("ahead", "+7 999 8")
    position = write("ahead", "+7 999 8")["position"]
    assert oleg.get(f"/v1/conversations/{conversation}", min_position=position)["unread"] == 2


def test_a_snooze_ends_in_the_future(server: Server, oleg: Client, conversation: str) -> None:
    before = server.head
    answer = oleg.act(conversation, "snooze", {"until": "2020-01-01T00:00:00Z"})

    assert problem(answer) == (422, "snooze_in_the_past")
    assert answer.json()["errors"][0]["field"] == "until"
    assert server.head == before


@pytest.mark.parametrize(
    ("employee_id", "code"), [("pavel", "cannot_see"), ("ghost", "cannot_see"), ("katya", "invalid")]
)
def test_it_is_given_only_to_somebody_who_can_hold_it(
    server: Server, oleg: Client, conversation: str, employee_id: str, code: str
) -> None:
    before = server.head
    answer = oleg.act(conversation, "assign", {"employee_id": employee_id})

    assert problem(answer) == (422, code)
    assert answer.json()["errors"][0]["field"] == "employee_id"
    assert server.head == before


@pytest.mark.parametrize("action", ["close", "snooze"])
def test_a_client_who_wrote_beyond_what_was_seen_is_not_put_away(
    oleg: Client, write: Callable[..., Json], action: str
) -> None:
    chat = f"unseen {action}"
    write(chat, "+7 999 7")
    conversation = oleg.conversation_with(chat)
    on_the_screen = oleg.get(f"/v1/conversations/{conversation}/messages")["items"][-1]["position"]
    position = write(chat, "+7 999 7")["position"]
    oleg.get("/v1/inbox", min_position=position)

    body = {"seen_position": on_the_screen} | ({"until": NEXT_YEAR} if action == "snooze" else {})
    assert oleg.act(conversation, action, body).status_code == 200

    assert folder(oleg, conversation) == ("incoming", None)


def test_who_says_to_have_seen_what_is_yet_to_come_hides_nothing(
    oleg: Client, write: Callable[..., Json]
) -> None:
    write("boast", "+7 999 6")
    conversation = oleg.conversation_with("boast")
    oleg.act(conversation, "close", {"seen_position": 10**12})
    oleg.act(conversation, "dismiss", {"seen_position": 10**12})
    assert folder(oleg, conversation) == ("closed", None)

    position = write("boast", "+7 999 6")["position"]

    item = oleg.get(f"/v1/conversations/{conversation}", min_position=position)
    assert item["folder"] == "incoming"
    assert item["waiting_since"] is not None


def test_an_answer_stands_behind_a_question_whose_clock_is_ahead(
    connector: Client, oleg: Client, write: Callable[..., Json]
) -> None:
    event = connector.message("ahead", "+7 999 9", sent_at="2100-01-01T00:00:00Z")
    connector.tell(event)
    write("ahead", "+7 999 9")
    conversation = oleg.conversation_with("ahead")

    position = oleg.post(f"/v1/conversations/{conversation}/messages", {"text": "yes"})["position"]

    item = oleg.get(f"/v1/conversations/{conversation}", min_position=position)
    assert (item["waiting_since"], item["last_message"]["text"]) == (None, "yes")


@pytest.mark.parametrize("said", [True, False], ids=["said to be seen", "left open"])
@pytest.mark.parametrize(
    ("action", "left"),
    [("close", ("closed", None)), ("snooze", ("snoozed", None)), ("dismiss", ("incoming", None))],
)
def test_what_a_connector_was_told_is_known_to_whoever_comes_next(
    oleg: Client, write: Callable[..., Json], action: str, left: tuple[str, None], said: bool
) -> None:
    """The very next request, before any read model was waited for; time and again."""
    chat = f"next {action} {said}"
    write(chat, "+7 999 8")
    conversation = oleg.conversation_with(chat)
    for _ in range(20):
        position = write(chat, "+7 999 8")["position"]
        body = {"seen_position": position} if said else {}
        if action == "snooze":
            body["until"] = "2100-01-01T00:00:00Z"
        moved = oleg.act(conversation, action, body).json()
        item = oleg.get(f"/v1/conversations/{conversation}", min_position=moved["position"])
        assert (item["folder"], item["waiting_since"] if action == "dismiss" else None) == left


def test_dismissing_ends_the_wait_without_a_message(oleg: Client, conversation: str) -> None:
    assert seen(oleg, conversation)["waiting_since"] is not None

    oleg.act(conversation, "dismiss")

    assert seen(oleg, conversation)["waiting_since"] is None
    assert folder(oleg, conversation) == ("incoming", None)


def test_an_answer_is_queued_under_its_authors_name(oleg: Client, conversation: str) -> None:
    item = seen(oleg, conversation)
    (asked,) = oleg.get(f"/v1/conversations/{conversation}/messages")["items"]
    body = {"text": "Good morning", "reply_to": asked["message_id"], "chat_id": item["chats"][0]["chat_id"]}

    answer = oleg.act(conversation, "messages", body)

    assert answer.status_code == 201
    page = oleg.get(f"/v1/conversations/{conversation}/messages", min_position=answer.json()["position"])
    sent = page["items"][-1]
    assert sent["message_id"] == answer.json()["message_id"]
    assert (sent["direction"], sent["delivery"], sent["reply_to"]) == ("out", "queued", asked["message_id"])
    assert sent["author"] == {"kind": "employee", "id": "oleg", "name": "Oleg"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": " \n"}, "text"),
        ({"text": "x", "chat_id": str(uuid4())}, "chat_id"),
        ({"text": "x", "chat_id": "mine"}, "chat_id"),
        ({"text": "x", "reply_to": str(uuid4())}, "reply_to"),
    ],
)
def test_an_answer_that_goes_nowhere_is_refused(
    server: Server, oleg: Client, conversation: str, body: Json, field: str
) -> None:
    before = server.head
    answer = oleg.act(conversation, "messages", body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert server.head == before


def test_somebody_in_a_conversation_is_linked_by_hand_and_back(
    staff: dict[str, Client], connector: Client
) -> None:
    message = connector.message("son", "+7 999 000-55-55")
    message["message"]["sender"]["name"] = "Son"
    connector.tell(message)
    conversation = staff["oleg"].conversation_with("son")
    link = {"address": {"kind": "phone", "address": "79990005555"}, "contact_id": "son"}

    answer = staff["vera"].act(conversation, "link", link)

    assert answer.status_code == 200
    assert staff["oleg"].ask("GET", f"/v1/conversations/{conversation}").status_code == 404
    item = seen(staff["vera"], conversation)
    assert (item["title"], item["contact_ids"]) == ("Son", ["son"])
    assert staff["vera"].act(conversation, "unlink", link).status_code == 200
    assert staff["oleg"].ask("GET", f"/v1/conversations/{conversation}").status_code == 200


def test_only_who_takes_part_can_be_linked(server: Server, oleg: Client, conversation: str) -> None:
    before = server.head
    for action in ("link", "unlink"):
        body = {"address": {"kind": "whatsapp", "address": "+7 000"}, "contact_id": "k"}
        answer = oleg.act(conversation, action, body)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "address")
    assert server.head == before
