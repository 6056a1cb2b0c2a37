"""A deal is handed back and forth while its owners read: after the answer the former one sees nothing (G10).

Over HTTP, at two real server processes over one database. While a handover is under way a read may show
either state. From its answer on there is one, at both servers and for every kind of read.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from math import inf
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.client import REQUEST_TIMEOUT_S, Client, Json
from tests.api.commands import serving
from tests.databases import Databases
from tests.races.contest import contest

DEALS = 16
"""They are handed over side by side; each has two owners of its own, of whom one has it."""

HANDOVERS_PER_DEAL = 64
HANDOVERS = DEALS * HANDOVERS_PER_DEAL
SELDOM = HANDOVERS // 100
"""Reads that raced a handover showed either state more often than this, or they were no races."""

RACING_READS = 2
HANDOVERS_PER_CLAIM = 10
HANDOVERS_PER_MESSAGE = 20
IDLE_S = 1.0
"""A connection that rested for longer is opened anew, since servers hang up on those."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of read. shown: whether the answer shows the only conversation that the caller may see."""

    path: str
    shown: Callable[[Json], object]


KINDS = {
    "list": Kind("/v1/inbox", lambda body: body["items"]),
    "search": Kind("/v1/inbox?q=deal", lambda body: body["items"]),
    "counts": Kind("/v1/inbox/counts", lambda body: any(body.values())),
    "conversation": Kind("/v1/conversations/{}", lambda body: True),
    "messages": Kind("/v1/conversations/{}/messages", lambda body: True),
}


@dataclass(frozen=True, slots=True)
class Read:
    """owner_id: who owns the deal by what was shown. begun, ended: in seconds, as for the handovers."""

    kind: str
    reader_id: str
    owner_id: str
    begun: float
    ended: float


@dataclass(frozen=True, slots=True)
class Handover:
    owner_id: str
    begun: float
    answered: float


@dataclass
class Deal:
    """A deal and its one chat, which has the same name, and all that was done and seen.

    handovers: the first is its opening. texts: what the client wrote, from the first message on.
    """

    name: str
    owner_ids: tuple[str, str]
    conversation_id: str = ""
    handovers: list[Handover] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    told_position: int = 0

    @property
    def phone(self) -> str:
        """The client's."""
        return f"+7 999 {self.name}"

    def other_than(self, owner_id: str) -> str:
        first, second = self.owner_ids
        return second if owner_id == first else first

    def handovers_during(self, read: Read) -> list[Handover]:
        return [each for each in self.handovers if each.begun <= read.ended and each.answered >= read.begun]

    def owner_at(self, moment: float) -> str:
        """Whoever was given it by the last answer before."""
        return [each.owner_id for each in self.handovers if each.answered < moment][-1]


@dataclass(frozen=True, slots=True)
class Turn:
    """One handover of a deal; number: from 0."""

    deal: Deal
    number: int

    @property
    def former(self) -> str:
        return self.deal.owner_ids[self.number % 2]

    @property
    def successor(self) -> str:
        return self.deal.owner_ids[1 - self.number % 2]


class Wire:
    """Connections of one thread to both servers; each request goes to either, at random.

    Not httpx, of which a request takes as long as the server's answer, so that far fewer would race.
    """

    def __init__(self, urls: Sequence[str], tokens: dict[str, str], seed: str) -> None:
        """tokens: of employees, and of the connector."""
        self.tokens = tokens
        self.random = Random(seed)
        self.connections = [HTTPConnection(urlsplit(url).netloc, timeout=REQUEST_TIMEOUT_S) for url in urls]
        self.used_at = [time.monotonic() for _ in urls]

    def close(self) -> None:
        for connection in self.connections:
            connection.close()

    def ask(self, who: str, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Any request; the status and the body of any answer."""
        side = self.random.randrange(len(self.connections))
        connection = self.connections[side]
        if time.monotonic() - self.used_at[side] > IDLE_S:
            connection.close()
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        status, content = answer.status, json.loads(answer.read())
        self.used_at[side] = time.monotonic()
        return status, content

    def done(self, who: str, method: str, path: str, body: Json | None = None) -> Json:
        """The answer to a request that has to be carried out."""
        status, answer = self.ask(who, method, path, body)
        assert status == 200, answer
        return answer

    def look(self, deal: Deal, reader_id: str) -> None:
        """Read in one of the ways that there are, and note what was shown."""
        name, kind = self.random.choice(list(KINDS.items()))
        begun = time.monotonic()
        status, answer = self.ask(reader_id, "GET", kind.path.format(deal.conversation_id))
        ended = time.monotonic()
        assert status in (200, 404), answer
        shown = status == 200 and kind.shown(answer)
        owner_id = reader_id if shown else deal.other_than(reader_id)
        deal.reads.append(Read(name, reader_id, owner_id, begun, ended))


class Office:
    """Two servers, and everybody who speaks with them. wires: two for each deal, by its name."""

    def __init__(self, urls: Sequence[str], admin: Client) -> None:
        self.admin = admin
        self.connector = admin.with_token("connector")
        self.connector.put_channel()
        self.tokens = {"connector": self.connector.token}
        self.deals = [self.open_deal(f"deal-{number}") for number in range(DEALS)]
        self.wires = {
            deal.name: [Wire(urls, self.tokens, f"{deal.name} {number}") for number in range(2)]
            for deal in self.deals
        }

    def close(self) -> None:
        for wire in [wire for wires in self.wires.values() for wire in wires]:
            wire.close()

    def open_deal(self, name: str) -> Deal:
        """The first of the owners has it."""
        first, second = (f"{name}-one", f"{name}-two")
        for owner_id in (first, second):
            self.connector.put_employee(owner_id)
            self.tokens[owner_id] = self.admin.with_token(f"employee:{owner_id}").token
        deal = Deal(name, (first, second), handovers=[Handover(first, -inf, -inf)])
        self.connector.put_contact(name, deal.phone)
        self.connector.put_deal(name, first, name)
        deal.told_position = self.connector.tell(self.next_message(deal))["position"]
        deal.conversation_id = Client(self.admin.http, self.tokens[first]).conversation_with(name)
        return deal

    def next_message(self, deal: Deal) -> Json:
        """What the client writes next."""
        deal.texts.append(f"{deal.name}, {len(deal.texts)}")
        return self.connector.message(deal.name, deal.phone, deal.texts[-1])

    def hand_over(self, turn: Turn) -> None:
        """Hand the deal over, and let the former owner read as soon as there is the answer."""
        deal, wire = turn.deal, self.wires[turn.deal.name][0]
        claimed = turn.number % HANDOVERS_PER_CLAIM == 0
        if turn.number % HANDOVERS_PER_MESSAGE == 0:
            batch = {"events": [self.next_message(deal)]}
            answer = wire.done("connector", "POST", "/v1/channels/phone/events", batch)
            deal.told_position = answer["position"]
        if claimed:
            wire.done(turn.former, "POST", f"/v1/conversations/{deal.conversation_id}/claim")
        begun = time.monotonic()
        reassign(wire, turn)
        deal.handovers.append(Handover(turn.successor, begun, time.monotonic()))
        wire.look(deal, turn.former)
        if claimed:
            check_everything_is_there(wire, deal, turn.successor)

    def read(self, turn: Turn) -> None:
        """The owner or the other one reads, while the deal is handed over."""
        wire = self.wires[turn.deal.name][1]
        for _ in range(RACING_READS):
            wire.look(turn.deal, wire.random.choice(turn.deal.owner_ids))


@pytest.fixture(scope="module")
def office(databases: Databases, migrated: str) -> Iterator[Office]:
    url = databases.create(template=migrated)
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(CHATLEDGER_DATABASE_URL=url)).url for _ in range(2)]
        http = stack.enter_context(httpx.Client(base_url=urls[0], timeout=REQUEST_TIMEOUT_S))
        office = Office(urls, Client(http))
        stack.callback(office.close)
        yield office
    databases.drop(url)


def test_no_read_begun_after_a_handovers_answer_shows_the_chat_to_the_former_owner(office: Office) -> None:
    turns = [Turn(deal, number) for number in range(HANDOVERS_PER_DEAL) for deal in office.deals]
    contest(turns, [office.hand_over, office.read], Random("handovers"), lanes=DEALS)

    raced: Counter[bool] = Counter()
    judged: Counter[str] = Counter()
    for deal in office.deals:
        for read in deal.reads:
            if meanwhile := deal.handovers_during(read):
                raced[read.owner_id == meanwhile[0].owner_id] += 1
            else:
                judged[read.kind] += 1
                assert read.owner_id == deal.owner_at(read.begun), read
    assert sum(judged.values()) >= HANDOVERS
    assert min(judged.values()) > SELDOM, judged
    assert min(raced[True], raced[False]) > SELDOM, raced


def reassign(wire: Wire, turn: Turn) -> None:
    """In one of the three ways that there are."""
    name = turn.deal.name
    match wire.random.randrange(20):
        case 0:
            body: Json = {"from_employee_id": turn.former, "to_employee_id": turn.successor}
            wire.done("connector", "POST", "/v1/handover", body)
        case 1 | 2:
            body = {"owner_id": turn.successor, "contact_ids": [name]}
            wire.done("connector", "PUT", f"/v1/deals/{name}", body)
        case _:
            wire.done("connector", "POST", f"/v1/deals/{name}/reassign", {"owner_id": turn.successor})


def check_everything_is_there(wire: Wire, deal: Deal, successor: str) -> None:
    """He reads from the first message on, and finds the conversation free, which the former owner held."""
    path = f"/v1/conversations/{deal.conversation_id}"
    page = wire.done(successor, "GET", f"{path}/messages?min_position={deal.told_position}")
    assert [message["text"] for message in page["items"]] == deal.texts
    item = wire.done(successor, "GET", path)
    assert (item["folder"], item["holder_id"]) == ("incoming", None)
