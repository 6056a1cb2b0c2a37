"""Writing in a hidden thread, with its four outcomes; and what its events say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from domain.application import Chatledger
from domain.deciding import Accepted
from domain.errors import InactiveEmployee, Refused, UnknownReference, UnknownThing
from domain.ids import derive, message_id, thread_id
from domain.inbound import MessageEdited
from tests.domain.conftest import BY, CHAT, GROUP, at, put_employee, topics

FIRST = message_id(CHAT, "first")
REPLY = derive("a reply")


def write(
    app: Chatledger,
    text: str | None = None,
    *,
    under: UUID = FIRST,
    reply_id: UUID = REPLY,
    author: str = "oleg",
    chat_ids: tuple[str, ...] = (CHAT,),
    **helpers: Any,
) -> Accepted:
    return app.write_in_thread(
        under, reply_id, author_id=author, text=text, chat_ids=chat_ids, by=BY, **helpers
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"text": "What color?"}, ["thread.replied"]),
        ({"add_ids": ["vera", "katya"]}, ["thread.helper_added"] * 2),
        ({"remove_ids": ["pavel"]}, ["thread.helper_removed"]),
        (
            {"text": "He knows", "add_ids": ["vera"], "remove_ids": ["pavel"]},
            ["thread.helper_removed", "thread.helper_added", "thread.replied"],
        ),
        ({"text": "I read along", "author": "katya"}, ["thread.replied"]),
        ({"add_ids": ["oleg"]}, ["thread.helper_added"]),
        ({"add_ids": ["pavel"]}, []),
        ({"remove_ids": ["vera", "nobody"]}, []),
    ],
    ids=str,
)
def test_it_happens_once_and_sent_again_it_is_done_already(
    house: Chatledger, written: dict[str, Any], expected: list[str]
) -> None:
    put_employee(house, "pavel")
    write(house, add_ids=["pavel"])
    before = house.head()

    assert write(house, **written).recorded == len(expected)
    assert topics(house, before) == expected
    assert write(house, **written).recorded == 0
    assert house.head() == before + len(expected)


REFUSED: list[tuple[dict[str, Any], type[Refused]]] = [
    ({"under": message_id(CHAT, "no")}, UnknownThing),
    ({"under": message_id(CHAT, "edited too early")}, UnknownThing),
    ({"under": UUID(CHAT)}, UnknownThing),
    ({"chat_ids": (str(derive("elsewhere")),)}, UnknownThing),
    ({"author": "no"}, UnknownReference),
    ({"author": "gone"}, InactiveEmployee),
    ({"add_ids": ["vera", "no"]}, UnknownReference),
    ({"add_ids": ["vera", "gone"]}, InactiveEmployee),
]


def test_a_refusal_records_nothing(house: Chatledger) -> None:
    put_employee(house, "gone", active=False)
    house.receive("wa", [MessageEdited(GROUP, "edited too early", at(0), "x")], by=BY)
    before = house.head()

    for written, refusal in REFUSED:
        with pytest.raises(refusal):
            write(house, "What color?", **written)
        assert house.head() == before, written


def test_of_many_who_let_in_the_same_helper_at_once_one_does_and_no_reply_is_lost(house: Chatledger) -> None:
    together = Barrier(8)

    def ask(number: int) -> None:
        together.wait()
        write(house, f"reply {number}", reply_id=derive(str(number)), add_ids=["vera"])

    before = house.head()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))

    assert sorted(topics(house, before)) == ["thread.helper_added"] + ["thread.replied"] * 8


def test_a_helper_who_is_removed_loses_what_he_was_shown_and_asked_anew_sees_what_is_seen_then(
    house: Chatledger,
) -> None:
    other, third = str(derive("other")), str(derive("third"))
    write(house, chat_ids=(other, CHAT), add_ids=["vera"])
    write(house, chat_ids=(CHAT, other, third), add_ids=["vera"])
    write(house, author="vera", remove_ids=["vera"])
    write(house, chat_ids=(CHAT, third), add_ids=["vera"])

    events: list[Any] = list(house.events.get(thread_id(FIRST)))
    assert [(event.TOPIC, event.chat_ids, event.by_id) for event in events] == [
        ("thread.helper_added", sorted([CHAT, other]), "oleg"),
        ("thread.helper_removed", sorted([CHAT, other]), "vera"),
        ("thread.helper_added", sorted([CHAT, third]), "oleg"),
    ]
