"""A daily report: that it was sent, which days are due, and since when who wants them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from domain.fact import By, Fact, Noun
from domain.ids import derive
from domain.webhook import Webhook

DUE_AT: Final = time(10)
"""By the workspace's clock, for the day before."""

DAYS_BACK: Final = 7
"""What was not sent of the last so many days that are due is sent late; what is older, never."""

DAY = timedelta(days=1)
WEBHOOKS, TELEGRAM, FILE = "webhook", "telegram", "file"


class Report(Noun):
    TOPIC = "report"
    cached: ClassVar[bool] = False

    class Sent(Fact):
        """The report of this day reached this destination: `webhook:<id>`, `telegram:<chat id>` or `file`.

        definition, position: which response times it told, and of which ledger position.
        """

        TOPIC = "report.sent"
        date: str
        destination: str
        definition: str
        position: int

        def apply(self, report: Report) -> None:
            """That it is there says it all: there is one of a day and a destination."""

    def send(self, day: date, destination: str, *, definition: str, position: int, by: By) -> None:
        """Note that it was sent; what was sent twice is noted once."""
        if not self.exists:
            facts = {"date": day.isoformat(), "destination": destination, "definition": definition}
            self.record(Report.Sent, by, position=position, **facts)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a workspace stated that matters to its report; None: as it was. at: when it was stated."""

    at: datetime
    timezone: str | None
    daily_report: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class WebhookTold:
    """An event of a webhook. events: what it wants, where that was stated."""

    at: datetime
    topic: str
    events: Sequence[str] | None


def report_id(workspace_id: str, day: date, destination: str) -> UUID:
    """Of the stream that says whether it was sent, and what receivers know it by."""
    return derive("report", workspace_id, day.isoformat(), destination)


def destinations(daily_report: Mapping[str, Any]) -> list[str]:
    """Where a workspace wants it; `webhook` stands for all of its webhooks that want it."""
    chat_id = daily_report.get("telegram_chat_id")
    return [
        *([WEBHOOKS] if daily_report.get("webhook") else []),
        *([f"{TELEGRAM}:{chat_id}"] if chat_id else []),
        *([FILE] if daily_report.get("file") else []),
    ]


def last_due(now: datetime, timezone: str) -> date:
    """The last day whose report is due: yesterday's from ten on, by the clock on the wall."""
    wall = now.astimezone(ZoneInfo(timezone))
    return wall.date() - (DAY if wall.time() >= DUE_AT else 2 * DAY)


def days_due(now: datetime, timezone: str, first: date) -> list[date]:
    """The days whose reports are due and not too old, oldest first. first: the first that was wanted."""
    last = last_due(now, timezone)
    days = [last - number * DAY for number in reversed(range(DAYS_BACK))]
    return [day for day in days if day >= first]


def wanted_since(stated: Iterable[Settings]) -> dict[str, date]:
    """Which destinations want it now, and the first day: what was due before they were stated is not sent.

    The day is found by the time zone that held then, so a zone that changes later moves no day.
    """
    timezone, wanted = "UTC", dict[str, date]()
    for each in stated:
        timezone = each.timezone or timezone
        if each.daily_report is not None:
            first = last_due(each.at, timezone) + DAY
            wanted = {name: wanted.get(name, first) for name in destinations(each.daily_report)}
    return wanted


def subscribed_since(told: Iterable[WebhookTold], stated: Iterable[Settings]) -> date | None:
    """The first day for a webhook, which wants it and is switched on since then; None: it does not."""
    wants = active = False
    since: datetime | None = None
    for each in told:
        if each.topic == Webhook.Configured.TOPIC:
            wants = "daily_report" in (each.events or ())
        elif each.topic == Webhook.Activated.TOPIC:
            active = True
        elif each.topic in (Webhook.Deactivated.TOPIC, Webhook.Removed.TOPIC):
            active = False
        since = (since or each.at) if wants and active else None
    if since is None:
        return None
    timezone = "UTC"
    for settings in stated:
        if settings.at <= since:
            timezone = settings.timezone or timezone
    return last_due(since, timezone) + DAY
