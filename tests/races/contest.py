"""Contenders who are let go together, race after race, in an order that nobody decides.

In half of the races all begin at once. In the others each is held back for a moment of its own, so that
everybody is first now and then; that is all the sleep is for, and nothing relies on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from threading import Barrier, BrokenBarrierError
from typing import Generic, TypeVar

R = TypeVar("R")
A = TypeVar("A")

LANES = 4
"""So many races are run side by side, and share commits as on a busy day."""

LONGEST_DELAY_S = 0.004
GATE_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Heat(Generic[R, A]):
    """One race: how long each contender is held back, and what it answered."""

    race: R
    delays_s: Sequence[float]
    answers: dict[int, A] = field(default_factory=dict)


def contest(
    races: Sequence[R], contenders: Sequence[Callable[[R], A]], random: Random, *, lanes: int = LANES
) -> list[tuple[R, list[A]]]:
    """Each race with what its contenders answered, in their order.

    The races n, n + lanes, n + 2 * lanes ... are run one after the other; others may be run at the same time.
    """
    heats: list[Heat[R, A]] = [Heat(race, _delays(random, len(contenders))) for race in races]
    running: list[Future[None]] = []
    with ThreadPoolExecutor(lanes * len(contenders)) as threads:
        for lane in range(lanes):
            gate = Barrier(len(contenders), timeout=GATE_TIMEOUT_S)
            for number, contender in enumerate(contenders):
                running.append(threads.submit(_run, heats[lane::lanes], number, contender, gate))
    _raise_failures(running)
    return [(heat.race, [heat.answers[number] for number in range(len(contenders))]) for heat in heats]


def _delays(random: Random, contenders: int) -> list[float]:
    if random.random() < 0.5:
        return [0.0] * contenders
    return [random.uniform(0, LONGEST_DELAY_S) for _ in range(contenders)]


def _run(heats: Sequence[Heat[R, A]], number: int, contender: Callable[[R], A], gate: Barrier) -> None:
    """One contender in all races of a lane; if it fails, the others wait for it no more."""
    try:
        for heat in heats:
            gate.wait()
            if heat.delays_s[number]:
                time.sleep(heat.delays_s[number])
            heat.answers[number] = contender(heat.race)
    except BaseException:
        gate.abort()
        raise


def _raise_failures(running: Sequence[Future[None]]) -> None:
    """What failed first goes before the others' finding the gate broken."""
    failures = [failure for one in running if (failure := one.exception())]
    for failure in sorted(failures, key=lambda failure: isinstance(failure, BrokenBarrierError)):
        raise failure
