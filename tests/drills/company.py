"""A company at work over HTTP: connectors tell, employees answer, the CRM hands over.

Each says one thing after the other, until it is acknowledged, to whichever API process answers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from threading import Event, Thread

import httpx

from tests.api.client import Client, Json
from tests.faults.processes import PATIENCE_S, eventually

CHATS = ("oleg's", "vera's", "pavel's", "katya's")
"""Clients, each called after who is his seller at first."""
SELLERS = ("oleg", "vera", "pavel", "katya")
CONNECTORS = 3
TOGETHER = 3
"""So many messages a connector tells at once."""

AN_INSTANT = timedelta(milliseconds=1)
PAUSE_S = 0.15
"""Between what one caller says and what he says next: a company at work, not a benchmark."""

AGAIN_AFTER_S = 0.05
ANSWER_TIMEOUT_S = 5.0
"""Then a caller gives a process up, and tries another."""

LOOK_TIMEOUT_S = 1.0
LEFT_ALONE_S = 3.0
"""So long nobody looks at a process that did not answer in time: he has others to hand over meanwhile."""

UNREACHED = "unreached"
EXPECTED = {
    *("unavailable", "not_yet_effective", "position_not_reached", "idempotency_key_busy", "try_again"),
    UNREACHED,
}
"""Troubles, by code, for which a caller tries again; all others are failures."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """what: as the caller calls it. at: of the monotonic clock, when the answer was there."""

    what: str
    body: Json
    at: float


class Trouble(Exception):
    """A request was not carried out, as far as the caller knows."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Desk:
    """Where one caller sits: it asks one process, and the next where that one can't answer."""

    def __init__(self, urls: Sequence[str], token: str, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._clients = [Client(httpx.Client(base_url=url, timeout=timeout_s), token) for url in urls]
        self._turns = cycle(self._clients)
        self._asked = next(self._turns)

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        """Any answer but a trouble that passes.

        Raises:
            Trouble: try it again.
        """
        try:
            answer = self._asked.ask(method, path, **options)
        except httpx.TransportError:
            self._asked = next(self._turns)
            raise Trouble(UNREACHED) from None
        if answer.is_error and (code := answer.json()["code"]) in EXPECTED:
            self._asked = next(self._turns)
            raise Trouble(code)
        return answer

    def message(self, chat: str, name: str, at: datetime) -> Json:
        return self._asked.message(chat, phone_of(chat), name, id=name, sent_at=at.isoformat())

    def close(self) -> None:
        for client in self._clients:
            client.http.close()


Say = Callable[[Desk, str], Json]
"""Says something that has this name; returns the body of a good answer."""


class Caller:
    """Says one thing after the other from his desk, each until it is acknowledged."""

    def __init__(self, name: str, desk: Desk, say: Say) -> None:
        self.name = name
        self.acknowledged: list[Acknowledgement] = []
        self.troubles: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self._desk, self._say = desk, say
        self._over = Event()
        self._thread = Thread(target=self._run, name=name)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """When he has been acknowledged what he says now."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for number in count():
                if self._over.wait(PAUSE_S):
                    return
                what = f"{self.name}-{number}"
                body = self._until_it_is_taken(what)
                self.acknowledged.append(Acknowledgement(what, body, time.monotonic()))
        except BaseException as failure:
            self.failure = failure

    def _until_it_is_taken(self, what: str) -> Json:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._say(self._desk, what)
            except Trouble as trouble:
                self.troubles[trouble.code] += 1
                if time.monotonic() > deadline:
                    raise
            time.sleep(AGAIN_AFTER_S)


class Looking:
    """An employee who looks at what one process shows him."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._again_at = 0.0

    def status_of(self, path: str) -> int | None:
        """With which it is answered; None where this process does not answer now."""
        if time.monotonic() < self._again_at:
            return None
        try:
            return self._desk.ask("GET", path).status_code
        except Trouble:
            self._again_at = time.monotonic() + LEFT_ALONE_S
            return None


class Company:
    """Everybody who speaks with the system, through any of its API processes. urls: of these."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._desks: list[Desk] = []
        with httpx.Client(base_url=urls[0], timeout=PATIENCE_S) as http:
            admin = Client(http)
            found(admin)
            self.tokens = {
                scope: admin.with_token(scope).token
                for scope in ("connector", *(f"employee:{name}" for name in ("irina", *SELLERS)))
            }
            irina = Client(http, self.tokens["employee:irina"])
            self.conversations = {chat: irina.conversation_with(chat) for chat in CHATS}
        self.callers = [
            *(Caller(f"connector-{nth}", self.desk("connector"), tell) for nth in range(CONNECTORS)),
            Caller("irina", self.desk("employee:irina"), writing(self.conversations["pavel's"])),
            Caller("katya", self.desk("employee:katya"), writing(self.conversations["katya's"])),
            *(Caller(f"crm-{nth}", self.desk("connector"), self.handing_over(nth)) for nth in range(2)),
        ]

    def desk(self, scope: str) -> Desk:
        return self._kept(Desk(self._urls, self.tokens[scope]))

    def looking(self, employee_id: str) -> list[Looking]:
        """At each process."""
        token = self.tokens[f"employee:{employee_id}"]
        return [Looking(self._kept(Desk([url], token, LOOK_TIMEOUT_S))) for url in self._urls]

    def _kept(self, desk: Desk) -> Desk:
        self._desks.append(desk)
        return desk

    def handing_over(self, nth: int) -> Say:
        """The deal changes hands; from the answer on the former owner is shown nothing, by any process."""
        chat, names = CHATS[nth], SELLERS[:2]
        path = f"/v1/conversations/{self.conversations[chat]}"
        looking = {name: self.looking(name) for name in names}

        def hand_over(desk: Desk, what: str) -> Json:
            former, owner = (names[(number_of(what) + nth + more) % 2] for more in range(2))
            body = {"owner_id": owner, "reason": what, "with_contacts": True}
            answer = good(desk.ask("POST", f"/v1/deals/{deal_of(chat)}/reassign", json=body))
            for name, status in ((former, 404), (owner, 200)):
                for each in looking[name]:
                    seen = each.status_of(path)
                    assert seen in (status, None), f"{what}: {name} is answered {seen}"
            return answer

        return hand_over

    def start(self) -> None:
        for caller in self.callers:
            caller.start()
        self.wait_until_all_are_heard()

    def end(self) -> None:
        for caller in self.callers:
            caller.end()
        for desk in self._desks:
            desk.close()
        self.assert_nobody_failed()

    def assert_nobody_failed(self) -> None:
        assert [(caller.name, caller.failure) for caller in self.callers if caller.failure] == []

    def wait_until_all_are_heard(self) -> None:
        """Each is acknowledged something that it said from now on: the second answer, at the latest."""
        before = [len(caller.acknowledged) for caller in self.callers]

        def heard() -> bool:
            self.assert_nobody_failed()
            now = (len(caller.acknowledged) for caller in self.callers)
            return all(new >= old + 2 for new, old in zip(now, before, strict=True))

        eventually(heard)

    def acknowledged(self) -> list[Acknowledgement]:
        """By everybody, so far; in no order."""
        return [each for caller in self.callers for each in tuple(caller.acknowledged)]

    @property
    def position(self) -> int:
        """Of the last that was acknowledged."""
        return max(int(each.body["position"]) for each in self.acknowledged())

    def troubles(self) -> Counter[str]:
        return sum((caller.troubles for caller in self.callers), Counter())


def found(admin: Client) -> None:
    """The company, its sellers and a supervisor, and each seller's client, who has written once."""
    admin.put_channel("phone", visibility="client_owners")
    admin.put_employee("irina", "supervisor")
    connector = admin.with_token("connector")
    for seller, chat in zip(SELLERS, CHATS, strict=True):
        admin.put_employee(seller)
        admin.put_contact(f"client of {chat}", phone_of(chat), responsible_id=seller)
        admin.put_deal(deal_of(chat), seller, f"client of {chat}")
        told = connector.tell(connector.message(chat, phone_of(chat), "hello", id=f"first of {chat}"))
    admin.with_token("employee:irina").get("/v1/inbox", min_position=told["position"])


def tell(desk: Desk, what: str) -> Json:
    """Some messages together, in one chat, known by their ids; sent again, they are the same ones."""
    chat = CHATS[number_of(what) % len(CHATS)]
    now = datetime.now(UTC)
    events = [desk.message(chat, f"{what}.{nth}", now + nth * AN_INSTANT) for nth in range(TOGETHER)]
    return good(desk.ask("POST", "/v1/channels/phone/events", json={"events": events}))


def writing(conversation_id: str) -> Say:
    """Answers of an employee, of which only the Idempotency-Key says that one is the same."""

    def write(desk: Desk, what: str) -> Json:
        path = f"/v1/conversations/{conversation_id}/messages"
        return good(desk.ask("POST", path, json={"text": what}, headers={"Idempotency-Key": what}))

    return write


def good(answer: httpx.Response) -> Json:
    assert answer.is_success, answer.text
    body: Json = answer.json()
    assert all(result["status"] != "rejected" for result in body.get("results", ())), body
    return body


def told_by(acknowledgement: Acknowledgement) -> Iterator[tuple[str, int | None]]:
    """Name and position of each message of a connector; None where it was there already."""
    for nth, result in enumerate(acknowledgement.body.get("results", ())):
        known = result["status"] == "duplicate"
        yield f"{acknowledgement.what}.{nth}", None if known else result["position"]


def number_of(what: str) -> int:
    return int(what.rpartition("-")[2])


def said_by(text: str) -> tuple[str, int]:
    """Who said it, and where it stands in what he said."""
    what, _, nth = text.partition(".")
    caller, _, number = what.rpartition("-")
    return caller, int(number) * TOGETHER + int(nth or 0)


def deal_of(chat: str) -> str:
    return f"house of {chat}"


def phone_of(chat: str) -> str:
    return f"+7 999 000-00-0{CHATS.index(chat)}"
