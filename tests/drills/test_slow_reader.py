"""A reader of the feed who takes nothing: he holds up nobody, costs no memory and misses nothing."""

from __future__ import annotations

from uuid import uuid4

import httpx
import psutil
import pytest

from tests.api.client import Client
from tests.api.following import Follower, following, read_all, slow_reader
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
            received = Follower(iter(read_all(reader)))
            events = received.rest()
        assert events[-1].kind == "cut_off"
        with following(irina, last_id=events[-1].data["position"]) as feed:
            events += feed.until(max(each.body["position"] for each in house.company.acknowledged()))

    shown = {event.data["text"] for event in events if event.is_message}
    assert shown >= set(told)


def flood(connector: Client) -> list[str]:
    """Long messages, as fast as one connector tells them; their texts."""
    chat, texts = CHATS[-1], [f"{uuid4().hex} {'x' * CHARACTERS}" for _ in range(MESSAGES)]
    for text in texts:
        connector.tell(connector.message(chat, phone_of(chat), text, id=text.split()[0]))
    return texts
