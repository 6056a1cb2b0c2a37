"""A decision: what one command read and what it changed.

What it only read becomes a guard of the append: if another writer moved it meanwhile, nothing is
recorded and the command decides again. So decisions may be made from cached nouns, without a read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import StoredEvent

from domain.fact import By, Fact, Noun

N = TypeVar("N", bound=Noun)


class Ledger(Protocol):
    """What a decision asks of the ledger beyond the library's recorder."""

    def known_streams(self, stream_ids: Iterable[UUID], topics: Collection[str] = ()) -> set[UUID]:
        """Those of the streams that have events; with topics, those that have one of these."""

    def check_guards(self, guards: Mapping[UUID, int]) -> None:
        """Refuse with an IntegrityError if a stream is not at the version that was read."""

    def append(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        """Append events, all or none, if no guarded stream has moved; returns the position of the last."""

    async def append_async(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        """As `append`, without a thread for each that waits."""


class NotAtHand(Exception):
    """A decision that must not wait would have to read."""


class Decision:
    """The nouns that one command works with; `read` shares them with others, `change` owns a copy."""

    def __init__(self, repository: Repository[UUID], by: By, *, may_wait: bool = True) -> None:
        """may_wait: to read a noun that is not in memory; otherwise that is `NotAtHand`."""
        self.repository = repository
        self.by = by
        self.may_wait = may_wait
        self.events: list[Fact] = []
        self._read: dict[UUID, Noun] = {}
        self._changed: dict[UUID, Noun] = {}
        self._touched: dict[UUID, Noun] = {}
        self._recorded: set[UUID] = set()

    def read(self, noun_class: type[N], noun_id: UUID) -> N:
        """The noun as it is, blank if nothing ever happened to it. It must not be changed."""
        known = self._changed.get(noun_id) or self._read.get(noun_id)
        if known is None:
            known = self._read[noun_id] = self._load(noun_class, noun_id)
        return cast(N, known)

    def change(self, noun_class: type[N], noun_id: UUID) -> N:
        """The noun, to be changed by this decision."""
        if noun_id not in self._changed:
            self._changed[noun_id] = deepcopy(self.read(noun_class, noun_id))
        return cast(N, self._touch(noun_id))

    def begin(self, noun_class: type[N], noun_id: UUID) -> N:
        """A noun that is presumed to be new; the append is refused if it is not."""
        if noun_id not in self._changed:
            self._changed[noun_id] = noun_class.blank(noun_id)
        return cast(N, self._touch(noun_id))

    def settle(self) -> list[Fact]:
        """What happened since the last time, in the order in which the nouns were touched."""
        news: list[Fact] = []
        for noun_id, noun in self._touched.items():
            facts = cast(list[Fact], noun.collect_events())
            if facts:
                self._recorded.add(noun_id)
                news += facts
        self._touched.clear()
        self.events += news
        return news

    @property
    def guards(self) -> dict[UUID, int]:
        """The streams that were only read, with the versions that the decision rests on."""
        return {
            noun_id: noun.version for noun_id, noun in self._read.items() if noun_id not in self._recorded
        }

    def remember(self) -> None:
        """Keep what was recorded for the decisions to come."""
        for noun_id in self._recorded:
            noun = self._changed[noun_id]
            if noun.cached and self.repository.cache is not None:
                self.repository.cache.put(noun_id, noun)

    def forget(self) -> None:
        """Drop from the cache what this decision rested on, so that the next one reads it anew."""
        for noun_id in (*self._read, *self._changed):
            if self.repository.cache is not None:
                with suppress(KeyError):
                    self.repository.cache.get(noun_id, evict=True)

    def _touch(self, noun_id: UUID) -> Noun:
        """Taken up again, a noun goes to the end, so that causes can be recorded before what follows."""
        self._touched.pop(noun_id, None)
        noun = self._touched[noun_id] = self._changed[noun_id]
        return noun

    def _load(self, noun_class: type[N], noun_id: UUID) -> N:
        cache = self.repository.cache
        if not self.may_wait:
            try:
                return cast(N, cast(Any, cache).get(noun_id))
            except KeyError:
                raise NotAtHand from None
        try:
            return cast(N, self.repository.get(noun_id, deepcopy_from_cache=False))
        except AggregateNotFoundError:
            blank = noun_class.blank(noun_id)
            if noun_class.cached and cache is not None:
                cache.put(noun_id, blank)
            return blank
