"""What an employee is notified of over HTTP; whom of what is compared with the rule in tests/histories."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Client, Server

NIGHT = {"days": ["fri", "mon"], "from": "22:00", "to": "08:00"}
ALWAYS = {"from": "00:00", "to": "24:00"}


@pytest.fixture(scope="module")
def oleg(admin: Client, connector: Client) -> Client:
    """Answers for the husband, on a channel of the clients' owners; Vera sees the team's channel too."""
    admin.put_channel()
    admin.put_channel("team", visibility="whole_team")
    for name in ("oleg", "vera"):
        admin.put_employee(name, addresses=[{"kind": "whatsapp", "address": f"+7 222 {len(name)}"}])
    admin.put_contact("husband", "+7 999 1", responsible_id="oleg")
    return admin.with_token("employee:oleg")


@pytest.fixture(scope="module")
def vera(admin: Client, oleg: Client) -> Client:
    return admin.with_token("employee:vera")


def tell(connector: Client, chat: str, sender: str = "+7 999 1", **options: Any) -> int:
    answer = connector.tell(connector.message(chat, sender), **options)
    position: int = answer["results"][0]["position"]
    return position


def positions(client: Client, after: int = 0, **asked: Any) -> list[int]:
    items = client.get("/v1/notifications", after=after, **asked)["items"]
    return [item["position"] for item in items]


def test_a_notification_names_the_message_and_quotes_nothing(oleg: Client, connector: Client) -> None:
    position = tell(connector, "husband")

    (item,) = oleg.get("/v1/notifications", min_position=position)["items"]

    (message,) = oleg.get(f"/v1/conversations/{item['conversation_id']}/messages")["items"]
    assert (item["position"], item["message_id"]) == (position, message["message_id"])
    assert set(item) == {"position", "conversation_id", "chat_id", "message_id", "at"}


def test_while_somebody_holds_it_he_alone_is_notified(oleg: Client, vera: Client, connector: Client) -> None:
    first = tell(connector, "family", channel_id="team")
    vera.get("/v1/inbox", min_position=first)
    vera.act(vera.conversation_with("family"), "claim")
    second = tell(connector, "family", channel_id="team")
    own = tell(connector, "family", "+7 222 4", channel_id="team")
    vera.act(vera.conversation_with("family"), "release")
    third = tell(connector, "family", channel_id="team")

    assert positions(oleg, first - 1, min_position=third) == [first, third]
    assert positions(vera, first - 1) == [first, second, third]
    assert own not in positions(vera)


def test_pages_are_in_the_order_of_the_ledger(oleg: Client, connector: Client) -> None:
    told = [tell(connector, "husband") for _ in range(5)]
    page = oleg.get("/v1/notifications", after=told[0] - 1, limit=2, min_position=told[-1])
    found = []
    while True:
        found += [item["position"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        page = oleg.get("/v1/notifications", limit=2, cursor=page["next_cursor"])

    assert found == told


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "٣", str(2**63)])
def test_what_is_no_cursor_is_refused(oleg: Client, cursor: str) -> None:
    answer = oleg.ask("GET", "/v1/notifications", params={"cursor": cursor})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


def test_who_sees_a_chat_no_more_is_shown_no_notification_of_it(
    admin: Client, oleg: Client, vera: Client, connector: Client
) -> None:
    position = tell(connector, "husband")
    assert position in positions(oleg, min_position=position)
    admin.put_contact("husband", "+7 999 1", responsible_id="vera")
    before, after = positions(oleg), positions(vera)
    admin.put_contact("husband", "+7 999 1", responsible_id="oleg")

    assert position not in before
    assert position not in after, "he was not notified when it came"
    assert position in positions(oleg)


def test_muted_hours_are_his_own_and_stated_as_a_whole(
    server: Server, oleg: Client, vera: Client, connector: Client
) -> None:
    stated = {"muted_hours": [NIGHT, ALWAYS]}
    first = oleg.put("/v1/muted-hours", stated)
    again = oleg.put("/v1/muted-hours", {"muted_hours": [ALWAYS, NIGHT, NIGHT]})
    muted = tell(connector, "everybody", channel_id="team")
    shown = oleg.get("/v1/muted-hours")["muted_hours"]
    oleg.put("/v1/muted-hours", {"muted_hours": []})
    heard = tell(connector, "everybody", channel_id="team")

    assert again == first, "stated again, it is no news"
    assert [one["days"] for one in shown] == [
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        ["mon", "fri"],
    ]
    assert vera.get("/v1/muted-hours") == {"muted_hours": []}
    assert positions(oleg, muted - 1, min_position=heard) == [heard]
    assert positions(vera, muted - 1) == [muted, heard]


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "22:00", "to": "22:00"},
        {"from": "24:00", "to": "08:00"},
        {"from": "22:60", "to": "08:00"},
        {"days": [], "from": "22:00", "to": "08:00"},
        {"days": ["monday"], "from": "22:00", "to": "08:00"},
    ],
)
def test_hours_that_can_not_be_meant_are_refused(server: Server, oleg: Client, wrong: dict[str, Any]) -> None:
    before = server.head
    answer = oleg.ask("PUT", "/v1/muted-hours", json={"muted_hours": [wrong]})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("muted_hours.0")
    assert server.head == before
