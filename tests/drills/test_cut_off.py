"""The network between one process and PostgreSQL is cut, or falls silent; the others go on without it."""

from __future__ import annotations

import time
from functools import partial

import pytest

from tests.drills.drill import House
from tests.drills.lines import Line

pytestmark = pytest.mark.drill

SILENCE_S = 3.0


def test_each_process_is_cut_off_from_postgres(house: House) -> None:
    for worker in house.workers:
        line = worker.lines["database"]
        house.drill(f"{worker.name} cut off from PostgreSQL", line.cut, line.mend)


def test_the_network_to_postgres_falls_silent_for_a_while(house: House) -> None:
    """Nobody hears of it: what was under way arrives later, if it arrives."""
    for worker in house.workers:
        silence = partial(silenced, worker.lines["database"])
        house.drill(f"{worker.name} and PostgreSQL silent for {SILENCE_S:g} s", silence)


def silenced(line: Line) -> None:
    line.fall_silent()
    time.sleep(SILENCE_S)
    line.mend()
