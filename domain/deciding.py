"""Get, decide, save: how every command of Chatledger is carried out.

A command answers with an `Accepted`, refuses with an error of `domain/errors.py`, or records nothing
because there is nothing to do. Each is safe to send twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar, cast
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import IntegrityError, Recording

from domain.decision import Decision, Streams
from domain.errors import Refused, TooManyMoved
from domain.fact import By

Answer = TypeVar("Answer")

ATTEMPTS = 20
"""How often a command decides again because others were first, before it gives up."""

CACHED_NOUNS = 20_000
"""How many nouns stay in memory between decisions."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command was carried out, or there was nothing to do.

    position: the ledger's, of its last event; of the ledger's head where nothing was recorded.
    """

    position: int
    recorded: int
    topics: frozenset[str]


class Deciding(Application[UUID]):
    """Reads, decides, appends; decides again when somebody else was first."""

    name = "chatledger"
    env: ClassVar[dict[str, str]] = {
        "AGGREGATE_CACHE_MAXSIZE": str(CACHED_NOUNS),
        "AGGREGATE_CACHE_FASTFORWARD": "n",
    }

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        super().__init__(env)
        self.on_append: list[Callable[[int], None]] = []

    @property
    def streams(self) -> Streams:
        return cast(Streams, self.recorder)

    def head(self) -> int:
        """The position of the last event in the ledger; 0 where there is none."""
        return self.recorder.max_notification_id() or 0

    def decide(self, by: By, command: Callable[[Decision, int], Answer]) -> tuple[Answer, Accepted]:
        """Run a command until what it decided is recorded on what it had read.

        command: gets the decision and the number of the attempt, from 0.
        """
        for attempt in range(ATTEMPTS):
            decision = Decision(self.repository, by)
            try:
                return self._run(command, decision, attempt), self._append(decision)
            except IntegrityError:
                decision.forget()
        raise TooManyMoved(ATTEMPTS)

    def carry_out(self, by: By, command: Callable[[Decision], None]) -> Accepted:
        """Run a command that has no answer of its own."""
        return self.decide(by, lambda decision, _: command(decision))[1]

    def _run(self, command: Callable[[Decision, int], Answer], decision: Decision, attempt: int) -> Answer:
        """A refusal records nothing that could be guarded, so what it rests on is checked by itself."""
        try:
            return command(decision, attempt)
        except Refused:
            self.streams.check_guards(decision.guards)
            raise

    def _append(self, decision: Decision) -> Accepted:
        """Record what was decided; that there is nothing to do has to be so now, and not only in a cache."""
        decision.settle()
        if not decision.events:
            self.streams.check_guards(decision.guards)
            return Accepted(self.head(), 0, frozenset())
        # Not `save`: it asks of each event which protocols it keeps, which takes longer than to make it.
        recordings = self.events.put(decision.events, guards=decision.guards)
        decision.remember()
        self._notify(recordings)
        return Accepted(
            position=recordings[-1].notification.id,
            recorded=len(recordings),
            topics=frozenset(recording.notification.topic for recording in recordings),
        )

    def _notify(self, recordings: list[Recording[UUID]]) -> None:
        if recordings:
            for listener in self.on_append:
                listener(recordings[-1].notification.id)
