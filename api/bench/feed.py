"""How long a message takes to those who follow the feed, and what a feed costs the server.

rate=50, …   FEEDS readers follow one `chatledger serve` while clients write at a steady rate: SUPERVISORS of
             them see everything, and each message is seen by one seller more. The delays from the answer to
             the connector until the event is with a reader, p50 and p99 in ms
feeds=…      by how much the server's memory grew for each feed, when all were open for the first time
limit:sse    a bare route on the same web server that pushes a ready string of the size of both events to as
             many of as many readers: it knows no database, and waits for nothing
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import psutil

from api.bench import company, following, history
from api.bench.company import Company
from api.bench.following import Audience, Heard
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, percentile, settings_of
from api.bench.pace import Pace
from api.bench.served import HOST, Served, served
from api.bench.servers import database, free_port, fresh_postgres, python_process

FEEDS = 1_000
SUPERVISORS = 20
MEASURED_S = 5.0
CONVERSATIONS = 20_000
RATES = (50, 200)
EVENT_BYTES = 1_400
"""Of an item and a message together."""

LIMIT = "limit:sse"
P50, P99, MEMORY = "p50 ms", "p99 ms", "KiB a feed"


@dataclass(frozen=True)
class Hall:
    """A server, and who follows it."""

    port: int
    connector: str
    tokens: list[str]
    numbers: list[int]
    heard_by: int
    process_id: int
    kib_a_feed: list[float] = field(default_factory=list)

    def heard(self, rate: int, seconds: float) -> Heard:
        told = Pace(self.port, self.connector, "", "", self.numbers, rate, 1, 0, seconds)
        heard = following.follow(Audience(self.tokens, told, self.heard_by, self.process_id))
        self.kib_a_feed.append(heard.kib_a_feed)
        return heard


@dataclass(frozen=True)
class Followed:
    """One system at one rate, measured for so long."""

    system: str
    hall: Hall
    rate: int
    seconds: float
    p50_ms: list[float] = field(default_factory=list)

    @property
    def case(self) -> str:
        return f"rate={self.rate}"

    def p99_ms(self) -> float:
        """Measure once, and note how long half of them took at most."""
        heard = self.hall.heard(self.rate, self.seconds)
        self.p50_ms.append(percentile(heard.delays_ms, 50))
        return percentile(heard.delays_ms, 99)


def run(
    rounds: int,
    watch: Watch,
    *,
    seconds: float = MEASURED_S,
    feeds: int = FEEDS,
    supervisors: int = SUPERVISORS,
    conversations: int = CONVERSATIONS,
    rates: Sequence[int] = RATES,
) -> Result:
    """seconds: how long each is measured in a round. conversations: of the company."""
    with fresh_postgres() as url, ExitStack() as stack:
        own_url = database(url, "company")
        whole = Company(conversations, sellers=feeds - supervisors, strangers=False)
        history.make(own_url, whole, watch)
        ours = our_hall(stack.enter_context(served(own_url)), whole, supervisors)
        port, heard_by = free_port(), supervisors + 1
        bare = ["-m", "api.bench.sse", str(port), str(heard_by), str(EVENT_BYTES)]
        stack.enter_context(python_process(bare, f"{HOST}:{port}"))
        limit = Hall(port, "", [""] * feeds, ours.numbers, heard_by, process_of("api.bench.sse"))
        halls = {OURS: ours, LIMIT: limit}
        followed = [Followed(system, hall, rate, seconds) for rate in rates for system, hall in halls.items()]
        contenders = [Contender(each.system, each.case, P99, each.p99_ms) for each in followed]
        rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, measured_s=seconds, feeds=feeds, supervisors=supervisors)
    rows += [Row.of(each.system, each.case, each.p50_ms, P50) for each in followed]
    rows += [Row.of(name, f"feeds={feeds}", hall.kib_a_feed[:1], MEMORY) for name, hall in halls.items()]
    result = Result("feed", machine(), dict(settings), rows)
    for rate in rates:
        for unit in (P50, P99):
            result.compare(f"rate={rate}", LIMIT, unit=unit)
    return result


def our_hall(ours: Served, whole: Company, supervisors: int) -> Hall:
    names = [f"supervisor-{number}" for number in range(supervisors)]
    for name in names:
        stated = {"name": name.title(), "role": "supervisor"}
        ours.admin.put(f"/v1/employees/{name}", json=stated).raise_for_status()
    names += [company.seller(number) for number in range(whole.sellers)]
    tokens = [ours.token(f"employee:{name}") for name in names]
    open_ones = [number for number in range(whole.conversations) if not company.is_closed(number)]
    process_id = process_of("api.cli")
    return Hall(ours.port, ours.token("connector"), tokens, open_ones, supervisors + 1, process_id)


def process_of(module: str) -> int:
    """Of those that this one started, the process that runs a module."""
    found: int = next(each.pid for each in psutil.Process().children() if module in each.cmdline())
    return found
