"""`chatledger import`: JSON lines go in once, whatever happens on the way."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from api import chitchat
from api.importing import BAD_LINES_KEPT
from tests.api.commands import chatledger, started

CHAT = {"id": "chat-1", "kind": "direct"}


def test_bad_lines_are_told_and_the_rest_goes_in(tmp_path: Path, database_url: str) -> None:
    lines = [
        _message("m1"),
        "{not json",
        _message("m2") | {"surprise": 1},
        "",
        _message("m3", sent_at="yesterday"),
        [1, 2],
        _message("m4", chat={"id": "chat-without-a-kind"}),
        _message("m1"),
        _message("m5"),
    ]
    ended = _import(_file(tmp_path, lines), database_url)

    assert ended.returncode == 2
    assert "Channel chats is new" in ended.stdout
    told = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if line.startswith("line "))
    assert list(told) == ["line 2", "line 3", "line 5", "line 6", "line 7"]
    assert told["line 2"].startswith("not JSON")
    assert told["line 3"].startswith("surprise: ")
    assert told["line 5"].startswith("message.sent_at: must be a time")
    assert told["line 7"].startswith("This chat is new here")
    assert "2 appended, 1 there already, 5 rejected" in ended.stdout
    assert _messages(database_url) == 2


def test_of_many_bad_lines_only_some_are_told(tmp_path: Path, database_url: str) -> None:
    ended = _import(_file(tmp_path, ["bad"] * (BAD_LINES_KEPT + 7)), database_url)
    assert sum(line.startswith("line ") for line in ended.stdout.splitlines()) == BAD_LINES_KEPT
    assert "and 7 more bad lines" in ended.stdout


def test_a_second_run_adds_nothing(tmp_path: Path, database_url: str) -> None:
    file = _file(tmp_path, [_message(f"m{number}") for number in range(700)])
    first, head = _import(file, database_url), _head(database_url)
    second = _import(file, database_url)

    assert (first.returncode, second.returncode) == (0, 0)
    assert "700 appended, 0 there already, 0 rejected" in first.stdout
    assert "0 appended, 700 there already, 0 rejected" in second.stdout
    assert "is new" not in second.stdout
    assert _head(database_url) == head


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_an_interrupted_run_goes_on_where_it_was(
    tmp_path: Path, database_url: str, number: signal.Signals
) -> None:
    count = 5_000
    file = _file(tmp_path, [_message(f"m{index}", chat_number=index % 40) for index in range(count)])
    process = started("import", file, "--channel", "chats", CHATLEDGER_DATABASE_URL=database_url)
    _wait_for_messages(database_url, 1_000)
    process.send_signal(number)
    process.communicate(timeout=30)
    before = _messages(database_url)
    assert 1_000 <= before < count

    again = _import(file, database_url)

    assert again.returncode == 0
    assert f"{count - before:,} appended, {before:,} there already" in again.stdout
    assert _messages(database_url) == count


def test_lines_come_from_stdin_too(database_url: str) -> None:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as file:
        file.write(json.dumps(_message("m1")).encode())
    with os.fdopen(read, "rb") as stdin:
        ended = _import("-", database_url, stdin=stdin)
    assert "1 appended" in ended.stdout


def test_real_conversations_have_the_shape_of_inbound_events() -> None:
    conversation = {
        "messages": [
            [{"sender": "ann", "text": "Hello", "timestamp": "2018-05-02T19:38:15Z"}],
            [
                {"sender": "bob", "text": "Hi", "timestamp": "2018-05-02T19:38:20"},
                {"sender": "bob", "text": "there", "timestamp": "2018-05-02T19:38:29Z"},
            ],
            [{"sender": "ann", "text": "Bye", "timestamp": "2018-05-02T19:39:00Z"}],
        ]
    }
    events = list(chitchat.inbound_events({"chat-1": conversation}))

    assert {event["chat"]["id"] for event in events} == {"chat-1"}
    messages = [event["message"] for event in events]
    assert [message["id"] for message in messages] == ["chat-1-0", "chat-1-1", "chat-1-2", "chat-1-3"]
    addresses = [message["sender"]["address"] for message in messages]
    assert addresses == ["ann", "employee-bob", "employee-bob", "ann"]
    assert [message["echo"] for message in messages] == [False, True, True, False]
    assert messages[1]["sent_at"] == "2018-05-02T19:38:20+00:00"
    assert chitchat.unanswered([conversation])


def _message(
    message_id: str, *, sent_at: str = "2025-03-01T09:30:00Z", chat: Any = None, chat_number: int = 1
) -> dict[str, Any]:
    message = {"id": message_id, "sender": {"address": "ann"}, "text": "Hello", "sent_at": sent_at}
    return {"type": "message", "chat": chat or {**CHAT, "id": f"chat-{chat_number}"}, "message": message}


def _file(folder: Path, lines: list[Any]) -> Path:
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    file = folder / "events.jsonl"
    file.write_text("\n".join(texts))
    return file


def _import(source: Path | str, database_url: str, **options: Any) -> Any:
    return chatledger("import", source, "--channel", "chats", CHATLEDGER_DATABASE_URL=database_url, **options)


def _wait_for_messages(database_url: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while _messages(database_url) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _messages(database_url: str) -> int:
    """How many messages the ledger holds, once the ledger is there."""
    return _asked(database_url, "SELECT count(*) FROM ledger WHERE topic = 'message.received'")


def _head(database_url: str) -> int:
    return _asked(database_url, "SELECT position FROM ledger_head")


def _asked(database_url: str, question: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        try:
            row = connection.execute(question.encode()).fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    return int(row[0]) if row else 0
