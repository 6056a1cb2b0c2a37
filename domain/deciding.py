"""Get, decide, save: how every command of Chatledger is carried out.

A command answers with an `Accepted`, refuses with an error of `domain/errors.py`, or records nothing
because there is nothing to do. Each is safe to send twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from eventsourcing.application import Application, LRUCache
from eventsourcing.persistence import IntegrityError, Recording, StoredEvent

from domain.decision import Decision, Ledger, NotAtHand
from domain.errors import Refused, TooManyMoved
from domain.fact import By, Fact, Noun

Answer = TypeVar("Answer")

Command = Callable[[Decision, int], Answer]
"""Decides; it gets the number of the attempt, from 0."""

Append = Callable[[Sequence[StoredEvent], Mapping[UUID, int]], int]
"""Records events if no guarded stream has moved, and returns the position of the last."""

ATTEMPTS = 20
"""How often a command decides again because others were first, before it gives up."""

CACHED_NOUNS = 100_000
"""How many nouns stay in memory between decisions: three for a client who writes, of less than a KB each."""


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
    def ledger(self) -> Ledger:
        return cast(Ledger, self.recorder)

    def head(self) -> int:
        """The position of the last event in the ledger; 0 where there is none."""
        return self.recorder.max_notification_id() or 0

    def decide(
        self,
        by: By,
        command: Command[Answer],
        *,
        attempts: Iterable[int] = range(ATTEMPTS),
        append: Append | None = None,
    ) -> tuple[Answer, Accepted]:
        """Run a command until what it decided is recorded on what it had read.

        append: as the ledger does, unless something is to be done in the same transaction.
        """
        for attempt in attempts:
            decision = Decision(self.repository, by)
            try:
                answer = self._run(command, decision, attempt)
                return answer, self._append(decision, append or self.ledger.append)
            except IntegrityError:
                decision.forget()
        raise TooManyMoved(ATTEMPTS)

    async def decide_async(self, by: By, command: Command[Answer]) -> tuple[Answer, Accepted]:
        """As `decide`, for many tasks at once: a thread is taken only where there is something to read."""
        decision, attempts = Decision(self.repository, by, may_wait=False), range(ATTEMPTS)
        try:
            answer = command(decision, 0)
            if events := self._events(decision):
                position = await self.ledger.append_async(events, decision.guards)
                return answer, self._recorded(decision, events, position)
        except (NotAtHand, Refused):
            pass
        except IntegrityError:
            decision.forget()
            attempts = attempts[1:]
        return await asyncio.to_thread(self.decide, by, command, attempts=attempts)

    def save(self, *objs: Any, **kwargs: Any) -> list[Recording[UUID]]:
        """As the library's, of our facts and nouns.

        That one asks each of them what protocols it keeps, and in Python 3.11 nothing else takes as long.
        """
        facts: list[Fact] = []
        nouns = [each for each in objs if isinstance(each, Noun)]
        for each in objs:
            facts += [each] if isinstance(each, Fact) else each.collect_events() if each else ()
        recordings = self.events.put(facts, **kwargs)
        if (cache := self.repository.cache) is not None:
            for noun in nouns:
                cache.put(noun.id, noun)
        return recordings

    def carry_out(self, by: By, command: Callable[[Decision], None]) -> Accepted:
        """Run a command that has no answer of its own."""
        return self.decide(by, lambda decision, _: command(decision))[1]

    def _run(self, command: Command[Answer], decision: Decision, attempt: int) -> Answer:
        """A refusal records nothing that could be guarded, so what it rests on is checked by itself."""
        try:
            return command(decision, attempt)
        except Refused:
            self.ledger.check_guards(decision.guards)
            raise

    def forget_nouns(self) -> None:
        """Drop what is kept in memory; the decisions to come read anew."""
        if isinstance(cache := self.repository.cache, LRUCache):
            self.repository.cache = LRUCache(cache.maxsize)

    def _append(self, decision: Decision, append: Append) -> Accepted:
        """Record what was decided; that there is nothing to do has to be so now, and not only in a cache."""
        if events := self._events(decision):
            return self._recorded(decision, events, append(events, decision.guards))
        self.ledger.check_guards(decision.guards)
        return Accepted(self.head(), 0, frozenset())

    def _events(self, decision: Decision) -> list[StoredEvent]:
        """Past the library's `save`, which asks of each event what protocols it keeps: that takes longest."""
        decision.settle()
        return [self.mapper.to_stored_event(fact) for fact in decision.events]

    def _recorded(self, decision: Decision, events: Sequence[StoredEvent], position: int) -> Accepted:
        decision.remember()
        for listener in self.on_append:
            listener(position)
        return Accepted(position, len(events), frozenset(event.topic for event in events))
