"""A drill: harm is done under load, all has to be well again by itself, and what was promised has to hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import psycopg
from rich.table import Table

from tests.drills.company import Company
from tests.drills.crew import Worker
from tests.drills.proof import (
    assert_acknowledged_is_there_once,
    assert_order_is_kept,
    differences_to_a_rebuild,
    ledger,
    standing,
)
from tests.drills.screens import Screen
from tests.drills.stream import assert_stream_is_as_the_ledger, published
from tests.faults.processes import eventually
from tests.nats_servers import NatsServer

NO_LAG_S = 0.25
"""While events come in all the time, somebody is always a few behind; none lags if they are so young."""

SHOWN_TROUBLES = 3


def nothing() -> None:
    """Where the harm mends itself."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What the table tells of one drill; seconds since it began.

    harmed_s: until the harm was done, and what it had stopped was started. heard_s: until everybody who spoke
    was acknowledged something that he said after the harm. no_lag_s: until every read model and the stream
    were with what happened. whole_s: until everything ran again that had been harmed.
    """

    harm: str
    harmed_s: float
    heard_s: float
    no_lag_s: float
    whole_s: float
    acknowledged: int
    troubles: str
    events: int


RECOVERIES: list[Recovery] = []
"""Of all drills of this run, in order."""


class Database(Protocol):
    """Where everything is, also when another server has taken over."""

    @property
    def url(self) -> str: ...


@dataclass
class House:
    """Everything that a drill may harm, and those who work meanwhile."""

    database: Database
    nats: NatsServer
    workers: Sequence[Worker]
    company: Company
    screen: Screen

    def named(self, name: str) -> Worker:
        return next(worker for worker in self.workers if worker.name == name)

    def drill(self, harm: str, do: Callable[[], None], mend: Callable[[], None] = nothing) -> Recovery:
        """Do harm, and let nobody help until all are heard and nothing lags; then mend it, and prove it all.

        do: the harm; it returns at once, or when what was stopped was started again. mend: start again what
        others did without.
        """
        self.wait_until_nothing_lags()
        troubles, begun = self.company.troubles(), time.monotonic()
        do()
        harmed_s = time.monotonic() - begun
        self.company.wait_until_all_are_heard()
        heard_s = time.monotonic() - begun
        self.wait_until_nothing_lags()
        no_lag_s = time.monotonic() - begun
        mend()
        for worker in self.workers:
            worker.wait_until_ready()
        whole_s = time.monotonic() - begun
        acknowledged, events = self.prove()
        new = (self.company.troubles() - troubles).most_common(SHOWN_TROUBLES)
        told = ", ".join(f"{times} {code}" for code, times in new) or "none"
        RECOVERIES.append(Recovery(harm, harmed_s, heard_s, no_lag_s, whole_s, acknowledged, told, events))
        return RECOVERIES[-1]

    def wait_until_nothing_lags(self) -> None:
        """Every read model is with what happens now, and so is whoever else follows."""
        eventually(self._read_models_follow)
        head = standing(self.database.url).head
        eventually(lambda: published(self.nats.url) >= head)

    def prove(self) -> tuple[int, int]:
        """Hold everything against everything else; returns how many acknowledgements and events it was."""
        acknowledged = self.company.acknowledged()
        self.company.assert_nobody_failed()
        rows = ledger(self.database.url)
        assert_acknowledged_is_there_once(rows, acknowledged)
        assert_order_is_kept(rows)
        self._assert_the_screen_shows(self.company.position)
        assert differences_to_a_rebuild(self.database.url) == []
        eventually(lambda: published(self.nats.url) >= len(rows))
        assert_stream_is_as_the_ledger(self.nats.url, rows)
        return len(acknowledged), len(rows)

    def _assert_the_screen_shows(self, position: int) -> None:
        """Every message up to a position, each at its own."""
        self.screen.wait_until_it_is_at(position)
        shown = dict(self.screen.shown)
        messages = ("message.received", "message.queued")
        recorded = {
            row["text"]: row["position"]
            for row in ledger(self.database.url)
            if row["topic"] in messages and self.screen.began_at < row["position"] <= position
        }
        assert {text: shown.get(text) for text in recorded} == recorded

    def _read_models_follow(self) -> bool:
        self.company.assert_nobody_failed()
        with suppress(psycopg.OperationalError):
            now = standing(self.database.url)
            assert not now.parked, now
            return now.lag_s < NO_LAG_S
        return False


def table(recoveries: Sequence[Recovery]) -> Table:
    """All drills, with how long each took to be well again."""
    told = Table("harm", title="drills: everything held after each", title_justify="left")
    for heading in ("harmed s", "heard s", "no lag s", "whole s", "acknowledged", "events"):
        told.add_column(heading, justify="right")
    told.add_column("tried again because")
    for each in recoveries:
        seconds = (f"{figure:.1f}" for figure in (each.harmed_s, each.heard_s, each.no_lag_s, each.whole_s))
        told.add_row(each.harm, *seconds, f"{each.acknowledged:,}", f"{each.events:,}", each.troubles)
    return told
