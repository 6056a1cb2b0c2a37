"""The shapes of the answers, for the API's description; a test holds real answers against them.

Nothing is built from these: reads go through as PostgreSQL wrote them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from domain.chat import ChatKind
from domain.conversation import Folder
from domain.delivery import DeliveryStatus


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProblemShape(BaseModel):
    """RFC 9457. Beside these it has the values that explain it, such as `holder_id`."""

    type: str = Field(examples=["/errors/already_held"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["already_held"])
    errors: list[dict[str, str]] | None = Field(None, examples=[[{"field": "name", "message": "…"}]])


class Written(Shape):
    position: int = Field(description="Of the last event; the ledger's head if nothing was new.")


class HandedOver(Written):
    deals: int
    contacts: int


class ReceivedItem(Shape):
    status: Literal["appended", "duplicate", "rejected"]
    position: int | None
    error: ProblemShape | None


class Received(Written):
    results: list[ReceivedItem]


class Moved(Written):
    conversation_id: UUID


class BulkItem(Shape):
    conversation_id: str
    status: Literal["done", "unchanged", "rejected"]
    error: ProblemShape | None


class BulkMoved(Written):
    results: list[BulkItem]


class Sent(Written):
    message_id: UUID


class Linked(Moved):
    contact_id: str
    address_id: UUID


class Reason(Shape):
    """Why an employee sees a conversation; which of the ids there are depends on the kind."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "owns_deal", "deal_id": "house", "contact_id": "husband"}]}
    )

    kind: Literal[
        "responsible_for_contact", "owns_deal", "oversight", "new_client", "whole_team", "thread_helper"
    ]
    contact_id: str | None = None
    deal_id: str | None = None
    role: str | None = None
    channel_id: str | None = None
    message_id: UUID | None = None


class Author(Shape):
    kind: Literal["client", "employee", "external_staff", "automatic", "unknown"]
    id: str | None
    name: str | None


class ChatShape(Shape):
    chat_id: UUID
    external_id: str | None = Field(description="The messenger's id; null where it was erased.")
    channel_id: str
    kind: ChatKind


class LastMessage(Shape):
    message_id: UUID
    at: datetime
    direction: Literal["in", "out"]
    author: Author
    text: str | None


class InboxItem(Shape):
    conversation_id: UUID
    kind: ChatKind
    title: str | None
    chats: list[ChatShape]
    contact_ids: list[str]
    folder: Folder
    holder_id: str | None
    snoozed_until: datetime | None
    waiting_since: datetime | None
    unread: int
    last_message: LastMessage | None
    reasons: list[Reason]


class InboxPage(Shape):
    items: list[InboxItem]
    next_cursor: str | None


class Counts(Shape):
    incoming: int
    in_progress: int
    snoozed: int
    closed: int
    waiting: int
    unread: int


class Participant(Shape):
    address: str | None = Field(description="Null where it was erased.")
    name: str | None
    kind: Literal["client", "employee", "external_staff", "unknown"]
    contact_id: str | None
    employee_id: str | None
    staff_id: str | None
    joined_at: datetime
    left_at: datetime | None


class ConversationShape(InboxItem):
    participants: list[Participant]


class Thread(Shape):
    replies: int


class MessageShape(Shape):
    message_id: UUID
    chat_id: UUID
    channel_id: str
    external_id: str | None = Field(description="The messenger's id; null for one that was written here.")
    direction: Literal["in", "out"]
    author: Author
    text: str | None
    attachments: list[dict[str, Any]]
    reply_to: UUID | None
    sent_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    delivery: DeliveryStatus | None
    position: int
    thread: Thread


class MessagePage(Shape):
    items: list[MessageShape]
    next_cursor: str | None


class Since(Shape):
    position: int
    at: datetime


class Witness(Shape):
    employee_id: str
    name: str | None = Field(description="As he was called then.", examples=["Oleg"])
    role: str | None = Field(description="That he had then.", examples=["seller"])
    reasons: list[Reason]
    chat_ids: list[UUID] = Field(description="Of the chats asked about, those that he saw.")
    since: Since


class Witnesses(Shape):
    at: int
    items: list[Witness]


class Helper(Shape):
    employee_id: str
    name: str | None
    added_by: str
    added_at: datetime


class Reply(Shape):
    reply_id: UUID
    author: Author
    text: str | None
    at: datetime
    position: int


class ThreadPage(Shape):
    message_id: UUID
    helpers: list[Helper]
    items: list[Reply]
    next_cursor: str | None


class ThreadWritten(Written):
    message_id: UUID
    reply_id: UUID | None


class TaskShape(Shape):
    task_id: UUID
    conversation_id: UUID
    title: str | None = Field(description="The conversation's.")
    text: str | None
    assignee_id: str
    assignee_name: str | None
    created_by: str
    created_at: datetime
    due_at: datetime | None
    overdue: bool
    done_at: datetime | None
    done_by: str | None
    position: int = Field(description="Where it was created.")


class TaskPage(Shape):
    items: list[TaskShape]
    next_cursor: str | None


class TaskWritten(Written):
    task_id: UUID


class NotificationShape(Shape):
    position: int
    conversation_id: UUID
    chat_id: UUID
    message_id: UUID
    at: datetime = Field(description="When the message was recorded.")


class NotificationPage(Shape):
    items: list[NotificationShape]
    next_cursor: str | None


class MutedHours(Shape):
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    begin: str = Field(alias="from")
    end: str = Field(alias="to")


class MutedHoursShape(Shape):
    muted_hours: list[MutedHours]


class Fragment(Shape):
    text: str
    highlights: list[tuple[int, int]] = Field(
        description="Where what was asked for begins and ends, in characters (Unicode code points).",
        examples=[[[0, 7]]],
    )


class FoundMessage(MessageShape):
    conversation_id: UUID
    title: str | None
    fragment: Fragment


class NameMatch(Shape):
    kind: Literal["name", "phone", "title"]
    text: str


class FoundConversation(Shape):
    conversation_id: UUID
    title: str | None
    matched: list[NameMatch]


class Findings(Shape):
    items: list[FoundMessage]
    conversations: list[FoundConversation] = Field(
        description="Those that are called so, newest activity first; on the first page only."
    )
    next_cursor: str | None


class FeedMessage(MessageShape):
    conversation_id: UUID
