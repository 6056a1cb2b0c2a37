"""How far each follower of the ledger is, and who may move it.

One process leads at a time, by an advisory lock of its session. That is for calm; what makes two writers
impossible is the epoch: whoever takes the lead writes a new one into every checkpoint, and a checkpoint
moves, in the transaction that changes the rows, only for who knows the epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from projections.read_model import READS
from projections.statements import Statements

LEADER_LOCK = 0x666F6C6C6F776572  # "follower"; advisory locks are known by a number

FOLLOWING, PARKED = "following", "parked"


class Fenced(Exception):
    """Somebody else took the lead; what was done in this transaction is undone."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    position: int
    epoch: int
    state: str


@dataclass(frozen=True, slots=True)
class Range:
    """The events in (after, until], and who is to take them over."""

    names: tuple[str, ...]
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where everybody is at one moment."""

    head: int
    checkpoints: Mapping[str, Checkpoint]

    def position(self, names: Collection[str]) -> int:
        """Up to where all of these are; 0 where one is unknown."""
        return min((self.checkpoints[name].position if name in self.checkpoints else 0) for name in names)

    @property
    def effective(self) -> int:
        """Up to where everything is that goes on at all; what waits for a parked one holds it back."""
        return min((one.position for one in self.checkpoints.values() if one.state != PARKED), default=0)

    def moved(self, names: Collection[str], until: int) -> Standing:
        moved = {name: Checkpoint(until, self.checkpoints[name].epoch, FOLLOWING) for name in names}
        return Standing(self.head, {**self.checkpoints, **moved})

    def ranges(self, names: Collection[str], size: int) -> list[Range]:
        """What to take over next; `names` in the order of application.

        Those who stand together move together. One who is far behind gets a range beside the foremost;
        as soon as one range brings it to the next, the others wait for it, so that they go on as one.
        """
        bounds = self._bounds(names)
        behind = [name for name in names if self.checkpoints[name].position < bounds[name]]
        starts = sorted({self.checkpoints[name].position for name in behind})
        found = []
        for start, limit in zip(starts, [*starts[1:], self.head], strict=False):
            group = tuple(name for name in behind if self.checkpoints[name].position == start)
            found.append(Range(group, start, min(start + size, limit, *(bounds[name] for name in group))))
        if len(found) > 1 and starts[0] + size < starts[1]:
            return [found[-1], found[0]]
        return found[:1]

    def _bounds(self, names: Collection[str]) -> dict[str, int]:
        """Up to where each may go: never ahead of those whose rows it reads."""
        bounds: dict[str, int] = {}
        for name in names:
            own = self.checkpoints[name]
            bounds[name] = own.position if own.state == PARKED else self.head
            for read in set(READS.get(name, ())) & bounds.keys():
                position = self.checkpoints[read].position
                together = position == own.position
                bounds[name] = min(bounds[name], bounds[read] if together else position)
        return bounds


class Checkpoints:
    """The checkpoints of these followers, over one connection."""

    def __init__(self, connection: Connection[Any], names: Collection[str]) -> None:
        self.connection = connection
        self.names = list(names)
        self.statements = Statements.load("checkpoints")

    def take_lead(self) -> int | None:
        """Become the one who moves the checkpoints, until the session ends or `give_up_lead`.

        Returns the epoch; None while another process leads.
        """
        if not self._locked("try_lock", LEADER_LOCK):
            return None
        with self.connection.transaction():
            self.connection.execute(self.statements["add"], {"names": self.names})
            row = self.connection.execute(self.statements["take_over"]).fetchone()
        assert row is not None
        return int(row[0])

    def give_up_lead(self) -> None:
        self._locked("unlock", LEADER_LOCK)

    def look(self) -> Standing:
        """The ledger's head and all checkpoints, in one snapshot."""
        rows = self.connection.execute(self.statements["look"], {"names": self.names}).fetchall()
        known = {name: Checkpoint(position, epoch, state) for _, name, position, epoch, state in rows if name}
        return Standing(rows[0][0], known)

    def advance(self, names: Collection[str], epoch: int, after: int, until: int) -> None:
        """Move checkpoints, in the transaction that changes the rows.

        Raises:
            Fenced: somebody else took the lead.
        """
        self._fenced("advance", len(names), names=list(names), epoch=epoch, after=after, until=until)

    def topics(self, after: int, until: int) -> set[str]:
        """What kinds of events are in (after, until]."""
        rows = self.connection.execute(self.statements["topics"], {"after": after, "until": until})
        return {topic for (topic,) in rows}

    def park(self, name: str, epoch: int, position: int, error: str) -> None:
        """Stop one at the event that it fails at, visibly."""
        self._fenced("fail", 1, name=name, epoch=epoch, state=PARKED, position=position, error=error)

    def complain(self, name: str, epoch: int, position: int, error: str) -> None:
        """Show that one fails, which goes on trying."""
        self._fenced("fail", 1, name=name, epoch=epoch, state=FOLLOWING, position=position, error=error)

    def _fenced(self, statement: str, expected: int, **values: Any) -> None:
        if self.connection.execute(self.statements[statement], values).rowcount != expected:
            raise Fenced(f"{statement} {values}: another process has taken the lead.")

    def _locked(self, statement: str, lock: int) -> bool:
        row = self.connection.execute(self.statements[statement], {"lock": lock}).fetchone()
        return bool(row and row[0])


def statuses(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Each follower's `{name, position, head, lag_events, lag_seconds, state, parked}`."""
    statements = Statements.load("checkpoints")
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statements["statuses"]).fetchall()


def retry(connection: Connection[Any], name: str) -> bool:
    """Let a parked one go on at the event that it failed at; False where it is not parked."""
    return connection.execute(Statements.load("checkpoints")["retry"], {"name": name}).rowcount == 1
