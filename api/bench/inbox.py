"""How fast a page of the inbox is, and whether it stays so as conversations grow in number.

ours       GET /v1/inbox of one `chatledger serve` by CLIENTS clients, the first 50 of all folders
limit:sql  the same question over psycopg: one process, as many connections, no HTTP, nobody to let in

A seller answers for a tenth of the clients and sees those who are nobody's; a supervisor sees everything.
Figures are requests a second, and what half of the requests took at most (p50 ms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from api.bench import company, history, question
from api.bench.company import Company
from api.bench.load import Figures, Load, generate
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, percentile, settings_of
from api.bench.served import HOST, served
from api.bench.servers import database, fresh_postgres

MEASURED_S = 2.0
SIZES = (10_000, 100_000, 1_000_000)
CLIENTS = 16
SQL = "limit:sql"
P50 = "p50 ms"
READERS = {"seller": company.seller(0), "supervisor": company.SUPERVISOR}


@dataclass(frozen=True)
class Reader:
    """Somebody's inbox, as one system answers it. read: has it read as often as it can."""

    system: str
    case: str
    read: Callable[[], Figures]
    p50_ms: list[float] = field(default_factory=list)

    def rate(self) -> float:
        """Measure once, and note how long half of the requests took at most."""
        figures = self.read()
        self.p50_ms.append(percentile(figures.latencies_ms, 50))
        return len(figures.latencies_ms) / figures.seconds

    def median_latency(self) -> Row:
        return Row.of(self.system, self.case, self.p50_ms, P50)


def run(rounds: int, watch: Watch, *, seconds: float = MEASURED_S, sizes: Sequence[int] = SIZES) -> Result:
    """seconds: how long each is measured in a round. sizes: conversations of the companies, growing."""
    with fresh_postgres() as url, ExitStack() as stack:
        readers: list[Reader] = []
        for size in sizes:
            own_url = database(url, f"company_{size}")
            history.make(own_url, Company(size), watch)
            ours = stack.enter_context(served(own_url))
            readers += readers_of(own_url, size, seconds, ours.port, ours.token)
        contenders = [Contender(each.system, each.case, "requests/s", each.rate) for each in readers]
        rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, measured_s=seconds, clients=CLIENTS)
    rows += [each.median_latency() for each in readers]
    result = Result("inbox", machine(), dict(settings), rows)
    for reader in READERS:
        compare(result, reader, sizes)
    return result


def readers_of(
    url: str, size: int, seconds: float, port: int, token: Callable[[str], str]
) -> Iterator[Reader]:
    for reader, employee_id in READERS.items():
        load = Load(HOST, port, "/v1/inbox", token(f"employee:{employee_id}"), CLIENTS, 0, 0, seconds)
        yield Reader(OURS, case(size, reader), partial(generate, load))
        asked = question.Asked(url, company.WORKSPACE, employee_id, CLIENTS, seconds)
        yield Reader(SQL, case(size, reader), partial(question.ask, asked))


def compare(result: Result, reader: str, sizes: Sequence[int]) -> None:
    """With the limit, and with ourselves where there are fewest conversations."""
    for size in sizes:
        result.compare(case(size, reader), SQL)
        result.compare(case(size, reader), SQL, unit=P50)
    for size in sizes[1:]:
        result.compare(case(size, reader), OURS, to_case=case(sizes[0], reader), unit=P50)


def case(size: int, reader: str) -> str:
    return f"conversations={size} {reader}"
