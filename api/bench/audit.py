"""How fast an auditor is answered about one chat or one employee of a company with a long history.

ours       GET /v1/audit/... of one `chatledger serve`, one question after the other, each about another chat:
           who saw it at a random position (visibility), who has ever seen it and when (history), why a seller
           saw it at a random position (explain); and what a seller could see in a hundredth of the history
           (employee), a page of it
peer:scan  all that the log holds about one chat, read from its beginning to its end
limit:row  one event by its position, over psycopg

Figures are milliseconds a question; `p95 ms` is of the questions of all rounds, beside the lowest and highest
round's. Only the read models are made that these questions read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from random import Random
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
from psycopg import Connection

from api.bench import history
from api.bench.company import Company, chat_of, seller
from api.bench.measuring import (
    OURS,
    Contender,
    Promise,
    Result,
    Watch,
    machine,
    measure,
    settings_of,
)
from api.bench.search import P50, P95, Asker
from api.bench.served import HOST, served
from api.bench.servers import database, fresh_postgres
from projections.read_model import PLANS

EVENTS = 10_000_000
MESSAGES = 10
EVENTS_A_CONVERSATION = 16
"""About; the ledger's head is told among the settings."""

SELLERS = 100
QUESTIONS = 100
"""Of each case in a round; of the peer, which reads everything, one."""

P95_MS_AT_MOST = 50.0
SCAN, ROW = "peer:scan", "limit:row"
VISIBILITY = "visibility"
READ = ("directory", "access", "visibility", "threads")

SCAN_QUESTION = (
    "SELECT position, topic, facts FROM ledger WHERE facts->>'chat_id' = %(asked)s ORDER BY position"
)
ROW_QUESTION = "SELECT position, topic, facts FROM ledger WHERE position = %(asked)s::bigint"


def run(rounds: int, watch: Watch, *, events: int = EVENTS, questions: int = QUESTIONS) -> Result:
    """events: of the company, about. questions: of each case in a round."""
    company = Company(max(20, events // EVENTS_A_CONVERSATION), messages=MESSAGES, sellers=SELLERS)
    with fresh_postgres() as url, ExitStack() as stack:
        own_url = database(url, "company")
        head = history.make(own_url, company, watch, names=READ)
        ours = stack.enter_context(served(own_url))
        headers = {"Authorization": f"Bearer {ours.token('auditor')}"}
        client = httpx.Client(base_url=f"http://{HOST}:{ours.port}", headers=headers, timeout=60)
        connection = stack.enter_context(psycopg.connect(own_url, autocommit=True))
        askers = list(_askers(stack.enter_context(client), connection, company, head, questions))
        contenders = [Contender(each.system, each.case, P50, each.p50_ms) for each in askers]
        rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, events=head, chats=company.conversations, questions=questions * rounds)
    result = Result("audit", machine(), dict(settings), rows + [each.p95() for each in askers])
    for each in askers:
        if each.system == OURS:
            for unit in (P50, P95):
                result.compare(each.case, SCAN, to_case="chat", unit=unit)
                result.compare(each.case, ROW, to_case="event", unit=unit)
    result.promises.append(_promise(next(each for each in askers if each.case == VISIBILITY)))
    return result


def _askers(
    client: httpx.Client, connection: Connection[Any], company: Company, head: int, questions: int
) -> Iterator[Asker]:
    by_http = _by_http(client)
    for case, asked in _cases(company, head).items():
        yield Asker(OURS, case, by_http, asked, questions)
    random = Random(0)
    chats = (str(chat_of(random.randrange(company.conversations))) for _ in iter(int, 1))
    positions = (str(random.randint(1, head)) for _ in iter(int, 1))
    connection.execute(PLANS.encode())
    yield Asker(SCAN, "chat", _by_sql(connection, SCAN_QUESTION, scans=True), chats, 1)
    yield Asker(ROW, "event", _by_sql(connection, ROW_QUESTION, scans=False), positions, questions)


def _cases(company: Company, head: int) -> dict[str, Iterator[str]]:
    """Case → its questions, of which there is no end."""
    random = Random(1)

    def chat() -> int:
        return random.randrange(company.conversations)

    def asked(path: str, make: Callable[[], dict[str, Any]]) -> Iterator[str]:
        while True:
            yield f"/v1/audit/{path}?{urlencode(make())}"

    def why() -> dict[str, Any]:
        number = chat()
        position = random.randint(1, head)
        return {"employee_id": company.seller_of(number), "chat_id": chat_of(number), "at": position}

    def what() -> dict[str, Any]:
        begun = random.randint(0, head - head // 100)
        employee_id = seller(random.randrange(company.sellers))
        return {"employee_id": employee_id, "from": begun, "until": begun + head // 100}

    return {
        VISIBILITY: asked("visibility", lambda: {"chat_id": chat_of(chat()), "at": random.randint(1, head)}),
        "history": asked("visibility/history", lambda: {"chat_id": chat_of(chat())}),
        "explain": asked("explain", why),
        "employee": asked("visibility/history", what),
    }


def _by_http(client: httpx.Client) -> Callable[[str], Any]:
    return lambda path: client.get(path).raise_for_status()


def _by_sql(connection: Connection[Any], question: str, *, scans: bool) -> Callable[[str], Any]:
    """scans: as PostgreSQL would do it by itself, not as the read side, which goes by index."""

    def ask(asked: str) -> Any:
        if not scans:
            return connection.execute(question.encode(), {"asked": asked}).fetchall()
        with connection.transaction():
            connection.execute("SET LOCAL enable_seqscan = on")
            return connection.execute(question.encode(), {"asked": asked}, prepare=False).fetchall()

    return ask


def _promise(asker: Asker) -> Promise:
    p95 = asker.p95().median
    promise = Promise(f"who saw a chat at a random position: p95 ≤ {P95_MS_AT_MOST:g} ms", "questions")
    fault = f"p95 is {p95:.1f} ms" if p95 > P95_MS_AT_MOST else None
    promise.note(fault, sum(map(len, asker.rounds_ms)))
    return promise
