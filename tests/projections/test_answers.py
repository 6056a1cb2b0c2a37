"""Since when a client waits, when machines write too and answers fail: what the rule of waits says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from domain.wait import Outcome, Place, Spoken, waits_of
from projections import replay
from tests.projections.history import History, all_rows, follow, named, noon, rebuild
from tests.projections.test_timeline import RANK, Company

HUMAN = ("answered here", "echoed", "external staff")
REPORTS = ("reported here", "reported elsewhere")


class Told(NamedTuple):
    """One event of a random history. how: what is reported of a delivery."""

    what: str
    message: int
    second: int
    how: str


tellings = st.lists(
    st.builds(
        Told,
        st.sampled_from(["asked", *HUMAN, "automatic", *REPORTS, *REPORTS]),
        st.integers(0, 1),
        st.integers(0, 2),
        st.sampled_from(["failed", "failed", *RANK[1:]]),
    ),
    min_size=3,
    max_size=16,
)

ASKED, GREETED = Told("asked", 0, 0, ""), Told("automatic", 0, 1, "")
ANSWERED = Told("answered here", 0, 2, "")
FAILED, READ = Told("reported here", 0, 2, "failed"), Told("reported here", 0, 2, "read")

TELL: dict[str, Callable[[Company, str, datetime], int]] = {
    "asked": lambda company, name, at: company.receive(f"asked {name}", at),
    "answered here": lambda company, name, at: company.queue(f"here {name}", at),
    "echoed": lambda company, name, at: company.receive(name, at, author=("employee", None), echo=True),
    "external staff": lambda company, name, at: company.receive(name, at, author=("external_staff", "1")),
    "automatic": lambda company, name, at: company.receive(name, at, author=("automatic", None)),
}


def tell(company: Company, told: Told) -> int:
    name, at = f"{company.chat}-{told.message}", noon(told.second)
    if told.what in REPORTS:
        return company.report(
            named(f"here {name}") if told.what == "reported here" else f"ext-{name}", told.how, at
        )
    return TELL[told.what](company, name, at)


def news(told: list[Told]) -> list[Told]:
    """Without what would be a second message of one id."""
    known: set[tuple[str, int]] = set()
    found = []
    for each in told:
        stream = (each.what if each.what in ("asked", "answered here") else "elsewhere", each.message)
        if each.what in REPORTS:
            found.append(each)
        elif stream not in known:
            found.append(each)
            known.add(stream)
    return found


def waiting_since(happened: list[tuple[int, Told]]) -> datetime | None:
    """By the rule: of what the company wrote, only what a person wrote and did not fail counts."""
    spoken = [
        Spoken(Place(noon(told.second), position), asks=told.what == "asked")
        for position, told in happened
        if told.what == "asked" or (told.what in HUMAN and not failed(told, happened))
    ]
    open_waits = [wait for wait in waits_of(spoken) if wait.outcome is Outcome.OPEN]
    return open_waits[-1].opened.at if open_waits else None


def failed(answer: Told, happened: list[tuple[int, Told]]) -> bool:
    heard = "reported here" if answer.what == "answered here" else "reported elsewhere"
    reports = [told.how for _, told in happened if (told.what, told.message) == (heard, answer.message)]
    return max(reports, key=RANK.index, default=None) == "failed"


def test_an_answer_that_failed_or_that_a_machine_wrote_answers_nobody(
    url: str, history: History, connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chats = (f"chat-{number}" for number in count())

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(tellings, st.sets(st.integers(0, 16)))
    @example([FAILED, ASKED, ANSWERED], {1, 2})
    @example([ASKED, ANSWERED, READ, FAILED], {1, 2, 3})
    @example([ASKED, ANSWERED, FAILED, READ], {1, 2, 3})
    @example([ASKED, GREETED, ANSWERED, FAILED], {1, 2, 3})
    def check(told: list[Told], cuts: set[int]) -> None:
        company = Company(url, history, next(chats))
        began = history.head
        happened = [(tell(company, one), one) for one in news(told)]
        follow(connection, history.head, [began + cut for cut in cuts])

        shown = connection.execute(
            "SELECT chat.waiting_since, line.waiting_since, (head || '}')::jsonb->>'waiting_since'"
            " FROM inbox.chat JOIN inbox.line USING (conversation_id) JOIN inbox.card USING (chat_id)"
            " WHERE chat_id = %s AND audience = 'team'",
            [named(company.chat)],
        ).fetchall()
        since = waiting_since(happened)
        assert shown == [(since, since, since and since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))]

    check()

    live = all_rows(connection, "inbox")
    assert live["inbox.failure"]
    counted = sum(tally["waiting"] for (tally,) in live["inbox.tally"])
    assert counted == sum(line["waiting"] for (line,) in live["inbox.line"]) > 0
    monkeypatch.setattr(replay, "FIRST_RANGE_SIZE", 7)
    rebuild(url, verify=False)
    assert all_rows(connection, "inbox") == live
