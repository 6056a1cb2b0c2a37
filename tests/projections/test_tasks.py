"""Tasks and who has them on his lists: the same in the end, however the ranges of the ledger were cut."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.sql import SQL, Literal

from adapters.postgres.database import create_async_pool
from projections.answer import Answer
from projections.checkpoints import Range
from projections.read_model import PLANS
from projections.statements import Statements
from projections.tasks import EARLIEST, LATEST, Asked, Tasks
from tests.projections.history import History, all_rows, follow, leading, named, noon, rebuild
from tests.projections.test_helpers import helps, standing
from tests.projections.test_plans import nodes, numbered

CHATS = "family", "husband"
TASKS = {"plan": "family", "call": "family", "bill": "husband"}


class Said(NamedTuple):
    """what: a topic of a task, or of a helper or an employee. number: which assignee, minute or chat."""

    what: str
    task: str
    number: int


Story = list[Said]

stories = st.lists(
    st.builds(
        Said,
        what=st.sampled_from(
            ["reworded", "reassigned", "rescheduled", "done", "reopened", "helps", "helps", "gone"]
        ),
        task=st.sampled_from(list(TASKS)),
        number=st.integers(0, 2),
    ),
    min_size=5,
    max_size=14,
)


class Company:
    """A ledger with an overseen chat or two, in which Pavel helps now and then; and what must come of it."""

    def __init__(self, connection: Connection[Any], name: str = "main") -> None:
        self.name = name
        self.history = History(connection, name)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.helped: defaultdict[str, bool] = defaultdict(bool)
        self.active = True
        append = self.history.append
        append("channel.connected", "wa", channel_id="wa", visibility="client_owners", kind="", title="")
        standing(self.history, "pavel", "registered")
        for chat in CHATS:
            private = {"external_id": chat, "title": None}
            ids: dict[str, Any] = {"chat_id": self.id_of(chat), "conversation_id": self.id_of(chat)}
            append("chat.opened", self.id_of(chat), private=private, channel_id="wa", kind="group", **ids)

    def id_of(self, name: str) -> str:
        return named(f"{name} of {self.name}")

    def say(self, said: Said) -> None:
        """What is said of a task that is not there yet creates it."""
        if said.what == "helps":
            chat = CHATS[said.number % 2]
            self.helped[chat] = not self.helped[chat]
            where = f"{chat} of {self.name}"
            helps(self.history, "pavel", f"in {where}", where, added=self.helped[chat])
        elif said.what == "gone":
            self.active = not self.active
            standing(self.history, "pavel", "activated" if self.active else "deactivated", active=self.active)
        elif said.task not in self.tasks:
            self.create(said)
        else:
            self.change(said)

    def create(self, said: Said) -> None:
        position = self.append(
            said, "created", {"text": "first"}, by_id="oleg", assignee_id="oleg", due_at=due(said.number)
        )
        self.tasks[said.task] = {
            "text": "first",
            "assignee_id": "oleg",
            "due_at": due(said.number),
            "done_by": None,
            "position": position,
        }

    def change(self, said: Said) -> None:
        task, whom = self.tasks[said.task], f"employee {said.number}"
        match said.what:
            case "reworded":
                task["text"] = f"text {said.number}"
                self.append(said, said.what, {"text": task["text"]}, by_id="oleg")
            case "reassigned":
                self.append(said, said.what, by_id="oleg", from_id=task["assignee_id"], to_id=whom)
                task["assignee_id"] = whom
            case "rescheduled":
                task["due_at"] = due(said.number)
                self.append(said, said.what, by_id="oleg", due_at=task["due_at"])
            case "done" | "reopened":
                task["done_by"] = whom if said.what == "done" else None
                self.append(said, said.what, by_id=whom)

    def append(self, said: Said, topic: str, private: dict[str, Any] | None = None, **facts: Any) -> int:
        chat, task = self.id_of(TASKS.get(said.task, "family")), self.id_of(said.task)
        return self.history.append(
            f"task.{topic}",
            task,
            private=private,
            task_id=task,
            chat_id=chat,
            conversation_id=chat,
            **facts,
        )

    def lines(self) -> set[tuple[str, str, bool, str]]:
        """Who sees a chat has its tasks: who oversees, who receives new clients, and Pavel if he helps."""
        found = set()
        for name, task in self.tasks.items():
            principals = {"oversight", "new_client"}
            if self.active and self.helped[TASKS[name]]:
                principals.add("employee:pavel")
            done = task["done_by"] is not None
            found |= {(who, self.id_of(name), done, task["assignee_id"]) for who in principals}
        return found


def due(number: int) -> str | None:
    return noon(number).isoformat() if number else None


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@given(story=stories, cuts=st.sets(st.integers(1, 18)))
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_task_is_what_was_said_last_and_on_the_lists_of_who_sees_its_chat(
    connection: Connection[Any], numbers: Iterator[int], story: Story, cuts: Collection[int]
) -> None:
    """Each story is that of another company."""
    company = Company(connection, f"company {next(numbers)}")
    before = company.history.head - len(CHATS) - 2
    for said in story:
        company.say(said)
    follow(connection, company.history.head, {before + cut for cut in cuts})

    rows = {
        table: [row for (row,) in found if row["workspace_id"] == company.name]
        for table, found in all_rows(connection, "tasks").items()
    }
    shown = {row["task_id"]: row for row in rows["tasks.task"]}
    assert shown.keys() == {company.id_of(name) for name in company.tasks}
    for name, task in company.tasks.items():
        row = shown[company.id_of(name)]
        told = {field: row[field] for field in task} | {"due_at": moment(row["due_at"])}
        assert told == task | {"due_at": moment(task["due_at"])}
    lines = rows["tasks.line"]
    assert {(row["principal"], row["task_id"], row["done"], row["assignee_id"]) for row in lines} == (
        company.lines()
    )
    assert all(row["due_order"] == shown[row["task_id"]]["due_order"] for row in lines)


@pytest.fixture
def numbers() -> Iterator[int]:
    return count()


def test_rebuilt_they_are_the_same(url: str, connection: Connection[Any]) -> None:
    company = Company(connection)
    for said in (
        *(Said("done", task, 1) for task in TASKS),
        *(Said("helps", "plan", number) for number in (0, 1)),
        *(Said("done", "plan", 1), Said("rescheduled", "call", 2), Said("gone", "plan", 0)),
        *(Said("reassigned", "bill", 2), Said("gone", "plan", 0), Said("helps", "plan", 0)),
    ):
        company.say(said)
    follow(connection, company.history.head, range(company.history.head))
    live = all_rows(connection, "tasks")
    assert len(live["tasks.line"]) == len(company.lines()) == 7

    rebuild(url)  # which compares row by row

    assert all_rows(connection, "tasks") == live


def test_who_lost_sight_has_no_task_on_his_list_while_the_lines_are_behind(
    url: str, connection: Connection[Any]
) -> None:
    company = Company(connection)
    for what in ("helps", "done"):
        company.say(Said(what, "plan", 0))
    follow(connection, company.history.head)
    assert listed(url) == [company.id_of("plan")]

    company.say(Said("helps", "plan", 0))
    with leading(connection) as leader:
        before = leader.look().position(["tasks"])
        leader.take_over(Range(("visibility",), before, company.history.head))

    assert listed(url) == []


def listed(url: str) -> list[str]:
    """Everybody's tasks that Pavel sees."""

    async def ask() -> Answer:
        async with create_async_pool(url, max_size=1) as pool:
            return await Tasks(pool).page("main", "pavel", Asked(None))

    return [item["task_id"] for item in json.loads(asyncio.run(ask()).body or "")["items"]]


@pytest.mark.parametrize("question", ["page of oleg's", "page of everybody's", "of_conversation"])
def test_a_page_reads_no_more_rows_of_a_longer_list(
    url: str, connection: Connection[Any], question: str
) -> None:
    company = Company(connection)
    company.say(Said("helps", "plan", 0))
    read = []
    for tasks in (range(60), range(60, 240)):
        for number in tasks:
            company.create(Said("created", str(number), number % 50))
        follow(connection, company.history.head)
        read.append(rows_read(url, question))

    assert 11 <= read[0] == read[1] <= 6 * 11, (
        "a line, its chat, and what a task shows, for each item and one more"
    )


def rows_read(url: str, question: str) -> int:
    """How many rows the tables gave for ten tasks, by the plan that is kept."""
    asked: dict[str, Any] = {
        "workspace_id": "main",
        "employee_id": "pavel",
        "conversation_id": named("family of main"),
        "assignee_id": "oleg" if question == "page of oleg's" else None,
        "kinds": ["direct", "group"],
        "done": False,
        "due_from": EARLIEST,
        "due_until": LATEST,
        "due_order": EARLIEST,
        "position": 0,
        "limit": 10,
        "now": noon(),
    }
    names, sql = numbered(Statements.load("tasks")[question.split()[0]])
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
