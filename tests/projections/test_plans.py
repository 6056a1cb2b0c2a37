"""Plans are made once, on empty tables, and kept: they must not read the whole of tables that fill up."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from psycopg.sql import SQL, Literal

from projections.audit import FIRST_CHAT, LAST_POSITION, LOOKED_AT, Mark
from projections.inbox import FOLDERS, NEWEST
from projections.read_model import MAKING, PLANS, QUESTIONS, REACTIONS, READ_MODELS
from projections.statements import Statement, Statements
from tests.projections.history import WORKSPACE, History, follow

Node = dict[str, Any]

PARAMETER = re.compile(r"%\((\w+)\)s")

CHATS = """
INSERT INTO ledger (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts,
                    private)
SELECT ledger_head.position + row_number() OVER (ORDER BY number, version), 'main', stream_id, version, topic,
       'system', '2026-03-01T12:00:00Z'::timestamptz + number * interval '1 second', 'test', facts, private
FROM ledger_head
CROSS JOIN generate_series(1, %(count)s) AS number
CROSS JOIN LATERAL (SELECT md5(position || 'th, ' || number)::uuid AS stream_id) AS chat
CROSS JOIN LATERAL (VALUES
    (1, 'chat.opened', jsonb_build_object(
        'chat_id', stream_id, 'conversation_id', stream_id, 'channel_id', 'wa', 'kind', 'direct'),
     jsonb_build_object('external_id', stream_id)),
    (2, 'conversation.' || (ARRAY['claimed', 'snoozed', 'closed', 'reopened'])[1 + number %% 4],
     jsonb_build_object('chat_id', stream_id, 'conversation_id', stream_id, 'holder_id', 'oleg',
                        'until', '2030-01-01T00:00:00Z', 'seen_position', 2^40::bigint), NULL)
) AS event (version, topic, facts, private)
"""

MOVING = "moving"
"""What a range moves from one conversation to another; empty behind it."""

READ_WHOLE = {
    "visibility.sight_moved": {"change"},  # what a range holds
    "visibility.fact_turned": {"change"},
    "visibility.changes_taken_over": {"change"},
    "visibility.position_at": {"ledger"},  # its last row
    "audit.employees": {"ledger"},  # the same
    "reactions.help_astray": {"helper"},  # of several chats, in an index of these
    "reactions.client_overlooked": {"chat"},  # indexes of few rows that are about to be none
    "reactions.next_snooze": {"chat"},
    "directory.workspace_configured": {"workspace"},
    "waits.settings": {"workspace"},
    "report.workspace": {"workspace"},  # its own row
}


def statements() -> Iterator[Any]:
    for name in (*READ_MODELS, REACTIONS, "feed", "erasure", "workspaces", "report", *QUESTIONS):
        for statement in Statements.load(name):
            if statement.name not in (*MAKING, "clear", "snapshot"):
                yield pytest.param(f"{name}.{statement.name}", statement, id=f"{name}.{statement.name}")


@pytest.mark.parametrize(("name", "statement"), list(statements()))
def test_every_table_is_asked_by_index_and_by_more_than_the_workspace(
    url: str, name: str, statement: Statement
) -> None:
    whole = READ_WHOLE.get(name, set())
    for node in nodes(planned(url, statement)):
        assert not joins_everything(node) or whole, node
        table = node.get("Relation Name")
        if table and "Scan" in node["Node Type"] and table not in whole | {MOVING}:
            assert compared(node) - {"workspace_id"}, node


@pytest.mark.parametrize("question", ["page", "counts", "conversation"])
def test_the_driver_takes_a_question_apart_only_once(question: str) -> None:
    """What is longer it reads anew at each request."""
    assert len(Statements.load("inbox")[question]) <= MAX_CACHED_STATEMENT_LENGTH


@pytest.mark.parametrize("employee_id", ["oleg", "irina"])
def test_a_page_and_the_counts_read_no_more_rows_of_a_larger_inbox(
    url: str, connection: Connection[Any], history: History, employee_id: str
) -> None:
    history.append("channel.connected", "wa", channel_id="wa", visibility="client_owners", kind="", title="")
    for name, role, new in (("oleg", "seller", True), ("irina", "supervisor", False)):
        standing: dict[str, Any] = {"employee_id": name, "role": role, "receives_new_clients": new}
        history.append("employee.registered", name, private={"name": ""}, active=True, **standing)
    read = []
    for chats in (60, 300):
        write_chats(connection, chats)
        head = connection.execute("SELECT position FROM ledger_head").fetchone()
        follow(connection, head[0] if head else 0)
        read.append([rows_read(url, employee_id, question) for question in ("page", "counts")])

    assert read[0] == read[1]
    assert 51 <= read[1][0] <= 4 * 51, "a line and a card for each item"


def test_an_auditor_reads_no_more_rows_of_a_larger_company(
    url: str, connection: Connection[Any], history: History
) -> None:
    """Of whoever oversees it all, from the beginning or since he came."""
    history.append("channel.connected", "wa", channel_id="wa", visibility="client_owners", kind="", title="")
    register(history, "irina")
    question, read = Statements.load("audit")["employee_history"], []
    page = {**Mark().values, "workspace_id": WORKSPACE, "since": 0, "until": LAST_POSITION, "limit": 50}
    page |= {"first": FIRST_CHAT, "last": LAST_POSITION, "looked": LOOKED_AT}
    for chats, newcomer in ((100, "katya"), (300, "boris")):
        write_chats(connection, chats)
        register(history, newcomer)
        follow(connection, history.head)
        read.append(
            [rows_read_for(url, question, {**page, "employee_id": who}) for who in ("irina", newcomer)]
        )

    assert read[0] == read[1]
    assert 51 <= max(read[1]) <= 8 * 51, "a sight, its events, and how it is called"


def register(history: History, name: str) -> None:
    standing: dict[str, Any] = {"employee_id": name, "role": "supervisor", "receives_new_clients": False}
    history.append("employee.registered", name, private={"name": name}, active=True, **standing)


def write_chats(connection: Connection[Any], count: int) -> None:
    connection.execute(CHATS, {"count": count})


def rows_read(url: str, employee_id: str, question: str) -> int:
    """How many rows the tables gave for it."""
    nobody = dict.fromkeys(("q", "channel_id", "waiting", "holder_id"))
    asked = {"workspace_id": WORKSPACE, "employee_id": employee_id, "kinds": ["direct", "group"], **nobody}
    at, _, chat_id = NEWEST.partition("~")
    asked |= {"folders": list(FOLDERS), "narrowed": False, "at": at, "conversation_id": chat_id, "limit": 50}
    return rows_read_for(url, Statements.load("inbox")[question], asked)


def rows_read_for(url: str, statement: str, asked: dict[str, Any]) -> int:
    """The same of any question, by the plan that is kept."""
    names, sql = numbered(statement)
    values = SQL(", ").join(Literal(asked[name]) for name in names)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLANS)
        connection.execute(f"PREPARE asked AS {sql}".encode())
        row = connection.execute(
            SQL("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked ({})").format(values)
        ).fetchone()
    assert row is not None
    return sum(
        round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
        for node in nodes(row[0][0]["Plan"])
        if "Relation Name" in node
    )


def planned(url: str, statement: Statement) -> Node:
    """The plan that is kept, whatever is asked."""
    _, sql = numbered(statement.sql)
    with psycopg.connect(url) as connection:
        connection.execute(PLANS)
        row = connection.execute(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {sql}").fetchone()
    assert row is not None
    plan: Node = row[0][0]["Plan"]
    return plan


def numbered(sql: str) -> tuple[list[str], str]:
    """As PREPARE takes it, with the names of its parameters in their order."""
    names = list(dict.fromkeys(PARAMETER.findall(sql)))
    return names, PARAMETER.sub(lambda named: f"${names.index(named[1]) + 1}", sql).replace("%%", "%")


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def compared(node: Node) -> set[str]:
    """The columns by which an index is asked."""
    condition = node.get("Index Cond") or node.get("Recheck Cond") or ""
    return set(re.findall(r'\(+"?(?:\w+\.)?"?(\w+)"? (?:=|>|<)', condition)) | set(
        re.findall(r"\((lower|upper)\(", condition)
    )


def joins_everything(node: Node) -> bool:
    """Whether every row of one side is compared with every row of the other."""
    return re.search(r"\w+\.\w+ = \w+\.\w+", node.get("Join Filter", "")) is not None
