"""What a line shows of somebody is as he is called now, whoever changed it; and nobody counts twice."""

from typing import Any

import pytest

from tests.api.client import Client, Json, addresses

PHONE, EXTENSION = "+7 999 000-00-01", "+7 222"


@pytest.fixture(scope="module")
def irina(admin: Client, connector: Client) -> Client:
    """Oversees all chats, and answers for one of the clients herself."""
    admin.put_channel()
    admin.put_employee("oleg", receives_new_clients=True)
    admin.put_employee("irina", role="supervisor")
    admin.put_contact("husband", PHONE, responsible_id="irina")
    irina = admin.with_token("employee:irina")
    told = [connector.message(f"chat {number}", f"+7 111 {number}") for number in range(3)]
    hear(connector, irina, *told, connector.message("husband's", PHONE))
    hear(connector, irina, connector.message("colleague's", EXTENSION))
    return irina


def hear(connector: Client, irina: Client, *messages: Json) -> None:
    """Wait until messages that were told are in the list."""
    irina.get("/v1/inbox/counts", min_position=connector.tell(*messages)["position"])


def line(client: Client, chat: str) -> Json:
    """As it stands in the list; opened, it is the same."""
    (item,) = (item for item in client.inbox() if item["chats"][0]["external_id"] == chat)
    opened = client.get(f"/v1/conversations/{item['conversation_id']}")
    assert item == {name: opened[name] for name in item}
    return item


def test_a_client_who_is_renamed_is_renamed_in_the_list(admin: Client, irina: Client) -> None:
    assert line(irina, "husband's")["title"] == "Husband"

    admin.put_contact("husband", PHONE, responsible_id="irina", name="Ivan")

    assert line(irina, "husband's")["title"] == "Ivan"
    assert line(irina, "husband's")["last_message"]["author"] == {
        "kind": "client",
        "id": "husband",
        "name": "Ivan",
    }


def test_an_employee_who_is_renamed_is_renamed_where_he_wrote_last(
    admin: Client, connector: Client, irina: Client
) -> None:
    hear(connector, irina, connector.message("chat 0", "+7 777"))
    admin.put_employee("vera", addresses=addresses("+7 777"))
    hear(connector, irina, connector.message("chat 0", "+7 777", sent_at="2025-03-02T10:00:00Z"))
    assert line(irina, "chat 0")["last_message"]["author"]["name"] == "Vera"

    admin.put_employee("vera", name="Vera Pavlovna", addresses=addresses("+7 777"))

    assert line(irina, "chat 0")["last_message"]["author"]["name"] == "Vera Pavlovna"


def test_who_turns_out_to_be_of_the_company_heads_no_line(admin: Client, irina: Client) -> None:
    assert line(irina, "colleague's")["title"] == EXTENSION

    admin.put_employee("pavel", addresses=addresses(EXTENSION))

    assert line(irina, "colleague's")["title"] == "colleague's"


def test_a_chat_that_is_linked_shows_its_client_and_shows_him_no_more_when_that_is_undone(
    admin: Client, irina: Client
) -> None:
    told = line(irina, "chat 1")

    admin.put_contact("son", "+7 111 1")
    linked = line(irina, "chat 1")
    admin.put_contact("son")

    assert (linked["title"], linked["contact_ids"]) == ("Son", ["son"])
    assert line(irina, "chat 1") == told


def test_staff_who_are_renamed_are_renamed_where_they_wrote_last(
    admin: Client, connector: Client, irina: Client
) -> None:
    architect = {"addresses": addresses("+7 888")}
    admin.put("/v1/staff/arkady", {"name": "Arkady", **architect})
    hear(connector, irina, connector.message("chat 0", "+7 888", sent_at="2025-03-03T10:00:00Z"))
    author = line(irina, "chat 0")["last_message"]["author"]

    admin.put("/v1/staff/arkady", {"name": "Arkady the architect", **architect})

    renamed = {"kind": "external_staff", "id": "arkady", "name": "Arkady the architect"}
    assert author == {**renamed, "name": "Arkady"}
    assert line(irina, "chat 0")["last_message"]["author"] == renamed


def test_who_gets_another_role_sees_the_same_for_another_reason(admin: Client, irina: Client) -> None:
    (before,) = line(irina, "chat 0")["reasons"]

    admin.put_employee("irina", role="quality_control")
    (after,) = line(irina, "chat 0")["reasons"]
    admin.put_employee("irina", role="supervisor")

    assert before == {"kind": "oversight", "role": "supervisor"}
    assert after == {"kind": "oversight", "role": "quality_control"}


def test_the_last_message_is_shown_as_it_was_edited_and_deleted_it_stays(
    connector: Client, irina: Client
) -> None:
    told = connector.message("edited", "+7 333", "first")
    message_id = told["message"]["id"]
    edit = {"id": message_id, "text": "second", "edited_at": "2025-03-05T10:00:00Z"}
    deletion = {"id": message_id, "deleted_at": "2025-03-05T11:00:00Z"}
    hear(connector, irina, told)
    assert line(irina, "edited")["last_message"]["text"] == "first"

    hear(connector, irina, {"type": "message_edited", "chat": told["chat"], "message": edit})
    edited = line(irina, "edited")
    hear(connector, irina, {"type": "message_deleted", "chat": told["chat"], "message": deletion})

    assert edited["last_message"]["text"] == "second"
    assert line(irina, "edited") == edited


def test_who_oversees_counts_her_own_clients_once(connector: Client, irina: Client) -> None:
    hear(connector, irina, connector.message("husband's", PHONE))

    assert [reason["kind"] for reason in line(irina, "husband's")["reasons"]] == [
        "oversight",
        "responsible_for_contact",
    ]
    assert counted(irina) == irina.get("/v1/inbox/counts")


def test_what_was_read_is_unread_no_more_until_the_client_writes_again(
    connector: Client, irina: Client
) -> None:
    unread = counted(irina)["unread"]
    chat = line(irina, "chat 2")

    irina.act(chat["conversation_id"], "read", {"position": 2**40})
    after_reading = counted(irina)
    hear(connector, irina, connector.message("chat 2", "+7 111 2"))

    assert after_reading["unread"] == unread - 1
    assert counted(irina)["unread"] == unread == irina.get("/v1/inbox/counts")["unread"]


def counted(client: Client) -> dict[str, Any]:
    """The counts, as the list itself says; they are what the server counts."""
    items = client.inbox()
    counts: dict[str, Any] = {
        folder: sum(item["folder"] == folder for item in items)
        for folder in ("incoming", "in_progress", "snoozed", "closed")
    }
    counts["waiting"] = sum(item["waiting_since"] is not None for item in items)
    counts["unread"] = sum(item["unread"] > 0 for item in items)
    assert counts == client.get("/v1/inbox/counts")
    return counts
