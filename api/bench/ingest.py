"""How fast connectors are taken over HTTP: new messages in known chats, each answered when it is on the disk.

ours         POST /v1/channels/ID/events of one `chatledger serve`
limit:route  a route that parses the same body and inserts one row an event, nothing decided or checked:
             one commit a request
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg

from api.bench.append import PLAIN_TABLE
from api.bench.load import Load, generate, message
from api.bench.measuring import (
    OURS,
    Contender,
    Result,
    Row,
    Watch,
    machine,
    measure,
    percentile,
    settings_of,
)
from api.bench.served import HOST, Served, served
from api.bench.servers import database, free_port, fresh_postgres, python_process

MEASURED_S = 2.0
BATCHES = (1, 100)
CLIENTS = 16
CHATS = 1_000
"""Which the server knows before it is measured, each with its client."""

PREPARED_TOGETHER = 500
ROUTE = "limit:route"
CHANNEL = "whatsapp-1"
PATH = f"/v1/channels/{CHANNEL}/events"


@dataclass(frozen=True)
class Server:
    """One that is measured. settle: waits until it has done what the last figure left over."""

    load: Load
    settle: Callable[[], None]
    p99_ms: dict[int, list[float]] = field(default_factory=dict)
    """Of each round, by events in a request."""

    def events_a_second(self, events: int) -> float:
        """Measure once, and note how long the slowest requests took."""
        figures = generate(replace(self.load, events=events))
        self.settle()
        self.p99_ms.setdefault(events, []).append(percentile(figures.latencies_ms, 99))
        return len(figures.latencies_ms) * events / figures.seconds

    def slowest(self, system: str, events: int) -> Row:
        return Row.of(system, case(events), self.p99_ms[events], "p99 ms")


def run(
    rounds: int,
    watch: Watch,
    *,
    seconds: float = MEASURED_S,
    chats: int = CHATS,
    batches: Sequence[int] = BATCHES,
) -> Result:
    """seconds: how long each is measured in a round."""
    with fresh_postgres() as url:
        with chatledger(database(url, "ours"), seconds, chats) as ours:
            with route(database(url, "route"), seconds, chats) as limit:
                servers = {OURS: ours, ROUTE: limit}
                contenders = [
                    Contender(system, case(events), "events/s", partial(server.events_a_second, events))
                    for events in batches
                    for system, server in servers.items()
                ]
                rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, measured_s=seconds, clients=CLIENTS, chats=chats)
    rows += [server.slowest(system, events) for events in batches for system, server in servers.items()]
    result = Result("ingest", machine(), dict(settings), rows)
    for events in batches:
        result.compare(case(events), ROUTE)
    return result


def case(events: int) -> str:
    return f"batch={events}"


@contextmanager
def chatledger(url: str, seconds: float, chats: int) -> Iterator[Server]:
    """Our server, which knows the chats."""
    with served(url) as ours:
        token = prepare(ours, chats)
        load = Load(HOST, ours.port, PATH, token, CLIENTS, 1, chats, seconds)
        yield Server(load, ours.catch_up)


def prepare(ours: Served, chats: int) -> str:
    """Tell the server of the channel and the chats; returns a connector's token."""
    channel = {"kind": "whatsapp", "title": "Whatsapp"}
    ours.admin.put(f"/v1/channels/{CHANNEL}", json=channel).raise_for_status()
    token = ours.token("connector")
    for first in range(0, chats, PREPARED_TOGETHER):
        numbers = range(first, min(first + PREPARED_TOGETHER, chats))
        told = {"events": [message(number, f"first-{number}") for number in numbers]}
        connector = {"Authorization": f"Bearer {token}"}
        ours.admin.post(PATH, json=told, headers=connector).raise_for_status()
    ours.catch_up()
    return token


@contextmanager
def route(url: str, seconds: float, chats: int) -> Iterator[Server]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLAIN_TABLE)
    port = free_port()
    with python_process(["-m", "api.bench.route", url, str(port)], f"{HOST}:{port}"):
        yield Server(Load(HOST, port, PATH, "none", CLIENTS, 1, chats, seconds), lambda: None)
