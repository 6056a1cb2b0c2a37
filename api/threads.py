"""The hidden thread under a message: employees among themselves. Nothing of it reaches the client."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import Response
from pydantic import ConfigDict, Field

from api import limits
from api.answers import ThreadPage, ThreadWritten
from api.errors import FieldError, invalid
from api.fields import INKED, EmployeeIds, PathId, Statement, Text
from api.inbox import Surface, conversation_uuid, not_our_cursor
from api.moves import glance_at
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from api.writing import EmployeeWrite, written
from domain.errors import UnknownThing

routes = router("inbox")
PATH = "/conversations/{conversation_id}/messages/{message_id}/thread"


def what_does_something(schema: dict[str, Any]) -> None:
    """For the API's description: what `check_content` refuses."""
    schema["anyOf"] = [
        {"required": ["text"], "properties": {"text": {"type": "string"}}},
        {"required": ["add_employee_ids"], "properties": {"add_employee_ids": {"minItems": 1}}},
        {"required": ["remove_employee_ids"], "properties": {"remove_employee_ids": {"minItems": 1}}},
    ]


class ThreadPost(Statement):
    model_config = ConfigDict(json_schema_extra=what_does_something)

    text: Annotated[Text, INKED] | None = Field(None, examples=["Which tiles did they choose?"])
    add_employee_ids: EmployeeIds = Field(default=[], description="Helpers: they see the conversation.")
    remove_employee_ids: EmployeeIds = Field(default=[], description="They see it no longer as helpers.")

    def check_content(self) -> None:
        if self.text is not None and not self.text.strip():
            raise _refused("text", "must not be blank")
        if self.text is None and not self.add_employee_ids and not self.remove_employee_ids:
            raise _refused("text", "must be given where nobody is added or removed")
        if set(self.add_employee_ids) & set(self.remove_employee_ids):
            raise _refused("remove_employee_ids", "must name nobody who is added")


@routes.get(PATH, response_model=ThreadPage, responses=DESCRIBED)
async def read_thread(
    conversation_id: PathId,
    message_id: PathId,
    read: EmployeeRead,
    surface: Surface = "web",
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Replies in the order in which they were written, and all who help."""
    try:
        answer = await read.system.threads.thread(
            read.caller.workspace_id,
            read.caller.employee_id,
            conversation_uuid(conversation_id),
            str(_message_uuid(message_id)),
            surface=surface,
            cursor=cursor,
            limit=limit,
        )
    except (ValueError, psycopg.DataError):
        raise not_our_cursor() from None
    return pass_on(answer, noun="message", thing_id=message_id)


@routes.post(PATH, status_code=201, response_model=ThreadWritten)
async def write_in_thread(
    conversation_id: PathId, message_id: PathId, body: ThreadPost, write: EmployeeWrite
) -> Response:
    """Reply, let helpers in, let them go; whoever sees the message may, quality control too.

    A helper sees those chats of the conversation that the caller sees now, until he is removed: by anybody
    who sees the message, or by himself. Both are effective when answered.
    """
    body.check_content()
    seen = await glance_at(write, conversation_id)
    reply_id = write.new_id("reply")
    accepted = await write.carry_out(
        write.ledger.write_in_thread,
        _message_uuid(message_id),
        reply_id,
        author_id=write.caller.employee_id,
        text=body.text,
        add_ids=body.add_employee_ids,
        remove_ids=body.remove_employee_ids,
        chat_ids=seen.chat_ids,
    )
    return written(
        accepted,
        201,
        message_id=str(_message_uuid(message_id)),
        reply_id=None if body.text is None else str(reply_id),
    )


def _message_uuid(message_id: str) -> UUID:
    """404 for what can't be the id of a message."""
    try:
        return UUID(message_id)
    except ValueError:
        raise UnknownThing("message", message_id) from None


def _refused(field: str, message: str) -> Exception:
    errors: list[FieldError] = [{"field": field, "message": message}]
    return invalid(errors)
