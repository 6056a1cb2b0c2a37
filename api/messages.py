"""The messages of a conversation: reading them, and answering the client."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import psycopg
from fastapi import Query, Response
from pydantic import AfterValidator, ConfigDict, Field
from pydantic.config import JsonDict

from api import limits
from api.answers import MessagePage, Sent
from api.errors import invalid
from api.fields import INK, Attachments, Id, PathId, Statement, Text, Uuid, plus_restored
from api.inbox import Surface, conversation_uuid, not_our_cursor
from api.moves import glance_at
from api.reading import DESCRIBED, Cursor, EmployeeRead, Limit, pass_on
from api.routing import router
from api.writing import EmployeeWrite, written
from domain.errors import UnknownReference
from projections.inbox import Glance

routes = router("inbox")

RIGHT_AFTER = timedelta(microseconds=1)
"""An answer stands behind what it answers, also where the client's clock is ahead of ours."""

Mark = Annotated[
    Id,
    AfterValidator(plus_restored),
    Query(description="A message id, a ledger position or a time."),
]


SAYS_SOMETHING: JsonDict = {
    "anyOf": [
        {"required": ["text"], "properties": {"text": {"type": "string", "pattern": INK}}},
        {"required": ["attachments"], "properties": {"attachments": {"minItems": 1}}},
    ]
}
"""For the API's description: what `check_content` refuses."""


class Answer(Statement):
    model_config = ConfigDict(json_schema_extra=SAYS_SOMETHING)

    text: Text | None = Field(None, examples=["Good morning! The plan is ready."])
    attachments: Attachments = Field(default=[])
    chat_id: Uuid | None = Field(None, description="Left out: where the client wrote last.")
    reply_to: Uuid | None = Field(None, description="The message that this one quotes.")

    def check_content(self) -> None:
        if not (self.text and self.text.strip()) and not self.attachments:
            raise invalid([{"field": "text", "message": "must be given where nothing is attached"}])


@routes.get("/conversations/{conversation_id}/messages", response_model=MessagePage, responses=DESCRIBED)
async def list_messages(
    conversation_id: PathId,
    read: EmployeeRead,
    before: Mark | None = None,
    after: Mark | None = None,
    surface: Surface = "web",
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Messages in time order, from the oldest on; with `before`, the last ones before that."""
    try:
        answer = await read.system.timeline.messages(
            read.caller.workspace_id,
            read.caller.employee_id,
            conversation_uuid(conversation_id),
            before=before,
            after=after,
            surface=surface,
            cursor=cursor,
            limit=limit,
        )
    except psycopg.DataError:
        raise not_our_cursor() from None
    return pass_on(answer, noun="conversation", thing_id=conversation_id)


@routes.post("/conversations/{conversation_id}/messages", status_code=201, response_model=Sent)
async def send_message(conversation_id: PathId, body: Answer, write: EmployeeWrite) -> Response:
    """Answer the client. The message is queued under the employee's name, for a connector to deliver."""
    body.check_content()
    seen = await glance_at(write, conversation_id)
    message_id = write.message_id()
    accepted = await write.not_before(seen.activity_at + RIGHT_AFTER).carry_out(
        write.ledger.send_message,
        _chat(seen, body.chat_id),
        message_id,
        author_id=write.caller.employee_id,
        text=body.text,
        attachments=[attachment.model_dump() for attachment in body.attachments],
        reply_to=body.reply_to,
    )
    return written(accepted, 201, message_id=str(message_id))


def _chat(seen: Glance, chat_id: str | None) -> str:
    """The chat to answer in, one that the caller sees: where the client wrote last, if he does not say."""
    if chat_id is None:
        return seen.chat_ids[0]
    if chat_id not in seen.chat_ids:
        raise UnknownReference("chat", chat_id, field="chat_id")
    return chat_id
