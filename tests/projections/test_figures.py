"""The same statement in three engines, held against the figures as Python counts them."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import chdb
import duckdb
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar import Configuration, calendar, worked_us, zone_offsets
from domain.definition import DEFINITIONS, Definition, Hours, Scope, Start
from domain.figures import sums_of
from projections.figures import COLUMNS, GROUPINGS, Asked, Group, grouped

Answer = dict[tuple[Any, ...], Group]
Wait = dict[str, Any]
Columns = dict[str, str]
Written = Callable[[str, Columns, list[tuple[Any, ...]]], str]
Engines = dict[Written, tuple[Callable[[str], list[Any]], ...]]

WAIT = {
    **{"conversation_id": "text", "chat_id": "text", "channel_id": "text", "opened_position": "bigint"},
    **{"opened_us": "bigint", "last_us": "bigint", "closed_us": "bigint", "outcome": "text"},
    **{"credited_kind": "text", "credited_id": "text"},
}
BERLIN = "Europe/Berlin"
CLOCKS_CHANGE = datetime(2025, 3, 30, 1, tzinfo=UTC)
HALF_HOUR_US = 1_800_000_000
GOAL_US = 2 * HALF_HOUR_US
BEGIN_US = int(CLOCKS_CHANGE.timestamp()) * 1_000_000 - 24 * HALF_HOUR_US
SINCE, UNTIL = CLOCKS_CHANGE - timedelta(days=2), CLOCKS_CHANGE + timedelta(days=5)
HOURS = Configuration(
    None, BERLIN, {"sunday": [["01:00", "04:30"], ["09:00", "18:00"]], "monday": [["00:00", "24:00"]]}, None
)
KEYS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "all": lambda each: (0, 0),
    "day": lambda each: (each.day, 0),
    "hour": lambda each: (each.hour, 0),
    "weekday": lambda each: (each.weekday, 0),
    "weekday_hour": lambda each: (each.weekday, each.hour),
    "employee": lambda each: (each.wait["credited_kind"], each.wait["credited_id"]),
    "channel": lambda each: (each.wait["channel_id"], 0),
}
"""By what each grouping puts waits together."""


class Seen:
    """A wait as Python sees it."""

    def __init__(self, wait: Wait, asked: Asked) -> None:
        self.wait = wait
        local = datetime.fromtimestamp(wait["opened_us"] // 1_000_000, ZoneInfo(BERLIN))
        self.day = (local.date() - date(1970, 1, 1)).days
        self.hour, self.weekday = local.hour, local.isoweekday()
        self.took_us = took_us(wait, asked)
        cap_s = asked.definition.cap_seconds
        answered = wait["outcome"] == "answered"
        self.over_cap = answered and cap_s is not None and (self.took_us or 0) > cap_s * 1_000_000
        self.counted = answered and not self.over_cap


def took_us(wait: Wait, asked: Asked) -> int | None:
    if wait["closed_us"] is None:
        return None
    begun_us = wait["last_us" if asked.definition.start is Start.LAST else "opened_us"]
    if asked.definition.hours is Hours.ALL:
        return int(wait["closed_us"] - begun_us)
    return worked_us(calendar([HOURS], SINCE, UNTIL, as_it_was=True), begun_us, wait["closed_us"])


def considered(waits: list[Wait], asked: Asked) -> Iterator[Wait]:
    answered: set[str] = set()
    for wait in sorted(waits, key=lambda each: (each["opened_us"], each["opened_position"])):
        first = wait["conversation_id"] not in answered
        if wait["outcome"] == "answered":
            answered.add(wait["conversation_id"])
        counts = first or asked.definition.scope is Scope.EVERY
        if counts and asked.from_us <= wait["opened_us"] < asked.until_us:
            yield wait


def expected(waits: list[Wait], asked: Asked, by: str) -> Answer:
    groups: dict[tuple[Any, ...], list[Seen]] = defaultdict(list)
    for wait in considered(waits, asked):
        seen = Seen(wait, asked)
        groups[KEYS[by](seen)].append(seen)
    return {key: group_of(key, members) for key, members in groups.items()}


def group_of(key: tuple[Any, ...], members: list[Seen]) -> Group:
    sums = sums_of([each.took_us or 0 for each in members if each.counted], goal_us=GOAL_US)
    still = [each.wait["opened_us"] for each in members if each.wait["outcome"] == "open"]
    dismissed = sum(each.wait["outcome"] == "dismissed" for each in members)
    over_cap = sum(each.over_cap for each in members)
    whole = replace(sums, over_cap=over_cap, open_waits=len(still), dismissed=dismissed)
    return Group((key[0], key[1]), whole, min(still, default=None))


@st.composite
def histories(draw: st.DrawFn) -> list[Wait]:
    """Waits around a change of the clocks, of which many begin and end together."""
    halves, nearly = st.integers(0, 150), st.integers(-1, 1)
    moments = st.builds(lambda half, us: BEGIN_US + half * HALF_HOUR_US + us, halves, nearly)
    waits = []
    for position in range(1, draw(st.integers(0, 12)) + 1):
        opened_us, last_us, closed_us = sorted(draw(moments) for _ in range(3))
        outcome = draw(st.sampled_from(("answered", "answered", "answered", "dismissed", "open")))
        waits.append(
            {
                "conversation_id": draw(st.sampled_from("ab")),
                "chat_id": "chat",
                "channel_id": draw(st.sampled_from(("phone", "bot"))),
                "opened_position": position,
                "opened_us": opened_us,
                "last_us": last_us,
                "closed_us": None if outcome == "open" else closed_us,
                "outcome": outcome,
                "credited_kind": draw(st.sampled_from(("employee", None))),
                "credited_id": draw(st.sampled_from(("oleg", "vera", None))),
            }
        )
    return waits


definitions = st.builds(
    Definition,
    st.just("any"),
    st.just(1),
    start=st.sampled_from(Start),
    scope=st.sampled_from(Scope),
    hours=st.sampled_from((Hours.ALL, Hours.BUSINESS_THEN)),
    cap_seconds=st.sampled_from((None, 5_400, 86_400)),
)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    from_us = BEGIN_US + draw(st.integers(0, 60)) * HALF_HOUR_US
    until_us = from_us + draw(st.integers(0, 150)) * HALF_HOUR_US
    zone, hours = zone_offsets(BERLIN, SINCE, UNTIL), calendar([HOURS], SINCE, UNTIL, as_it_was=True)
    return Asked(draw(definitions), from_us, until_us, GOAL_US, zone, hours)


def in_standard_sql(name: str, columns: Columns, rows: list[tuple[Any, ...]]) -> str:
    """A relation of these rows, as PostgreSQL and DuckDB read it."""
    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {column}" for column, kind in columns.items())
    values = "".join(f" UNION ALL SELECT {literal(row)}" for row in rows)
    told = f"SELECT * FROM (SELECT {nothing}{values}) AS told"
    return f"{name} AS ({told} WHERE {next(iter(columns))} IS NOT NULL)"


def in_clickhouse(name: str, columns: Columns, rows: list[tuple[Any, ...]]) -> str:
    """The same as ClickHouse reads it."""
    kinds = {"text": "String", "bigint": "Int64"}
    structure = ", ".join(f"{column} Nullable({kinds[kind]})" for column, kind in columns.items())
    values = ", ".join(f"({literal(row)})" for row in rows or [(None,) * len(columns)])
    told = f"SELECT * FROM values('{structure}', {values})"
    return f"{name} AS ({told} WHERE {next(iter(columns))} IS NOT NULL)"


def literal(row: tuple[Any, ...]) -> str:
    return ", ".join("NULL" if each is None else repr(each) for each in row)


def front(waits: list[Wait], asked: Asked, written: Written) -> str:
    relations = [written("wait", WAIT, [tuple(wait.values()) for wait in waits])]
    for name, rows in asked.relations.items():
        relations.append(written(name, dict.fromkeys(COLUMNS[name], "bigint"), rows))
    return ",\n".join(relations)


@pytest.fixture(scope="module")
def engines(server_url: str) -> Iterator[Engines]:
    """Each with the way in which relations are written for it."""
    with (
        psycopg.connect(server_url, autocommit=True) as postgres,
        duckdb.connect() as duck,
        closing(chdb.connect(":memory:")) as clickhouse,  # type: ignore[no-untyped-call]
    ):
        yield {
            in_standard_sql: (
                lambda statement: postgres.execute(statement.encode()).fetchall(),
                lambda statement: duck.execute(statement).fetchall(),
            ),
            in_clickhouse: (
                lambda statement: [
                    tuple(row.values()) for row in clickhouse.query(statement, "ArrowTable").to_pylist()
                ],
            ),
        }


@settings(max_examples=10)
@given(waits=histories(), asked=questions(), by=st.sampled_from(GROUPINGS))
def test_three_engines_say_what_python_counts(
    engines: Engines, waits: list[Wait], asked: Asked, by: str
) -> None:
    wanted = expected(waits, asked, by)
    for written, asking in engines.items():
        statement = grouped(by, front(waits, asked, written))
        for ask in asking:
            assert {(group := Group.of(row)).keys: group for row in ask(statement)} == wanted


@pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=str)
def test_what_is_asked_is_only_whole_numbers(definition: Definition) -> None:
    """So they may be written into a statement as they are, whichever engine it is for."""
    asked = Asked(definition, 1, 2, 3, zone_offsets(BERLIN, SINCE, UNTIL))

    assert {name: len(rows[0]) for name, rows in asked.relations.items()} == {
        name: len(columns) for name, columns in COLUMNS.items()
    }
    for rows in asked.relations.values():
        assert {type(value) for row in rows for value in row} <= {int, type(None)}
