"""A decision: what one command read and what it changed.

What it only read becomes a guard of the append: if another writer moved it meanwhile, nothing is
recorded and the command decides again. So decisions may be made from cached nouns, without a read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Repository
from eventsourcing.persistence import StoredEvent

from domain.fact import By, Fact, Noun

N = TypeVar("N", bound=Noun)


class Ledger(Protocol):
    """What a decision asks of the ledger beyond the library's recorder."""

    def select_streams(self, stream_ids: Iterable[UUID]) -> list[StoredEvent]:
        """The events of many streams, each by version."""

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


@dataclass(slots=True, eq=False)
class Held:
    """A noun as a decision has it. read: the decision rests on it as it was; own: it may be changed."""

    noun: Noun
    read: bool
    own: bool
    recorded: bool = False


class Decision:
    """The nouns that one command works with; `read` shares them with others, `change` owns a copy."""

    def __init__(self, repository: Repository[UUID], by: By, *, may_wait: bool = True) -> None:
        """may_wait: to read a noun that is not in memory; otherwise that is `NotAtHand`."""
        self.repository = repository
        self.by = by
        self.may_wait = may_wait
        self.events: list[Fact] = []
        self._held: dict[UUID, Held] = {}
        self._loaded: dict[UUID, Held] = {}
        self._touched: dict[Held, None] = {}

    def read(self, noun_class: type[N], noun_id: UUID) -> N:
        """The noun as it is, blank if nothing ever happened to it. It must not be changed."""
        return cast(N, (self._held.get(noun_id) or self._take(noun_class, noun_id)).noun)

    def change(self, noun_class: type[N], noun_id: UUID) -> N:
        """The noun, to be changed by this decision."""
        held = self._held.get(noun_id) or self._take(noun_class, noun_id)
        if not held.own:
            held.noun, held.own = deepcopy(held.noun), True
        return cast(N, self._touch(held))

    def load(self, wanted: Mapping[UUID, type[Noun]], *, own: bool = False) -> None:
        """Read many nouns in one go; then `read` and `change` have them at hand.

        own: they are to be changed, so none of them is kept for others, and none has to be copied.
        """
        cache = None if own else self.repository.cache
        loaded = {
            noun_id: noun_class.blank(noun_id)
            for noun_id, noun_class in wanted.items()
            if noun_id not in self._held and (cache is None or noun_id not in cache.cache)
        }
        store = self.repository.event_store
        for stored in cast(Ledger, store.recorder).select_streams(loaded) if loaded else ():
            fact = cast(Fact, store.mapper.to_domain_event(stored))
            fact.mutate(loaded[fact.originator_id])
        for noun_id, noun in loaded.items():
            self._loaded[noun_id] = Held(noun, read=True, own=own)
            if cache is not None and noun.cached:
                cache.put(noun_id, noun)

    def begin(self, noun_class: type[N], noun_id: UUID) -> N:
        """A noun that is presumed to be new; the append is refused if it is not."""
        held = self._held.get(noun_id)
        if held is None or not held.own:
            held = self._held[noun_id] = Held(noun_class.blank(noun_id), read=False, own=True)
        return cast(N, self._touch(held))

    def settle(self) -> list[Fact]:
        """What happened since the last time, in the order in which the nouns were touched."""
        news: list[Fact] = []
        for held in self._touched:
            if facts := cast(list[Fact], held.noun.collect_events()):
                held.recorded = True
                news += facts
        self._touched.clear()
        self.events += news
        return news

    @property
    def guards(self) -> dict[UUID, int]:
        """The streams that were only read, with the versions that the decision rests on."""
        return {
            noun_id: held.noun.version - len(held.noun.pending_events)
            for noun_id, held in self._held.items()
            if held.read and not held.recorded
        }

    def remember(self) -> None:
        """Keep what was recorded for the decisions to come."""
        if (cache := self.repository.cache) is not None:
            for noun_id, held in self._held.items():
                if held.recorded and held.noun.cached:
                    cache.put(noun_id, held.noun)

    def forget(self) -> None:
        """Drop from the cache what this decision rested on, so that the next one reads it anew."""
        if (cache := self.repository.cache) is not None:
            for noun_id in self._held:
                with suppress(KeyError):
                    cache.get(noun_id, evict=True)

    def _take(self, noun_class: type[N], noun_id: UUID) -> Held:
        held = self._loaded.get(noun_id) or Held(self._load(noun_class, noun_id), read=True, own=False)
        self._held[noun_id] = held
        return held

    def _touch(self, held: Held) -> Noun:
        """Taken up again, a noun goes to the end, so that causes can be recorded before what follows."""
        self._touched.pop(held, None)
        self._touched[held] = None
        return held.noun

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
