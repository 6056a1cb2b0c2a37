"""The shapes of what analysts are answered, as `api/answers.py` has those of others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from api.answers import Shape, Since
from domain.definition import Credit, Hours, Scope, Start
from domain.wait import Outcome

CreditedKind = Literal["employee", "external_staff", "system"]


class InWords(Shape):
    en: str
    ru: str


class DefinitionShape(Shape):
    definition: str = Field(description="Name and version.", examples=["first-of-run/1"])
    name: str = Field(examples=["first-of-run"])
    version: int
    default: bool
    start: Start
    scope: Scope
    hours: Hours
    credit: Credit
    cap_seconds: int | None = Field(description="Answers that took longer are counted apart.")
    in_words: InWords


class DefinitionList(Shape):
    items: list[DefinitionShape]
    next_cursor: None


class FiguresShape(Shape):
    """Of waits; all times in seconds, null where nothing was answered."""

    n: int = Field(description="Answers.")
    mean: float | None
    median: float | None
    p90: float | None = Field(description="The 90th percentile, interpolated as NumPy does.")
    within_goal: float | None = Field(description="Which part of the answers kept to the goal, 0 to 1.")
    over_cap: int = Field(description="Answers that took longer than the definition's cap; not in n.")
    open_waits: int = Field(description="That nobody has answered yet.")
    dismissed: int = Field(description="That needed no answer.")
    longest_open_seconds: float | None = Field(description="The age of the oldest wait that is open.")


class GroupShape(FiguresShape):
    """Beside the figures, what the group is."""

    day: date | None = Field(None, description="Of the workspace's time zone.")
    weekday: int | None = Field(None, description="Monday is 1.")
    hour: int | None = Field(None, description="0 to 23.")
    channel_id: str | None = None
    title: str | None = None
    kind: CreditedKind | None = Field(None, description="Null: nobody's.")
    employee_id: str | None = Field(None, description="Null where nobody knows which of them it was.")
    staff_id: str | None = None
    name: str | None = None


class ResponseTimes(Shape):
    definition: str = Field(examples=["first-of-run/1"])
    timezone: str = Field(examples=["Europe/Moscow"])
    goal_seconds: int = Field(examples=[600])
    from_: datetime = Field(alias="from")
    to: datetime = Field(description="Before which a wait began.")
    total: FiguresShape
    items: list[GroupShape]
    next_cursor: None


class Closing(Since):
    kind: CreditedKind
    by: str | None = Field(description="Null where nobody knows which of them.", examples=["oleg"])


class CreditedShape(Shape):
    kind: CreditedKind | None
    id: str | None = Field(examples=["oleg"])
    name: str | None = Field(examples=["Oleg"])


class WaitShape(Shape):
    conversation_id: UUID
    chat_id: UUID
    channel_id: str
    outcome: Outcome
    seconds: float | None = Field(description="By the definition; null while it is open.")
    counted: bool = Field(description="Whether it is one of the n of the figures.")
    within_goal: bool | None = Field(description="Null where it was not answered.")
    age_seconds: float | None = Field(description="Since it was opened, of one that is open.")
    opened: Since = Field(description="The client's message that opened it.")
    last: Since = Field(description="The last of his messages that belong to it.")
    closed: Closing | None
    holder_at_opening: str | None
    holder_at_closing: str | None
    owner_at_opening: str | None
    owner_at_closing: str | None
    credited: CreditedShape = Field(description="Whose figure it is by the definition.")


class WaitPage(Shape):
    items: list[WaitShape]
    next_cursor: str | None


class WaitEvent(Shape):
    position: int
    topic: str = Field(examples=["message.received"])
    at: datetime
    actor: str = Field(examples=["connector:5f0c9d5e-3b0a-4f6e-9d59-0d6f5c4b8a11"])
    facts: dict[str, Any] = Field(examples=[{"message_id": "5e7c7a2e-7a4e-4a52-9c1b-0b9d6f6e3c55"}])


class WaitEvents(Shape):
    items: list[WaitEvent]
    next_cursor: str | None
