"""People who say one thing after the other over HTTP, each until it is acknowledged, whatever happens."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread

import httpx

from tests.api.client import Client
from tests.api.commands import serving
from tests.faults.processes import PATIENCE_S, eventually
from tests.faults.proof import Rows

CONNECTORS, EMPLOYEES = 4, 2
TOGETHER = 3
"""So many messages a connector tells at once."""

AGAIN_AFTER_S = 0.05
Trouble = tuple[int, str]
"""Status and code of a refusal."""

BUSY: Trouble = (409, "idempotency_key_busy")


class Caller:
    """Says one thing after the other; each until it is acknowledged.

    expected: the troubles for which it tries again; all others are failures.
    """

    def __init__(
        self, name: str, say: Callable[[str], httpx.Response], expected: Collection[Trouble]
    ) -> None:
        self.acknowledged: dict[str, httpx.Response] = {}
        self.troubles: Counter[Trouble] = Counter()
        self.failure: BaseException | None = None
        self._name, self._say, self._expected = name, say, {*expected, BUSY}
        self._over = Event()
        self._thread = Thread(target=self._run, name=name)
        self._thread.start()

    def end(self) -> None:
        """When it has been acknowledged what it says now."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for number in count():
                if self._over.is_set():
                    return
                self._say_until_it_is_taken(f"{self._name}-{number}")
        except BaseException as failure:
            self.failure = failure

    def _say_until_it_is_taken(self, what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self._say(what)).is_error:
            trouble = answer.status_code, answer.json()["code"]
            assert trouble in self._expected, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) > 0
            assert time.monotonic() < deadline, answer.text
            self.troubles[trouble] += 1
            time.sleep(AGAIN_AFTER_S)
        self.acknowledged[what] = answer


class Place:
    """A channel with a client's chat, which an employee sees.

    padding: characters that make each message long.
    """

    def __init__(self, http: httpx.Client, padding: int) -> None:
        self.http = http
        self._padding = padding
        admin = Client(http)
        admin.put_channel("phone")
        admin.put_employee("oleg", receives_new_clients=True)
        self.connector, self.oleg = admin.with_token("connector"), admin.with_token("employee:oleg")
        self.connector.tell(self.connector.message("chat", "79990000001"))
        self.conversation = self.oleg.conversation_with("chat")

    def tell(self, what: str) -> httpx.Response:
        """Some messages together, known by their ids; sent again, they are the same ones."""
        padding = secrets.token_hex(self._padding // 2)
        named = {f"{what}.{nth}": f"{padding} {nth} of {TOGETHER}" for nth in range(TOGETHER)}
        told = [self.connector.message("chat", "79990000001", text, id=name) for name, text in named.items()]
        return self.connector.ask("POST", "/v1/channels/phone/events", json={"events": told})

    def write(self, what: str) -> httpx.Response:
        """A message that only its Idempotency-Key says to be the same one when it is sent again."""
        path = f"/v1/conversations/{self.conversation}/messages"
        text = f"{what} {what * (self._padding // len(what))}"
        return self.oleg.ask("POST", path, json={"text": text}, headers={"Idempotency-Key": what})


class Crowd:
    """Connectors and employees who speak at the same time."""

    def __init__(self, place: Place, expected: Collection[Trouble]) -> None:
        self.connectors = [Caller(f"connector-{nth}", place.tell, expected) for nth in range(CONNECTORS)]
        self.employees = [Caller(f"employee-{nth}", place.write, expected) for nth in range(EMPLOYEES)]
        self.callers = [*self.connectors, *self.employees]

    @property
    def troubles(self) -> Counter[Trouble]:
        return sum((caller.troubles for caller in self.callers), Counter())

    def wait_until_all_are_heard(self) -> None:
        """Each is acknowledged something from now on."""
        before = [len(caller.acknowledged) for caller in self.callers]
        self.wait_until(
            lambda: all(
                len(caller.acknowledged) > old for caller, old in zip(self.callers, before, strict=True)
            )
        )

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """As long as nobody was answered anything unexpected."""

        def reached_or_failed() -> bool:
            failures = [caller.failure for caller in self.callers if caller.failure]
            assert not failures, failures
            return reached()

        eventually(reached_or_failed)

    def end(self) -> None:
        for caller in self.callers:
            caller.end()
        assert [caller.failure for caller in self.callers if caller.failure] == []

    def assert_acknowledged_is_there_once(self, rows: Rows) -> None:
        self._assert_told_is_there_once(rows)
        written = Counter(row["text"].split()[0] for row in rows if row["topic"] == "message.queued")
        said = {what for caller in self.employees for what in caller.acknowledged}
        assert written == dict.fromkeys(said, 1)

    def _assert_told_is_there_once(self, rows: Rows) -> None:
        heard = [row for row in rows if row["topic"] == "message.received"]
        told, positions = (
            Counter(row["told"] for row in heard),
            {row["told"]: row["position"] for row in heard},
        )
        for caller in self.connectors:
            for what, answer in caller.acknowledged.items():
                for nth, result in enumerate(answer.json()["results"]):
                    name = f"{what}.{nth}"
                    assert told[name] == 1, name
                    assert result["status"] == "duplicate" or result["position"] == positions[name], name


@contextmanager
def speaking(place: Place, expected: Collection[Trouble]) -> Iterator[Crowd]:
    """A crowd that speaks as long as the block lasts, and then until all is acknowledged."""
    crowd = Crowd(place, expected)
    try:
        crowd.wait_until_all_are_heard()
        yield crowd
    finally:
        crowd.end()


@contextmanager
def served(*arguments: str | Path, log: Path, padding: int = 0, **environment: str) -> Iterator[Place]:
    """A server, which has to be ready again by itself in the end. log: where its complaints go."""
    with log.open("w") as complaints, serving(*arguments, complaints=complaints, **environment) as server:
        with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as http:
            yield Place(http, padding)
            eventually(lambda: http.get("/readyz").is_success)
