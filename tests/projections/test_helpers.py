"""Helpers in threads, from event to event: what each of them sees, however the ranges are cut."""

from typing import Any

import pytest
from psycopg import Connection

from tests.projections.history import History, all_rows, follow, named, rebuild

HELPER = "thread.helper_added", "thread.helper_removed"


def helps(history: History, employee: str, message: str, *chats: str, added: bool = True) -> int:
    """Somebody is let into the thread under a message, or let go."""
    return history.append(
        HELPER[0] if added else HELPER[1],
        named(f"thread under {message}"),
        thread_id=named(f"thread under {message}"),
        message_id=named(message),
        chat_id=named(chats[0]),
        conversation_id=named(chats[0]),
        employee_id=employee,
        by_id="oleg",
        chat_ids=[named(chat) for chat in chats],
    )


def standing(history: History, employee: str, topic: str, *, active: bool = True) -> int:
    facts: dict[str, Any] = {"employee_id": employee, "role": "seller", "active": active}
    return history.append(
        f"employee.{topic}", employee, private={"name": employee}, receives_new_clients=False, **facts
    )


@pytest.fixture
def story(history: History) -> dict[str, int]:
    """What happens to Pavel, and at which positions."""
    history.append("channel.connected", "wa", channel_id="wa", visibility="client_owners", kind="", title="")
    standing(history, "pavel", "registered")
    for chat in ("family", "husband", "wife"):
        history.append(
            "chat.opened",
            chat,
            private={"external_id": chat, "title": None},
            chat_id=named(chat),
            conversation_id=named(chat),
            channel_id="wa",
            kind="group",
        )
    return {
        "added": helps(history, "pavel", "one", "family", "husband"),
        "added again": helps(history, "pavel", "two", "family"),
        "gone": standing(history, "pavel", "deactivated", active=False),
        "back": standing(history, "pavel", "activated"),
        "removed": helps(history, "pavel", "one", "family", "husband", added=False),
        "asked anew": helps(history, "pavel", "one", "family"),
        "gone for good": standing(history, "pavel", "deactivated", active=False),
    }


@pytest.mark.parametrize("cuts", [range(100), (), (5, 9, 11), (7, 8)], ids=str)
def test_a_helper_sees_what_he_was_shown_while_he_is_in_the_thread_and_active(
    connection: Connection[Any], history: History, story: dict[str, int], cuts: range
) -> None:
    follow(connection, history.head, cuts)

    sights = connection.execute(
        "SELECT chat_id::text, contact_id, lower(during), upper(during) FROM visibility.sight"
        " WHERE principal = 'employee:pavel' AND kind = 'thread_helper' AND deal_id = ''"
    ).fetchall()
    assert {
        (chat, under, story_of(story, begun), story_of(story, ended)) for chat, under, begun, ended in sights
    } == {
        (named("family"), named("one"), "added", "gone"),
        (named("family"), named("one"), "back", "removed"),
        (named("family"), named("one"), "asked anew", "gone for good"),
        (named("husband"), named("one"), "added", "gone"),
        (named("husband"), named("one"), "back", "removed"),
        (named("family"), named("two"), "added again", "gone"),
        (named("family"), named("two"), "back", "gone for good"),
    }


def story_of(story: dict[str, int], position: int) -> str:
    return next(what for what, at in story.items() if at == position)


@pytest.mark.usefixtures("story")
def test_rebuilt_it_is_the_same(url: str, connection: Connection[Any], history: History) -> None:
    follow(connection, history.head, range(history.head))
    live = all_rows(connection, "visibility")

    rebuild(url, ["visibility"], verify=False)

    assert all_rows(connection, "visibility") == live
