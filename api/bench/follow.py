"""How long a message takes to the inbox, at a steady rate: from the answer to its connector, so that it is
on the disk, until it is visible; p50 and p99 in ms.

    rate=500, …           of some of the requests: an employee asks at once over HTTP, with the position of
                          the answer (GET /v1/inbox?min_position=…, the first line), until he has it
    rate=500 unasked, …   of all requests, while nobody asks: until the database has it in the inbox, as one
                          more connection sees that looks every 2 ms

Connectors send one message in a request at 500 a second and TOGETHER at 2,000, whatever the answers take. All
are of clients whose conversations wait or are in progress. There is no peer that has an inbox to be compared
with, and the limit is nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.bench import company, history, pace
from api.bench.company import Company
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, percentile, settings_of
from api.bench.pace import Pace
from api.bench.served import Served, served
from api.bench.servers import database, fresh_postgres

MEASURED_S = 5.0
CONVERSATIONS = 20_000
RATES = (500, 2_000)
TOGETHER = {500: 1}
TOGETHER_OTHERWISE = 10
ASKING = 50
"""Requests a second: enough for a p99, and no more than a company's employees would ask."""

P50, P99, RATE = "p50 ms", "p99 ms", "messages/s"


@dataclass(frozen=True)
class Followed:
    """One rate, in one way of seeing what is there."""

    served: Served
    pace: Pace
    p50_ms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def case(self) -> str:
        return case(self.pace.rate, asked=bool(self.pace.asking))

    def p99_ms(self) -> float:
        """Measure once, and note how long half of them took at most, and how many were told a second."""
        seen = pace.keep(self.pace)
        self.served.catch_up()
        self.p50_ms.append(percentile(seen.visible_ms, 50))
        self.rates.append(seen.rate)
        return percentile(seen.visible_ms, 99)

    def other_rows(self) -> list[Row]:
        return [Row.of(OURS, self.case, self.p50_ms, P50), Row.of(OURS, self.case, self.rates, RATE)]


def run(
    rounds: int,
    watch: Watch,
    *,
    seconds: float = MEASURED_S,
    conversations: int = CONVERSATIONS,
    rates: Sequence[int] = RATES,
) -> Result:
    """seconds: how long each is measured in a round. conversations: of the company."""
    with fresh_postgres() as url:
        own_url = database(url, "company")
        history.make(own_url, Company(conversations), watch)
        with served(own_url) as ours:
            followed = [Followed(ours, each) for each in paces(ours, own_url, conversations, rates, seconds)]
            contenders = [Contender(OURS, each.case, P99, each.p99_ms) for each in followed]
            rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, measured_s=seconds, conversations=conversations, asking=ASKING)
    rows += [row for each in followed for row in each.other_rows()]
    result = Result("follow", machine(), dict(settings), rows)
    for rate in rates:
        for unit in (P50, P99):
            asked, unasked = case(rate, asked=True), case(rate, asked=False)
            result.compare(asked, OURS, to_case=unasked, unit=unit)
    return result


def paces(ours: Served, url: str, conversations: int, rates: Sequence[int], seconds: float) -> list[Pace]:
    connector, reader = ours.token("connector"), ours.token(f"employee:{company.SUPERVISOR}")
    numbers = [number for number in range(conversations) if not company.is_closed(number)]
    return [
        Pace(
            port=ours.port,
            connector=connector,
            reader=reader,
            url=url,
            numbers=numbers,
            rate=rate,
            together=TOGETHER.get(rate, TOGETHER_OTHERWISE),
            asking=asking,
            seconds=seconds,
        )
        for rate in rates
        for asking in (ASKING, 0)
    ]


def case(rate: int, *, asked: bool) -> str:
    return f"rate={rate}" if asked else f"rate={rate} unasked"
