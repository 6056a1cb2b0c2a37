"""One client, one conversation (P3): linking joins a client's direct chats, unlinking parts them again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from api.late_readings import record_due
from domain.reading import BETWEEN_READINGS
from tests.api.client import Client, Json, Server

numbers: Iterator[int] = count(1)


@pytest.fixture(scope="module")
def staff(admin: Client) -> dict[str, Client]:
    admin.put_channel("phone", visibility="client_owners")
    admin.put_channel("telegram", kind="telegram", visibility="whole_team")
    for employee_id, role in {"oleg": "seller", "vera": "seller", "irina": "supervisor"}.items():
        admin.put_employee(employee_id, role, receives_new_clients=employee_id == "oleg")
    return {each: admin.with_token(f"employee:{each}") for each in ("oleg", "vera", "irina")}


class TwoChannels:
    """A client who writes from a phone, which his seller sees, and by Telegram, which the whole team sees."""

    def __init__(self, connector: Client, staff: dict[str, Client]) -> None:
        self.number = next(numbers)
        self.connector = connector
        self.oleg, self.vera, self.irina = staff["oleg"], staff["vera"], staff["irina"]
        self.addresses = {
            "phone": {"kind": "whatsapp", "address": f"+7 900 {self.number:07}"},
            "telegram": {"kind": "telegram", "address": f"client{self.number}"},
        }
        self.contact = f"client {self.number}"
        for channel in self.addresses:
            self.write(channel, f"hello by {channel}")
        self.own = {channel: self.line(self.oleg, channel)["conversation_id"] for channel in self.addresses}

    def write(self, channel: str, text: str) -> int:
        address = self.addresses[channel]["address"]
        told = self.connector.tell(
            self.connector.message(f"{channel} {self.number}", address, text), channel_id=channel
        )
        self.irina.get("/v1/inbox/counts", min_position=told["position"])
        return int(told["position"])

    def link(self, channel: str, action: str = "link", contact: str | None = None) -> None:
        body = {"address": self.addresses[channel], "contact_id": contact or self.contact}
        answer = self.oleg.act(self.own[channel], action, body)
        assert answer.is_success, answer.text

    def lines(self, reader: Client, **filters: Any) -> list[Json]:
        """Of the client's conversations those that somebody sees."""
        chats = {f"{channel} {self.number}" for channel in self.addresses}
        return [
            item
            for item in reader.inbox(**filters)
            if chats & {chat["external_id"] for chat in item["chats"]}
        ]

    def line(self, reader: Client, channel: str) -> Json:
        chat = f"{channel} {self.number}"
        (line,) = (
            each for each in self.lines(reader) if chat in {shown["external_id"] for shown in each["chats"]}
        )
        opened = reader.get(f"/v1/conversations/{line['conversation_id']}")
        assert line == {name: opened[name] for name in line}
        return line

    def everything(self) -> dict[str, Json]:
        """What each of them sees of the client, but for the name that he got."""
        readers = {"oleg": self.oleg, "vera": self.vera, "irina": self.irina}
        return {
            f"{name}, {line['conversation_id']}": line
            for name, reader in readers.items()
            for line in self.lines(reader)
        }

    def merge(self) -> str:
        self.link("phone")
        self.link("telegram")
        (line,) = self.lines(self.oleg)
        return str(line["conversation_id"])


@pytest.fixture
def client(connector: Client, staff: dict[str, Client]) -> TwoChannels:
    return TwoChannels(connector, staff)


def test_all_channels_stand_in_one_line_in_time_order(client: TwoChannels) -> None:
    client.write("phone", "and by phone again")
    conversation = client.merge()

    line = client.line(client.oleg, "phone")
    assert [chat["channel_id"] for chat in line["chats"]] == ["phone", "telegram"]
    assert line["contact_ids"] == [client.contact]
    assert line["unread"] == 3
    assert line["last_message"]["text"] == "and by phone again"
    messages = client.oleg.get(f"/v1/conversations/{conversation}/messages")["items"]
    assert [(message["channel_id"], message["text"]) for message in messages] == [
        ("phone", "hello by phone"),
        ("telegram", "hello by telegram"),
        ("phone", "and by phone again"),
    ]
    opened = client.oleg.get(f"/v1/conversations/{conversation}")
    assert len({participant["address"] for participant in opened["participants"]}) == 2


def test_the_ids_of_both_chats_open_the_one_conversation(client: TwoChannels) -> None:
    conversation = client.merge()

    for own in client.own.values():
        assert client.oleg.get(f"/v1/conversations/{own}")["conversation_id"] == conversation
        assert len(client.oleg.get(f"/v1/conversations/{own}/messages")["items"]) == 2


def test_everybody_sees_of_it_the_chats_that_he_sees(client: TwoChannels) -> None:
    """Vera is of the team, and neither oversees nor answers for the client."""
    conversation = client.merge()
    client.write("phone", "for Oleg only")

    (line,) = client.lines(client.vera)
    assert line["conversation_id"] == conversation
    assert [chat["channel_id"] for chat in line["chats"]] == ["telegram"]
    assert (line["last_message"]["text"], line["unread"]) == ("hello by telegram", 1)
    assert [reason["kind"] for reason in line["reasons"]] == ["whole_team"]
    messages = client.vera.get(f"/v1/conversations/{conversation}/messages")["items"]
    assert [message["channel_id"] for message in messages] == ["telegram"]
    whole = client.line(client.irina, "phone")
    assert [chat["channel_id"] for chat in whole["chats"]] == ["phone", "telegram"]
    assert [reason["kind"] for reason in whole["reasons"]] == ["oversight", "whole_team"]


def test_a_wrong_link_that_is_undone_has_never_been(client: TwoChannels) -> None:
    assert client.oleg.act(client.own["telegram"], "close").is_success
    assert client.vera.act(client.own["telegram"], "read", {"position": 10**9}).is_success
    before = client.everything()

    for _ in range(2):
        client.merge()
        assert len(client.lines(client.oleg)) == 1
        client.link("telegram", "unlink")
        client.link("phone", "unlink")

    assert client.everything() == before


def test_links_in_any_order_end_the_same(client: TwoChannels, staff: dict[str, Client]) -> None:
    other = TwoChannels(client.connector, staff)
    client.link("telegram")
    client.link("phone", contact=other.contact)
    client.link("phone")
    client.link("phone", "unlink", contact=other.contact)
    other.link("telegram", contact=client.contact)
    other.link("telegram", "unlink", contact=client.contact)
    other.merge()

    for each in (client, other):
        (line,) = each.lines(each.oleg)
        assert line["conversation_id"] == each.own["phone"]
        assert [chat["external_id"] for chat in line["chats"]] == [
            f"{channel} {each.number}" for channel in ("phone", "telegram")
        ]
        assert line["contact_ids"] == [each.contact]


@pytest.mark.parametrize(
    ("by_phone", "by_telegram", "merged"),
    [
        ("close", "snooze", "snoozed"),
        ("claim", "snooze", "in_progress"),
        ("close", "claim", "in_progress"),
        ("reopen", "claim", "incoming"),
        ("close", "close", "closed"),
    ],
)
def test_its_folder_is_the_most_demanding_of_its_parts(
    client: TwoChannels, by_phone: str, by_telegram: str, merged: str
) -> None:
    bodies = {"snooze": {"until": "2035-01-01T00:00:00Z"}}
    for channel, action in {"phone": by_phone, "telegram": by_telegram}.items():
        assert client.oleg.act(client.own[channel], action, bodies.get(action)).is_success
    client.merge()

    line = client.line(client.oleg, "phone")
    assert line["folder"] == merged
    assert line["holder_id"] == ("oleg" if "claim" in (by_phone, by_telegram) else None)
    assert (line["snoozed_until"] is not None) is (merged == "snoozed")
    for folder in ("incoming", "in_progress", "snoozed", "closed"):
        assert len(client.lines(client.oleg, folder=folder)) == (folder == merged)


def test_who_takes_it_takes_all_of_it_or_nothing(client: TwoChannels) -> None:
    assert client.vera.act(client.own["telegram"], "claim").is_success
    conversation = client.merge()

    refused = client.oleg.act(conversation, "claim")
    assert (refused.status_code, refused.json()["holder_id"]) == (409, "vera")
    client.link("telegram", "unlink")
    assert client.line(client.oleg, "phone")["folder"] == "incoming"
    client.link("telegram")
    assert client.vera.act(conversation, "release").is_success
    assert client.oleg.act(conversation, "claim").is_success
    assert client.line(client.oleg, "phone")["folder"] == "in_progress"
    assert client.line(client.vera, "telegram")["holder_id"] == "oleg"


def test_a_message_by_any_channel_brings_it_back(client: TwoChannels) -> None:
    conversation = client.merge()
    assert client.oleg.act(conversation, "close").is_success
    assert client.line(client.oleg, "phone")["folder"] == "closed"

    client.write("telegram", "one more thing")

    assert client.line(client.oleg, "phone")["folder"] == "incoming"
    client.link("telegram", "unlink")
    assert client.line(client.oleg, "phone")["folder"] == "closed"


def test_an_answer_goes_where_the_client_wrote_last_or_where_one_says(client: TwoChannels) -> None:
    conversation = client.merge()
    chats = {chat["channel_id"]: chat["chat_id"] for chat in client.line(client.oleg, "phone")["chats"]}

    def answer(**body: Any) -> str:
        sent = client.oleg.act(conversation, "messages", {"text": "good day"} | body).json()
        page = client.oleg.get(f"/v1/conversations/{conversation}/messages", min_position=sent["position"])
        (message,) = (each for each in page["items"] if each["message_id"] == sent["message_id"])
        return str(message["channel_id"])

    assert answer() == "telegram"
    client.write("phone", "call me")
    assert answer() == "phone"
    assert answer(chat_id=chats["telegram"]) == "telegram"
    refused = client.vera.act(conversation, "messages", {"text": "hello", "chat_id": chats["phone"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_reference")


def test_an_answer_by_one_channel_ends_the_wait_in_all_that_one_sees(client: TwoChannels) -> None:
    """Who does not see the answer sees a client who waits."""
    conversation = client.merge()
    phone = next(
        chat["chat_id"]
        for chat in client.line(client.oleg, "phone")["chats"]
        if chat["channel_id"] == "phone"
    )
    sent = client.oleg.act(conversation, "messages", {"text": "good day", "chat_id": phone}).json()
    client.irina.get("/v1/inbox/counts", min_position=sent["position"])

    assert client.line(client.oleg, "phone")["waiting_since"] is None
    assert client.line(client.vera, "telegram")["waiting_since"] is not None


def test_counts_equal_the_lists_whoever_sees_which_part(client: TwoChannels) -> None:
    client.merge()
    client.oleg.act(client.own["phone"], "claim")
    for reader in (client.oleg, client.vera, client.irina):
        counts = reader.get("/v1/inbox/counts")
        items = reader.inbox()
        for folder in ("incoming", "in_progress", "snoozed", "closed"):
            assert counts[folder] == sum(item["folder"] == folder for item in items)
        assert counts["waiting"] == sum(item["waiting_since"] is not None for item in items)
        assert counts["unread"] == sum(item["unread"] > 0 for item in items)


def test_reading_is_recorded_once_a_minute_and_none_is_lost(client: TwoChannels, server: Server) -> None:
    conversation = client.merge()
    first = client.write("phone", "one")
    assert client.oleg.act(conversation, "read", {"position": first}).is_success
    assert client.line(client.oleg, "phone")["unread"] == 0
    second = client.write("telegram", "two")
    assert client.oleg.act(conversation, "read", {"position": second}).is_success
    assert client.oleg.act(conversation, "read", {"position": second}).is_success
    assert (readings(server, conversation), client.line(client.oleg, "phone")["unread"]) == (1, 1)

    soon = server.system.application.head()
    assert record_due(server.system, later(server, seconds=-5)) == 0
    assert record_due(server.system, later(server, seconds=5)) == 1

    client.oleg.get("/v1/inbox/counts", min_position=soon + 1)
    assert (readings(server, conversation), client.line(client.oleg, "phone")["unread"]) == (2, 0)
    assert client.line(client.vera, "telegram")["unread"] == 2


READINGS = """
SELECT count(*), max(occurred_at) FROM ledger
WHERE topic = 'reading.advanced' AND (%(id)s::text IS NULL OR facts->>'conversation_id' = %(id)s)
"""


def readings(server: Server, conversation: str) -> int:
    with server.system.pool.connection() as connection:
        row = connection.execute(READINGS, {"id": conversation}).fetchone()
    return int(row[0]) if row else 0


def later(server: Server, seconds: int) -> datetime:
    """A minute after the last reading, and so many seconds."""
    with server.system.pool.connection() as connection:
        row = connection.execute(READINGS, {"id": None}).fetchone()
    assert row is not None
    at: datetime = row[1]
    return at + BETWEEN_READINGS + timedelta(seconds=seconds)


def test_a_helper_sees_what_is_one_conversation_with_the_message(client: TwoChannels) -> None:
    """Vera sees one of the two chats anyway; the other goes with the link, and comes back with the next."""
    conversation = client.merge()
    messages = client.oleg.get(f"/v1/conversations/{conversation}/messages")["items"]
    (under,) = (each["message_id"] for each in messages if each["channel_id"] == "telegram")
    asked = client.oleg.act(conversation, f"messages/{under}/thread", {"add_employee_ids": ["vera"]})
    assert asked.is_success, asked.text

    assert channels(client.line(client.vera, "telegram")) == ["phone", "telegram"]
    client.link("telegram", "unlink")
    assert channels(client.line(client.vera, "telegram")) == ["telegram"]
    assert client.vera.ask("GET", f"/v1/conversations/{client.own['phone']}").status_code == 404
    client.link("telegram")
    assert channels(client.line(client.vera, "telegram")) == ["phone", "telegram"]


def channels(line: Json) -> list[str]:
    return [chat["channel_id"] for chat in line["chats"]]
