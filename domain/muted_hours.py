"""Muted hours: when an employee does not want to be notified, by the clock on his wall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class MutedHours:
    """From one time of the day until another, beginning on these days; over midnight where it ends first.

    begin, end: HH:MM, the end up to 24:00. It is the clock that counts: an hour that a time zone repeats is
    muted twice, and one that it leaves out is not missed.
    """

    days: frozenset[str]
    begin: str
    end: str

    @classmethod
    def stated(cls, facts: Mapping[str, Any]) -> MutedHours:
        """As the ledger has them."""
        return cls(frozenset(facts["days"]), facts["from"], facts["to"])

    @property
    def facts(self) -> dict[str, Any]:
        return {"days": [day for day in DAYS if day in self.days], "from": self.begin, "to": self.end}

    def cover(self, wall: datetime) -> bool:
        """wall: the local time, as the clock shows it."""
        clock = wall.strftime("%H:%M")
        today, yesterday = DAYS[wall.weekday()], DAYS[(wall - timedelta(days=1)).weekday()]
        if self.begin < self.end:
            return today in self.days and self.begin <= clock < self.end
        return (today in self.days and clock >= self.begin) or (yesterday in self.days and clock < self.end)


def in_order(hours: Iterable[MutedHours]) -> list[dict[str, Any]]:
    """As facts, each once, so that the same hours stated in another order are no news."""
    return [one.facts for one in sorted(set(hours), key=lambda one: (one.begin, one.end, one.facts["days"]))]
