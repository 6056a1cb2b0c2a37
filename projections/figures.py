"""What is asked about waits, and the one SQL that answers it in PostgreSQL, DuckDB and ClickHouse.

Asked(...).relations   the relations `asked`, `zone` and `calendar` of figures.sql, as rows
grouped("day", front)  the statement; `front` makes the relations in the engine's own way
Group.of(row)          what it answers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.definition import Definition, Hours, Scope, Start
from domain.figures import Figures, Sums
from projections.statements import Statements

STATEMENTS = Statements.load("figures")
GROUPINGS = ("all", "day", "hour", "weekday_hour", "employee", "channel")

ALWAYS = ((-(2**62), 0, 1),)
"""A calendar in which every hour counts."""

COLUMNS: Mapping[str, Sequence[str]] = {
    "asked": ("from_us", "until_us", "goal_us", "cap_us", "from_last", "first_answer", "business"),
    "zone": ("from_us", "until_us", "offset_us"),
    "calendar": ("from_us", "before_us", "is_open"),
}
"""Of the relations that say what is asked; all are 64-bit integers, and only `cap_us` may be null."""

Row = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Waits that were opened in [from_us, until_us), microseconds since 1970, by a definition.

    zone, calendar: as domain/calendar.py makes them; the calendar is only looked at for business hours.
    """

    definition: Definition
    from_us: int
    until_us: int
    goal_us: int
    zone: Sequence[tuple[int, int, int]]
    calendar: Sequence[tuple[int, int, int]] = ALWAYS

    @property
    def relations(self) -> dict[str, list[Row]]:
        """The rows of each relation, in the order of COLUMNS."""
        cap_s = self.definition.cap_seconds
        asked = (
            *(self.from_us, self.until_us, self.goal_us),
            None if cap_s is None else cap_s * 1_000_000,
            int(self.definition.start is Start.LAST),
            int(self.definition.scope is Scope.FIRST_ANSWER),
            int(self.definition.hours is not Hours.ALL),
        )
        return {"asked": [asked], "zone": [*self.zone], "calendar": [*self.calendar]}


@dataclass(frozen=True, slots=True)
class Group:
    """keys: as many as the grouping has. open_since_us: when the oldest wait began that is open, or None."""

    keys: tuple[Any, Any]
    sums: Sums
    open_since_us: int | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Group:
        *sums, open_since_us = row[2:]
        since_us = None if open_since_us is None else int(open_since_us)
        return cls((row[0], row[1]), Sums(*map(int, sums)), since_us)

    @property
    def figures(self) -> Figures:
        return Figures.of(self.sums)


NOTHING = Group((0, 0), Sums(), None)
"""The total where there is no wait at all, and no row."""


def measured(front: str, question: str) -> str:
    """A question about single waits, in the relation `measured`.

    front: relations as they stand behind WITH.
    """
    return f"WITH {front},\n{STATEMENTS['measured']}\n{question}"


def grouped(by: str, front: str) -> str:
    """The statement that says the sums of each group; each row is a `Group`."""
    return f"WITH {front},\n{STATEMENTS['measured']},\n{STATEMENTS[f'grouped_by_{by}']}\n{STATEMENTS['sums']}"
