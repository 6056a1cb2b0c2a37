"""The feed over HTTP: what is told is what the lists show, and nothing of what is not seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api import feeding
from api.answers import FeedMessage, InboxItem, NotificationShape
from projections.feed import Moment
from tests.api.client import Client, Server
from tests.api.following import beating_often, following, listed


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    return admin.with_token("employee:oleg")


@pytest.fixture(scope="module")
def vera(admin: Client) -> Client:
    return admin.with_token("employee:vera")


@pytest.fixture(scope="module")
def irina(admin: Client) -> Client:
    return admin.with_token("employee:irina")


@pytest.fixture(scope="module", autouse=True)
def company(admin: Client, connector: Client) -> Iterator[None]:
    """Oleg answers for the husband and has his deal; Irina sees all."""
    admin.put_channel(visibility="client_owners")
    for name in ("oleg", "vera"):
        admin.put_employee(name)
    admin.put_employee("irina", "supervisor")
    admin.put_contact("husband", "+7 1", responsible_id="oleg")
    admin.put_deal("house", "oleg", "husband")
    connector.tell(connector.message("husband", "+7 1"))
    with beating_often():
        yield


def test_it_begins_now_and_tells_what_happens(connector: Client, oleg: Client) -> None:
    with following(oleg) as feed:
        told = connector.tell(connector.message("husband", "+7 1", "Are you there?"))
        events = feed.until(told["position"])

    assert [event.kind for event in events] == ["conversation_changed", "message", "notification"]
    assert [event.id is None for event in events] == [True, True, False], (
        "the last of a batch has its position"
    )
    changed, message, notification = (event.data for event in events)
    assert changed == listed(oleg)[changed["conversation_id"]]
    path = f"/v1/conversations/{changed['conversation_id']}/messages"
    shown = oleg.get(path, after=message["position"] - 1)["items"][0]
    assert message == shown | {"conversation_id": changed["conversation_id"]}
    assert notification["message_id"] == message["message_id"]
    InboxItem.model_validate(changed)
    FeedMessage.model_validate(message)
    NotificationShape.model_validate(notification)


def test_it_goes_on_from_where_it_was(connector: Client, oleg: Client) -> None:
    with following(oleg) as feed:
        connector.tell(connector.message("husband", "+7 1", "one"))
        texts = [event.data["text"] for event in feed.until(connector.tell()["position"]) if event.is_message]
    missed = connector.tell(*(connector.message("husband", "+7 1", text) for text in ("two", "three")))
    with following(oleg, last_id=feed.last_id, after=0) as feed:
        texts += [event.data["text"] for event in feed.until(missed["position"]) if event.is_message]
        told = connector.tell(connector.message("husband", "+7 1", "four"))
        texts += [event.data["text"] for event in feed.until(told["position"]) if event.is_message]

    assert texts == ["one", "two", "three", "four"]


def test_from_the_beginning_the_feed_makes_the_whole_list(irina: Client, server: Server) -> None:
    with following(irina, after=0) as feed:
        feed.until(server.head)

    assert feed.items == listed(irina)


def test_after_a_handover_one_is_told_what_he_sees_and_the_other_that_he_does_not(
    admin: Client, connector: Client, oleg: Client, vera: Client
) -> None:
    before = listed(oleg)
    with following(oleg) as olegs, following(vera) as veras:
        olegs.items = dict(before)
        moved = admin.post("/v1/deals/house/reassign", {"owner_id": "vera", "with_contacts": True})
        hidden = olegs.until(moved["position"])
        visible, veras_list = veras.until(moved["position"]), listed(vera)
        connector.tell(connector.message("husband", "+7 1", "not for Oleg"))
        admin.put_contact("wife", "+7 2", responsible_id="oleg")
        told = connector.tell(connector.message("wife", "+7 2", "for Oleg"))
        after = olegs.until(told["position"])

    (conversation_id,) = before
    assert [(event.kind, event.data) for event in hidden] == [
        ("hidden", {"conversation_id": conversation_id})
    ]
    assert [(event.kind, event.data) for event in visible] == [("visible", veras_list[conversation_id])]
    assert conversation_id not in {event.data["conversation_id"] for event in after}
    assert "not for Oleg" not in repr(after)
    assert olegs.items == listed(oleg)


def test_deliveries_edits_and_deletions_are_told(connector: Client, vera: Client) -> None:
    conversation_id = vera.conversation_with("husband")
    with following(vera) as feed:
        sent = vera.post(f"/v1/conversations/{conversation_id}/messages", {"text": "Yes."})
        heard = connector.message("husband", "+7 1", "Goood", id="slip")
        chat, at = heard["chat"], "2025-03-01T11:00:00Z"
        connector.tell({"type": "delivery", "message_id": sent["message_id"], "status": "read", "at": at})
        connector.tell(heard)
        edited = {"id": "slip", "text": "Good", "edited_at": at}
        connector.tell({"type": "message_edited", "chat": chat, "message": edited})
        deleted = {"id": "slip", "deleted_at": at}
        told = connector.tell({"type": "message_deleted", "chat": chat, "message": deleted})
        events = feed.until(told["position"])

    last = {event.data["message_id"]: event.data for event in events if event.is_message}
    assert last[sent["message_id"]]["delivery"] == "read"
    (slip,) = [data for data in last.values() if data["external_id"] == "slip"]
    assert (slip["text"], slip["deleted_at"]) == ("Good", "2025-03-01T11:00:00.000000Z")


def test_what_only_one_has_read_is_told_to_him_alone(irina: Client, vera: Client, server: Server) -> None:
    conversation_id = vera.conversation_with("husband")
    with following(irina) as irinas, following(vera) as veras:
        read = vera.act(conversation_id, "read", {"position": server.head}).json()
        (event,) = veras.until(read["position"])
        claimed = vera.act(conversation_id, "claim").json()
        irinas.until(claimed["position"])

    assert (event.kind, event.data["unread"]) == ("conversation_changed", 0)
    assert irinas.items[conversation_id]["unread"] > 0


def test_who_is_to_oversee_is_told_everything_and_who_leaves_loses_it(
    admin: Client, server: Server, connector: Client
) -> None:
    admin.put_employee("katya")
    katya = admin.with_token("employee:katya")
    with following(katya) as feed:
        made = admin.put_employee("katya", "quality_control")
        feed.until(made["position"])
        everything = dict(feed.items)
        assert everything == listed(katya)
        left = admin.put_employee("katya", "quality_control", active=False)
        events = feed.until(left["position"])

    assert len(everything) >= 2
    assert {event.kind for event in events} == {"hidden"}
    assert feed.items == listed(katya) == {}


def test_what_is_told_in_many_parts_is_whole_in_the_end(
    monkeypatch: pytest.MonkeyPatch, admin: Client, connector: Client, server: Server
) -> None:
    monkeypatch.setattr(Moment.part, "__kwdefaults__", {"chats": 1})
    monkeypatch.setattr(feeding, "PARTS_TOGETHER", 1)
    admin.put_employee("katya", "seller")
    katya = admin.with_token("employee:katya")
    with following(katya) as feed:
        appointed = admin.put_employee("katya", "supervisor")
        feed.until(appointed["position"])
        assert feed.items == listed(katya)
        news = [connector.message(chat, phone) for chat, phone in (("husband", "+7 1"), ("wife", "+7 2"))]
        told = connector.tell(*news)
        events = feed.until(told["position"])

    assert len(feed.items) >= 2
    assert sum(event.is_message for event in events) == 2
    assert feed.items == listed(katya)
