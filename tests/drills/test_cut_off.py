"""The network between one process and a server is cut, or falls silent; the others go on without it."""

from __future__ import annotations

import time
from functools import partial

import pytest

from tests.drills.drill import House
from tests.drills.lines import Line

pytestmark = pytest.mark.drill

SILENCE_S = 3.0


def test_each_process_is_cut_off_from_postgres(house: House) -> None:
    """There is one relay, so nobody does without it: it is cut off for a while."""
    for name in ("api 1", "follower 1", "follower 2"):
        line = house.named(name).lines["database"]
        house.drill(f"{name} cut off from PostgreSQL", line.cut, line.mend)
    line = house.named("relay").lines["database"]
    house.drill(f"relay and PostgreSQL cut off for {SILENCE_S:g} s", partial(cut_for_a_while, line))


def test_processes_are_cut_off_from_nats(house: House) -> None:
    for worker in (house.named("relay"), house.named("follower 1")):
        line = worker.lines["nats"]
        house.drill(f"{worker.name} and NATS cut off for {SILENCE_S:g} s", partial(cut_for_a_while, line))


def test_the_network_to_postgres_falls_silent_for_a_while(house: House) -> None:
    """Nobody hears of it: what was under way arrives later, if it arrives."""
    for name in ("api 1", "follower 1"):
        silence = partial(silent_for_a_while, house.named(name).lines["database"])
        house.drill(f"{name} and PostgreSQL silent for {SILENCE_S:g} s", silence)


def cut_for_a_while(line: Line) -> None:
    line.cut()
    time.sleep(SILENCE_S)
    line.mend()


def silent_for_a_while(line: Line) -> None:
    line.fall_silent()
    time.sleep(SILENCE_S)
    line.mend()
