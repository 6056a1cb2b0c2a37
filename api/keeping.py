"""Brings signed tree heads to the places outside the database, to each in its own time.

What a place has is on record, so that a restart goes on there. One that fails is tried again, later and
later, and keeps no other waiting.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, Self

from adapters.merkle.note import BadNote, Checkpoint, Verifier, read_checkpoint
from adapters.merkle.tiles import TILE_HASHES
from adapters.merkle.tree import HASH_BYTES
from adapters.places import Place, PlaceFailed, place_of
from api import limits

TILES_AT_ONCE = 64
FIRST_RETRY_S = 1.0

logger = logging.getLogger(__name__)


class LeadLost(Exception):
    """Another process does this now."""


class Recording(Protocol):
    """The lead, as far as it is needed here."""

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]: ...

    def write(self, statement: str, **values: Any) -> None: ...


class Keeper:
    """One place, and how far it is. size: of the last tree head that it has; tiles: full ones that it has."""

    def __init__(self, lead: Recording, place: Place, size: int, tiles: int) -> None:
        self.lead, self.place, self.size, self.tiles = lead, place, size, tiles
        self._under_way: Future[None] | None = None
        self._then: tuple[int, int] = size, tiles
        self._rests_until = 0.0
        self._failures = 0

    @property
    def busy(self) -> bool:
        return self._under_way is not None

    def go_on(self, signed_size: int, begin: Callable[..., Future[None]]) -> None:
        """Begin what comes next, if there is anything and nothing is under way."""
        if self._under_way:
            if not self._under_way.done():
                return
            self._finish(self._under_way)
        if self.size < signed_size and time.monotonic() >= self._rests_until:
            self._begin(begin)

    def _begin(self, begin: Callable[..., Future[None]]) -> None:
        ((size, note),) = self.lead.rows("next_to_tell", after=self.size)
        full, width = divmod(size, TILE_HASHES)
        if self.place.keeps_tiles and self.tiles < full:
            asked = {"first": self.tiles, "end": full, "limit": TILES_AT_ONCE}
            tiles = dict(self.lead.rows("full_tiles", **asked))
            self._then = self.size, self.tiles + len(tiles)
            self._under_way = begin(self.place.keep_tiles, tiles)
            return
        asked = {"first": full, "end": full + (width > 0), "limit": 1}
        last = [bytes(hashes)[: width * HASH_BYTES] for _, hashes in self.lead.rows("full_tiles", **asked)]
        self._then = size, self.tiles
        self._under_way = begin(self.place.keep, size, note, b"".join(last))

    def _finish(self, done: Future[None]) -> None:
        """Write down what came of it."""
        self._under_way = None
        error = done.exception()
        if error is None:
            (self.size, self.tiles), self._failures = self._then, 0
            self._record(None)
            return
        pause_s = FIRST_RETRY_S * limits.RETRY_FACTOR**self._failures
        self._rests_until = time.monotonic() + min(pause_s, limits.LONGEST_RETRY_S) * random.uniform(1, 1.25)
        self._failures += 1
        told = str(error) if isinstance(error, PlaceFailed | OSError) else type(error).__name__
        if self._failures == 1:
            logger.warning("%s does not take tree heads: %s", self.place.name, told)
        self._record(told)

    def _record(self, error: str | None) -> None:
        self.lead.write("told", name=self.place.name, size=self.size, tiles=self.tiles, error=error)


class Keeping:
    """All places, while the lead lasts."""

    def __init__(self, lead: Recording, named: Iterable[str]) -> None:
        known = {name: (size, tiles) for name, size, tiles in lead.rows("places")}
        places = [place_of(told) for told in named]
        self._keepers = [Keeper(lead, each, *known.get(each.name, (0, 0))) for each in places]
        self._threads = ThreadPoolExecutor(max(1, len(places)), thread_name_prefix="place")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def heads(self, verifier: Verifier) -> list[Checkpoint]:
        """The largest tree head of each place that can be asked, as far as this log has signed it."""
        found = []
        for keeper in self._keepers:
            try:
                note = keeper.place.latest()
                found += [read_checkpoint(note, [verifier])] if note else []
            except (BadNote, OSError) as error:
                logger.warning("%s has no tree head of this log: %s", keeper.place.name, error)
        return found

    def go_on(self, signed_size: int) -> bool:
        """Begin what there is to do; whether anything is under way. signed_size: of the largest tree head."""
        for keeper in self._keepers:
            keeper.go_on(signed_size, self._threads.submit)
        return any(keeper.busy for keeper in self._keepers)
