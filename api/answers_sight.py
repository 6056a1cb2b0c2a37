"""The shapes of what an auditor is told about who saw what and who owned what; see `answers.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from api.answers import Reason, Shape, Since

Ids = dict[str, Any]


class EventShape(Shape):
    """An event as it stands in the ledger."""

    position: int
    workspace_id: str = Field(examples=["main"])
    stream_id: UUID
    version: int
    topic: str = Field(examples=["deal.reassigned"])
    actor: str = Field(examples=["connector:crm"])
    occurred_at: datetime
    recorded_at: datetime
    causation: str
    facts: Ids = Field(examples=[{"deal_id": "house", "from_id": "oleg", "to_id": "pavel", "status": "won"}])
    private: Ids | None = Field(description="Null where there is none, or it was erased.", examples=[None])


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
        description="How employees, contacts, deals and channels were called then.",
        examples=[{"oleg": "Oleg", "husband": "Husband"}],
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
