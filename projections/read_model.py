"""A read model: tables that a range of the ledger changes in sets.

`NAME.sql` begins with what makes them, harmless where it already ran: `create` the tables with all that
writing needs, `index` what only readers need, `functions` for questions. Then come writing statements, which
take %(after)s and %(until)s. Live following and rebuilding run the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from hashlib import sha256
from typing import Any

from psycopg import Connection, Cursor

from projections.statements import AS_WRITTEN, Statement, Statements

READ_MODELS = (
    *("directory", "access", "visibility", "threads", "timeline", "inbox", "search"),
    *("tasks", "notifications", "webhooks", "subjects", "waits"),
)
"""In the order in which a range is applied."""

QUESTIONS = ("transcript", "audit")
"""Not read models, as they keep nothing; but what they ask with has to be made too, after the tables."""

REACTIONS = "reactions"
"""Not a read model, but it follows the ledger as they do."""

READS = {
    "inbox": ("visibility", "timeline"),
    "tasks": ("visibility",),
    "notifications": ("visibility",),
    "search": ("timeline",),
    "waits": ("visibility", "timeline", "inbox"),
    REACTIONS: ("visibility", "threads", "timeline", "inbox"),
}
"""Whose rows a follower of the ledger reads when it follows: it never gets ahead of them."""

SHOWS = {"inbox": ("directory",)}
"""Whose rows a read model shows as they are: it waits for none, and shows them anew when they come."""

LEADS = tuple(name for name in READ_MODELS if name != "directory")
"""What a process may lead by itself. With the inbox it leads whose rows that shows, as these are written into
its own, and what has to follow from what was recorded."""

HARMLESS = ("message.", "delivery.")
"""How the topics begin that change nothing about who sees what."""

MAKING = ("create", "index", "functions")
CHECKPOINTS = Statements.load("checkpoints")

PLAN_SETTINGS = {
    "jit": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "enable_memoize": "off",
    "enable_material": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""For every session of the read side: tables are asked by index, row by row, for what a range or page holds.

So an event or a page costs the same whatever the tables hold, in a range of one as in one of 200,000, and
plans can be kept, as they depend on no statistics, which lag behind tables that grow. Made anew they take
longer than a small range or a page; hash and merge joins read whole tables, and were up to eight times slower
where it was measured.
"""

PLANS = "; ".join(f"SET {name} = {value}" for name, value in PLAN_SETTINGS.items())


class ReadModel:
    """Brings the tables of one read model from one position to the next."""

    def __init__(self, name: str, schemas: Mapping[str, str] = AS_WRITTEN) -> None:
        """schemas: where it and those that it reads have their tables, if not in schemas of their names."""
        self.name = name
        self.statements = Statements.load(name, schemas)

    @property
    def definition(self) -> str:
        """A digest of what decides about the rows: tables made with another one have to be built anew."""
        made = [self.statements[what] for what in ("create", "functions") if what in self.statements]
        deciding = [*made, *(each.sql for each in self.statements if each.topics)]
        return sha256("\n".join(deciding).encode()).hexdigest()

    def make(self, connection: Connection[Any], *what: str) -> None:
        """Execute those of `create`, `index`, `functions` and `clear` that the file has."""
        for statement in what:
            if statement in self.statements:
                connection.execute(self.statements[statement])

    def apply(
        self,
        connection: Connection[Any],
        after: int,
        until: int,
        topics: Collection[str],
        *,
        pipelined: bool = False,
    ) -> None:
        """Take over the events in (after, until]; `topics` are those that occur there.

        pipelined: send the statements one behind the other, as each takes little time beside the way.
        """
        self._execute(self.statements.writing(topics), connection, after, until, pipelined=pipelined)

    def show_anew(self, connection: Connection[Any], after: int, until: int, topics: Collection[str]) -> None:
        """Show what another one, which this one did not wait for, has taken over by itself."""
        showing = [each for each in self.statements.writing(topics) if each.shows]
        self._execute(showing, connection, after, until)

    def fold(self, connection: Connection[Any], after: int, until: int, topics: Collection[str]) -> None:
        """As `apply`, but leave out what is only for readers: `show` makes it of the whole at once."""
        folding = [each for each in self.statements.writing(topics) if not each.for_readers]
        self._execute(folding, connection, after, until)

    def show(self, connection: Connection[Any], until: int) -> None:
        """Make what is for readers, of all events up to `until`, which were folded."""
        self.make(connection, "clear")
        self._execute([each for each in self.statements if each.at_once], connection, 0, until)

    def _execute(
        self,
        statements: Iterable[Statement],
        connection: Connection[Any],
        after: int,
        until: int,
        *,
        pipelined: bool = False,
    ) -> None:
        sent: list[tuple[str, Cursor[Any]]] = []
        try:
            with connection.pipeline() if pipelined else nullcontext():
                for statement in statements:
                    sent.append((statement.name, connection.cursor()))
                    sent[-1][1].execute(statement.sql, {"after": after, "until": until})
        except Exception as error:
            failed = next((name for name, cursor in sent if cursor.pgresult is None), "")
            error.add_note(f"{self.statements.file_name}, {failed}, ({after}, {until}]")
            raise


def built_from(name: str) -> set[str]:
    """Those whose rows decide about the rows of this one."""
    return {*READS.get(name, ()), *SHOWS.get(name, ())}


def lead_of(name: str) -> str:
    """With which of LEADS this one is led."""
    return "inbox" if name in (*SHOWS["inbox"], REACTIONS) else name


def all_read_models() -> list[ReadModel]:
    return [ReadModel(name) for name in READ_MODELS]


def record_definitions() -> list[str]:
    """SQL that makes the tables in which is on record how far read models are."""
    return [Statements.load(name)["create"] for name in ("checkpoints", "rebuild")]


def table_definitions() -> list[str]:
    """SQL that makes every table of the read side, in order; harmless where it already ran."""
    files = [Statements.load(name) for name in (*READ_MODELS, *QUESTIONS)]
    return [*record_definitions(), *(file[what] for file in files for what in MAKING if what in file)]


def made_otherwise(connection: Connection[Any]) -> list[str]:
    """Read models whose tables another version made, in another way; and those that are built from them.

    One that the other version did not have is not there to be built anew: it follows from the beginning.
    """
    known = dict(connection.execute(CHECKPOINTS["definitions"]).fetchall())
    changed = {name for name in known if name in READ_MODELS and known[name] != ReadModel(name).definition}
    return [name for name in READ_MODELS if name in changed or (name in known and changed & built_from(name))]


def note_definitions(connection: Connection[Any]) -> None:
    """Put on record how the tables were made that are there now."""
    for name in READ_MODELS:
        connection.execute(CHECKPOINTS["define"], {"name": name, "definition": ReadModel(name).definition})
