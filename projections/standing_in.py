"""Whoever leads some partitions stands in for others, when nobody has led theirs for a while.

When those are back that the partitions are meant for, and find them led, they say so with a lock that is
their wish; whoever only stands in gives them up then.
"""

from __future__ import annotations

import time
from collections.abc import Collection

from projections.checkpoints import Checkpoints, lead_lock
from projections.sharing import PARTITIONED, Partitions, share_name

STAND_IN_AFTER_S = 1.5
"""So long partitions are left to those that they are meant for, who may just be starting."""


class StandIn:
    """For the partitions that others are meant to lead; over the session that has the leads."""

    def __init__(self, checkpoints: Checkpoints, wanted: Collection[str], partitions: Partitions) -> None:
        """wanted, partitions: what this process is meant to lead."""
        self._checkpoints = checkpoints
        names = [name for name in PARTITIONED if name in wanted]
        every = {
            number: [share_name(name, number, partitions.of) for name in names]
            for number in range(partitions.of)
        }
        self._own = [name for number in sorted(partitions.numbers) for name in every[number]]
        self._others = [
            name for number in every if number not in partitions.numbers for name in every[number]
        ]
        self._wished: set[str] = set()
        self._free_since: dict[str, float] = {}

    def look(self) -> None:
        """Wish for what is meant for this process, give back what others wish for, take what lies idle."""
        self._wish()
        leads, wishes = locks_of(self._others), wishes_for(self._others)
        held = self._checkpoints.held([*leads.values(), *wishes.values()])
        led = self._checkpoints.epochs
        self._checkpoints.give_up([name for name in self._others if name in led and wishes[name] in held])
        idle = {name for name in self._others if not held & {leads[name], wishes[name]}}
        now = time.monotonic()
        self._free_since = {name: self._free_since.get(name, now) for name in idle}
        long_idle = [name for name, since in self._free_since.items() if now - since >= STAND_IN_AFTER_S]
        if long_idle:
            self._checkpoints.take(long_idle)

    def _wish(self) -> None:
        missing = {name for name in self._own if name not in self._checkpoints.epochs}
        if begun := missing - self._wished:
            self._checkpoints.hold(list(wishes_for(begun).values()))
        if granted := self._wished - missing:
            self._checkpoints.let_go(list(wishes_for(granted).values()))
        self._wished = missing


def locks_of(names: Collection[str]) -> dict[str, int]:
    return {name: lead_lock(name) for name in names}


def wishes_for(names: Collection[str]) -> dict[str, int]:
    """The locks of those who are meant to lead these and do not."""
    return {name: lead_lock(f"{name}, wished for") for name in names}
