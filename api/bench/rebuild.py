"""How fast read models are built anew from the log, events a second.

ours         a whole rebuild as `chatledger rebuild` does it: replay, indexes, every row verified, the switch;
             of all read models, of inbox, visibility and timeline together, and of the timeline alone;
             unverified: without the time of holding every row against the live ones (--no-verify)
peer:runner  the library's ProjectionRunner filling the simplest of them, from the same ledger's beginning
limit:read   reading the log and decoding it, and doing nothing else

Every conversation has MESSAGES messages; the other events are of its chat, client, deal and folder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import psycopg

from adapters.postgres.database import create_pool
from api.bench import history, runner
from api.bench.company import Company
from api.bench.measuring import OURS, Contender, Result, Row, Watch, machine, measure, settings_of
from api.bench.servers import database, fresh_postgres
from projections.read_model import READ_MODELS
from projections.rebuild import CONNECTIONS, Different, rebuilding

CONVERSATIONS = 64_000
"""About a million events."""

MESSAGES = 10
RUNNER_S = 3.0
"""Long enough for thousands of events, each in a transaction."""

READ_TOGETHER = 5_000
LOG = """
SELECT position, stream_id, version, topic, actor, occurred_at, facts, private FROM ledger ORDER BY position
"""

ALL, TOGETHER, SIMPLEST, NONE = (
    "models=all",
    "models=inbox+visibility+timeline",
    "models=timeline",
    "models=none",
)
MODELS = {ALL: READ_MODELS, TOGETHER: ("inbox", "visibility", "timeline"), SIMPLEST: ("timeline",)}
RUNNER, READ = "peer:runner", "limit:read"
UNIT = "events/s"


@dataclass(frozen=True)
class Anew:
    """A rebuild of some read models, again and again. unverified: events a second but for the verifying."""

    url: str
    case: str
    watch: Watch
    unverified: list[float] = field(default_factory=list)

    def events_a_second(self) -> float:
        """Rebuild once, with the steps of `Rebuild.run`.

        Raises:
            Different: what was built is not what is live.
        """
        with create_pool(self.url, max_size=CONNECTIONS) as pool:
            with rebuilding(pool, MODELS[self.case], self.watch) as rebuild:
                begun = time.perf_counter()
                rebuild.begin()
                rebuild.replay()
                rebuild.index()
                rebuild.catch_up()
                caught_up = time.perf_counter()
                if found := rebuild.verify():
                    raise Different(found)
                verified = time.perf_counter()
                head = rebuild.switch()
                switched = time.perf_counter()
                rebuild.drop()
        self.unverified.append(head / (switched - verified + caught_up - begun))
        return head / (switched - begun)

    def without_verifying(self) -> Row:
        return Row.of(OURS, unverified(self.case), self.unverified, UNIT)


def unverified(case: str) -> str:
    return f"{case} unverified"


def run(
    rounds: int, watch: Watch, *, conversations: int = CONVERSATIONS, runner_s: float = RUNNER_S
) -> Result:
    """conversations: of the company. runner_s: how long the peer is measured in a round."""
    with fresh_postgres() as url:
        own_url = database(url, "company")
        head = history.make(own_url, Company(conversations, messages=MESSAGES), watch)
        ours = [Anew(own_url, case, watch) for case in MODELS]
        contenders = [
            *(Contender(OURS, each.case, UNIT, each.events_a_second) for each in ours),
            Contender(RUNNER, SIMPLEST, UNIT, partial(runner.events_a_second, own_url, runner_s)),
            Contender(READ, NONE, UNIT, partial(read, own_url)),
        ]
        rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, events=head, conversations=conversations)
    rows += [each.without_verifying() for each in ours]
    result = Result("rebuild", machine(), dict(settings), rows)
    for case in (each for models in MODELS for each in (models, unverified(models))):
        result.compare(case, RUNNER, to_case=SIMPLEST)
        result.compare(case, READ, to_case=NONE)
    return result


def read(url: str) -> float:
    """Read the whole ledger, as psycopg decodes it."""
    with psycopg.connect(url) as connection, connection.cursor(name="log") as cursor:
        cursor.itersize = READ_TOGETHER
        begun = time.perf_counter()
        events = sum(1 for _ in cursor.execute(LOG))
        return events / (time.perf_counter() - begun)
