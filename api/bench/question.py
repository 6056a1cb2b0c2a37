"""The limit for `inbox`: the product's own question for a page, asked over psycopg and nothing else.

Its plans are those of the read side, which do not depend on how many rows there are.

Run as `python -m api.bench.question`, with an `Asked` as JSON on stdin; a `Figures` comes back on stdout.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, cast

import uvloop
from psycopg import AsyncConnection

from api.bench.load import Figures
from api.bench.servers import carried_out
from projections.answer import Pool
from projections.inbox import Inbox
from projections.read_model import PLANS


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose inbox is asked for, over how many connections at once, for how long."""

    url: str
    workspace_id: str
    employee_id: str
    connections: int
    seconds: float


class OwnConnection:
    """In the place of a pool: one connection, which nobody else wants."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        yield self._connection


def ask(asked: Asked) -> Figures:
    """Have a process of its own do it.

    Raises:
        ServerFailed: it could not.
    """
    return Figures(**carried_out("api.bench.question", asked))


async def _ask(asked: Asked) -> Figures:
    async with AsyncExitStack() as stack:
        inboxes = []
        for _ in range(asked.connections):
            connection = await AsyncConnection.connect(asked.url, autocommit=True)
            await stack.enter_async_context(connection)
            await connection.execute(PLANS)
            inboxes.append(Inbox(cast(Pool, OwnConnection(connection))))
        begun = perf_counter()
        latencies_ms: list[float] = []
        await asyncio.gather(*(_read(inbox, asked, begun, latencies_ms) for inbox in inboxes))
        return Figures(perf_counter() - begun, sorted(latencies_ms), None)


async def _read(inbox: Inbox, asked: Asked, begun: float, latencies_ms: list[float]) -> None:
    while (sent := perf_counter()) < begun + asked.seconds:
        await inbox.page(asked.workspace_id, asked.employee_id)
        latencies_ms.append((perf_counter() - sent) * 1_000)


def main() -> None:
    figures = uvloop.run(_ask(Asked(**json.load(sys.stdin))))
    json.dump(asdict(figures), sys.stdout)


if __name__ == "__main__":
    main()
