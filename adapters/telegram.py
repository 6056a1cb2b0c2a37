"""Writing to a Telegram chat as a bot: `sendMessage` of the Bot API, https://core.telegram.org/bots/api."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import httpx

TIMEOUT_S = 10.0
"""Longest time of one message, from looking up the name to the end of the answer."""

TEXT_UNITS: Final = 4096
"""Of UTF-16, in one message; what is longer goes in several."""

LONGEST_WAIT_S = 86_400.0
"""It may ask for more; but whoever asks for a week is not to be believed."""

USER_AGENT = "Chatledger/1 (reports)"
BAD_TOKEN = (httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND)
"""What the Bot API answers whoever shows a token that is no bot's."""


@dataclass(frozen=True, slots=True)
class Answered:
    """error: why it was not written, without the token; None where it was. retry_after_s: not before."""

    error: str | None = None
    retry_after_s: float | None = None


class Bot:
    """One bot. Its token is in the URL of each request, so no URL may be shown or logged."""

    def __init__(self, token: str, *, url: str, timeout_s: float = TIMEOUT_S) -> None:
        """url: of the Bot API, or of what stands in its place."""
        self.timeout_s = timeout_s
        self._token, self._url = token, url.rstrip("/")

    async def send_message(self, chat_id: str, text: str) -> Answered:
        """Write to a chat; whatever goes wrong is an answer. Of a long text, the first parts may be there."""
        for part in parts(text):
            answered = await self._send(chat_id, part)
            if answered.error is not None:
                return Answered(answered.error.replace(self._token, "***"), answered.retry_after_s)
        return Answered()

    async def close(self) -> None:
        if "_client" in self.__dict__:
            await self._client.aclose()

    async def _send(self, chat_id: str, text: str) -> Answered:
        message = {"chat_id": chat_id, "text": text, "link_preview_options": {"is_disabled": True}}
        try:
            async with asyncio.timeout(self.timeout_s):
                url = f"{self._url}/bot{self._token}/sendMessage"
                return answered(await self._client.post(url, json=message))
        except (TimeoutError, httpx.TimeoutException):
            return Answered(f"the Bot API did not answer within {self.timeout_s:g} s")
        except Exception as error:  # its words may hold the URL, and with it the token
            return Answered(f"the Bot API does not answer ({type(error).__name__})")

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        """Made when it is needed; it is not to log what it asks for, as the URL holds the token."""
        logging.getLogger("httpx").setLevel(logging.WARNING)
        return httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=self.timeout_s,
            headers={"User-Agent": USER_AGENT},
        )


def answered(response: httpx.Response) -> Answered:
    """What the Bot API said, in words for whoever has to put it right."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "ok" not in body:
        return Answered(f"what answers is not the Bot API (status {response.status_code})")
    if body["ok"] is True:
        return Answered()
    said: dict[str, Any] = body["parameters"] if isinstance(body.get("parameters"), dict) else {}
    error = f"the Bot API says: {body.get('error_code', response.status_code)} {body.get('description', '')}"
    if response.status_code in BAD_TOKEN:
        error += "; is CHATLEDGER_TELEGRAM_TOKEN that of a bot?"
    if chat_id := said.get("migrate_to_chat_id"):
        error += f"; the group has become {chat_id}: state that as telegram_chat_id"
    retry_after = said.get("retry_after")
    return Answered(error, min(retry_after, LONGEST_WAIT_S) if isinstance(retry_after, int) else None)


def parts(text: str) -> Iterator[str]:
    """A text in messages of what one may hold, cut between lines, and a line only where it is too long."""
    part = ""
    for line in text.split("\n"):
        for piece in _pieces(line):
            longer = f"{part}\n{piece}" if part else piece
            if _units(longer) > TEXT_UNITS:
                yield part
                longer = piece
            part = longer
    if part.strip():
        yield part


def _pieces(line: str) -> list[str]:
    """No character of Python is longer than two units."""
    if _units(line) <= TEXT_UNITS:
        return [line]
    size = TEXT_UNITS // 2
    return [line[at : at + size] for at in range(0, len(line), size)]


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
