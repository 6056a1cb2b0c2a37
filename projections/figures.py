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
GROUPINGS = ("all", "day", "hour", "weekday", "weekday_hour", "employee", "channel")

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


def grouped(by: str, front: str) -> str:
    """The statement that says the sums of each group; each row is a `Group`.

    by: one of GROUPINGS. front: what stands behind WITH and makes the relations, where they are no tables.
    """
    keyed = STATEMENTS[f"grouped_by_{by}"]
    return _statement(front, STATEMENTS["considered"], STATEMENTS["measured"], keyed) + STATEMENTS["sums"]


def measured(front: str, question: str) -> str:
    """A question about the single waits of such relations, in `measured`."""
    return _statement(front, STATEMENTS["considered"], STATEMENTS["measured"]) + question


def figures_by(by: str | None) -> str:
    """`grouped` of the read model `waits`, all together and by group; takes `live`, and which waits.

    Each row is the read model's position, whether it is of a group, and a `Group`, if there is any.
    """
    groups = _sums("groups", by) if by else STATEMENTS["no_groups"]
    front = STATEMENTS["live"], STATEMENTS["measured"], _sums("total", "all"), groups
    return _statement(*front) + STATEMENTS["told"]


def among(question: str) -> str:
    """A question about the single waits of the read model; takes the same."""
    return _statement(STATEMENTS["live"], STATEMENTS["measured"], STATEMENTS[question])


def live(asked: Asked) -> dict[str, list[int | None]]:
    """The values of the relations, a list for each column."""
    return {
        f"{name}_{column}": [row[index] for row in rows]
        for name, rows in asked.relations.items()
        for index, column in enumerate(COLUMNS[name])
    }


def _sums(name: str, by: str) -> str:
    """What `grouped` says, as a relation."""
    sums = STATEMENTS["sums"].removesuffix(";")
    return f"{name} AS (WITH {STATEMENTS[f'grouped_by_{by}']}\n{sums})"


def _statement(*relations: str) -> str:
    return "WITH " + ",\n".join(each for each in relations if each) + "\n"
