"""How far each follower of the ledger is, and who may move it.

Each read model is led by one process at a time, by an advisory lock of its session; one process may lead all
of them, or several share them out. The lock is for calm; what makes two writers impossible is the epoch:
whoever takes a lead writes a new one into the checkpoint, and a checkpoint moves, in the transaction that
changes the rows, only for who knows its epoch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from projections.read_model import READS, lead_of
from projections.sharing import PARTITIONED, Partitions, number_of, share_name, whole_name
from projections.statements import Statements

TURN_LOCK = 0x666F6C6C6F776572  # "follower"; advisory locks are known by a number
"""Of whoever is just asking what is free."""

FOLLOWING, PARKED = "following", "parked"


def lead_lock(name: str) -> int:
    """By which number the advisory lock of a lead is known."""
    return int.from_bytes(sha256(f"lead of {name}".encode()).digest()[:8], signed=True)


class Fenced(Exception):
    """Somebody else took a lead that this process had; what was done in this transaction is undone."""


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

    def held_back(self, names: Collection[str]) -> bool:
        """Whether one of these may be waiting for another that is not among them, and goes on itself."""
        reads = {read for name in names if self._goes_on(name) for read in READS.get(name, ())}
        return any(self._goes_on(read) for read in reads.difference(names))

    def _goes_on(self, name: str) -> bool:
        own = self.checkpoints.get(name)
        return own is not None and own.state != PARKED and own.position < self.head

    def _bounds(self, names: Collection[str]) -> dict[str, int]:
        """Up to where each may go: never ahead of those whose rows it reads, whoever leads these."""
        bounds: dict[str, int] = {}
        for name in names:
            own = self.checkpoints[name]
            bounds[name] = own.position if own.state == PARKED else self.head
            for read in self.checkpoints.keys() & READS.get(name, ()):
                position = self.checkpoints[read].position
                together = read in bounds and position == own.position
                bounds[name] = min(bounds[name], bounds[read] if together else position)
        return bounds


class Checkpoints:
    """The checkpoints of these followers, and the leads that this connection's session has of them."""

    def __init__(self, connection: Connection[Any], names: Collection[str]) -> None:
        self.connection = connection
        self.names = list(names)
        self.epochs: dict[str, int] = {}
        """Of those that it leads."""
        self.led: list[str] = []
        """The same, in the order of `names`."""
        self.leads_all = False
        self._leadable: list[str] = []
        self._shares: list[str] = []
        self.statements = Statements.load("checkpoints")

    def take_lead(self, wanted: Collection[str], partitions: Partitions | None = None) -> bool:
        """Become the one who moves these, until the session ends or `give_up_lead`: each that nobody leads.

        wanted: of LEADS. partitions: which of them, of those that are led so; all, if not said. Returns
        whether it leads any now.
        """
        if not wanted:
            return False
        self._leadable = self._names()
        self.take([name for name in self._leadable if _is_wanted(name, wanted, partitions)])
        return bool(self.led)

    def take(self, names: Collection[str]) -> None:
        """Lead those of these that nobody leads."""
        missing = [name for name in names if name in self._leadable and name not in self.epochs]
        free = {name for (name,) in self._locks("try_lock", missing)} if missing else set()
        if free:
            taken = [name for name in self._leadable if lead_of(name) in free]
            with self.connection.transaction():
                self.connection.execute(self.statements["add"], {"names": self.names})
                self.epochs |= dict(self._asked("take_over", names=taken))
        self._note_led()

    def give_up(self, names: Collection[str]) -> None:
        """Lead these no more; then others may."""
        if names:
            self._locks("unlock", list({lead_of(name) for name in names}))
            self.epochs = {name: epoch for name, epoch in self.epochs.items() if name not in names}
        self._note_led()

    def give_up_lead(self) -> None:
        self.give_up(list(self.epochs))

    def _note_led(self) -> None:
        self.led = [name for name in self._leadable if name in self.epochs]
        self.leads_all = len(self.led) == len(self._leadable)

    def _names(self) -> list[str]:
        """What can be led now: one that is led in partitions is not led itself."""
        cut: dict[str, int] = dict(self._asked("partitions"))
        shares = {name: [share_name(name, number, of) for number in range(of)] for name, of in cut.items()}
        self._shares = [share for name in self.names for share in shares.get(name, ())]
        return [each for name in self.names for each in shares.get(name, [name])]

    def look(self) -> Standing:
        """The ledger's head and all checkpoints, in one snapshot."""
        rows = self._asked("look", names=[*self.names, *self._shares])
        known = {name: Checkpoint(position, epoch, state) for _, name, position, epoch, state in rows if name}
        return Standing(rows[0][0], known)

    def advance(self, names: Collection[str], after: int, until: int) -> None:
        """Move checkpoints, in the transaction that changes the rows.

        Raises:
            Fenced: somebody else took a lead.
        """
        self._fenced("advance", names, after=after, until=until)

    def shares_moved(self, names: Collection[str]) -> None:
        """Move the read models of which these are partitions to where the last of them is."""
        wholes = list({whole_name(name) for name in names})
        self.connection.execute(self.statements["shares_moved"], {"names": wholes})

    def topics(self, after: int, until: int) -> set[str]:
        """What kinds of events are in (after, until]."""
        return {topic for (topic,) in self._asked("topics", after=after, until=until)}

    def share_at(self, name: str, position: int) -> str:
        """The partition that an event is of, if this is one of its read model; or else itself."""
        if name == whole_name(name):
            return name
        _, of = number_of(name)
        ((number,),) = self._asked("share_of", of=of, position=position)
        return share_name(whole_name(name), number, of)

    def park(self, name: str, position: int, error: str) -> None:
        """Stop one at the event that it fails at, visibly."""
        self._fenced("fail", [name], state=PARKED, position=position, error=error)
        if name != whole_name(name):
            self.shares_moved([name])

    def complain(self, name: str, position: int, error: str) -> None:
        """Show that one fails, which goes on trying."""
        self._fenced("fail", [name], state=FOLLOWING, position=position, error=error)

    def _fenced(self, statement: str, names: Collection[str], **values: Any) -> None:
        # No two leads have one epoch but those that were taken together, so which is whose need not be said.
        epochs = list({self.epochs[name] for name in names if name in self.epochs})
        values |= {"names": list(names), "epochs": epochs}
        led = all(name in self.epochs for name in names)
        if not led or self.connection.execute(self.statements[statement], values).rowcount != len(names):
            raise Fenced(f"{statement} {values}: another process has taken the lead.")

    def _locks(self, statement: str, names: Sequence[str]) -> list[Any]:
        return self._asked(statement, names=names, locks=[lead_lock(name) for name in names], turn=TURN_LOCK)

    def held(self, locks: Sequence[int]) -> set[int]:
        """Which of these advisory locks anybody has."""
        return {lock for (lock,) in self._asked("held", locks=locks)}

    def hold(self, locks: Sequence[int]) -> None:
        """Have these advisory locks, as far as nobody else has them."""
        self._asked("hold", locks=locks)

    def let_go(self, locks: Sequence[int]) -> None:
        self._asked("unlock", locks=locks)

    def _asked(self, statement: str, **values: Any) -> list[Any]:
        return self.connection.execute(self.statements[statement], values).fetchall()


def _is_wanted(name: str, wanted: Collection[str], partitions: Partitions | None) -> bool:
    if whole_name(name) not in wanted:
        return False
    if partitions is None or name in wanted:
        return partitions is None or name not in PARTITIONED
    number, of = number_of(name)
    return partitions.of == of and number in partitions.numbers


def statuses(connection: Connection[Any]) -> list[dict[str, Any]]:
    """Each follower's `{name, position, head, lag_events, lag_seconds, state, parked}`."""
    statements = Statements.load("checkpoints")
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statements["statuses"]).fetchall()


def retry(connection: Connection[Any], name: str) -> bool:
    """Let a parked one go on at the event that it failed at; False where it is not parked."""
    return connection.execute(Statements.load("checkpoints")["retry"], {"name": name}).rowcount > 0
