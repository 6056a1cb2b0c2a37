"""Who looks after a day, from outside: everybody at his lists and counts, and an auditor at the ledger."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping

from api.bench.caller import Answer, Caller
from api.bench.folded import fold
from api.bench.invariants import (
    Item,
    Lists,
    Rule,
    acknowledged_once,
    holders_see,
    no_client_unseen,
)
from api.bench.measuring import Promise, Watch
from api.bench.served import Served
from api.bench.servers import ServerFailed
from domain.ids import conversation_id
from projections.read_model import READ_MODELS

WORKSPACE = "main"
LOOKING = 4
"""So many employees look at a time."""

PAGE = 200
LOOKS = 5
"""How often all look again because something moved meanwhile, such as a snooze that ended."""

READ_AGAIN = 1_000
"""Of so many conversations all messages are read, to find each that was acknowledged, once."""

Tokens = Mapping[str, str]
"""Employee → token."""

Acknowledged = Mapping[str, str]
"""Message → its chat."""


class Moved(Exception):
    """Something was recorded while all looked, so that what they saw is not of one position."""


def look(
    url: str, ours: Served, tokens: Tokens, overseer: str, acknowledged: Acknowledged, watch: Watch
) -> list[Promise]:
    """Whether what was promised holds, when the read models have everything.

    overseer: an employee who sees every chat.

    Raises:
        ServerFailed: the company does not come to rest.
    """
    for _ in range(LOOKS):
        ours.catch_up()
        rule = Rule(fold(url, WORKSPACE))
        try:
            lists = asyncio.run(look_at_lists(ours.port, rule, tokens, watch))
        except Moved:
            continue
        once = acknowledged_once(rule.folded, acknowledged)
        asyncio.run(read_again(ours.port, tokens[overseer], acknowledged, once))
        promises = [no_client_unseen(rule.folded), holders_see(rule), lists.counted, lists.ruled, once]
        return [*promises, rebuilt(url)]
    raise ServerFailed(f"the company moves on, however often all look ({LOOKS} times)")


def rebuilt(url: str) -> Promise:
    """Whether the read models are those that come of the ledger alone; the command says so."""
    promise = Promise("read models equal a rebuild", "read models")
    command = [sys.executable, "-m", "api.cli", "rebuild", "all", "--verify"]
    environment = {**os.environ, "CHATLEDGER_DATABASE_URL": url}
    told = subprocess.run(command, env=environment, capture_output=True, text=True)
    fault = " ".join((told.stderr or told.stdout).split())
    promise.note(fault if told.returncode else None, len(READ_MODELS))
    return promise


async def look_at_lists(port: int, rule: Rule, tokens: Tokens, watch: Watch) -> Lists:
    """Everybody's lists and counts, beside what they have to be.

    Raises:
        Moved: they are not of one position.
    """
    lists, left = Lists(rule), list(tokens.items())

    async def look_on() -> None:
        while left:
            employee_id, token = left.pop()
            async with Caller(port, token) as caller:
                lists.take(employee_id, *await _whole_inbox(caller, rule.folded.head))
            watch("lists", len(tokens) - len(left), len(tokens))

    await asyncio.gather(*(look_on() for _ in range(LOOKING)))
    return lists


async def _whole_inbox(caller: Caller, head: int) -> tuple[list[Item], dict[str, int]]:
    """Every line of it, and the counts, at this position."""
    counts = (await _asked(caller, "/v1/inbox/counts", head)).body
    items: list[Item] = []
    path, cursor = f"/v1/inbox?limit={PAGE}", ""
    while True:
        page = (await _asked(caller, path + cursor, head)).body
        items += page["items"]
        if page["next_cursor"] is None:
            return items, counts
        cursor = f"&cursor={page['next_cursor'].replace('+', '%2B')}"


async def read_again(port: int, token: str, acknowledged: Acknowledged, once: Promise) -> None:
    """Each message is once in what is shown of its chat, too."""
    chats: dict[str, list[str]] = {}
    for message_id, chat_id in acknowledged.items():
        chats.setdefault(chat_id, []).append(message_id)
    async with Caller(port, token) as caller:
        for chat_id, message_ids in list(chats.items())[:READ_AGAIN]:
            shown = Counter(item["message_id"] for item in await _messages(caller, chat_id))
            for message_id in message_ids:
                fault = f"message {message_id} is shown {shown[message_id]} times"
                once.note(fault if shown[message_id] != 1 else None, 0)


async def _messages(caller: Caller, chat_id: str) -> list[Item]:
    """All that the conversation of this chat shows of it."""
    path, cursor = f"/v1/conversations/{conversation_id(chat_id)}/messages?limit={PAGE}", ""
    items: list[Item] = []
    while True:
        answer = await caller.ask("GET", path + cursor)
        if answer.refused:
            raise ServerFailed(f"{path} was refused: {answer.body}")
        items += (item for item in answer.body["items"] if item["chat_id"] == chat_id)
        if answer.body["next_cursor"] is None:
            return items
        cursor = f"&cursor={answer.body['next_cursor'].replace('+', '%2B')}"


async def _asked(caller: Caller, path: str, head: int) -> Answer:
    """What a reader is told, at this position.

    Raises:
        Moved: it is at another.
        ServerFailed: he is refused.
    """
    answer = await caller.ask("GET", path)
    if answer.refused:
        raise ServerFailed(f"{path} was refused: {answer.body}")
    if answer.position != head:
        raise Moved
    return answer
