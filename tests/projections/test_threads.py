"""Threads and who helps in them: the same in the end, however the ranges of the ledger were cut."""

from collections.abc import Collection
from typing import Any

import pytest
from psycopg import Connection

from tests.projections.history import History, all_rows, follow, named, noon, rebuild
from tests.projections.test_helpers import helps


def reply(history: History, message: str, text: str) -> int:
    return history.append(
        "thread.replied",
        f"thread under {message}",
        noon(history.head),
        {"text": text},
        thread_id=named(f"thread under {message}"),
        message_id=named(message),
        chat_id=named("chat"),
        conversation_id=named("chat"),
        reply_id=named(text),
        author_id="oleg",
    )


@pytest.mark.parametrize("cuts", [range(100), (), (3, 5), (4, 6, 8)], ids=str)
def test_who_helps_is_what_was_said_last_and_every_reply_counts(
    url: str, connection: Connection[Any], history: History, cuts: Collection[int]
) -> None:
    reply(history, "one", "first")
    helps(history, "vera", "one", "chat")
    helps(history, "pavel", "one", "chat")
    reply(history, "two", "under another")
    helps(history, "vera", "one", "chat", added=False)
    again = helps(history, "vera", "one", "chat")
    helps(history, "pavel", "one", "chat", added=False)
    last = reply(history, "one", "last")
    follow(connection, history.head, cuts)
    live = all_rows(connection, "threads")

    counted = {row["message_id"]: row["replies"] for (row,) in live["threads.thread"]}
    assert counted == {named("one"): 2, named("two"): 1}
    assert [(row["employee_id"], row["position"]) for (row,) in live["threads.helper"]] == [("vera", again)]
    assert {(row["text"], row["position"]) for (row,) in live["threads.reply"]} == {
        ("first", 1),
        ("under another", 4),
        ("last", last),
    }
    if not cuts:
        rebuild(url, ["threads"])  # which compares row by row
