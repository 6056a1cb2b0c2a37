"""Connections to PostgreSQL are cut under load: before a request got there, and after it was committed."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.faults.callers import served, speaking
from tests.faults.proof import assert_nothing_is_lost_or_wrong
from tests.wire import Way, Wire

STORMS, MOST_STORMS = 5, 50
CUTS = 3
"""So often, at least, an append is cut off, in each of both ways."""

SECONDS_OF_CALM = (0.05, 0.3)
SECONDS_OF_STORM = (0.05, 0.3)
PROBABILITY = 0.3
"""That something is cut off in a storm, instead of getting over."""

APPENDING = "chatledger append"
CARRIED_OUT = b"SELECT 1\0"
"""PostgreSQL's answer when it has committed; what the connection begins with is answered otherwise."""

EXPECTED = {(503, "unavailable"), (503, "not_yet_effective")}


class StormyWire(Wire):
    """Cuts connections at random while it storms."""

    def __init__(self, database_url: str, folder: Path, random: Random) -> None:
        self.appends_cut: Counter[Way] = Counter()
        self._random = random
        self._storms = False
        super().__init__(database_url, folder)

    def storm(self, seconds: float) -> None:
        self._storms = True
        time.sleep(seconds)
        self._storms = False

    def cuts(self, way: Way, whose: str, sent: bytes) -> bool:
        cuts = self._storms and self._random.random() < PROBABILITY
        if cuts and whose == APPENDING:
            with self._counting:
                self.appends_cut[way] += is_of_a_statement(way, sent)
        return cuts

    @property
    def has_cut_enough(self) -> bool:
        return all(self.appends_cut[way] >= CUTS for way in ("request", "answer"))


def is_of_a_statement(way: Way, sent: bytes) -> bool:
    """Whether a statement with values is on its way (Parse or Bind), or its answer."""
    return sent[:1] in (b"P", b"B") if way == "request" else CARRIED_OUT in sent


@pytest.fixture
def wire(database_url: str, request: pytest.FixtureRequest) -> Iterator[StormyWire]:
    with tempfile.TemporaryDirectory(prefix="wire") as folder:
        with closing(StormyWire(database_url, Path(folder), Random(request.node.name))) as wire:
            yield wire


def test_what_is_acknowledged_while_connections_are_cut_is_there_once(
    database_url: str, wire: StormyWire, tmp_path: Path
) -> None:
    random = Random(1)
    with served(log=tmp_path / "log", CHATLEDGER_DATABASE_URL=wire.url) as place:
        with speaking(place, EXPECTED) as crowd:
            for number in range(MOST_STORMS):
                if number >= STORMS and wire.has_cut_enough:
                    break
                time.sleep(random.uniform(*SECONDS_OF_CALM))
                wire.storm(random.uniform(*SECONDS_OF_STORM))
                crowd.wait_until_all_are_heard()
    assert wire.has_cut_enough, wire.appends_cut
    assert crowd.troubles[503, "unavailable"]

    rows = assert_nothing_is_lost_or_wrong(database_url, [])
    crowd.assert_acknowledged_is_there_once(rows)
