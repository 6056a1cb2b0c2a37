"""Where a daily report goes: a webhook, a Telegram chat, a folder. What goes wrong is told, not raised."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from fastapi.concurrency import run_in_threadpool

from adapters.report_files import PLAIN_NAME, ReportFiles
from adapters.settings import Settings
from adapters.telegram import Bot
from adapters.webhooks import Sender
from api.reporting.daily import DailyReport, as_text
from domain.ids import derive
from domain.report import FILE, TELEGRAM, WEBHOOKS, destinations


@dataclass(frozen=True, slots=True)
class Letter:
    """A report that is to be sent. letter_id: the same at each attempt, so that a receiver knows it again."""

    workspace_id: str
    letter_id: UUID
    report: DailyReport

    @property
    def day(self) -> str:
        return self.report.date.isoformat()

    @property
    def text(self) -> str:
        return as_text(self.report, self.report.language)


@dataclass(frozen=True, slots=True)
class Posted:
    """error: why it was not, None where it was; gone: the receiver wants nothing more, ever."""

    error: str | None = None
    retry_after_s: float | None = None
    gone: bool = False


class Destination(Protocol):
    @property
    def name(self) -> str:
        """As the ledger knows it."""

    @property
    def wanted_as(self) -> str:
        """Among what a workspace states; one for all webhooks."""

    async def post(self, letter: Letter) -> Posted: ...


@dataclass(frozen=True, slots=True)
class ToWebhook:
    webhook_id: str
    url: str
    secret: str = field(repr=False)
    sender: Sender
    wanted_as: str = WEBHOOKS

    @property
    def name(self) -> str:
        return f"{WEBHOOKS}:{self.webhook_id}"

    async def post(self, letter: Letter) -> Posted:
        told = {
            "type": "daily_report",
            "workspace_id": letter.workspace_id,
            "date": letter.day,
            "text": letter.text,
            "report": letter.report.body(),
        }
        outcome = await self.sender.send(self.url, self.secret, str(letter.letter_id), written(told))
        return Posted(None if outcome.delivered else outcome.error, gone=outcome.gone)


@dataclass(frozen=True, slots=True)
class ToTelegram:
    chat_id: str
    bot: Bot | None

    @property
    def name(self) -> str:
        return f"{TELEGRAM}:{self.chat_id}"

    @property
    def wanted_as(self) -> str:
        return self.name

    async def post(self, letter: Letter) -> Posted:
        if self.bot is None:
            return Posted("there is no bot to write with: CHATLEDGER_TELEGRAM_TOKEN is not set")
        answered = await self.bot.send_message(self.chat_id, letter.text)
        return Posted(answered.error, answered.retry_after_s)


@dataclass(frozen=True, slots=True)
class ToFile:
    files: ReportFiles
    name: str = FILE
    wanted_as: str = FILE

    async def post(self, letter: Letter) -> Posted:
        """A workspace whose id can't be a folder's name has a folder that is named by an id derived of it."""
        plain = PLAIN_NAME.fullmatch(letter.workspace_id)
        folder = letter.workspace_id if plain else str(derive("workspace", letter.workspace_id))
        contents = {"json": written(letter.report.body()), "txt": f"{letter.text}\n".encode()}
        try:
            await run_in_threadpool(self.files.keep, folder, letter.day, contents)
        except OSError as error:
            return Posted(f"can't be written: {error.strerror}")
        return Posted()


class Destinations:
    """What all reports of a process are sent with."""

    def __init__(self, settings: Settings) -> None:
        self.sender = Sender(private_networks=settings.webhooks_may_reach_private_networks)
        self.bot = (
            Bot(settings.telegram_token, url=settings.telegram_url) if settings.telegram_token else None
        )
        self.files = ReportFiles(settings.reports_folder)

    def of(self, daily_report: dict[str, Any], webhooks: list[tuple[str, str, str]]) -> Iterator[Destination]:
        """webhooks: id, url and secret of those that want it."""
        for name in destinations(daily_report):
            if name == WEBHOOKS:
                yield from (ToWebhook(*webhook, self.sender) for webhook in webhooks)
            elif name == FILE:
                yield ToFile(self.files)
            else:
                yield ToTelegram(name.removeprefix(f"{TELEGRAM}:"), self.bot)

    async def close(self) -> None:
        await self.sender.close()
        if self.bot:
            await self.bot.close()


def written(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
