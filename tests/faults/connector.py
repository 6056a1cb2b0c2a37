"""A connector that tells messages over HTTP, and remembers which were acknowledged."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx

from adapters.postgres.embedded import EmbeddedPostgres
from tests.api.client import Client
from tests.faults.processes import PATIENCE_S
from tests.faults.proof import assert_nothing_is_lost_or_wrong

CHANNEL = "/v1/channels/phone/events"

Acknowledged = dict[str, int | None]
"""Text and position of each message; None where only "duplicate" was answered."""


class Connector:
    """Speaks with a `chatledger serve`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.acknowledged: Acknowledged = {}

    def tell(self, text: str = "") -> httpx.Response:
        """A message of its own, or the one with this text once more."""
        text = text or str(uuid4())
        event = self._client.message("chat", "79990000001", text, id=text)
        answer = self._client.ask("POST", CHANNEL, json={"events": [event]})
        if answer.is_success:
            (result,) = answer.json()["results"]
            self.acknowledged[text] = result["position"] if result["status"] == "appended" else None
        return answer

    def tell_until_it_is_taken(self) -> list[httpx.Response]:
        """The same message until it is acknowledged; returns the answers before that."""
        text, answers, deadline = str(uuid4()), [], time.monotonic() + PATIENCE_S
        while (answer := self.tell(text)).is_error:
            assert time.monotonic() < deadline, answer.text
            answers.append(answer)
            time.sleep(0.05)
        return answers

    def server_is_ready(self) -> bool:
        """Whether it reads how far the read models are, and they are near the head."""
        return self._client.http.get("/readyz").is_success


@contextmanager
def connector(url: str) -> Iterator[Connector]:
    """A connector of the channel `phone`, which is made where it is not there yet."""
    with httpx.Client(base_url=url, timeout=PATIENCE_S) as http:
        admin = Client(http)
        admin.put_channel("phone")
        yield Connector(admin.with_token("connector"))


def assert_data_is_right(data: Path, acknowledged: Acknowledged) -> None:
    """When the server has ended: each message stands once where it was said to, and read models are right."""
    with EmbeddedPostgres(data, owner="a test of faults") as url:
        rows = assert_nothing_is_lost_or_wrong(url, [])
    messages = [row for row in rows if row["topic"] == "message.received"]
    assert set(Counter(row["text"] for row in messages).values()) == {1}
    recorded = {row["text"]: row["position"] for row in messages}
    assert all(position in (recorded[text], None) for text, position in acknowledged.items())
