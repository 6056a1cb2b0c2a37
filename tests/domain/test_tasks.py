"""Commands about tasks: each happens, is refused, was done already, or somebody else was first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from domain.application import Chatledger
from domain.deciding import Accepted
from domain.errors import AssigneeCannotSee, InactiveEmployee, Refused, UnknownReference, UnknownThing
from domain.ids import derive
from domain.task import Wanted
from tests.domain.conftest import BY, CHAT, at, put_employee, topics

KNOWN, NEW = derive("a known task"), derive("a new task")
PLAN = Wanted("Send the plan", "oleg", at(60))
Command = Callable[[Chatledger], Accepted]


def create(app: Chatledger, wanted: Wanted = PLAN, task: str = "a new task", **who: Any) -> Accepted:
    asked: dict[str, Any] = {"chat_id": CHAT, "employee_id": "oleg", "assignee_sees": True} | who
    return app.create_task(derive(task), wanted, by=BY, **asked)


def change(app: Chatledger, wanted: Wanted = PLAN, task: str = "a known task", **who: Any) -> Accepted:
    asked: dict[str, Any] = {"employee_id": "oleg", "assignee_sees": True} | who
    return app.change_task(derive(task), wanted, by=BY, **asked)


@pytest.fixture
def house(house: Chatledger) -> Chatledger:
    """With a task of Oleg's, one that is done, and somebody who is gone."""
    put_employee(house, "gone", active=False)
    create(house, task="a known task")
    create(house, task="a finished task")
    house.finish_task(derive("a finished task"), employee_id="oleg", by=BY)
    return house


HAPPENS: dict[str, tuple[Command, list[str]]] = {
    "create": (create, ["task.created"]),
    "create for quality control": (
        lambda app: create(app, Wanted("Listen", "katya", None), employee_id="katya"),
        ["task.created"],
    ),
    "change nothing": (change, []),
    "reword": (lambda app: change(app, PLAN._replace(text="Send it")), ["task.reworded"]),
    "reassign": (lambda app: change(app, PLAN._replace(assignee_id="vera")), ["task.reassigned"]),
    "no hurry": (lambda app: change(app, PLAN._replace(due_at=None)), ["task.rescheduled"]),
    "change everything": (
        lambda app: change(app, Wanted("Call", "vera", at(9))),
        ["task.reworded", "task.reassigned", "task.rescheduled"],
    ),
    "reword for somebody who sees it no longer": (
        lambda app: change(app, PLAN._replace(text="Send it"), assignee_sees=False),
        ["task.reworded"],
    ),
    "finish": (lambda app: app.finish_task(KNOWN, employee_id="vera", by=BY), ["task.done"]),
    "finish again": (
        lambda app: app.finish_task(derive("a finished task"), employee_id="vera", by=BY),
        [],
    ),
    "reopen": (
        lambda app: app.reopen_task(derive("a finished task"), employee_id="vera", by=BY),
        ["task.reopened"],
    ),
    "reopen again": (lambda app: app.reopen_task(KNOWN, employee_id="vera", by=BY), []),
}


@pytest.mark.parametrize("name", HAPPENS)
def test_a_command_happens_once_and_sent_again_it_is_done_already(house: Chatledger, name: str) -> None:
    command, expected = HAPPENS[name]
    before = house.head()

    assert command(house).recorded == len(expected)
    assert topics(house, before) == expected
    assert command(house).recorded == 0
    assert topics(house, before) == expected


REFUSED: dict[str, tuple[Command, type[Refused]]] = {
    "a task for nobody": (lambda app: create(app, PLAN._replace(assignee_id="no")), UnknownReference),
    "a task for who is gone": (lambda app: create(app, PLAN._replace(assignee_id="gone")), InactiveEmployee),
    "a task for who does not see it": (lambda app: create(app, assignee_sees=False), AssigneeCannotSee),
    "a task by who is gone": (lambda app: create(app, employee_id="gone"), InactiveEmployee),
    "changing no task": (lambda app: change(app, task="no"), UnknownThing),
    "giving it to nobody": (lambda app: change(app, PLAN._replace(assignee_id="no")), UnknownReference),
    "giving it to who is gone": (
        lambda app: change(app, PLAN._replace(assignee_id="gone")),
        InactiveEmployee,
    ),
    "giving it to who does not see it": (
        lambda app: change(app, PLAN._replace(assignee_id="vera"), assignee_sees=False),
        AssigneeCannotSee,
    ),
    "finishing no task": (lambda app: app.finish_task(NEW, employee_id="oleg", by=BY), UnknownThing),
    "finishing, by who is gone": (
        lambda app: app.finish_task(KNOWN, employee_id="gone", by=BY),
        InactiveEmployee,
    ),
    "reopening no task": (lambda app: app.reopen_task(NEW, employee_id="oleg", by=BY), UnknownThing),
}


def test_a_refusal_records_nothing(house: Chatledger) -> None:
    before = house.head()

    for name, (command, refusal) in REFUSED.items():
        with pytest.raises(refusal):
            command(house)
        assert house.head() == before, name


def test_of_many_at_once_each_change_is_recorded_once(house: Chatledger) -> None:
    together = Barrier(8)

    def finish_or_reword(number: int) -> None:
        together.wait()
        if number % 2:
            house.finish_task(KNOWN, employee_id="oleg", by=BY)
        else:
            change(house, PLAN._replace(text="Send it"))

    before = house.head()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(finish_or_reword, range(8)))

    assert sorted(topics(house, before)) == ["task.done", "task.reworded"]
