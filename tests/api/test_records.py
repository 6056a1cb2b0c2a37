"""All events about something, and a conversation as it looked, over HTTP."""

from typing import Any

import pytest

from api.audit_answers import EventPage, TranscriptShape
from tests.api.client import Client, Json, Server, addresses
from tests.api.test_access import issued_in
from tests.api.test_reads import PHONE

HOUSE = {"id": "house", "kind": "group", "title": "House"}
SON = "+7 999 000-00-03"


@pytest.fixture(scope="module")
def auditor(admin: Client) -> Client:
    return admin.with_token("auditor")


@pytest.fixture(scope="module")
def story(server: Server, admin: Client, connector: Client) -> dict[str, Any]:
    """What happened in one group, and the positions after each part of it."""
    admin.put_channel()
    admin.put_employee("oleg", receives_new_clients=True)
    admin.put_employee("irina", "supervisor")
    admin.put_contact("husband", PHONE, responsible_id="oleg")
    told: dict[str, Any] = {}
    first = message(connector, "m1", PHONE, "Let us meet on Friday", "2025-03-01T10:00:00Z")
    connector.tell(first, message(connector, "m2", SON, "And me", "2025-03-01T10:01:00.5Z"))
    told["written"] = server.head
    oleg, irina = admin.with_token("employee:oleg"), admin.with_token("employee:irina")
    house = str(oleg.conversation_with("house"))
    told |= {"conversation": house, "chat": oleg.get(f"/v1/conversations/{house}")["chats"][0]["chat_id"]}
    told["messages"] = [
        item["message_id"] for item in oleg.get(f"/v1/conversations/{house}/messages")["items"]
    ]
    oleg.act(house, "read", {"position": told["written"]})
    told["read"] = server.head
    oleg.act(house, "claim")
    oleg.act(
        house, f"messages/{told['messages'][0]}/thread", {"text": "He is late", "add_employee_ids": ["irina"]}
    )
    oleg.act(house, "messages", {"text": "Friday is fine"})
    told["answered"] = server.head
    connector.tell(
        {
            "type": "message_edited",
            "chat": HOUSE,
            "message": {"id": "m1", "text": "Let us meet on Monday", "edited_at": "2025-03-03T09:00:00Z"},
        },
        {
            "type": "message_deleted",
            "chat": HOUSE,
            "message": {"id": "m2", "deleted_at": "2025-03-03T09:00:00Z"},
        },
        {
            "type": "participant_left",
            "chat": HOUSE,
            "participant": {"address": SON},
            "at": "2025-03-03T10:00:00Z",
        },
        {"type": "chat_renamed", "chat": HOUSE | {"title": "Villa"}, "at": "2025-03-03T11:00:00Z"},
    )
    admin.put_contact("husband", PHONE, responsible_id="oleg", name="Ivan")
    irina.act(house, "release")
    told["edited"] = server.head
    return told


def message(connector: Client, name: str, sender: str, text: str, sent_at: str) -> Json:
    told = connector.message("house", sender, text, id=name, sent_at=sent_at)
    return told | {"chat": HOUSE}


def transcript(auditor: Client, story: dict[str, Any], **asked: Any) -> Json:
    found = auditor.get("/v1/audit/transcript", conversation_id=story["conversation"], **asked)
    TranscriptShape.model_validate(found)
    return found


def test_it_looks_as_it_did(auditor: Client, story: dict[str, Any]) -> None:
    then, now = (transcript(auditor, story, at=story[at]) for at in ("answered", "edited"))

    assert [item["text"] for item in then["items"]] == ["Let us meet on Friday", "And me", "Friday is fine"]
    assert [item["deleted_at"] for item in then["items"]] == [None, None, None]
    assert [item["author"]["name"] for item in then["items"]] == ["Husband", None, "Oleg"]
    assert (then["chats"][0]["title"], then["folder"], then["holder_id"]) == ("House", "in_progress", "oleg")
    assert [one["left_at"] for one in then["participants"]] == [None, None]

    assert [item["text"] for item in now["items"]] == ["Let us meet on Monday", "And me", "Friday is fine"]
    assert [item["edited_at"] for item in now["items"]] == ["2025-03-03T09:00:00.000000Z", None, None]
    assert [item["deleted_at"] for item in now["items"]] == [None, "2025-03-03T09:00:00.000000Z", None]
    assert [text["text"] for text in now["items"][0]["versions"]] == [
        "Let us meet on Friday",
        "Let us meet on Monday",
    ]
    assert now["items"][0]["author"]["name"] == "Ivan"
    assert (now["chats"][0]["title"], now["folder"], now["holder_id"]) == ("Villa", "incoming", None)
    assert [one["left_at"] for one in now["participants"]] == [None, "2025-03-03T10:00:00.000000Z"]


def test_it_shows_who_had_read_what_and_what_stayed_among_the_employees(
    auditor: Client, story: dict[str, Any]
) -> None:
    unread, read, answered = (
        transcript(auditor, story, at=story[at]) for at in ("written", "read", "answered")
    )

    assert [item["read_by"] for item in unread["items"]] == [[], []]
    assert [[reader["name"] for reader in item["read_by"]] for item in read["items"]] == [["Oleg"], ["Oleg"]]
    assert [len(item["read_by"]) for item in answered["items"]] == [1, 1, 0]
    assert answered["items"][0]["thread"][0]["text"] == "He is late"
    assert [helper["name"] for helper in answered["items"][0]["helpers"]] == ["Irina"]


def test_what_was_believed_at_one_time_about_another(auditor: Client, story: dict[str, Any]) -> None:
    """The edit is known, and had not happened on Sunday."""
    sunday = transcript(auditor, story, at=story["edited"], valid_at="2025-03-02T00:00:00Z")
    minute = transcript(auditor, story, valid_at="2025-03-01T10:01:00+00:00")

    assert [item["text"] for item in sunday["items"]] == ["Let us meet on Friday", "And me"]
    assert sunday["items"][0]["author"]["name"] == "Ivan", "who is meant, as is known now"
    assert (sunday["valid_at"], sunday["chats"][0]["title"]) == ("2025-03-02T00:00:00.000000Z", "House")
    assert [item["text"] for item in minute["items"]] == ["Let us meet on Friday"]
    assert len(minute["participants"]) == 1


def test_pages_keep_to_the_position_of_the_first(
    server: Server, auditor: Client, connector: Client, story: dict[str, Any]
) -> None:
    page = transcript(auditor, story, limit=1)
    connector.tell(message(connector, "late", PHONE, "Before all that", "2025-03-01T09:00:00Z"))
    items = page["items"]
    while page["next_cursor"]:
        page = transcript(auditor, story, limit=1, cursor=page["next_cursor"])
        items += page["items"]

    assert [item["text"] for item in items] == ["Let us meet on Monday", "And me", "Friday is fine"]
    whole = transcript(auditor, story, min_position=server.head)
    assert whole["items"][0]["text"] == "Before all that"


def test_before_it_was_there_nothing_is_shown(auditor: Client, story: dict[str, Any]) -> None:
    nothing = transcript(auditor, story, at=1)

    assert (nothing["chats"], nothing["participants"], nothing["items"]) == ([], [], [])
    assert (nothing["folder"], nothing["conversation_id"]) == (None, story["conversation"])


@pytest.mark.parametrize(
    "cursor", ["x", "1~2025-03-01T10:00:00~1", "999999999~2025-03-01T10:00:00Z~1", "1~2025-03-01T10:00:00Z~2"]
)
def test_a_cursor_is_one_of_ours(auditor: Client, story: dict[str, Any], cursor: str) -> None:
    asked = {"conversation_id": story["conversation"], "cursor": cursor}
    answer = auditor.ask("GET", "/v1/audit/transcript", params=asked)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def events(auditor: Client, subject: str, **asked: Any) -> list[Json]:
    found = auditor.get("/v1/audit/events", subject=subject, limit=200, **asked)
    EventPage.model_validate(found)
    assert found["next_cursor"] is None
    items: list[Json] = found["items"]
    return items


def test_all_events_about_something(auditor: Client, story: dict[str, Any]) -> None:
    group = events(auditor, f"chat:{story['chat']}", at=story["edited"])

    assert events(auditor, f"conversation:{story['conversation']}", at=story["edited"]) == group
    assert [event["topic"] for event in group][:3] == [
        "chat.opened",
        "chat.participant_joined",
        "message.received",
    ]
    assert {event["topic"] for event in events(auditor, f"message:{story['messages'][0]}")} == {
        *("message.received", "message.edited", "thread.replied", "thread.helper_added")
    }
    ours = events(auditor, f"address:whatsapp:{PHONE}")
    assert {event["topic"] for event in ours} >= {"contact.address_linked", "message.received"}
    assert events(auditor, f"address:{ours[0]['facts']['address_id']}") == ours
    assert {event["topic"] for event in events(auditor, "contact:husband")} >= {
        "contact.registered",
        "contact.renamed",
    }


def test_events_are_narrowed_by_name_and_by_the_providers_time(
    auditor: Client, story: dict[str, Any]
) -> None:
    subject = f"chat:{story['chat']}"
    edits = events(auditor, subject, topic="message.edited")
    sunday = events(
        auditor, subject, occurred_from="2025-03-01T10:01:00Z", occurred_until="2025-03-03T09:00:00Z"
    )

    assert [event["private"]["text"] for event in edits] == ["Let us meet on Monday"]
    assert [event["topic"] for event in sunday] == ["chat.participant_joined", "message.received"]
    assert [event["occurred_at"] for event in sunday] == ["2025-03-01T10:01:00.500000Z"] * 2


def test_pages_of_events_follow_each_other(auditor: Client, story: dict[str, Any]) -> None:
    whole = events(auditor, "employee:oleg", at=story["edited"])
    paged: list[Json] = []
    asked: dict[str, Any] = {}
    while True:
        page = auditor.get("/v1/audit/events", subject="employee:oleg", at=story["edited"], limit=2, **asked)
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        asked = {"cursor" if len(paged) % 4 else "after": page["next_cursor"]}

    assert paged == whole
    assert len(whole) > 4


def test_what_an_address_was_told_with_is_read_as_it_was_meant(
    auditor: Client, story: dict[str, Any]
) -> None:
    (address,) = addresses(PHONE.replace(" ", "").replace("-", ""))

    assert events(auditor, f"address:whatsapp:{address['address']}")


@pytest.mark.parametrize("path", ["events", "transcript"])
def test_next_door_there_is_nothing_to_see(
    server: Server, auditor: Client, story: dict[str, Any], path: str
) -> None:
    """The next company's auditor is not even told that there is such a thing."""
    stranger = Client(auditor.http, issued_in(server, "acme", ["auditor"]))
    for kind, thing in (
        ("chat", story["chat"]),
        ("conversation", story["conversation"]),
        ("message", story["messages"][0]),
        ("contact", "husband"),
        ("address", f"whatsapp:{PHONE}"),
    ):
        asked = (
            {"subject": f"{kind}:{thing}"} if path == "events" else {"conversation_id": story["conversation"]}
        )
        assert stranger.ask("GET", f"/v1/audit/{path}", params=asked).status_code == 404
