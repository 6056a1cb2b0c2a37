"""A reader of the feed who takes nothing: he holds up nobody, costs no memory and misses nothing."""

from __future__ import annotations

from uuid import uuid4

import httpx
import psutil
import pytest

from tests.api.client import Client
from tests.api.following import Follower, following, lines_of, slow_reader
from tests.drills.company import ANSWER_TIMEOUT_S, CHATS, phone_of
from tests.drills.drill import House

pytestmark = pytest.mark.drill

MESSAGES, CHARACTERS = 300, 50_000
"""15 MB: more than the queue of a feed and all that the network takes."""

MEMORY_BYTES = 100 * 2**20
"""By which a process may grow meanwhile: of this the feed's queue is a hundredth."""


def test_a_reader_takes_nothing_while_much_is_told(house: House) -> None:
    server = house.named("api 1")
    process = psutil.Process(server.pid)
    with httpx.Client(base_url=server.url, timeout=ANSWER_TIMEOUT_S) as http:
        tokens = house.company.tokens
        irina, connector = Client(http, tokens["employee:irina"]), Client(http, tokens["connector"])
        with slow_reader(irina) as reader:
            told: list[str] = []
            before_bytes = process.memory_info().rss
            house.drill("a feed's reader takes nothing of 15 MB", lambda: told.extend(flood(connector)))
            assert process.memory_info().rss - before_bytes < MEMORY_BYTES
            received = Follower(lines_of(reader))
            position = house.company.position
            texts = shown(received, position)
        if (received.last_id or 0) < position:
            with following(irina, last_id=received.last_id) as feed:
                texts |= shown(feed, position)

    assert texts >= set(told)


def shown(feed: Follower, position: int) -> set[str]:
    """Texts of messages up to a position, or until he is cut off, as he may be."""
    texts: set[str] = set()
    while feed.last_id is None or feed.last_id < position:
        event = feed.next()
        if event.kind == "cut_off":
            break
        if event.is_message:
            texts.add(event.data["text"])
    return texts


def flood(connector: Client) -> list[str]:
    """Long messages, as fast as one connector tells them; their texts."""
    chat, texts = CHATS[-1], [f"{uuid4().hex} {'x' * CHARACTERS}" for _ in range(MESSAGES)]
    for text in texts:
        connector.tell(connector.message(chat, phone_of(chat), text, id=text.split()[0]))
    return texts
