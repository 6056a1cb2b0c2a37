"""Follows the ledger in a thread: whoever leads a read model moves it, the others watch.

One process leads all of them, or several share them out. When one ends, the locks of its session go with it,
and another that may lead the same does so within a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections.checkpoints import Checkpoints, Fenced, Standing
from projections.leader import Leader, Reacting, Reactor, described
from projections.progress import Progress
from projections.read_model import LEADS, PLANS, REACTIONS, READ_MODELS, ReadModel
from projections.sharing import Partitions
from projections.standing_in import StandIn
from projections.wakes import ANNOUNCE_INTERVAL_S, announce, listening

POLL_INTERVAL_S = 0.1
"""How long the leader may miss what another process appended."""

REST_PER_EVENT_S = 0.0005
SHORTEST_REST_S, LONGEST_REST_S = 0.002, 0.015
"""After a range: one of thirty events takes little more than one of one. The shortest if somebody waits."""

TAKEOVER_INTERVAL_S = 0.25
"""How often a process tries to lead what it may lead and another leads."""

WATCH_INTERVAL_S = 0.015
"""How often a process looks at what others lead, while somebody or a read model of its own waits for that."""

SHORTEST_BACKOFF_S = 0.025
LONGEST_BACKOFF_S = 2.0
STOP_TIMEOUT_S = 30.0

STANDSTILL_S = 120
"""A leader that has not been heard of for so long stands still, and its session ends; so another may lead."""

LONGEST_RANGE_S = 1_800
"""A leader that takes longer over a range is taken for one that stands still in the midst of it."""

UNREACHABLE_S = 3
"""A leader whose machine does not answer for so long is gone, and its session ends."""

# A crash takes back the last rows and their position together, and they follow again from the ledger. Where
# that would show somebody what he may see no more, the leader waits for the disk.
BEGIN_SESSION = f"""
SET synchronous_commit = off; {PLANS};
SET idle_session_timeout = '{STANDSTILL_S}s'; SET idle_in_transaction_session_timeout = '{STANDSTILL_S}s';
SET transaction_timeout = '{LONGEST_RANGE_S}s';
SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = {UNREACHABLE_S - 1}
"""
END_SESSION = "RESET ALL; SELECT pg_advisory_unlock_all()"

logger = logging.getLogger(__name__)


class Follower:
    """Brings the read models up to the ledger's head and keeps them there, from `start` to `stop`."""

    def __init__(
        self,
        pool: ConnectionPool[Connection[Any]],
        read_models: Sequence[ReadModel],
        reactions: Reacting,
        *,
        leads: Collection[str] = LEADS,
        partitions: Partitions | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        """pool: two of its connections are kept for as long as this follows.

        leads: what it may lead; with none it only watches. partitions: as `take_lead` has it.
        """
        self.pool = pool
        self.read_models = read_models
        self.reactions = reactions
        self.leads, self.partitions = leads, partitions
        self.poll_interval_s = poll_interval_s
        self.progress = Progress(on_wait=self._ask)
        self._stopping = Event()
        self._woken = Event()
        self._asked = Event()
        self._appended = Event()
        self._complaint = ""
        self._backoff_s = SHORTEST_BACKOFF_S
        self._try_again_at = 0.0
        self._checkpoints: Checkpoints | None = None
        self._stand_in: StandIn | None = None
        self._thread = Thread(target=self._run, name="follower", daemon=True)

    @property
    def led(self) -> list[str]:
        """What this process leads just now."""
        return list(self._checkpoints.led) if self._checkpoints else []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the range at hand; then another process may lead."""
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)

    def appended(self, position: int) -> None:
        """This process appended something; safe from any thread."""
        self.wake()

    def heard(self, position: int) -> None:
        """Somebody says that the ledger goes as far as this; safe from any thread."""
        if position > self.progress.head:
            self._woken.set()

    def wake(self) -> None:
        """Look at once, and have those look who lead in other processes; safe from any thread."""
        self._appended.set()
        self._woken.set()

    def wait_for(self, position: int, timeout_s: float) -> bool:
        """Wait until this position is effective: the read models and what follows from it are done.

        A read model that is parked keeps nobody waiting, unless the reactions need it.
        """
        return self.progress.wait(_effective, position, timeout_s)

    async def wait_for_async(self, position: int, timeout_s: float) -> bool:
        """As `wait_for`; any number may wait at once."""
        return await self.progress.wait_async(_effective, position, timeout_s)

    async def models_at(self, position: int, timeout_s: float, names: Collection[str] = READ_MODELS) -> bool:
        """Wait until these read models have this position, whatever follows from it."""
        return await self.progress.wait_async(lambda standing: standing.position(names), position, timeout_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._session() as connection:
                    self._follow(connection)
            except Exception as error:
                self._checkpoints = None
                self._complain(error)
                self._stopping.wait(self._backoff_s)

    @contextmanager
    def _session(self) -> Iterator[Connection[Any]]:
        """A connection, which goes back as it was; if something happened to it, it is closed."""
        connection = self.pool.getconn()
        try:
            connection.execute(BEGIN_SESSION)
            yield connection
            connection.execute(END_SESSION)
        except BaseException:
            connection.close()
            raise
        finally:
            self.pool.putconn(connection)

    def _follow(self, connection: Connection[Any]) -> None:
        checkpoints = Checkpoints(connection, [*(model.name for model in self.read_models), REACTIONS])
        self._checkpoints = checkpoints
        self._stand_in = StandIn(checkpoints, self.leads, self.partitions) if self.partitions else None
        while not self._stopping.is_set():
            if self._take_lead(checkpoints):
                try:
                    self._lead(checkpoints)
                except Fenced as told_off:
                    logger.warning("the follower steps back: %s", told_off)
                checkpoints.give_up_lead()
            self._watch(checkpoints)

    def _lead(self, checkpoints: Checkpoints) -> None:
        leader = Leader(checkpoints, self.read_models, noted=self.progress.note)
        reactor = Reactor(leader, self.reactions)
        with listening(self.pool, self._woken.set):
            while not self._stopping.is_set():
                self._woken.clear()
                if not checkpoints.leads_all:
                    self._share(checkpoints)
                before = leader.look()
                after = leader.follow(before)
                reacted = reactor.react(after)
                self._recovered()
                if reacted:
                    continue
                if after.checkpoints != before.checkpoints:
                    self._rest(after.head - before.effective)
                else:
                    self._woken.wait(self._pause_s(reactor, after))

    def _take_lead(self, checkpoints: Checkpoints) -> bool:
        leads = checkpoints.take_lead(self.leads, self.partitions)
        if self._stand_in:
            self._stand_in.look()
        return leads or bool(checkpoints.led)

    def _share(self, checkpoints: Checkpoints) -> None:
        """Tell those who lead the others what this process appended; take what nobody leads any more."""
        if self._appended.is_set():
            self._appended.clear()
            announce(checkpoints.connection)
        if time.monotonic() >= self._try_again_at:
            self._take_lead(checkpoints)
            self._try_again_at = time.monotonic() + TAKEOVER_INTERVAL_S

    def _pause_s(self, reactor: Reactor, standing: Standing) -> float:
        """How long to wait for being woken: what others lead wakes nobody when it has moved."""
        checkpoints = reactor.leader.checkpoints
        if checkpoints.leads_all:
            return reactor.pause_s(self.poll_interval_s)
        if self.progress.awaited or standing.held_back(checkpoints.epochs):
            return WATCH_INTERVAL_S
        return reactor.pause_s(min(self.poll_interval_s, TAKEOVER_INTERVAL_S))

    def _rest(self, events: int) -> None:
        """Let more come together, the longer the more come, and only a little while somebody waits."""
        self._asked.clear()
        self._stopping.wait(SHORTEST_REST_S)
        if not self.progress.awaited:
            self._asked.wait(min(events * REST_PER_EVENT_S, LONGEST_REST_S))

    def _ask(self) -> None:
        self._asked.set()
        self._woken.set()

    def _watch(self, checkpoints: Checkpoints) -> None:
        """Tell the leaders in other processes what this one appends, and see what they do.

        Until it is time to try to lead.
        """
        self.progress.note(checkpoints.look())
        self._recovered()
        try_again_at = time.monotonic() + TAKEOVER_INTERVAL_S
        while not self._stopping.is_set() and (left_s := try_again_at - time.monotonic()) > 0:
            self._woken.clear()
            if self._appended.is_set():
                self._appended.clear()
                announce(checkpoints.connection)
                self._stopping.wait(ANNOUNCE_INTERVAL_S)
            if self.progress.awaited:
                self.progress.note(checkpoints.look())
                self._stopping.wait(WATCH_INTERVAL_S)
            else:
                self._woken.wait(left_s)

    def _complain(self, error: Exception) -> None:
        """Say once what is wrong, and try again later and later."""
        self._backoff_s = min(self._backoff_s * 2, LONGEST_BACKOFF_S)
        if (complaint := described(error)) != self._complaint:
            self._complaint = complaint
            passing = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
            logger.error("the follower stopped and tries again: %s", complaint, exc_info=not passing)

    def _recovered(self) -> None:
        if self._complaint:
            logger.info("the follower goes on, after: %s", self._complaint)
        self._complaint, self._backoff_s = "", SHORTEST_BACKOFF_S


def _effective(standing: Standing) -> int:
    return standing.effective
