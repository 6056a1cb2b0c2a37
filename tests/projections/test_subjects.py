"""Which events name what: the same however ranges are cut, whatever the numbers, and after a rebuild."""

import asyncio
import json
from collections.abc import Collection
from typing import Any

import pytest
from eventsourcing.utils import get_topic
from psycopg import Connection

from adapters.postgres.database import create_async_pool
from api.catalogue import NOUNS, fields
from projections.answer import Answer
from projections.read_model import READ_MODELS
from projections.subjects import KINDS, Subjects
from projections.transcript import Transcript
from tests.projections.history import WORKSPACE, History, all_rows, follow, named, noon, rebuild

KIND_OF: dict[str, str] = {
    **dict.fromkeys(("chat_id", "chat_ids", "former_chat_ids"), "chat"),
    **dict.fromkeys(("address_id", "address_ids", "sender_id"), "address"),
    **dict.fromkeys(
        ("employee_id", "responsible_id", "owner_id", "from_id", "to_id", "holder_id", "assignee_id"),
        "employee",
    ),
    **{f"{kind}_id": kind for kind in ("deal", "contact", "staff", "webhook", "token")},
}
PERSONS = {"author_id": "author_kind", "person_id": "person_kind"}
FOR_OTHER_QUESTIONS = {
    *("conversation_id", "message_id", "reply_to", "implied_by", "thread_id", "reply_id"),
    *("delivery_id", "task_id", "question_id"),
}
"""What is known by its chat or its stream, or of what nobody asks for events."""


def kind_of(topic: str, field: str, person: str) -> str | None:
    """What a field of an event names. person: of which kind whoever is named is said to be."""
    if field == "by_id":
        return "address" if topic.startswith("chat.") else "employee"
    if field == "channel_id":
        return "channel" if topic.startswith("channel.") or topic == "chat.opened" else None
    if field in PERSONS:
        return "staff" if person == "external_staff" and topic != "thread.replied" else "employee"
    if field in FOR_OTHER_QUESTIONS:
        return None
    return KIND_OF[field]


def ask(url: str, question: str, *asked: Any, **narrowed: Any) -> Any:
    async def answer() -> Answer:
        async with create_async_pool(url, max_size=1) as pool:
            reader: Any = Transcript(pool) if question == "page" else Subjects(pool)
            found: Answer = await getattr(reader, question)(WORKSPACE, *asked, **narrowed)
            return found

    body = asyncio.run(answer()).body
    return None if body is None else json.loads(body)


def positions(url: str, kind: str, thing: str) -> list[int]:
    return [item["position"] for item in ask(url, "events", kind, thing)["items"]]


def chat_with_a_message(history: History, text: str | None) -> None:
    """text: None where it was erased."""
    history.append(
        "chat.opened",
        "chat",
        private={"external_id": "chat", "title": None},
        chat_id=named("chat"),
        conversation_id=named("conversation"),
        channel_id="wa",
        kind="group",
    )
    history.append(
        "message.received",
        "message",
        private=None if text is None else {"text": text, "attachments": [], "external_id": "m"},
        message_id=named("message"),
        chat_id=named("chat"),
        conversation_id=named("conversation"),
        channel_id="wa",
        delivery_id=named("delivery"),
        direction="in",
        author_kind="client",
        author_id=None,
        sender_id=named("address"),
        reply_to=None,
    )


@pytest.mark.parametrize("cuts", [range(100), (), (2, 3, 5)], ids=str)
def test_a_subject_is_named_once_in_an_event_and_in_the_order_of_the_ledger(
    url: str, connection: Connection[Any], history: History, cuts: Collection[int]
) -> None:
    chat_with_a_message(history, "hello")
    facts: dict[str, Any] = {"deal_id": "house", "from_id": "oleg", "to_id": "oleg", "status": "open"}
    history.append("deal.reassigned", "house", private={"reason": ""}, **facts)
    history.append("deal.reassigned", "house of others", workspace_id="acme", **facts)
    chats = [named("chat"), named("another")]
    history.append("reading.advanced", "r", chat_ids=chats, employee_id="oleg", read_position=2)
    history.append("reading.advanced", "r", chat_id=named("chat"), employee_id="oleg", read_position=2)
    follow(connection, history.head, cuts)

    assert positions(url, "employee", "oleg") == [3, 5, 6]
    assert positions(url, "deal", "house") == [3]
    assert positions(url, "chat", named("chat")) == [1, 2, 5, 6]
    assert positions(url, "chat", named("another")) == [5]
    assert positions(url, "message", named("message")) == [2]
    assert positions(url, "channel", "wa") == [1]
    assert ask(url, "events", "contact", "oleg") is None
    if not cuts:
        rebuild(url, ["subjects"])  # which compares row by row


def test_what_has_the_same_number_by_chance_is_not_shown(
    url: str, connection: Connection[Any], history: History
) -> None:
    for deal in ("house", "garden"):
        history.append("deal.renamed", deal, private={"title": deal}, deal_id=deal)
    follow(connection, history.head)
    connection.execute(
        "INSERT INTO subjects.mention SELECT subject, 2 FROM subjects.mention WHERE position = 1"
    )

    assert positions(url, "deal", "house") == [1]


def test_what_was_erased_is_said_to_be(url: str, connection: Connection[Any], history: History) -> None:
    chat_with_a_message(history, None)
    edit = {"message_id": named("message"), "chat_id": named("chat")}
    history.append("message.edited", "message", noon(5), {"text": "kept"}, **edit)
    follow(connection, history.head)

    then, now = (ask(url, "page", chat_id=named("chat"), at=at)["items"][0] for at in (2, 3))

    assert (then["text"], then["erased"], then["attachments"]) == (None, True, [])
    assert (now["text"], now["erased"]) == ("kept", False)
    assert [version["erased"] for version in now["versions"]] == [True, False]
    assert ask(url, "events", "chat", named("chat"))["items"][1]["private"] is None


def test_what_auditors_ask_changes_no_other_rows(
    url: str, connection: Connection[Any], history: History
) -> None:
    chat_with_a_message(history, "hello")
    follow(connection, history.head)
    others = [name for name in READ_MODELS if name != "subjects"]
    before = all_rows(connection, *others)

    asked: dict[str, Any] = {
        "question": "transcript",
        "asked": {"chat_id": named("chat"), "employee_id": "oleg"},
    }
    history.append("audit.asked", "question", question_id=named("question"), **asked)
    follow(connection, history.head)

    assert all_rows(connection, *others) == before
    assert positions(url, "chat", named("chat")) == [1, 2]
    assert [item["position"] for item in ask(url, "questions")["items"]] == [3]


def test_the_same_is_answered_when_all_tables_were_built_anew(
    url: str, connection: Connection[Any], history: History
) -> None:
    chat_with_a_message(history, "hello")
    follow(connection, history.head)
    questions: list[tuple[Any, ...]] = [("page",), ("events", "chat", named("chat"))]
    asked = {"page": {"conversation_id": named("conversation")}}
    before = [ask(url, *question, **asked.get(question[0], {})) for question in questions]
    rows = all_rows(connection, "subjects")

    rebuild(url, verify=False)

    assert [ask(url, *question, **asked.get(question[0], {})) for question in questions] == before
    assert all_rows(connection, "subjects") == rows


@pytest.mark.parametrize("person", ["employee", "external_staff"])
def test_every_id_in_an_event_names_what_it_is_the_id_of(
    connection: Connection[Any], history: History, person: str
) -> None:
    """An id in a new event has to be put among those that name something, or among those that do not."""
    for event in (event for noun in NOUNS for event in noun.events()):
        topic = get_topic(event)
        ids = {
            name: [f"a {name}"] if "list" in kind else f"a {name}"
            for name, kind, payload in fields(event)
            if payload == "facts" and (name.endswith(("_id", "_ids")) or name in FOR_OTHER_QUESTIONS)
        }
        facts = {PERSONS[name]: person for name in ids if name in PERSONS and topic != "thread.replied"}
        position = history.append(topic, topic, noon(), {}, None, **ids | facts)
        named_by = connection.execute(
            "SELECT kind, id FROM ledger CROSS JOIN LATERAL subjects.named(ledger) WHERE position = %s",
            [position],
        )
        expected = {(kind, f"a {name}") for name in ids if (kind := kind_of(topic, name, person))}
        assert {(kind, thing) for kind, thing in named_by if kind in KINDS} == expected, topic
