"""The figures of the read model `waits`, held against those that Python counts of the same waits."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.postgres.database import create_async_pool
from domain.definition import Credit, Definition, Hours, Scope, Start
from domain.figures import Sums
from domain.ids import derive
from projections.figures import GROUPINGS, Asked, among, figures_by
from projections.read_model import PLAN_SETTINGS
from projections.statements import Statement
from projections.waits import EPOCH, MICROSECOND, Question, Settings, Told, Waits
from tests.databases import Databases
from tests.projections.history import WORKSPACE, History, named
from tests.projections.test_figures import (
    BERLIN,
    GOAL_US,
    HOURS,
    Answer,
    Seen,
    Wait,
    considered,
    expected,
    histories,
    questions,
)
from tests.projections.test_plans import compared, nodes, planned

COMPANY = """
UPDATE projection.checkpoint SET position = 7 WHERE name = 'waits';
INSERT INTO visibility.fact (kind, workspace_id, subject, object, during)
VALUES ('link', 'main', 'a', 'anna', '[1,)'), ('responsible', 'main', 'anna', 'vera', '[1,)');
"""
MOVE = """
INSERT INTO waits.stage (chat_id, position, workspace_id, at, folder, holder_id)
VALUES (%s, %s, 'main', now(), 'incoming', %s)
"""
WRITE = """
INSERT INTO waits.wait (
    opened_position, workspace_id, conversation_id, chat_id, channel_id, sender_id, opened_at, last_at,
    last_position, outcome, closed_at, closed_position, closed_kind, closed_by, holder_at_closing,
    owner_at_closing)
VALUES (
    %(opened_position)s, 'main', %(conversation)s, %(conversation)s, %(channel_id)s, %(conversation_id)s,
    %(opened)s, %(last)s, %(opened_position)s, %(outcome)s, %(closed)s, 1, %(closed_kind)s, %(closed_by)s,
    %(holder)s, %(owner)s)
"""
NOW = {
    Credit.REPLIER: {"a": "oleg", "b": None},
    Credit.HOLDER: {"a": "oleg", "b": None},
    Credit.OWNER: {"a": "vera", "b": None},
}
"""Whose an open wait is, by its conversation."""

definitions = st.builds(
    Definition,
    st.just("any"),
    st.just(1),
    start=st.sampled_from(Start),
    scope=st.sampled_from(Scope),
    hours=st.sampled_from(Hours),
    credit=st.sampled_from(Credit),
    cap_seconds=st.sampled_from((None, 5_400)),
)


@pytest.fixture(scope="module")
def url(databases: Databases, migrated: str) -> Iterator[str]:
    """A company that keeps hours; of whose clients Vera has one, whose chat Oleg holds."""
    url = databases.create(template=migrated)
    with psycopg.connect(url, autocommit=True) as connection:
        History(connection).append(
            "workspace.configured",
            str(derive("workspace", WORKSPACE)),
            datetime(2020, 1, 1, tzinfo=UTC),
            timezone=BERLIN,
            business_hours=dict(HOURS.business_hours or {}),
        )
        connection.execute(COMPANY)
        for chat, position, holder_id in (("a", 1, None), ("a", 2, "oleg"), ("b", 1, None)):
            connection.execute(MOVE, [named(chat), position, holder_id])
    yield url
    databases.drop(url)


@st.composite
def kept(draw: st.DrawFn) -> list[Wait]:
    """Rows as the read model has them; who is credited is not among what it keeps."""
    waits = draw(histories())
    for wait in waits:
        people = st.sampled_from(("oleg", "vera", None))
        wait |= {each: draw(people) for each in ("closed_by", "holder", "owner")}
        wait["closed_kind"] = None if wait["outcome"] == "open" else draw(KINDS)
    return waits


KINDS = st.sampled_from(("employee", "external_staff", "system"))


def write(url: str, waits: list[Wait]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE waits.wait")
        for wait in waits:
            times = {each: moment(wait[f"{each}_us"]) for each in ("opened", "last", "closed")}
            connection.execute(WRITE, {**wait, **times, "conversation": named(wait["conversation_id"])})


def moment(us: int | None) -> datetime | None:
    return None if us is None else EPOCH + us * MICROSECOND


def credited(wait: Wait, credit: Credit) -> Wait:
    """With whose it is by this definition."""
    if wait["outcome"] == "open":
        whose = NOW[credit][wait["conversation_id"]]
    else:
        whose = wait[{Credit.REPLIER: "closed_by", Credit.HOLDER: "holder", Credit.OWNER: "owner"}[credit]]
    answered = credit is Credit.REPLIER and wait["outcome"] != "open"
    kind = wait["closed_kind"] if answered else "employee" if whose else None
    return wait | {"credited_kind": kind, "credited_id": whose}


async def asked_of(url: str, question: Question, by: str) -> tuple[Told, list[Any]]:
    async with create_async_pool(url, max_size=1, settings=PLAN_SETTINGS) as pool:
        waits = Waits(pool)
        told, page = await waits.figures(question, by), await waits.single(question, limit=50)
    return told, json.loads(page.body or "")["items"]


@settings(max_examples=15)
@given(waits=kept(), asked=questions(), definition=definitions, by=st.sampled_from(GROUPINGS))
def test_figures_and_single_waits_are_what_python_counts(
    url: str, waits: list[Wait], asked: Asked, definition: Definition, by: str
) -> None:
    write(url, waits)
    asked = Asked(definition, asked.from_us, asked.until_us, GOAL_US, asked.zone, asked.calendar)
    since, until = EPOCH + asked.from_us * MICROSECOND, EPOCH + asked.until_us * MICROSECOND
    question = Question(WORKSPACE, Settings(BERLIN, GOAL_US // 1_000_000), definition, since, until)
    whose = [credited(wait, definition.credit) for wait in waits]

    told, items = asyncio.run(asked_of(url, question, by))

    assert by_keys(told) == expected(whose, asked, by)
    assert told.total.sums == sum_of(expected(whose, asked, "all"))
    assert told.position == 7
    seen = [Seen(wait, asked) for wait in considered(whose, asked)]
    assert [each["opened"]["position"] for each in items] == [each.wait["opened_position"] for each in seen]
    assert [microseconds_of(each["seconds"]) for each in items] == [each.took_us for each in seen]
    assert [each["counted"] for each in items] == [each.counted for each in seen]


def by_keys(told: Told) -> Answer:
    return {group.keys: group for group in told.groups}


def sum_of(total: Answer) -> Sums:
    return next((group.sums for group in total.values()), Sums())


def microseconds_of(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)


@pytest.mark.parametrize("statement", [*map(figures_by, (None, *GROUPINGS)), among("single_waits")])
def test_the_waits_of_a_period_are_found_by_index(url: str, statement: str) -> None:
    by = [
        compared(node)
        for node in nodes(planned(url, statement_of(statement)))
        if node.get("Relation Name") == "wait" and node.get("Alias", "").startswith("wait")
    ]

    assert {"opened_at", "workspace_id"} in by
    assert all(columns - {"workspace_id"} for columns in by)


def statement_of(sql: str) -> Statement:
    return Statement("asked", sql, frozenset(), for_readers=False, at_once=False, shows=False)
