"""What everybody at work has in common: a connection, a die of his own, and one log."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from api.bench.caller import Answer, Caller, Json
from api.bench.firm import Size
from domain import ids

REFUSALS = {
    (404, "not_found"),
    (409, "already_held"),
    (409, "deal_lost"),
    (409, "try_again"),
    (403, "read_only_role"),
}
"""What a day at work may meet: it was lost sight of, others were first, quality control only reads."""

LOST_SIGHT = {
    ("assign", "cannot_see"),
    ("answer", "unknown_reference"),
    ("link", "invalid_request"),
    ("unlink", "invalid_request"),
}
"""Also what says that somebody, or oneself, has just lost sight of a part: whom it is to be given to, the
chat in which to answer, whose address it is. Any other refusal is a fault."""


@dataclass
class Log:
    """What all did. acknowledged: message → its chat. reports: what connectors still have to tell."""

    size: Size
    begun: float = field(default_factory=perf_counter)
    ms: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    queued: list[tuple[str, str]] = field(default_factory=list)
    """Channel and message of answers that a connector has to deliver."""

    @property
    def now(self) -> float:
        """As a part of the day."""
        return (perf_counter() - self.begun) / self.size.seconds

    @property
    def over(self) -> bool:
        return self.now >= 1 or bool(self.faults)

    def left_s(self) -> float:
        return (1 - self.now) * self.size.seconds

    def refuse(self, action: str, body: Json) -> None:
        """Count a problem that was to be met; any other is a fault."""
        status, code = body["status"], body["code"]
        if (status, code) in REFUSALS or (action, code) in LOST_SIGHT:
            self.refused[f"{status} {code}"] += 1
        else:
            self.faults.append(f"{action} was refused: {body}")


class Worker(ABC):
    """Somebody with a token. kind: under what his requests are counted and timed."""

    def __init__(self, log: Log, name: str, port: int, token: str) -> None:
        self.log, self.name = log, name
        self.caller = Caller(port, token)
        self.rng = Random(f"{log.size.seed} {name}")

    async def spend_day(self) -> None:
        async with self.caller:
            await self.work()

    @abstractmethod
    async def work(self) -> None:
        """Until the day is over."""

    async def ask(self, action: str, timed: str, method: str, path: str, body: Json | None = None) -> Answer:
        """Ask, and note under which name it was counted and timed."""
        answer = await self.caller.ask(method, path, body)
        if answer.refused:
            self.log.refuse(action, answer.body)
        else:
            self.log.done[action] += 1
            self.log.ms[timed].append(answer.ms)
        return answer

    async def rest(self, mean_s: float) -> None:
        await asyncio.sleep(min(mean_s * self.rng.uniform(0.5, 1.5), max(0.0, self.log.left_s())))

    async def wait_until(self, moment: float) -> None:
        """moment: as a part of the day; what would be later is at its end."""
        await asyncio.sleep(max(0.0, (min(moment, 1.0) - self.log.now) * self.log.size.seconds))


def message_id(chat_id: str, external_id: str) -> str:
    return str(ids.message_id(chat_id, external_id))
