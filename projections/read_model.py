"""A read model: tables that a range of the ledger changes in sets.

`NAME.sql` has a statement `create` that is harmless where it already ran, a statement `clear`, and writing
statements that take %(after)s and %(until)s. Live following and rebuilding run the same ones.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import Connection

from projections.statements import Statements

READ_MODELS = ("directory", "access", "visibility", "timeline", "inbox")
"""In the order in which a range is applied."""

REACTIONS = "reactions"
"""Not a read model, but it follows the ledger as they do."""

READS = {"inbox": ("visibility", "timeline"), REACTIONS: ("visibility", "timeline", "inbox")}
"""Whose rows a follower of the ledger reads when it follows: it never gets ahead of them."""


class ReadModel:
    """Brings the tables of one read model from one position to the next."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.statements = Statements.load(name)

    def create(self, connection: Connection[Any]) -> None:
        connection.execute(self.statements["create"])

    def clear(self, connection: Connection[Any]) -> None:
        """Empty the tables, for a rebuild."""
        connection.execute(self.statements["clear"])

    def apply(self, connection: Connection[Any], after: int, until: int, topics: Collection[str]) -> None:
        """Take over the events in (after, until]; `topics` are those that occur there."""
        bounds = {"after": after, "until": until}
        for statement in self.statements.writing(topics):
            try:
                connection.execute(statement.sql, bounds)
            except Exception as error:
                error.add_note(f"{self.statements.file_name}, {statement.name}, ({after}, {until}]")
                raise


def all_read_models() -> list[ReadModel]:
    return [ReadModel(name) for name in READ_MODELS]


def table_definitions() -> list[str]:
    """SQL that makes every table of the read side, in order; harmless where it already ran."""
    return [Statements.load(name)["create"] for name in ("checkpoints", *READ_MODELS)]
