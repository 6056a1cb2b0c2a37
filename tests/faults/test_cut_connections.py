"""Connections to PostgreSQL are cut under load: before a request got there, and after it was committed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from tests.api.client import Client
from tests.api.commands import serving
from tests.faults.processes import PATIENCE_S, eventually
from tests.faults.proof import Rows, assert_nothing_is_lost_or_wrong
from tests.wire import Way, Wire

CONNECTORS, EMPLOYEES = 4, 2
STORMS, MOST_STORMS = 5, 50
CUTS = 3
"""So often, at least, the connection that appends is cut, in each of both ways."""

SECONDS_OF_CALM = (0.05, 0.3)
SECONDS_OF_STORM = (0.05, 0.3)
PROBABILITY = 0.3
"""That something is cut off in a storm, instead of getting over."""

AGAIN_AFTER_S = 0.05
TOGETHER = 3
APPENDING = "chatledger append"
TRY_AGAIN = {(503, "unavailable"), (503, "not_yet_effective"), (409, "idempotency_key_busy")}


class StormyWire(Wire):
    """Cuts connections at random while it storms."""

    def __init__(self, database_url: str, folder: Path, random: Random) -> None:
        self.cut: Counter[tuple[str, Way]] = Counter()
        self._random = random
        self._storms = False
        super().__init__(database_url, folder)

    def storm(self, seconds: float) -> None:
        self._storms = True
        time.sleep(seconds)
        self._storms = False

    def cuts(self, way: Way, whose: str) -> bool:
        cuts = self._storms and self._random.random() < PROBABILITY
        self.cut[whose, way] += cuts
        return cuts

    @property
    def has_cut_enough(self) -> bool:
        return self.cut[APPENDING, "request"] >= CUTS and self.cut[APPENDING, "answer"] >= CUTS


class Caller:
    """Says one thing after the other; each until it is acknowledged."""

    def __init__(self, name: str, say: Callable[[str], httpx.Response]) -> None:
        self.acknowledged: dict[str, Any] = {}
        self.refused: list[httpx.Response] = []
        self.failure: BaseException | None = None
        self.over = Event()
        self._name, self._say = name, say
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def end(self) -> None:
        """When it has been acknowledged what it says now."""
        self.over.set()
        self._thread.join()
        assert self.failure is None, self.failure

    def _run(self) -> None:
        try:
            for number in count():
                if self.over.is_set():
                    return
                self._say_until_it_is_taken(f"{self._name}-{number}")
        except BaseException as failure:
            self.failure = failure

    def _say_until_it_is_taken(self, what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self._say(what)).is_error:
            assert (answer.status_code, answer.json()["code"]) in TRY_AGAIN, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            assert time.monotonic() < deadline, answer.text
            self.refused.append(answer)
            time.sleep(AGAIN_AFTER_S)
        self.acknowledged[what] = answer.json()


class Place:
    """A channel with a client's chat, which an employee sees."""

    def __init__(self, http: httpx.Client) -> None:
        admin = Client(http)
        admin.put_channel("phone")
        admin.put_employee("oleg", receives_new_clients=True)
        self.connector, self.oleg = admin.with_token("connector"), admin.with_token("employee:oleg")
        self.connector.tell(self.connector.message("chat", "79990000001"))
        self._conversation = self.oleg.conversation_with("chat")

    def tell(self, what: str) -> httpx.Response:
        """Some messages together, known by their ids; sent again, they are the same ones."""
        named = {f"{what}.{nth}": f"{nth} of {TOGETHER}" for nth in range(TOGETHER)}
        events = [
            self.connector.message("chat", "79990000001", text, id=name) for name, text in named.items()
        ]
        return self.connector.ask("POST", "/v1/channels/phone/events", json={"events": events})

    def write(self, what: str) -> httpx.Response:
        """A message that only its Idempotency-Key says to be the same one when it is sent again."""
        path = f"/v1/conversations/{self._conversation}/messages"
        return self.oleg.ask("POST", path, json={"text": what}, headers={"Idempotency-Key": what})


@pytest.fixture
def wire(database_url: str, request: pytest.FixtureRequest) -> Iterator[StormyWire]:
    with tempfile.TemporaryDirectory(prefix="wire") as folder:
        with closing(StormyWire(database_url, Path(folder), Random(request.node.name))) as wire:
            yield wire


@contextmanager
def served(wire: Wire, log: Path) -> Iterator[Place]:
    with log.open("w") as complaints, serving(CHATLEDGER_DATABASE_URL=wire.url, complaints=complaints) as at:
        with httpx.Client(base_url=at.url, timeout=PATIENCE_S) as http:
            yield Place(http)
            assert http.get("/readyz").is_success


def test_what_is_acknowledged_while_connections_are_cut_is_there_once(
    database_url: str, wire: StormyWire, tmp_path: Path
) -> None:
    random = Random(1)
    with served(wire, tmp_path / "log") as place:
        connectors = [Caller(f"connector-{number}", place.tell) for number in range(CONNECTORS)]
        employees = [Caller(f"employee-{number}", place.write) for number in range(EMPLOYEES)]
        callers = [*connectors, *employees]
        try:
            for number in range(MOST_STORMS):
                wait_until_all_are_heard(callers)
                if number >= STORMS and wire.has_cut_enough:
                    break
                time.sleep(random.uniform(*SECONDS_OF_CALM))
                wire.storm(random.uniform(*SECONDS_OF_STORM))
        finally:
            for caller in callers:
                caller.end()
    assert wire.has_cut_enough, wire.cut
    assert any(caller.refused for caller in callers)

    rows = assert_nothing_is_lost_or_wrong(database_url, [])
    assert_told_is_there_once(rows, connectors)
    assert_written_is_there_once(rows, employees)


def wait_until_all_are_heard(callers: list[Caller]) -> None:
    """Each was acknowledged something from now on: the server has found its way back by itself."""
    before = [len(caller.acknowledged) for caller in callers]
    eventually(
        lambda: (
            any(caller.failure for caller in callers)
            or all(len(caller.acknowledged) > old for caller, old in zip(callers, before, strict=True))
        )
    )


def assert_told_is_there_once(rows: Rows, connectors: list[Caller]) -> None:
    positions = {row["told"]: row["position"] for row in rows if row["topic"] == "message.received"}
    told = Counter(row["told"] for row in rows if row["topic"] == "message.received")
    for caller in connectors:
        for what, answer in caller.acknowledged.items():
            for nth, result in enumerate(answer["results"]):
                name = f"{what}.{nth}"
                assert told[name] == 1, name
                assert result["status"] == "duplicate" or result["position"] == positions[name], name


def assert_written_is_there_once(rows: Rows, employees: list[Caller]) -> None:
    written = Counter(row["text"] for row in rows)
    for caller in employees:
        assert {what: written[what] for what in caller.acknowledged} == dict.fromkeys(caller.acknowledged, 1)
