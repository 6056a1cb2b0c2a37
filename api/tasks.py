"""Tasks on conversations: whoever sees the conversation sees them, changes them and marks them as done."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import psycopg
from fastapi import Query, Response
from pydantic import Field

from api import limits
from api.answers import TaskPage, TaskWritten
from api.conversations import Nothing
from api.errors import invalid
from api.fields import Id, PathId, Statement, TaskText, Time
from api.inbox import Surface, conversation_uuid, not_our_cursor
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from api.writing import EmployeeWrite, Write, written
from domain.deciding import Accepted
from domain.errors import UnknownThing
from domain.task import Wanted
from projections.tasks import Asked

routes = router("inbox")

WHEN = "Left out, there is no hurry."


class NewTask(Statement):
    text: TaskText = Field(examples=["Send the plan"])
    assignee_id: Id | None = Field(None, description="Who is to do it; left out, the caller.")
    due_at: Time | None = Field(None, description=WHEN)


class TaskStatement(Statement):
    """The task as it is to be."""

    text: TaskText = Field(examples=["Send the plan"])
    assignee_id: Id = Field(examples=["irina"])
    due_at: Time | None = Field(None, description=WHEN)

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.text, self.assignee_id, self.due_at)


@routes.get("/conversations/{conversation_id}/tasks", response_model=TaskPage, responses=DESCRIBED)
async def list_tasks_of_conversation(
    conversation_id: PathId,
    read: EmployeeRead,
    surface: Surface = "web",
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """All tasks of a conversation: due soonest first, those that are done last."""
    try:
        answer = await read.system.tasks.of_conversation(
            read.caller.workspace_id,
            read.caller.employee_id,
            conversation_uuid(conversation_id),
            surface=surface,
            cursor=cursor,
            limit=limit,
        )
    except (ValueError, psycopg.DataError):
        raise not_our_cursor() from None
    return pass_on(answer, noun="conversation", thing_id=conversation_id)


@routes.post("/conversations/{conversation_id}/tasks", status_code=201, response_model=TaskWritten)
async def create_task(conversation_id: PathId, body: NewTask, write: EmployeeWrite) -> Response:
    """Ask somebody who sees the conversation to do something. It belongs to the chat that was active last."""
    me, asked = write.caller.employee_id, conversation_uuid(conversation_id)
    chat_id = await write.system.tasks.latest_chat(write.by.workspace_id, me, asked)
    if chat_id is None:
        raise UnknownThing("conversation", conversation_id)
    task_id = write.new_id("task")
    wanted = Wanted(body.text, body.assignee_id or me, body.due_at)
    accepted = await write.carry_out(
        write.ledger.create_task,
        task_id,
        wanted,
        chat_id=chat_id,
        employee_id=me,
        assignee_sees=await _sees(write, wanted.assignee_id, chat_id),
    )
    return _written(accepted, task_id, 201)


@routes.get("/tasks", response_model=TaskPage, responses=DESCRIBED)
async def list_tasks(
    read: EmployeeRead,
    mine: Annotated[bool | None, Query(description="Left out, true, unless an assignee is named.")] = None,
    assignee_id: Id | None = None,
    done: bool = False,
    overdue: bool | None = None,
    surface: Surface = "web",
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Tasks in the conversations that the caller sees: due soonest first, those without a time last."""
    me = read.caller.employee_id
    if mine and assignee_id not in (None, me):
        raise invalid([{"field": "assignee_id", "message": "does not go with mine=true"}])
    whose = me if assignee_id is None and mine is not False else assignee_id
    try:
        answer = await read.system.tasks.page(
            read.caller.workspace_id,
            me,
            Asked(whose, done=done, overdue=overdue),
            surface=surface,
            cursor=cursor,
            limit=limit,
        )
    except (ValueError, psycopg.DataError):
        raise not_our_cursor() from None
    return pass_on(answer, noun="employee", thing_id=me)


@routes.put("/tasks/{task_id}", response_model=TaskWritten)
async def change_task(task_id: PathId, body: TaskStatement, write: EmployeeWrite) -> Response:
    """State the task as it is to be. Whoever gets it has to see the conversation."""
    found, chat_id = await _seen(write, task_id)
    accepted = await write.carry_out(
        write.ledger.change_task,
        found,
        body.wanted,
        employee_id=write.caller.employee_id,
        assignee_sees=await _sees(write, body.assignee_id, chat_id),
    )
    return _written(accepted, found)


@routes.post("/tasks/{task_id}/done", response_model=TaskWritten)
async def finish_task(task_id: PathId, write: EmployeeWrite, body: Nothing | None = None) -> Response:
    """Say that it is done."""
    found, _ = await _seen(write, task_id)
    accepted = await write.carry_out(write.ledger.finish_task, found, employee_id=write.caller.employee_id)
    return _written(accepted, found)


@routes.post("/tasks/{task_id}/reopen", response_model=TaskWritten)
async def reopen_task(task_id: PathId, write: EmployeeWrite, body: Nothing | None = None) -> Response:
    """Say that it is to be done after all."""
    found, _ = await _seen(write, task_id)
    accepted = await write.carry_out(write.ledger.reopen_task, found, employee_id=write.caller.employee_id)
    return _written(accepted, found)


async def _seen(write: Write, task_id: str) -> tuple[UUID, str]:
    """A task that the caller sees, and its chat; any other is not there (404)."""
    try:
        found = UUID(task_id)
    except ValueError:
        raise UnknownThing("task", task_id) from None
    chat_id = await write.system.tasks.chat_of_task(
        write.by.workspace_id, write.caller.employee_id, str(found)
    )
    if chat_id is None:
        raise UnknownThing("task", task_id)
    return found, chat_id


async def _sees(write: Write, employee_id: str, chat_id: str) -> bool:
    return await write.system.tasks.sees(write.by.workspace_id, employee_id, chat_id)


def _written(accepted: Accepted, task_id: UUID, status: int = 200) -> Response:
    return written(accepted, status, task_id=str(task_id))
