"""The Bot API, as it answers when things go well and when they do not."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.telegram import TEXT_UNITS, Answered, Bot, parts
from tests.api.receiver import Receiver

TOKEN = "123456:very-secret"
PATH = f"/bot{TOKEN}/sendMessage"


def send(receiver: Receiver, text: str = "hello") -> Answered:
    async def sent() -> Answered:
        bot = Bot(TOKEN, url=receiver.url("/"), timeout_s=5)
        try:
            return await bot.send_message("-1001", text)
        finally:
            await bot.close()

    return asyncio.run(sent())


def refusing(status: int, description: str, **parameters: object) -> Receiver:
    said = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
    return Receiver(status=status, words={status: json.dumps(said).encode()})


def test_a_message_is_written_to_the_chat_in_as_many_parts_as_it_needs() -> None:
    lines = [f"{number} " + "ы" * 1_000 for number in range(9)]
    with Receiver(status=200, words={200: b'{"ok": true, "result": {}}'}).open() as receiver:
        assert send(receiver, "\n".join(lines)) == Answered()

    assert [request.path for request in receiver.requests] == [PATH] * 3
    assert {request.told["chat_id"] for request in receiver.requests} == {"-1001"}
    assert "\n".join(request.told["text"] for request in receiver.requests) == "\n".join(lines)


@pytest.mark.parametrize(
    ("receiver", "error", "retry_after_s"),
    [
        (refusing(401, "Unauthorized"), "401 Unauthorized; is CHATLEDGER_TELEGRAM_TOKEN that", None),
        (refusing(404, "Not Found"), "404 Not Found; is CHATLEDGER_TELEGRAM_TOKEN that", None),
        (refusing(400, "Bad Request: chat not found"), "the Bot API says: 400 Bad Request: chat not", None),
        (
            refusing(400, "group upgraded", migrate_to_chat_id=-1005),
            "the group has become -1005: state",
            None,
        ),
        (refusing(429, "Too Many Requests", retry_after=17), "429 Too Many Requests", 17.0),
        (refusing(429, "Too Many Requests", retry_after=10**20), "429 Too Many Requests", 86_400.0),
        (refusing(429, "Too Many Requests", retry_after="soon"), "429 Too Many Requests", None),
        (refusing(500, f"no {TOKEN} here"), "500 no *** here", None),
        (Receiver(status=302), "what answers is not the Bot API (status 302)", None),
        (Receiver(status=200, words={200: b"[]"}), "what answers is not the Bot API (status 200)", None),
    ],
)
def test_what_goes_wrong_is_said_clearly_and_without_the_token(
    receiver: Receiver, error: str, retry_after_s: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "httpx"), receiver.open():
        answered = send(receiver)

    assert error in (answered.error or "")
    assert answered.retry_after_s == retry_after_s
    assert TOKEN not in f"{answered} {caplog.text}"


def test_where_nobody_listens_nothing_is_written() -> None:
    with Receiver().open() as receiver:
        pass

    assert send(receiver) == Answered("the Bot API does not answer (ConnectError)")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("aы🏠"), st.integers(1, 5_000)), min_size=1, max_size=6))
def test_parts_hold_everything_and_none_is_too_long(lines: list[tuple[str, int]]) -> None:
    text = "\n".join(letter * count for letter, count in lines)

    cut = list(parts(text))

    assert all(0 < len(part.encode("utf-16-le")) <= 2 * TEXT_UNITS for part in cut)
    assert "".join(cut).replace("\n", "") == text.replace("\n", "")
