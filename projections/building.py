"""What is on record of a rebuild: which next tables there are, and how far each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.sql import SQL, Identifier

from projections.checkpoints import Fenced, Range
from projections.read_model import ReadModel
from projections.replay import STATEMENTS, take_over

NEXT, BEFORE = "_next", "_before"
"""What the names of schemas end in that hold tables to come, and tables that were."""

INDEX, KEPT = "index", "kept"


@dataclass(frozen=True, slots=True)
class Begun:
    """A row of projection.rebuild; definition: of the SQL that its tables were made with."""

    name: str
    step: str
    position: int
    definition: str
    beside: list[str]


class Building:
    """The next tables of some read models, in the hands of one process."""

    STATEMENTS = STATEMENTS

    def __init__(self, connection: Connection[Any], names: Sequence[str]) -> None:
        self.connection, self.names = connection, list(names)
        beside = {name: name + NEXT for name in names}
        self.models = [ReadModel(name, beside) for name in names]
        self.definitions = {name: ReadModel(name).definition for name in names}
        self.epoch: int = value(connection, "next_epoch")

    def rows(self) -> list[Begun]:
        return [Begun(*row) for row in self.execute("look")]

    def reached(self) -> dict[str, int]:
        """Where the next tables are."""
        return {row.name: row.position for row in self.rows()}

    def live(self) -> Mapping[str, int]:
        """Where the live tables are."""
        return dict(self.execute("live"))

    def step(self, statement: str, **values: Any) -> None:
        """Note that a step was taken, for all of them.

        Raises:
            Fenced: another process goes on with this rebuild.
        """
        if self.execute(statement, **values).rowcount != len(self.names):
            raise Fenced("Another process goes on with this rebuild.")

    def take_over_rest(self, connection: Connection[Any]) -> bool:
        """Bring the next tables exactly to where the live ones are; whether that was any further."""
        reached, live = self.reached(), self.live()
        behind = [model for model in self.models if reached[model.name] < live[model.name]]
        for model in behind:
            rest = Range((model.name,), reached[model.name], live[model.name])
            take_over(connection, model, self.epoch, rest)
        return bool(behind)

    def rename(self, ending: str, new_ending: str) -> None:
        for name in self.names:
            old, new = Identifier(name + ending), Identifier(name + new_ending)
            self.connection.execute(SQL("ALTER SCHEMA {} RENAME TO {}").format(old, new))

    def execute(self, statement: str, **values: Any) -> Any:
        known = {"names": self.names, "epoch": self.epoch}
        return self.connection.execute(STATEMENTS[statement], known | values)


def value(connection: Connection[Any], statement: str, **values: Any) -> Any:
    """The one value that a statement answers with."""
    row = connection.execute(STATEMENTS[statement], values).fetchone()
    return row[0] if row else None
