"""How fast search is: for common and rare words, for who sees all and for who sees little.

ours       GET /v1/search of one `chatledger serve`, one question after the other, each with another word
peer:like  ILIKE over the same messages that the reader sees, in the same order and with the same limit
limit:sql  the newest messages with a word, by the index over words alone; who sees them is not asked

A supervisor sees all, a seller one chat in twenty, and one seller one in a few hundred. Figures are
milliseconds a question; `p95 ms` is of the questions of all rounds, beside the lowest and highest round's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from typing import Any

import httpx
import psycopg
from psycopg import Connection

from api.bench import talk, words
from api.bench.company import SUPERVISOR, WORKSPACE, seller
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, percentile, settings_of
from api.bench.served import HOST, Served, served
from api.bench.servers import database, fresh_postgres

MESSAGES, MESSAGES_PER_CHAT = 5_000_000, 50
SELLERS = 21
QUESTIONS = 50
"""Of each case in a round; of the peer and the limit, which take long, SLOW_QUESTIONS."""

SLOW_QUESTIONS = 3
PAGE = 50
LIKE, SQL = "peer:like", "limit:sql"
P50, P95 = "p50 ms", "p95 ms"
READERS = {"supervisor": SUPERVISOR, "seller-5%": seller(0), "seller-few": seller(SELLERS - 1)}

LIKE_QUESTION = """
SELECT message_id FROM timeline.message
WHERE workspace_id = %(workspace_id)s AND text ILIKE '%%' || %(word)s || '%%' AND deleted_at IS NULL
  AND visibility.sees((SELECT visibility.principals(%(workspace_id)s, %(employee_id)s)), chat_id)
ORDER BY sent_at DESC, position DESC LIMIT %(limit)s
"""

SQL_QUESTION = """
SELECT message_id FROM search.message WHERE words @@ search.asked(%(word)s)
ORDER BY sent_at DESC, position DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Asker:
    """Asks one system for the words of one kind, again and again. ask: one question."""

    system: str
    case: str
    ask: Callable[[str], Any]
    words: Iterator[str]
    questions: int
    rounds_ms: list[list[float]] = field(default_factory=list)

    def p50_ms(self) -> float:
        """Measure a round of questions, and note how long each took."""
        latencies_ms = []
        for _ in range(self.questions):
            begun = perf_counter()
            self.ask(next(self.words))
            latencies_ms.append((perf_counter() - begun) * 1_000)
        self.rounds_ms.append(sorted(latencies_ms))
        return percentile(self.rounds_ms[-1], 50)

    def p95(self) -> Row:
        each = [percentile(one, 95) for one in self.rounds_ms]
        together = percentile(sorted(ms for one in self.rounds_ms for ms in one), 95)
        return Row(self.system, self.case, together, min(each), max(each), P95)


def run(
    rounds: int, watch: Watch, *, messages: int = MESSAGES, questions: int = QUESTIONS, sellers: int = SELLERS
) -> Result:
    """messages: of the company, in chats of MESSAGES_PER_CHAT. questions: of each case in a round."""
    company = talk.Clients(messages // MESSAGES_PER_CHAT, sellers=sellers, strangers=False)
    with fresh_postgres() as url, ExitStack() as stack:
        own_url = database(url, "company")
        talk.make(own_url, company, messages, watch)
        connection = stack.enter_context(psycopg.connect(own_url, autocommit=True))
        askers = list(_askers(stack, stack.enter_context(served(own_url)), connection, messages, questions))
        contenders = [Contender(each.system, each.case, P50, each.p50_ms) for each in askers]
        rows = measure(contenders, rounds=rounds, watch=watch)
        chosen = {"questions": questions * rounds, "chats": company.conversations, "page": PAGE}
        settings = settings_of(url, **chosen)
    rows += [each.p95() for each in askers]
    result = Result("search", machine(), dict(settings), rows)
    for each in askers:
        if each.system != OURS:
            result.compare(each.case, each.system, unit=P50)
            result.compare(each.case, each.system, unit=P95)
    return result


def _askers(
    stack: ExitStack, ours: Served, connection: Connection[Any], messages: int, questions: int
) -> Iterator[Asker]:
    vocabulary = words.vocabulary()
    for kind, which in words.ASKED.items():
        for reader, employee_id in READERS.items():
            case = f"messages={messages} word={kind} reader={reader}"
            client = stack.enter_context(_client(ours, employee_id))
            yield Asker(OURS, case, _by_http(client), cycle(vocabulary[which]), questions)
            told = {"workspace_id": WORKSPACE, "employee_id": employee_id, "limit": PAGE}
            if kind == "rare":
                like = _by_sql(connection, LIKE_QUESTION, told)
                yield Asker(LIKE, case, like, cycle(vocabulary[which]), SLOW_QUESTIONS)
            if employee_id == SUPERVISOR:
                raw = _by_sql(connection, SQL_QUESTION, told)
                yield Asker(SQL, case, raw, cycle(vocabulary[which]), SLOW_QUESTIONS)


def _client(ours: Served, employee_id: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {ours.token(f'employee:{employee_id}')}"}
    return httpx.Client(base_url=f"http://{HOST}:{ours.port}", headers=headers, timeout=60)


def _by_http(client: httpx.Client) -> Callable[[str], Any]:
    return lambda word: client.get("/v1/search", params={"q": word, "limit": PAGE}).raise_for_status()


def _by_sql(connection: Connection[Any], question: str, told: dict[str, Any]) -> Callable[[str], Any]:
    return lambda word: connection.execute(question.encode(), {**told, "word": word}).fetchall()
