"""The shapes of what auditors are answered, as `api/answers.py` has those of others."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.answers import Author, Reason, Shape, Since
from domain.chat import ChatKind
from domain.conversation import Folder
from domain.delivery import DeliveryStatus

Ids = dict[str, Any]


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


class Turning(Since):
    """A place in the ledger, with the event that stands there."""

    event: EventShape


class SightInterval(Shape):
    employee_id: str
    name: str | None = Field(description="As he was called when it began.", examples=["Oleg"])
    chat_id: UUID
    conversation_id: UUID = Field(description="In which the chat stands today.")
    reason: Reason
    begin: Turning = Field(alias="from")
    end: Turning | None = Field(alias="to", description="Null where it goes on.")


class SightHistory(Shape):
    items: list[SightInterval]
    next_cursor: str | None = Field(
        description="An employee's page may be short, or empty, although more follows; null at the end."
    )


class ExplainedReason(Reason):
    model_config = ConfigDict(json_schema_extra={})

    since: Since
    until: Since | None
    ended: list[str] = Field(description="Which facts ended with it.", examples=[["deal_owner"]])
    events: list[EventShape] = Field(description="What made it so.")


class Lost(Turning):
    """The last time he lost sight of it."""

    reasons: list[ExplainedReason]


class Answering(Shape):
    employee_id: str
    contact_id: str


class Obstacle(Shape):
    code: Literal[
        "not_registered",
        "inactive",
        "chat_not_open_yet",
        "channel_not_shared",
        "answers_for_nobody_in_it",
        "not_receiving_new_clients",
    ]
    channel_id: str | None = None
    answering: list[Answering] = Field([], description="Who answers for clients in it.")
    events: list[EventShape]


class Never(Shape):
    because: list[Obstacle]


class Explanation(Shape):
    at: int = Field(examples=[42])
    employee_id: str
    chat_id: UUID
    visible: bool
    reasons: list[ExplainedReason]
    lost: Lost | None
    never: Never | None
    names: dict[str, str | None] = Field(
        description="How employees, contacts, deals and channels were called then, by `noun:id`.",
        examples=[{"employee:oleg": "Oleg", "contact:husband": "Husband"}],
    )
    in_words: list[str] = Field(
        description="The same as sentences; times in UTC.", examples=[["Oleg sees this chat at position 42."]]
    )


class TenureTurn(Turning):
    occurred_at: datetime


class TenureShape(Shape):
    employee_id: str | None = Field(description="Null: nobody.")
    name: str | None = Field(examples=["Oleg"])
    role: Literal["owner", "responsible", "holder"]
    deal_id: str | None = None
    contact_id: str | None = None
    chat_id: UUID | None = None
    begin: TenureTurn = Field(alias="from")
    end: TenureTurn | None = Field(alias="to")


class OwnershipShape(Shape):
    subject: str = Field(examples=["deal:house"])
    at: int = Field(examples=[42])
    items: list[TenureShape]


class Previewed(Shape):
    employee_id: str
    name: str | None = Field(examples=["Oleg"])
    chat_id: UUID
    conversation_id: UUID
    change: Literal["gains", "loses"]
    reasons: list[Reason] = Field(description="For which he would see it, or sees it now.")


class PreviewCounts(Shape):
    gains: int
    loses: int


class PreviewShape(Shape):
    position: int = Field(description="As of which it was worked out.")
    items: list[Previewed]
    counts: PreviewCounts


class SignedHead(Shape):
    origin: str = Field(description="Which log it is of.")
    size: int = Field(description="Over how many events.")
    root_hash: str = Field(description="Base64.")
    note: str = Field(description="The C2SP checkpoint as it was signed.")
    signed_at: datetime
    public_key: str = Field(description="With which the signature is checked: `NAME+ID+KEY`.")


class InclusionProof(Shape):
    position: int
    leaf_index: int
    leaf_hash: str = Field(description="Base64.")
    size: int
    root_hash: str
    audit_path: list[str]


class ConsistencyProof(Shape):
    from_: int = Field(alias="from")
    to: int
    from_root_hash: str
    to_root_hash: str
    proof: list[str]
