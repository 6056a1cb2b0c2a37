"""What leaves the ledger for files and other engines, and how waits are made of it there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.definition import Credit
from projections.figures import COLUMNS, Asked, Row
from projections.statements import Statements

QUESTIONS: Mapping[str, str] = {each.name: each.sql for each in Statements.load("lake")}
"""PostgreSQL's: name → SQL."""

COMPARING: Mapping[str, str] = {each.name: each.sql.rstrip(";") for each in Statements.load("comparing")}
"""What two definitions say of the same waits."""

_WAITING = {each.name: each.sql.rstrip(";") for each in Statements.load("waiting")}
WAITED: Mapping[str, str] = {
    name: _WAITING[name]
    for name in (
        *("message", "failure", "failed", "dismissal", "holding", "author"),
        *("moved", "said", "waved", "unclear", "spoken", "judged", "waited", "opened"),
    )
}
"""What waiting.sql makes of `event` and `chat`, each of those before it."""


def credited(credit: Credit | None) -> dict[str, str]:
    """What it makes of those and `owning`: whose waits they are, and `wait`, which figures.sql asks.

    credit: None for figures that name neither a channel nor anybody.
    """
    if credit is None:
        return {"wait": _WAITING["nameless_wait"]}
    return {"credited": _WAITING[f"credited_to_{credit}"], "wait": _WAITING["wait"]}


def in_front(asked: Asked) -> str:
    """What is asked, as relations behind WITH, in standard SQL."""
    return ",\n".join(_literal(name, rows) for name, rows in asked.relations.items())


def _literal(name: str, rows: Sequence[Row]) -> str:
    values = ", ".join(f"({', '.join(_number(each) for each in row)})" for row in rows)
    return f"{name} AS (SELECT * FROM (VALUES {values}) AS told ({', '.join(COLUMNS[name])}))"


def _number(value: int | None) -> str:
    return f"CAST({'NULL' if value is None else value} AS BIGINT)"
