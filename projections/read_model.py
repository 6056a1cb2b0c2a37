"""A read model: tables that a range of the ledger changes in sets.

`NAME.sql` begins with what makes them, harmless where it already ran: `create` the tables with all that
writing needs, `index` what only readers need, `functions` for questions. Then come writing statements, which
take %(after)s and %(until)s. Live following and rebuilding run the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any

from psycopg import Connection

from projections.statements import AS_WRITTEN, Statements

READ_MODELS = ("directory", "access", "visibility", "timeline", "inbox")
"""In the order in which a range is applied."""

REACTIONS = "reactions"
"""Not a read model, but it follows the ledger as they do."""

READS = {"inbox": ("visibility", "timeline"), REACTIONS: ("visibility", "timeline", "inbox")}
"""Whose rows a follower of the ledger reads when it follows: it never gets ahead of them."""

HARMLESS = ("message.", "delivery.")
"""How the topics begin that change nothing about who sees what."""

MAKING = ("create", "index", "functions")
CHECKPOINTS = Statements.load("checkpoints")

PLANS = """
SET jit = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off;
SET plan_cache_mode = force_generic_plan
"""
"""For a session that writes: every table is asked by index, row by row, for what the range holds.

So an event costs the same whatever the tables hold, in a range of one as in one of 200,000, and plans can be
kept, as they depend on no statistics, which lag behind tables that grow. Made anew they take longer than a
small range; hash and merge joins read whole tables, and were up to eight times slower where it was measured.
"""


class ReadModel:
    """Brings the tables of one read model from one position to the next."""

    def __init__(self, name: str, schemas: Mapping[str, str] = AS_WRITTEN) -> None:
        """schemas: where it and those that it reads have their tables, if not in schemas of their names."""
        self.name = name
        self.statements = Statements.load(name, schemas)

    @property
    def definition(self) -> str:
        """A digest of what decides about the rows: tables made with another one have to be built anew."""
        deciding = [self.statements["create"], *self.statements.all_writing()]
        return sha256("\n".join(deciding).encode()).hexdigest()

    def make(self, connection: Connection[Any], *what: str) -> None:
        """Make what is not there yet of `create`, `index` and `functions`."""
        for statement in what:
            if statement in self.statements:
                connection.execute(self.statements[statement])

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


def record_definitions() -> list[str]:
    """SQL that makes the tables in which is on record how far read models are."""
    return [Statements.load(name)["create"] for name in ("checkpoints", "rebuild")]


def table_definitions() -> list[str]:
    """SQL that makes every table of the read side, in order; harmless where it already ran."""
    files = [Statements.load(name) for name in READ_MODELS]
    return [*record_definitions(), *(file[what] for file in files for what in MAKING if what in file)]


def made_otherwise(connection: Connection[Any]) -> list[str]:
    """Read models whose tables another version made, in another way; and those that are built from them."""
    known = dict(connection.execute(CHECKPOINTS["definitions"]).fetchall())
    changed = {name for name in READ_MODELS if known.get(name, "") not in ("", ReadModel(name).definition)}
    return [name for name in READ_MODELS if name in changed or changed & set(READS.get(name, ()))]


def note_definitions(connection: Connection[Any]) -> None:
    """Put on record how the tables were made that are there now."""
    for name in READ_MODELS:
        connection.execute(CHECKPOINTS["define"], {"name": name, "definition": ReadModel(name).definition})
