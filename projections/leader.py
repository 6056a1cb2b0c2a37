"""What a process does with the read models that it leads: it takes over ranges of the ledger, and reacts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol

import psycopg
from psycopg import Connection

from projections.checkpoints import Checkpoints, Fenced, Range, Standing
from projections.read_model import HARMLESS, REACTIONS, READS, SHOWS, ReadModel
from projections.sharing import reading_shares, whole_name

RANGE_SIZE = 5_000
"""Events that are taken over in one transaction, at most."""

DURABLE = "SET LOCAL synchronous_commit = on"
"""What was acknowledged as effective stays so through a crash: who lost sight of a chat has lost it."""

REACTIONS_REST_S = 1.0
"""After a reaction failed; meanwhile the read models go on."""

logger = logging.getLogger(__name__)


class Reacting(Protocol):
    """What follows from what was recorded: `projections/reactions.py` knows."""

    def react(self, connection: Connection[Any], after: int, until: int) -> int:
        """Do what follows from these events; the last position recorded, or 0."""

    def do_due(self, connection: Connection[Any]) -> int:
        """Do some of what is due by now; the last position recorded, or 0."""

    def next_due(self, connection: Connection[Any]) -> datetime | None:
        """When something will have to be done without any event."""


class ReadModelFailed(Exception):
    """A read model can't take over a range; the cause says why."""

    def __init__(self, name: str, failed: Range) -> None:
        super().__init__(f"{name} can't take over ({failed.after}, {failed.until}].")
        self.name, self.failed = name, failed


class Leader:
    """Moves those that the checkpoints' session leads, and no other."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        read_models: Sequence[ReadModel],
        *,
        size: int = RANGE_SIZE,
        noted: Callable[[Standing], None] = lambda standing: None,
    ) -> None:
        """noted: is told every standing that was reached."""
        self.checkpoints = checkpoints
        self.connection = checkpoints.connection
        self.read_models = {model.name: model for model in read_models}
        self.size = size
        self.noted = noted
        self._suspect: ReadModelFailed | None = None

    @property
    def led(self) -> list[str]:
        """The read models and partitions that it may move, in the order of application."""
        return [name for name in self.checkpoints.led if whole_name(name) in self.read_models]

    def look(self) -> Standing:
        """Where everybody is.

        Raises:
            Fenced: somebody else took a lead.
        """
        standing = self.checkpoints.look()
        for name, epoch in self.checkpoints.epochs.items():
            if name not in standing.checkpoints or standing.checkpoints[name].epoch != epoch:
                raise Fenced(f"{name}: another process has taken the lead.")
        self.noted(standing)
        return standing

    def follow(self, standing: Standing) -> Standing:
        """Take over what comes next, a range or two; a read model that fails at an event is parked."""
        for taken in standing.ranges(self.led, self._size(standing)):
            try:
                self.take_over(taken)
            except ReadModelFailed as failure:
                self._narrow_down(failure)
                return self.look()
            if shares := [name for name in taken.names if name not in self.read_models]:
                self.checkpoints.shares_moved(shares)
                return self.look()
            standing = standing.moved(taken.names, taken.until)
            self.noted(standing)
        return standing

    def take_over(self, taken: Range) -> None:
        """Bring read models over one range, rows and checkpoints in one transaction.

        Raises:
            Fenced: somebody else took a lead.
            ReadModelFailed: one of them can't.
        """
        with self.connection.transaction():
            # First, so that who takes the lead away waits for this range, or ends it before it begins.
            self.checkpoints.advance(taken.names, taken.after, taken.until)
            topics = self.checkpoints.topics(taken.after, taken.until)
            if not all(topic.startswith(HARMLESS) for topic in topics):
                self.connection.execute(DURABLE)
            for name, names in groupby(taken.names, whole_name):
                if name in taken.names:
                    self._apply(self.read_models[name], taken, topics)
                else:
                    self._apply_shares(self.read_models[name], list(names), taken, topics)

    def _apply_shares(self, model: ReadModel, names: list[str], taken: Range, topics: set[str]) -> None:
        """Of the events only those of these partitions."""
        try:
            with reading_shares(self.connection, names):
                model.apply(self.connection, taken.after, taken.until, topics, pipelined=True)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:
            raise ReadModelFailed(names[0], taken) from error

    def _apply(self, model: ReadModel, taken: Range, topics: set[str]) -> None:
        try:
            model.apply(self.connection, taken.after, taken.until, topics, pipelined=True)
            for name, shown in SHOWS.items():
                if model.name in shown and name in set(self.led) - set(taken.names):
                    self.read_models[name].show_anew(self.connection, taken.after, taken.until, topics)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise  # the database's trouble, not the event's: it passes
        except Exception as error:
            raise ReadModelFailed(model.name, taken) from error

    def _size(self, standing: Standing) -> int:
        """While an event is looked for that a read model fails at: half the way to where it must be."""
        if self._suspect is None:
            return self.size
        events_left = self._suspect.failed.until - standing.checkpoints[self._suspect.name].position
        if events_left < 1:  # it has passed, so what failed was the whole, not an event in it
            self._suspect = None
            return self.size
        return max(1, events_left // 2)

    def _narrow_down(self, failure: ReadModelFailed) -> None:
        failed, cause = failure.failed, failure.__cause__
        if failed.until - failed.after > 1:
            self._suspect = failure
            return
        self._suspect = None
        name = self.checkpoints.share_at(failure.name, failed.until)
        where = {"read_model": name, "position": failed.until}
        logger.error("%s is parked at event %s", name, failed.until, exc_info=cause, extra=where)
        self.checkpoints.park(name, failed.until, described(cause))


class Reactor:
    """Has done what follows, range by range; it goes on trying where that fails."""

    def __init__(self, leader: Leader, reactions: Reacting) -> None:
        self.leader = leader
        self.reactions = reactions
        self._due: datetime | None = None
        self._recorded, self._done_due = 0, 0
        self._rests_until = 0.0

    def react(self, standing: Standing) -> bool:
        """Do what follows from the rows of the read models, and what is due; whether that recorded anything.

        While something follows, the range is not done with: what was recorded may have consequences of its
        own, and it has to be in the read models before anybody is told that the range is effective. What is
        due by the clock keeps nobody waiting, however much it is after a weekend.
        """
        if REACTIONS not in self.leader.checkpoints.epochs:
            return False
        after, until = standing.checkpoints[REACTIONS].position, standing.position(READS[REACTIONS])
        if time.monotonic() < self._rests_until or until < self._recorded:
            return False
        try:
            if until > after:
                if recorded := self.reactions.react(self.leader.connection, after, until):
                    self._recorded = recorded
                    return True
                self._pass(standing, after, until)
            if until < self._done_due or not self._is_due():
                return False
            self._done_due = self.reactions.do_due(self.leader.connection)
            return self._done_due > 0
        except Exception as error:
            self._rest(until, error)
            return False

    def pause_s(self, at_most_s: float) -> float:
        """How long nothing is due, as far as is known."""
        left_s = (self._due - datetime.now(UTC)).total_seconds() if self._due else at_most_s
        return left_s if 0 < left_s < at_most_s else at_most_s

    def _is_due(self) -> bool:
        self._due = self.reactions.next_due(self.leader.connection)
        return self._due is not None and self._due <= datetime.now(UTC)

    def _pass(self, standing: Standing, after: int, until: int) -> None:
        self.leader.checkpoints.advance([REACTIONS], after, until)
        self.leader.noted(standing.moved([REACTIONS], until))

    def _rest(self, until: int, error: Exception) -> None:
        if self.leader.connection.broken:
            raise error
        logger.error("reactions fail at event %s", until, exc_info=error)
        self.leader.checkpoints.complain(REACTIONS, until, described(error))
        self._rests_until = time.monotonic() + REACTIONS_REST_S


def described(error: BaseException | None) -> str:
    """What an error says, without the values of rows, which may be what people wrote."""
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    notes = "; ".join(getattr(error, "__notes__", ()))
    return " ".join(filter(None, [f"{type(error).__name__}: {message or error}", notes and f"[{notes}]"]))
