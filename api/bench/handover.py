"""How long it takes to hand clients over, until nobody can read what was before; ms.

ours       POST /v1/deals/ID/reassign, one deal with its contact: p50 and p99 of SINGLES, one after the other
           POST /v1/handover, every deal and contact of an employee: 10,000 of each, so 20,000 events
limit:sql  the same rows by statements written for it, in one transaction of one connection: `by_hand.py`

The other conversations are those of a whole company. Each is measured on a database of its own, made equal.
In each round another employee's clients go. Nobody holds their conversations: who loses sight of what he
holds is released, by one command each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import cycle

import httpx
import psycopg

from api.bench import by_hand, company, history
from api.bench.company import Company
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, percentile, settings_of
from api.bench.served import Served, served
from api.bench.servers import database, fresh_postgres
from projections.read_model import PLANS

CONVERSATIONS = 100_000
SELLERS = 10
SINGLES = 300
"""In each round, each with another deal, so that p99 is the third slowest."""

SQL = "limit:sql"
SINGLE = "deals=1"
P50, P99 = "p50 ms", "p99 ms"
ALONE = SELLERS - 1
"""Whose deals go one by one; of the others everything goes, so that there are fresh ones for many rounds."""

HandOver = Callable[[str, str], object]
"""Everything of one employee, to another."""

Reassign = Callable[[str, str, str], object]
"""One deal and its contact, from one employee to another."""

Turns = Iterator[tuple[str, str]]


def there_and_back(numbers: Sequence[int]) -> Turns:
    """From each of these sellers to his successor, and when all have had their turn, back."""
    there = [(company.seller(number), company.successor(number)) for number in numbers]
    return cycle([*there, *((to_id, from_id) for from_id, to_id in there)])


@dataclass
class System:
    """Hands over, each time as much as the last."""

    name: str
    hand_over: HandOver
    reassign: Reassign
    deal_ids: Sequence[str]
    p50_ms: list[float] = field(default_factory=list)
    turns: Turns = field(default_factory=lambda: there_and_back(range(ALONE)))
    single_turns: Turns = field(default_factory=lambda: there_and_back([ALONE]))

    def all_ms(self) -> float:
        return took_ms(partial(self.hand_over, *next(self.turns)))

    def single_p99_ms(self) -> float:
        """Measure once, and note how long half of them took at most."""
        turn = next(self.single_turns)
        each_ms = sorted(took_ms(partial(self.reassign, deal_id, *turn)) for deal_id in self.deal_ids)
        self.p50_ms.append(percentile(each_ms, 50))
        return percentile(each_ms, 99)

    def single_p50(self) -> Row:
        each = self.p50_ms
        return Row.of(self.name, SINGLE, each, P50)


def run(rounds: int, watch: Watch, *, conversations: int = CONVERSATIONS, singles: int = SINGLES) -> Result:
    """conversations: of the company, each with a deal. singles: deals that are handed over one by one."""
    made = Company(
        conversations, sellers=SELLERS, deal_every=1, successors=SELLERS, strangers=False, held=False
    )
    deal_ids = made.deals_of(company.seller(ALONE))[:singles]
    everything = f"deals={len(made.deals_of(company.seller(0)))}"
    with fresh_postgres() as url:
        own_url = database(url, "ours")
        history.make(own_url, made, watch)
        copy_url = database(url, "by_hand", template="ours")
        with served(own_url) as ours, in_sql(copy_url, deal_ids) as limit:
            systems = [over_http(ours, deal_ids), limit]
            contenders = [
                *(Contender(each.name, everything, "ms", each.all_ms) for each in systems),
                *(Contender(each.name, SINGLE, P99, each.single_p99_ms) for each in systems),
            ]
            rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, conversations=conversations, single_deals=singles)
    rows += [each.single_p50() for each in systems]
    result = Result("handover", machine(), dict(settings), rows)
    result.compare(everything, SQL)
    result.compare(SINGLE, SQL, unit=P99)
    result.compare(SINGLE, SQL, unit=P50)
    return result


def over_http(ours: Served, deal_ids: Sequence[str]) -> System:
    return System(OURS, partial(hand_over, ours), partial(reassign, ours), deal_ids)


@contextmanager
def in_sql(url: str, deal_ids: Sequence[str]) -> Iterator[System]:
    """Single deals over a connection of their own, with the plans for little that our follower has."""
    with psycopg.connect(url, autocommit=True) as connection:
        by_hand.prepare(connection)
        with psycopg.connect(url, autocommit=True) as by_index:
            by_index.execute(PLANS)
            hand_over, reassign = partial(by_hand.hand_over, connection), partial(by_hand.reassign, by_index)
            yield System(SQL, hand_over, reassign, deal_ids)


def hand_over(ours: Served, from_id: str, to_id: str) -> None:
    body = {"from_employee_id": from_id, "to_employee_id": to_id, "reason": by_hand.REASON}
    effective(ours, ours.admin.post("/v1/handover", json=body))


def reassign(ours: Served, deal_id: str, from_id: str, to_id: str) -> None:
    body = {"owner_id": to_id, "reason": by_hand.REASON, "with_contacts": True}
    effective(ours, ours.admin.post(f"/v1/deals/{deal_id}/reassign", json=body))


def effective(ours: Served, answer: httpx.Response) -> None:
    """An answer means that it is; of one that came too early, wait until it is.

    Raises:
        HTTPStatusError: it was refused.
    """
    if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        ours.catch_up()
    else:
        answer.raise_for_status()


def took_ms(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1_000
