"""A day at work, and whether everything that is promised holds after it.

200 employees and 50,000 clients: `firm.py`. In seconds, through one `chatledger serve`, a day of real
conversations comes in (`conversing.py`, `connectors.py`), everybody works with them at once
(`colleagues.py`), and the CRM moves deals and people (`crm.py`). Nothing has a peer; refusals are counted,
and a fault ends the run.

Afterwards everybody's lists and counts are read over HTTP and held against the ledger, from which an auditor
works out by himself what they have to be (`folded.py`, `invariants.py`, `looking.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from api.bench import history
from api.bench.at_work import Log, Worker
from api.bench.colleagues import Tokens, colleagues
from api.bench.company import SUPERVISOR
from api.bench.connectors import connectors
from api.bench.conversing import Talk, talk
from api.bench.crm import Crm
from api.bench.firm import Size, settle_in
from api.bench.looking import look
from api.bench.measuring import OURS, Promise, Result, Row, Watch, machine, percentile, settings_of
from api.bench.served import Served, served
from api.bench.servers import ServerFailed, database, fresh_postgres

TOLD_INTERVAL_S = 1.0
TIMED = (
    "event",
    "batch",
    "list",
    "counts",
    "open",
    "messages",
    "command",
    "answer",
    "bulk",
    "link",
    "handover",
    "portfolio",
    "deal",
    "employee",
    "channel",
)
"""What is timed, in the order in which it is told; `command` is a move of one conversation."""

WHOLE_DAY = Size()


@dataclass(frozen=True)
class Lived:
    """A company after its day, which is still served."""

    url: str
    ours: Served
    tokens: Tokens
    log: Log

    def look(self, watch: Watch) -> list[Promise]:
        """Whether what is promised holds."""
        return look(self.url, self.ours, self.tokens, SUPERVISOR, self.log.acknowledged, watch)


def run(rounds: int, watch: Watch, *, size: Size = WHOLE_DAY) -> Result:
    """Another day in each round, in a company of its own."""
    logs: list[Log] = []
    promises: list[Promise] = []
    with fresh_postgres() as url:
        for nth in range(rounds):
            that_day = replace(size, seed=size.seed + nth)
            with lived(database(url, f"day_{nth}"), that_day, watch) as day:
                logs.append(day.log)
                promises += day.look(watch)
        settings = settings_of(url, **asdict(size))
    return Result("day", machine(), dict(settings), rows(logs), promises=promises)


@contextmanager
def lived(url: str, size: Size, watch: Watch) -> Iterator[Lived]:
    """Make a company in an empty database, and let it have its day."""
    history.make(url, size.made, watch)
    said = talk(size)
    with served(url) as ours:
        asyncio.run(settle_in(ours, size, watch))
        ours.catch_up()
        tokens = {employee_id: ours.token(f"employee:{employee_id}") for employee_id in size.roles()}
        yield Lived(url, ours, tokens, asyncio.run(_spend(size, said, ours, tokens, watch)))


async def _spend(size: Size, said: Talk, ours: Served, tokens: Tokens, watch: Watch) -> Log:
    """Everybody at work at once, until the day is over.

    Raises:
        ServerFailed: something was refused that should not have been.
    """
    connector, crm = ours.token("connector"), ours.token("admin")
    log = Log(size)
    workers: list[Worker] = [
        *connectors(log, said, ours.port, connector),
        *colleagues(log, said, ours.port, tokens),
        Crm(log, ours.port, crm),
    ]
    await asyncio.gather(*(worker.spend_day() for worker in workers), _tell(log, watch))
    if log.faults:
        raise ServerFailed(f"{len(log.faults)} faults, the first: {log.faults[0]}")
    return log


async def _tell(log: Log, watch: Watch) -> None:
    seconds = round(log.size.seconds)
    while not log.over:
        watch("day, seconds", min(seconds, round(log.now * seconds)), seconds)
        await asyncio.sleep(min(TOLD_INTERVAL_S, log.left_s()))


def rows(logs: Sequence[Log]) -> list[Row]:
    """How long things took and how often they were done, then how often they were refused."""
    found: list[Row] = []
    for name in TIMED:
        if all(log.ms[name] for log in logs):
            each_ms = [sorted(log.ms[name]) for log in logs]
            for percent in (50, 99):
                figures = [percentile(ms, percent) for ms in each_ms]
                found.append(Row.of(OURS, name, figures, f"p{percent} ms"))
            rates = [len(ms) / log.size.seconds for ms, log in zip(each_ms, logs, strict=True)]
            found.append(Row.of(OURS, name, rates, "requests/s"))
    for action in sorted({action for log in logs for action in log.done}):
        found.append(Row.of(OURS, f"done: {action}", [log.done[action] for log in logs], "times"))
    for code in sorted({code for log in logs for code in log.refused}):
        found.append(Row.of(OURS, f"refused: {code}", [log.refused[code] for log in logs], "times"))
    return found
