"""The shape of the daily report as data, as `api/answers.py` has those of others."""

from __future__ import annotations

import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from api.answers import Shape
from api.auditing.speaker import Language

SECONDS = "Null where nothing was answered."


class FiguresShape(Shape):
    """Times are seconds."""

    n: int = Field(description="Answers that count.")
    mean: float | None = Field(description=SECONDS)
    median: float | None = Field(description=SECONDS)
    p90: float | None = Field(description=SECONDS)
    within_goal: float | None = Field(description="The share of answers, 0 to 1.")
    over_cap: int = Field(description="Answers that took too long to count.")
    open_waits: int = Field(description="That began in these days, and last until now.")
    dismissed: int = Field(description="That somebody said needed no answer.")


class CreditedFigures(FiguresShape):
    kind: Literal["employee", "external_staff", "system"] | None = Field(description="Null: nobody's.")
    employee_id: str | None = Field(description="Null where nobody knows which of them.", examples=["oleg"])
    name: str | None = Field(examples=["Oleg"])


class MessageCounts(Shape):
    in_: int = Field(alias="in")
    out: int


class Goal(Shape):
    seconds: int = Field(description="That answers are to take at most, on average.")
    met: bool | None = Field(description="Null where nothing was answered.")


class LongestWaitShape(Shape):
    conversation_id: UUID
    chat_id: UUID
    channel_id: str
    opened_at: datetime.datetime
    opened_position: int
    seconds: int = Field(description="Until now, all hours.")


class OpenWaits(Shape):
    """Those that began by the end of the day, and last until now."""

    count: int
    longest: LongestWaitShape | None


class SameWeekdayShape(Shape):
    """What is usual on this day of the week: of the four before."""

    weeks: int = Field(description="How many of the four are not older than the first message.")
    chats: float | None = Field(description="On average.")
    chats_with_new_clients: float | None
    mean: float | None = Field(description="Seconds, of all answers of these days.")
    median: float | None


class DailyReportShape(Shape):
    date: datetime.date
    timezone: str
    language: Language
    definition: str = Field(examples=["first-of-run/1"])
    position: int = Field(description="Of the read models, where any part of it was read.")
    chats: int = Field(description="Conversations in which something was written that day.")
    chats_with_new_clients: int = Field(description="Those whose client had never written before.")
    messages: MessageCounts
    response: FiguresShape
    goal: Goal
    employees: list[CreditedFigures]
    open_waits: OpenWaits
    same_weekday: SameWeekdayShape
