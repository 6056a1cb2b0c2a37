"""How fast connectors are taken over HTTP: new messages in known chats, each answered when it is on the disk.

ours         POST /v1/channels/ID/events of one `chatledger serve`
limit:route  a route that parses the same body and inserts one row an event, nothing decided or checked:
             one commit a request
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import httpx
import psycopg

from api.bench.append import PLAIN_TABLE
from api.bench.load import Figures, Load, message
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
from api.bench.servers import ServerFailed, database, free_port, fresh_postgres, python_process

MEASURED_S = 2.0
BATCHES = (1, 100)
CLIENTS = 16
CHATS = 1_000
"""Which the server knows before it is measured, each with its client."""

PREPARED_TOGETHER = 500
CATCH_UP_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.05
ROUTE = "limit:route"
CHANNEL = "whatsapp-1"
PATH = f"/v1/channels/{CHANNEL}/events"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """One that is measured. settle: waits until it has done what the last figure left over."""

    load: Load
    settle: Callable[[], None]
    p99_ms: dict[int, list[float]] = field(default_factory=dict)
    """Of each round, by events in a request."""

    def events_a_second(self, events: int) -> float:
        """Measure once, and note how long the slowest requests took."""
        figures = generated(replace(self.load, events=events))
        self.settle()
        self.p99_ms.setdefault(events, []).append(percentile(figures.latencies_ms, 99))
        return len(figures.latencies_ms) * events / figures.seconds

    def slowest(self, system: str, events: int) -> Row:
        p99_ms = self.p99_ms[events]
        return Row(system, case(events), statistics.median(p99_ms), min(p99_ms), max(p99_ms), "p99 ms")


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


def generated(load: Load) -> Figures:
    """Raises ServerFailed: a request was refused."""
    told = subprocess.run(
        [sys.executable, "-m", "api.bench.load"],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
    )
    if told.returncode:
        raise ServerFailed(f"the load generator ended: {told.stderr}")
    figures = Figures(**json.loads(told.stdout))
    if figures.refused:
        raise ServerFailed(f"a request was refused: {figures.refused}")
    return figures


@contextmanager
def chatledger(url: str, seconds: float, chats: int) -> Iterator[Server]:
    """Our server, which knows the chats."""
    port, admin_token = free_port(), secrets.token_urlsafe()
    environment = {**os.environ, "CHATLEDGER_DATABASE_URL": url, "CHATLEDGER_ADMIN_TOKEN": admin_token}
    serve = ["-m", "api.cli", "serve", "--host", HOST, "--port", str(port)]
    with python_process(serve, f"{HOST}:{port}", environment):
        with httpx.Client(base_url=f"http://{HOST}:{port}", timeout=CATCH_UP_TIMEOUT_S) as client:
            admin = {"Authorization": f"Bearer {admin_token}"}
            token = prepare(client, admin, chats)
            load = Load(HOST, port, PATH, token, CLIENTS, 1, chats, seconds)
            yield Server(load, partial(catch_up, client, admin))


def prepare(client: httpx.Client, admin: dict[str, str], chats: int) -> str:
    """Tell the server of the channel and the chats; returns a connector's token."""
    channel = {"kind": "whatsapp", "title": "Whatsapp"}
    client.put(f"/v1/channels/{CHANNEL}", json=channel, headers=admin).raise_for_status()
    asked = {"scopes": ["connector"], "label": "bench"}
    token = str(client.post("/v1/tokens", json=asked, headers=admin).raise_for_status().json()["token"])
    for first in range(0, chats, PREPARED_TOGETHER):
        numbers = range(first, min(first + PREPARED_TOGETHER, chats))
        told = {"events": [message(number, f"first-{number}") for number in numbers]}
        client.post(PATH, json=told, headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    catch_up(client, admin)
    return token


def catch_up(client: httpx.Client, admin: dict[str, str]) -> None:
    """Wait until the read models have everything, so that this work is not done while others are measured."""
    deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
    while any(each["lag_events"] for each in client.get("/v1/projections", headers=admin).json()["items"]):
        if time.monotonic() > deadline:
            raise ServerFailed("the read models do not catch up")
        time.sleep(POLL_INTERVAL_S)


@contextmanager
def route(url: str, seconds: float, chats: int) -> Iterator[Server]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(PLAIN_TABLE)
    port = free_port()
    with python_process(["-m", "api.bench.route", url, str(port)], f"{HOST}:{port}"):
        yield Server(Load(HOST, port, PATH, "none", CLIENTS, 1, chats, seconds), lambda: None)
