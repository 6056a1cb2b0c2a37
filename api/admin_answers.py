"""The shapes of what administrators and connectors are answered, as `api/answers.py` has those of others."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.answers import Shape, Written


class Issued(Written):
    token_id: str
    token: str = Field(description="Shown once. Only its digest is kept.")


class ReadModelStatus(Shape):
    name: str
    position: int
    head: int
    lag_events: int
    lag_seconds: float
    state: Literal["following", "parked"]
    parked: dict[str, Any] | None
    rebuild: dict[str, Any] | None


class ReadModelStatuses(Shape):
    items: list[ReadModelStatus]
    next_cursor: None


class Health(Shape):
    status: Literal["ok"]


class WebhookShape(Shape):
    webhook_id: str
    url: str | None = Field(description="Null where it was erased.")
    label: str
    events: list[Literal["notification", "daily_report"]]
    active: bool


class WebhookPage(Shape):
    items: list[WebhookShape]
    next_cursor: str | None


class DeliveryShape(Shape):
    delivery_id: UUID = Field(description="The `webhook-id` of each attempt.")
    position: int
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    last_status_code: int | None
    last_error: str | None
    delivered_at: datetime | None


class DeliveryPage(Shape):
    items: list[DeliveryShape]
    next_cursor: str | None


class LinkedAddressShape(Shape):
    kind: str
    address: str | None = Field(description="Null where it was erased before.")
    whose: Literal["his", "shared", "colleague", "nobody"] = Field(
        description="Only what is his alone is erased; `nobody`: the link was undone as wrong."
    )
    with_id: str | None = Field(description="The other contact, or the colleague.")


class ErasureCounts(Shape):
    events: int = Field(description="All of them.")
    contact: int
    addresses: int
    chats: int
    participants: int
    messages: int
    edits: int
    deliveries: int
    replies: int
    tasks: int
    deals: int
    questions: int


class ErasureShape(Shape):
    contact_id: str
    name: str | None
    addresses: list[LinkedAddressShape]
    position: int
    erased: ErasureCounts = Field(description="What would be.")


class ErasedShape(Written):
    erased: ErasureCounts
