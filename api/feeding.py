"""The feeds that are open in this process, and the task that tells them what changes.

A feed stands at a position. One that stands where the others do is told by `Feeds`, which asks one question
for all of a workspace; one that is behind asks by itself, as fast as its reader takes it, until it is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress

import psycopg
from psycopg_pool import PoolTimeout

from api import limits
from api.errors import RETRY_AFTER, Problem
from api.open_feed import OpenFeed, frame, marked
from projections.access import Access, Opened
from projections.feed import FIRST, Asked, Change, Feed, Moment, Part
from projections.follower import Follower

SHORTEST_REST_S = 0.02
"""Between two looks, so that a burst becomes one batch. After a look that took longer it rests as long."""

PAUSE_AFTER_TROUBLE_S = 0.5
PARTS_TOGETHER = 10
"""So much is told to all at once; what is more, each feed asks for by itself."""

CATCHING_UP_TOGETHER = 2
"""Feeds that ask by themselves share so many connections, and leave the others to those who read."""

FOLLOWED = ("inbox",)
PASSING = (psycopg.Error, PoolTimeout)
"""A database that is away, or that puts other tables into place, is asked again."""

OnTold = Callable[[str, int, int, int, int], None]
"""A workspace, the range (after, until], how many readers were told, and since when, in ns."""

log = logging.getLogger(__name__)


class Feeds:
    """All open feeds of this process."""

    def __init__(self, feed: Feed, access: Access, follower: Follower, on_told: OnTold | None = None) -> None:
        """on_told: is called when readers were told something."""
        self.on_told = on_told
        self.feed, self.access, self.follower = feed, access, follower
        self.open: set[OpenFeed] = set()
        self.closed = False
        self._came = asyncio.Event()
        self._catching_up = asyncio.Semaphore(CATCHING_UP_TOGETHER)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell the feeds what changes, as long as the block lasts."""
        task = asyncio.create_task(self._run(), name="feeds")
        try:
            yield
        finally:
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def enter(self, opened: Opened, after: int | None) -> OpenFeed:
        """A feed of what comes after a position; without one, from now on. Whoever enters has to leave.

        Raises:
            Problem: there are too many, or too much has happened since.
        """
        now = await self.feed.position()
        if self.closed or len(self.open) >= limits.FEEDS:
            detail = f"At most {limits.FEEDS} feeds are open in one process, and none when it is to stop."
            raise Problem("too_many_feeds", detail, headers=RETRY_AFTER)
        if after is not None and now - after > limits.FEED_RESUME_EVENTS:
            detail = f"That was more than {limits.FEED_RESUME_EVENTS} events ago: read the list anew."
            raise Problem("position_too_old", detail, position=now)
        feed = OpenFeed(opened, now if after is None else after, behind=after is not None)
        self.open.add(feed)
        self._came.set()
        return feed

    def leave(self, feed: OpenFeed) -> None:
        self.open.discard(feed)

    def close(self) -> None:
        """End all: each is told from where to go on."""
        self.closed = True
        for feed in self.open:
            feed.cut_off()

    async def stream(self, feed: OpenFeed) -> AsyncIterator[bytes]:
        """What a reader gets, as fast as he takes it; first of all, where he is."""
        yield b"".join(marked((), feed.level))
        while True:
            if waiting := feed.take():
                yield waiting
            elif feed.over:
                return
            elif feed.behind:
                async for some in self._catch_up(feed):
                    yield some
            else:
                await feed.news.wait()

    async def _catch_up(self, feed: OpenFeed) -> AsyncIterator[bytes]:
        """Tell one feed by itself, until it is where the inbox is.

        Between two parts the inbox may move on, so only a range of which all parts were asked at its end
        makes a list complete; what changed meanwhile is told with the next range.
        """
        until, beyond, steady = 0, FIRST, True
        while feed.behind and not feed.over:
            try:
                part, until, now = await self._ask_for(feed, until, beyond)
            except Exception as error:
                _complain(error)
                feed.cut_off()
                return
            steady, beyond = steady and now <= until, part.beyond or FIRST
            frames = [frame(each.event, each.data) for each in part.changes if each.employee_ids]
            if part.beyond is None:
                feed.position = max(feed.position, until)
                if steady:
                    feed.level, feed.behind = feed.position, False
                    frames = marked(frames, feed.level)
                    self._came.set()
                until, steady = 0, True
            yield b"".join(frames)

    async def _ask_for(self, feed: OpenFeed, until: int, beyond: str) -> tuple[Part, int, int]:
        """A part, up to where it goes, and where the inbox is. until: 0 for the first part of a range."""
        workspace_id, employee_id, after = feed.opened.workspace_id, feed.opened.employee_id, feed.position
        async with self._catching_up, self.feed.moment() as moment:
            until = until or moment.until(after)
            moved = {employee_id} & await moment.moved(workspace_id, after, until)
            asked = Asked(workspace_id, [employee_id], moved, after, until, beyond)
            return await moment.part(asked), until, moment.position

    async def _run(self) -> None:
        beaten_at = time.monotonic()
        while True:
            await self._wait(beaten_at + limits.FEED_HEARTBEAT_S - time.monotonic())
            begun = time.monotonic()
            try:
                if begun >= beaten_at + limits.FEED_HEARTBEAT_S:
                    beaten_at = begun
                    await self._beat()
                else:
                    await self._look()
            except Exception as error:  # they stay where they are, and are told when it is over
                _complain(error)
                await asyncio.sleep(PAUSE_AFTER_TROUBLE_S)
            await asyncio.sleep(max(SHORTEST_REST_S, time.monotonic() - begun))

    async def _wait(self, timeout_s: float) -> None:
        """Until there is something to tell, or a feed to be told, or it is time for a sign of life."""
        if not self.open:
            await self._came.wait()
        waits: list[asyncio.Task[bool]] = [asyncio.create_task(self._came.wait())]
        if led := [feed.position for feed in self.open if feed.is_led]:
            waits.append(asyncio.create_task(self._moved_beyond(min(led))))
        await asyncio.wait(waits, timeout=max(timeout_s, 0), return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        self._came.clear()

    async def _moved_beyond(self, position: int) -> bool:
        return await self.follower.models_at(position + 1, 2 * limits.FEED_HEARTBEAT_S, FOLLOWED)

    async def _beat(self) -> None:
        """Signs of life; and an end to those whose tokens were revoked, or whose people have left."""
        for feed in self._led():
            feed.beat()
        asked = list(self.open)  # more may come while it is asked
        in_force = await self.access.in_force([feed.opened for feed in asked])
        await self._look()  # who has left is told first that he sees nothing any more
        for feed in asked:
            if feed.opened not in in_force or (feed.is_led and not in_force[feed.opened]):
                feed.cut_off()

    async def _look(self) -> None:
        """Tell all who are told together what happened since they were told last."""
        groups: dict[tuple[str, int], list[OpenFeed]] = defaultdict(list)
        for feed in self._led():
            groups[feed.opened.workspace_id, feed.position].append(feed)
        if groups:
            async with self.feed.moment() as moment:
                for (workspace_id, after), feeds in groups.items():
                    if after < moment.position:
                        begun_ns = time.time_ns()
                        readers = await _tell(moment, workspace_id, after, feeds)
                        if readers and self.on_told:
                            self.on_told(workspace_id, after, moment.until(after), readers, begun_ns)

    def _led(self) -> Iterator[OpenFeed]:
        return (feed for feed in list(self.open) if feed.is_led)


async def _tell(moment: Moment, workspace_id: str, after: int, feeds: Iterable[OpenFeed]) -> int:
    """One question for all. Whose list may be another one altogether asks by himself.

    Returns how many were told something.
    """
    until = moment.until(after)
    moved = await moment.moved(workspace_id, after, until)
    by_employee: dict[str, list[OpenFeed]] = defaultdict(list)
    for feed in feeds:
        by_employee[feed.opened.employee_id].append(feed)
    shares = await _shares(moment, Asked(workspace_id, list(by_employee), (), after, until))
    for employee_id, theirs in by_employee.items():
        for feed in theirs:
            if shares is None or employee_id in moved:
                feed.fall_behind()
            elif feed.is_led:
                feed.give(shares[employee_id], until, level=until == moment.position)
    told = (len(theirs) for employee_id, theirs in by_employee.items() if shares and shares[employee_id])
    return sum(told)


async def _shares(moment: Moment, asked: Asked) -> dict[str, list[bytes]] | None:
    """What each employee is to be told; None if it is too much to be told to all at once."""
    shares: dict[str, list[bytes]] = defaultdict(list)
    for _ in range(PARTS_TOGETHER):
        part = await moment.part(asked)
        for change in part.changes:
            _share(change, shares)
        if part.beyond is None:
            return shares
        asked = asked.going_on(part.beyond)
    return None


def _share(change: Change, shares: dict[str, list[bytes]]) -> None:
    """The same bytes wait for all of them."""
    shared = frame(change.event, change.data)
    for employee_id in change.employee_ids:
        shares[employee_id].append(shared)


def _complain(error: Exception) -> None:
    log.warning("feeds wait: %s", " ".join(str(error).split()), exc_info=not isinstance(error, PASSING))
