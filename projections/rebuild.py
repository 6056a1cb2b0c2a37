"""Builds read models anew beside the live ones, and puts them in their place when both are equal.

    begin      next tables in a schema of their own, without what only readers need
    replay     the ledger is taken over in large ranges, the models side by side
    index      what readers need, and statistics
    catch up   what was recorded meanwhile
    verify     row by row against the live tables, in one snapshot of both
    switch     schemas change names in one short transaction: `switch.py`
    kept       the former tables stay as they were, until `drop` or the next rebuild; `roll_back` returns them

Reading, writing and following go on throughout. Each step is on record with its position, so that a rebuild
that was interrupted goes on where it was; `abort` takes everything back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool

from projections.building import BEFORE, INDEX, KEPT, NEXT, Building, value
from projections.meeting import meeting
from projections.read_model import READ_MODELS, built_from
from projections.replay import SESSION, Replay
from projections.sharing import PARTITIONED
from projections.switch import SwitchHindered, switch
from projections.verifying import Difference, Table, differences

REBUILD_LOCK = 0x72656275696C6473  # "rebuilds"; advisory locks are known by a number

NEARLY_THERE = 1_000
"""So few events are caught up with while the live tables stand still for the switch."""

CATCH_UP_ROUNDS = 20
SWITCH_ATTEMPTS = 30
SWITCH_PAUSE_S = 0.5
CONNECTIONS = len(READ_MODELS) + 2
"""One for each model, one for the lock and the switch, one that catches up during it."""

PLANS_TO_COMPARE = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_seqscan = on"
"""Every row of both sides is read, unlike when ranges are taken over."""

Watch = Callable[[str, int, int], None]
"""Is told the step, and how much of how much of it is done."""


class UnknownReadModel(LookupError):
    """There is no read model of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No read model is called {name!r}; there are: {', '.join(READ_MODELS)}.")


class RebuildRunning(Exception):
    """Another process rebuilds; one at a time does."""


class NothingKept(Exception):
    """There are no former tables of these read models."""


class FormerDefinition(Exception):
    """The former tables were made by another definition than this version's."""


class Different(Exception):
    """What was built anew is not what is live; nothing was switched."""

    def __init__(self, found: Sequence[Difference]) -> None:
        super().__init__(f"Nothing was switched: {len(found)} rows or more differ, such as {found[0]}.")
        self.found = found


class ReadersLeftOut(Exception):
    """Others are built from the rows of what would change."""


def no_watch(step: str, done: int, total: int) -> None:
    """Nobody looks."""


@contextmanager
def rebuilding(
    pool: ConnectionPool[Connection[Any]], names: Collection[str], watch: Watch = no_watch
) -> Iterator[Rebuild]:
    """The right to rebuild these, for as long as the block lasts. pool: of CONNECTIONS.

    Raises:
        UnknownReadModel: a name is none of READ_MODELS.
        RebuildRunning: another process rebuilds; says which.
    """
    if unknown := set(names) - set(READ_MODELS):
        raise UnknownReadModel(min(unknown))
    with pool.connection() as connection:
        if not value(connection, "try_lock", lock=REBUILD_LOCK):
            raise RebuildRunning(f"A rebuild is running already, by {_lock_holder(connection)}.")
        try:
            connection.execute(SESSION)
            chosen = [name for name in READ_MODELS if name in names]
            yield Rebuild(pool, Building(connection, chosen), watch)
        finally:
            with suppress(psycopg.Error):  # a session that is lost has lost this too
                connection.execute("RESET ALL; SELECT pg_advisory_unlock_all()")


class Rebuild:
    """The steps, for who has the right to take them. Each may be taken again."""

    def __init__(self, pool: ConnectionPool[Connection[Any]], building: Building, watch: Watch) -> None:
        self.pool, self.building, self.watch = pool, building, watch
        self.connection, self.names = building.connection, building.names

    def run(self, *, verify: bool = True, accept_difference: bool = False) -> int:
        """All steps that are left, up to the switch; returns the position of the tables that took over.

        Raises:
            Different: `verify` found the next tables to be different, which is not accepted. They stay.
            ReadersLeftOut: it is accepted, but models that read these rows are not rebuilt with them.
            ReadModelFailed: an event can't be taken over; nothing was changed for readers.
            Fenced: another process goes on with this rebuild.
            SwitchHindered: others read for too long.
        """
        self.begin()
        self.replay()
        self.index()
        self.catch_up()
        if verify and (found := self.verify()):
            self._accept(found, accept_difference)
        return self.switch()

    def begin(self) -> None:
        """Go on with what is there, if it was begun with the same definition; else begin anew."""
        definitions = self.building.definitions
        begun = {
            row.name
            for row in self.building.rows()
            if (row.step != KEPT, row.definition, row.beside) == (True, definitions[row.name], self.names)
        }
        with self.connection.transaction():
            for model in self.building.models:
                if model.name not in begun:
                    self._drop([model.name], BEFORE, NEXT)
                    model.make(self.connection, "create", "functions")
                    definition = definitions[model.name]
                    self.building.execute("begin", name=model.name, definition=definition)
            self.building.execute("go_on")

    def replay(self) -> None:
        self._replay("replay", shown=False)

    def index(self) -> None:
        """Make what only readers need, when the rows are there."""
        models, reached = self.building.models, self.building.reached()
        for done, model in enumerate(models):
            self.watch("index", done, len(models))
            with self.connection.transaction():
                model.show(self.connection, reached[model.name])
                model.make(self.connection, "index")
                for table in self._tables(model.name):
                    name = Identifier(model.name + NEXT, table.name)
                    self.connection.execute(SQL("ANALYZE {}").format(name))
        self.building.step("step", step=INDEX)
        self.watch("index", len(models), len(models))

    def catch_up(self) -> None:
        """Follow the live tables until they are near; more comes in, so not for ever."""
        for _ in range(CATCH_UP_ROUNDS):
            live, reached = self.building.live(), self.building.reached()
            if all(live[name] - reached[name] <= NEARLY_THERE for name in self.names):
                return
            self._replay("catch up", shown=True)

    def verify(self) -> list[Difference]:
        """Hold each table against the live one, both as of one moment. Empty: not a row differs."""
        found: list[Difference] = []
        self.connection.isolation_level = IsolationLevel.REPEATABLE_READ
        try:
            with ExitStack() as stack:
                with meeting(self.pool, self.names):
                    stack.enter_context(self.connection.transaction())
                    self.building.live()  # from here on the snapshot stands
                self.building.take_over_rest(self.connection)  # to where this snapshot sees the live tables
                self.connection.execute(PLANS_TO_COMPARE)
                tables = [(name, table) for name in self.names for table in self._tables(name)]
                for done, (name, table) in enumerate(tables, start=1):
                    found += differences(self.connection, name, name + NEXT, table)
                    self.watch("verify", done, len(tables))
        finally:
            self.connection.isolation_level = None
        return found

    def switch(self) -> int:
        """Put the next tables into place, for all readers at once; returns their position.

        Raises:
            SwitchHindered: others read for too long.
        """
        for attempt in range(SWITCH_ATTEMPTS):
            time.sleep(SWITCH_PAUSE_S if attempt else 0)
            self.catch_up()
            shared = not set(PARTITIONED).isdisjoint(self.names)
            with meeting(self.pool, self.names) if shared else nullcontext():
                if switch(self.pool, self.building):
                    return max(self.building.live().values())
        raise SwitchHindered("Somebody reads all the time, each longer than a switch may wait; try again.")

    def roll_back(self) -> int:
        """Put the former tables back, brought up to date; returns their position.

        Raises:
            NothingKept: there are none.
            FormerDefinition: this version can't follow the ledger with them.
        """
        self._require_kept()
        today = self.building.definitions
        if other := [row.name for row in self.building.rows() if row.definition not in ("", today[row.name])]:
            raise FormerDefinition(f"Another version made the former tables of {', '.join(other)}.")
        with self.connection.transaction():
            self.building.rename(BEFORE, NEXT)
            self.building.execute("go_on")
            self.building.step("step", step=INDEX)
        return self.switch()

    def drop(self) -> None:
        """Do without the former tables.

        Raises:
            NothingKept: there are none.
        """
        self._require_kept()
        with self.connection.transaction():
            self._drop(self.names, BEFORE)

    def abort(self) -> bool:
        """Take back what was begun and not finished; whether there was anything."""
        begun = [row.name for row in self.building.rows() if row.step != KEPT]
        with self.connection.transaction():
            self._drop(begun, NEXT)
        return bool(begun)

    def forget(self) -> None:
        """Do without former tables and what was begun: what was erased since may still be in them."""
        with self.connection.transaction():
            self._drop(self.names, BEFORE, NEXT)

    def _replay(self, step: str, *, shown: bool) -> None:
        def progress(done: int, total: int) -> None:
            self.watch(step, done, total)

        building = self.building
        reached = building.reached()
        replay = Replay(self.pool, building.models, building.epoch, reached, progress, shown=shown)
        replay.run(building.live())

    def _drop(self, names: Collection[str], *endings: str) -> None:
        for schema in (name + ending for name in names for ending in endings):
            self.connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))
        self.building.execute("forget", names=list(names))

    def _accept(self, found: Sequence[Difference], accept: bool) -> None:
        if not accept:
            raise Different(found)
        changed = {difference.model for difference in found}
        for reader in READ_MODELS:
            if reader not in self.names and changed & built_from(reader):
                raise ReadersLeftOut(
                    f"{reader} is built from the rows of {', '.join(sorted(changed))}: rebuild them together."
                )

    def _require_kept(self) -> None:
        kept = {row.name for row in self.building.rows() if row.step == KEPT}
        if missing := [name for name in self.names if name not in kept]:
            raise NothingKept(f"There are no former tables of {', '.join(missing)}.")

    def _tables(self, name: str) -> list[Table]:
        rows = self.building.execute("tables", live=name, next=name + NEXT)
        return [Table(table, tuple(key), live, built) for table, key, live, built in rows]


def _lock_holder(connection: Connection[Any]) -> str:
    row = connection.execute(Building.STATEMENTS["lock_holder"], {"lock": REBUILD_LOCK}).fetchone()
    if row is None:
        return "a session that has just ended"
    return f"{row[1] or 'a session without a name'} (database process {row[0]}, since {row[2]:%H:%M:%S})"
