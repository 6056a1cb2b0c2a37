from typing import Any

import pytest

from api import limits
from tests.api.client import Client, Json, Server

HUSBAND, WIFE = "+7 999 000-00-01", "+7 999 000-00-02"


@pytest.fixture(scope="module")
def irina(admin: Client) -> Client:
    admin.put_channel()
    admin.put_employee("irina", role="supervisor")
    return admin.with_token("employee:irina")


def event(kind: str, chat: str, **facts: Any) -> Json:
    return {"type": kind, "chat": {"id": chat}, **facts}


def statuses(answer: Json) -> list[str]:
    return [result["status"] for result in answer["results"]]


def messages(client: Client, chat: str) -> list[Json]:
    items: list[Json] = client.get(f"/v1/conversations/{client.conversation_with(chat)}/messages")["items"]
    return items


def the_chat(client: Client, chat: str, told: Json | None = None) -> Json:
    """As it is in the inbox. told: the answer to what has to be in it already."""
    position = told["position"] if told else 0
    items = client.inbox(min_position=position)
    (item,) = [item for item in items if item["chats"][0]["external_id"] == chat]
    return item


def test_a_chat_is_in_the_inbox_with_the_answer(irina: Client, connector: Client) -> None:
    connector.tell(connector.message("c1", HUSBAND, text="Good morning"))

    item = the_chat(irina, "c1")
    assert (item["kind"], item["folder"], item["last_message"]["text"]) == (
        "direct",
        "incoming",
        "Good morning",
    )


def test_items_are_judged_one_by_one_and_answered_in_order(
    server: Server, irina: Client, connector: Client
) -> None:
    first, second = connector.message("c2", HUSBAND), connector.message("c2", HUSBAND)
    before = server.head

    answer = connector.tell(first, {"type": "message"}, first, second, event("participant_joined", "c2"))

    assert statuses(answer) == ["appended", "rejected", "duplicate", "appended", "rejected"]
    positions = [result["position"] for result in answer["results"]]
    assert positions == [server.head - 1, None, server.head, server.head, None]
    assert answer["position"] == server.head > before
    assert [error["field"] for error in answer["results"][1]["error"]["errors"]] == ["chat", "message"]


def test_what_was_told_before_is_no_news(server: Server, irina: Client, connector: Client) -> None:
    events = [
        connector.message("c3", HUSBAND),
        event(
            "message_edited", "c3", message={"id": "m", "text": "new", "edited_at": "2025-03-01T11:00:00Z"}
        ),
        event("message_deleted", "c3", message={"id": "m", "deleted_at": "2025-03-01T12:00:00Z"}),
        event("participant_joined", "c3", participant={"address": WIFE}, at="2025-03-01T10:30:00Z"),
        {"type": "delivery", "message_id": "m", "status": "read", "at": "2025-03-01T10:30:00Z"},
    ]
    assert set(statuses(connector.tell(*events))) == {"appended"}
    before = server.head

    assert set(statuses(connector.tell(*events))) == {"duplicate"}
    assert set(statuses(connector.tell(*reversed(events)))) == {"duplicate"}
    assert server.head == before


def test_an_edit_that_comes_before_its_message_waits_for_it(irina: Client, connector: Client) -> None:
    message = connector.message("c4", HUSBAND, text="old")
    edit = {"id": message["message"]["id"], "text": "new", "edited_at": "2025-03-02T11:00:00+03:00"}

    connector.tell(event("message_edited", "c4", message=edit))
    connector.tell(message)

    assert [(one["text"], one["edited_at"]) for one in messages(irina, "c4")] == [
        ("new", "2025-03-02T08:00:00.000000Z")
    ]


def test_the_first_event_of_a_chat_has_to_say_its_kind(irina: Client, connector: Client) -> None:
    untold = connector.message("c5", HUSBAND)
    del untold["chat"]["kind"]

    answer = connector.tell(untold, connector.message("c5", HUSBAND), untold)

    assert statuses(answer) == ["rejected", "appended", "appended"]
    assert answer["results"][0]["error"]["code"] == "chat_kind_missing"
    assert answer["results"][0]["error"]["errors"][0]["field"] == "chat.kind"


def test_an_echo_is_the_companys_word(irina: Client, connector: Client) -> None:
    connector.tell(
        connector.message("c6", HUSBAND),
        connector.message("c6", None, text="from my phone", echo=True),
    )

    assert [one["direction"] for one in messages(irina, "c6")] == ["in", "out"]


def test_what_a_machine_wrote_is_the_companys_word_and_answers_nobody(
    irina: Client, connector: Client
) -> None:
    asked, greeting = connector.message("c10", HUSBAND), connector.message("c10", None, automatic=True)
    greeting["message"]["sender"] = {"address": "+7 999 000-00-09", "name": "Out of office"}
    told = connector.tell(asked, greeting)

    item = the_chat(irina, "c10", told)
    assert item["last_message"]["author"] == {"kind": "automatic", "id": None, "name": "Out of office"}
    assert item["waiting_since"] == asked["message"]["sent_at"].replace("Z", ".000000Z")
    (_, greeted) = messages(irina, "c10")
    assert (greeted["direction"], greeted["author"]) == ("out", item["last_message"]["author"])

    told = connector.tell(connector.message("c10", None, echo=True))
    assert the_chat(irina, "c10", told)["waiting_since"] is None


def test_an_answer_that_failed_answers_nobody_until_it_got_there(irina: Client, connector: Client) -> None:
    asked, answer = connector.message("c11", HUSBAND), connector.message("c11", None, echo=True)
    report = {"type": "delivery", "message_id": answer["message"]["id"], "at": "2025-03-02T10:00:00Z"}
    waited = []
    for news in (asked, answer, report | {"status": "failed"}, report | {"status": "read"}):
        before = irina.get("/v1/inbox/counts")["waiting"]
        waits = the_chat(irina, "c11", connector.tell(news))["waiting_since"] is not None
        waited.append((waits, irina.get("/v1/inbox/counts")["waiting"] - before))

    assert waited == [(True, 1), (False, -1), (True, 1), (False, -1)]


def test_a_message_of_nobody_is_rejected_unless_the_company_wrote_it(
    irina: Client, connector: Client
) -> None:
    answer = connector.tell(
        connector.message("c7", None),
        connector.message("c7", None, echo=True),
        connector.message("c7", None, automatic=True),
    )

    assert statuses(answer) == ["rejected", "appended", "appended"]
    assert answer["results"][0]["error"]["errors"][0]["field"] == "message.sender"


def test_a_message_needs_no_text(irina: Client, connector: Client) -> None:
    image = {"kind": "image", "url": "https://files/1.jpg", "size": 1}
    connector.tell(connector.message("c8", HUSBAND, text=None, attachments=[image]))

    (message,) = messages(irina, "c8")
    assert message["text"] is None
    assert message["attachments"][0]["url"] == "https://files/1.jpg"


@pytest.mark.parametrize("by", [WIFE, {"address": WIFE}, {"address": WIFE, "name": "Wife"}, None])
def test_who_let_somebody_in_may_be_told_in_short(irina: Client, connector: Client, by: Any) -> None:
    joined = event("participant_joined", "c9", participant={"address": HUSBAND}, by=by)

    answer = connector.tell({**joined, "at": f"2025-03-01T10:00:0{len(str(by)) % 10}Z"})

    assert answer["results"][0]["status"] != "rejected"


@pytest.mark.parametrize(
    "at", ["2025-03-01T10:00:00Z", "2025-03-01t10:00:00.123456789z", "2025-03-01 13:00:00.5+03:00"]
)
def test_times_come_as_connectors_write_them(irina: Client, connector: Client, at: str) -> None:
    assert statuses(
        connector.tell(event("chat_renamed", f"at {at}", at=at) | {"chat": {"id": at, "title": "t"}})
    ) == ["appended"]


def test_ids_and_texts_may_hold_whatever_people_use(irina: Client, admin: Client, connector: Client) -> None:
    channel_id, text = "продажи/№ 1 🏠", "Привет!\nкак\tдела 👨‍👩‍👦"
    admin.put(
        "/v1/channels/%D0%BF%D1%80%D0%BE%D0%B4%D0%B0%D0%B6%D0%B8%2F%E2%84%96%201%20%F0%9F%8F%A0",
        {"kind": "other"},
    )
    path = "/v1/channels/продажи%2F№%201%20🏠/events"

    answer = connector.post(path, {"events": [connector.message("дом", "@муж", text=text)]})

    assert statuses(answer) == ["appended"]
    (message,) = messages(irina, "дом")
    assert (message["channel_id"], message["text"]) == (channel_id, text)


def test_a_batch_has_room_for_many(server: Server, irina: Client, connector: Client) -> None:
    events = [connector.message("c10", HUSBAND, id=f"n{number}") for number in range(limits.EVENTS_PER_BATCH)]

    assert set(statuses(connector.tell(*events))) == {"appended"}
    before = server.head
    assert set(statuses(connector.tell(*events))) == {"duplicate"}
    assert server.head == before


def test_an_empty_batch_is_nothing_to_do(server: Server, irina: Client, connector: Client) -> None:
    assert connector.tell() == {"results": [], "position": server.head}


def test_the_longest_text_goes_in(irina: Client, connector: Client) -> None:
    longest = "ы" * limits.TEXT_CHARACTERS

    assert statuses(connector.tell(connector.message("c11", HUSBAND, text=longest))) == ["appended"]


def test_a_channel_that_is_not_there_hears_nothing(server: Server, connector: Client) -> None:
    before = server.head
    answer = connector.ask(
        "POST", "/v1/channels/nobodys/events", json={"events": [connector.message("x", WIFE)]}
    )

    assert (answer.status_code, answer.json()["noun"]) == (404, "channel")
    assert server.head == before
