"""The shapes of what auditors are answered, as `api/answers.py` has those of others."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.answers import Author, Shape
from domain.chat import ChatKind
from domain.conversation import Folder
from domain.delivery import DeliveryStatus


class EventShape(Shape):
    """An event as it stands in the ledger; docs/events.md says what the fields of each are."""

    position: int
    workspace_id: str
    stream_id: UUID
    version: int
    topic: str = Field(examples=["message.deleted"])
    actor: str = Field(examples=["connector:5f0c9d5e-3b0a-4f6e-9d59-0d6f5c4b8a11"])
    occurred_at: datetime = Field(description="By the clock of whoever saw it.")
    recorded_at: datetime = Field(description="By the database's clock; it never falls.")
    causation: str = Field(examples=["request:1"])
    facts: dict[str, Any] = Field(examples=[{"message_id": "5e7c7a2e-7a4e-4a52-9c1b-0b9d6f6e3c55"}])
    private: dict[str, Any] | None = Field(
        description="What quotes or identifies a person; null where it was erased, or there is none.",
        examples=[None],
    )


class EventPage(Shape):
    items: list[EventShape]
    next_cursor: str | None


class ChatThen(Shape):
    chat_id: UUID
    external_id: str | None = Field(description="Null where it was erased.")
    channel_id: str
    kind: ChatKind
    title: str | None
    folder: Folder
    holder_id: str | None
    snoozed_until: datetime | None


class VersionShape(Shape):
    text: str | None
    erased: bool
    at: datetime
    position: int


class ReaderShape(Shape):
    employee_id: str
    name: str | None
    position: int = Field(description="Of the event that first said so.")
    at: datetime


class ReplyThen(Shape):
    reply_id: UUID
    author: Author
    text: str | None
    erased: bool
    at: datetime
    position: int


class HelperThen(Shape):
    employee_id: str
    name: str | None
    added_by: str
    added_at: datetime
    position: int


class MessageThen(Shape):
    message_id: UUID
    chat_id: UUID
    channel_id: str
    external_id: str | None
    direction: Literal["in", "out"]
    author: Author
    text: str | None = Field(description="Also of a message that was deleted.")
    erased: bool = Field(description="The text was there, and was erased.")
    attachments: list[dict[str, Any]]
    reply_to: UUID | None
    sent_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    delivery: DeliveryStatus | None
    position: int
    versions: list[VersionShape] = Field(description="All texts that it had had, the last of them its text.")
    read_by: list[ReaderShape]
    thread: list[ReplyThen]
    helpers: list[HelperThen]


class ParticipantThen(Shape):
    address: str | None = Field(description="Null where it was erased.")
    name: str | None
    kind: Literal["client", "employee", "external_staff", "unknown"]
    contact_id: str | None
    employee_id: str | None
    staff_id: str | None
    joined_at: datetime | None
    left_at: datetime | None


class TranscriptShape(Shape):
    at: int = Field(description="What was known at this ledger position.", examples=[42])
    valid_at: datetime | None = Field(description="Of that, what had happened by this time; null for all.")
    conversation_id: UUID = Field(description="In which it stood then.")
    chats: list[ChatThen] = Field(description="Those that stood in it, oldest first.")
    folder: Folder | None = Field(description="Null where no chat was there yet.")
    holder_id: str | None
    snoozed_until: datetime | None
    participants: list[ParticipantThen]
    items: list[MessageThen]
    next_cursor: str | None
