import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from api.beside import beside


class Said:
    """What the process says of itself; a test may change it."""

    told: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        assert self.told is not None
        return self.told


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def address(said: Said) -> Iterator[str]:
    registry = CollectorRegistry()
    Counter("relayed", "Events.", registry=registry).inc(3)
    with beside(0, said, registry) as address:
        yield address


def test_it_is_ready_when_it_says_so(address: str, said: Said) -> None:
    said.told = {"status": "ok", "position": 4}
    answer = httpx.get(f"{address}/readyz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "position": 4})


def test_it_is_not_ready_when_it_says_so_or_can_not_say(address: str, said: Said) -> None:
    said.told = {"status": "behind", "lag_events": 4}
    answers = [httpx.get(f"{address}/readyz")]
    said.told = None
    answers.append(httpx.get(f"{address}/readyz"))

    assert [answer.status_code for answer in answers] == [503, 503]
    assert [answer.json()["status"] for answer in answers] == ["behind", "failing"]
    assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}


def test_its_numbers_are_for_prometheus(address: str) -> None:
    answer = httpx.get(f"{address}/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    assert "relayed_total 3.0" in answer.text
    assert httpx.get(f"{address}/elsewhere").status_code == 404


def test_who_asks_nothing_keeps_nobody_waiting(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))):
        assert httpx.get(f"{address}/healthz").status_code == 200


def test_it_ends_with_the_block(said: Said) -> None:
    with beside(0, said, CollectorRegistry()) as address:
        pass

    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/healthz")
