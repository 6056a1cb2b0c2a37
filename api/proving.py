"""Hashes the ledger as it grows, and signs what it has come to.

One process does so at a time, in a thread of its own, and gives way to others after every few events: whoever
appends does not wait for it. Where it is, is in the database, so whoever takes over goes on there. Before
anything is signed, the tree is held against all that was signed before, here and in the places outside.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import psycopg
from fastapi.concurrency import run_in_threadpool
from psycopg import Connection
from psycopg.rows import dict_row

from adapters.merkle.leaf import Unhashable
from adapters.merkle.note import Checkpoint, KeyNotSafe, Signer, signing_key
from adapters.merkle.tiles import Tail
from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.settings import Settings
from api.hashing import STATEMENTS, Lead, NotAsSigned, leaves_after, standing
from api.keeping import Keeping, LeadLost
from api.leads import PROVING_LOCK
from projections.leader import described

BATCH_EVENTS = 512
LOOK_INTERVAL_S = 0.25
REST = 9
"""While others append, hashing takes a tenth of the time, and catches up with what it missed afterwards."""

BUSY_INTERVAL_S = 0.02
"""While a place is being brought something, which may be the first of much that it missed."""

LEAD_INTERVAL_S = 0.5
BACKOFF_S = 1.0
CHECK_AGAIN_S = 30.0
"""After something was found that forbids signing: an operator may put it right."""

STOP_TIMEOUT_S = 15.0

STANDSTILL_S = 120
"""Who has not been heard of for so long stands still, or his machine is gone, and another one signs."""

BEGIN_SESSION = f"""
SET enable_seqscan = off; SET synchronous_commit = off; SET statement_timeout = '30s';
SET idle_session_timeout = '{STANDSTILL_S}s'
"""

logger = logging.getLogger(__name__)


class Prover:
    """Hashes and signs from `run` until it is stopped, whenever this process has the lead."""

    def __init__(self, database_url: str, settings: Settings) -> None:
        self.database_url = database_url
        self.settings = settings
        self.stopping = Event()

    def run(self) -> None:
        complaint = ""
        while not self.stopping.is_set():
            try:
                with self._leading() as lead:
                    self._prove(lead)
                complaint = ""
            except LeadLost:
                if not self.stopping.is_set():
                    logger.warning("another process signs tree heads now")
            except Exception as error:
                if described(error) != complaint:
                    complaint = described(error)
                    passing = isinstance(error, psycopg.OperationalError | OSError)
                    logger.error("nothing is hashed for now: %s", complaint, exc_info=not passing)
            self.stopping.wait(BACKOFF_S)

    @contextmanager
    def _leading(self) -> Iterator[Lead]:
        """Wait for the lead.

        Raises:
            LeadLost: this process is to stop.
        """
        with psycopg.connect(
            self.database_url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="chatledger proof",
        ) as connection:
            connection.execute(BEGIN_SESSION.encode())
            lead = Lead(connection, 0)
            while not (lead.row("try_lock", lock=PROVING_LOCK) or (False,))[0]:
                if self.stopping.wait(LEAD_INTERVAL_S):
                    raise LeadLost
            lead.epoch = (lead.row("take_lead") or (0,))[0]
            yield lead

    def _prove(self, lead: Lead) -> None:
        """Go on until this process is to stop, or something forbids it; then say so, and look again later."""
        try:
            signer = signer_of(lead.connection, self.settings)
            tail = standing(lead)
            with Keeping(lead, self.settings.places) as keeping:
                head = Head(lead, tail, signer, self.settings, keeping.heads(signer.verifier))
                while not self.stopping.is_set():
                    begun = time.monotonic()
                    far_behind = head.go_on()
                    busy = keeping.go_on(head.signed.size if head.signed else 0)
                    if far_behind and head.grows:
                        self.stopping.wait(REST * (time.monotonic() - begun))
                    elif not far_behind:
                        self.stopping.wait(BUSY_INTERVAL_S if busy else LOOK_INTERVAL_S)
        except (NotAsSigned, Unhashable, KeyNotSafe, OSError) as error:
            logger.critical("no tree head is signed: %s", error)
            lead.write("complain", problem=str(error))
            self.stopping.wait(CHECK_AGAIN_S)


class Head:
    """The tree's, and the last that was signed of it."""

    def __init__(
        self, lead: Lead, tail: Tail, signer: Signer, settings: Settings, elsewhere: list[Checkpoint]
    ) -> None:
        """elsewhere: what the places outside have as the largest signed tree head."""
        self.lead, self.tail, self.signer, self.settings = lead, tail, signer, settings
        self.elsewhere = elsewhere
        row = lead.row("latest")
        self.signed = Checkpoint(signer.name, row[0], row[1]) if row else None
        self._signed_at: datetime | None = row[4] if row else None
        self._wanted: int = 0
        self._vouched = False
        self._ledger_head, self.grows = 0, False
        if self.signed:
            self._check(self.signed)

    def go_on(self) -> bool:
        """Hash what has been appended, and sign if it is time; whether there is more than that to hash.

        If not, more may come together: a batch costs two commits, however few events it has.
        """
        look = self.lead.row("look")
        if look is None or look[1] != self.lead.epoch or look[2] != self.tail.size:
            raise LeadLost
        ledger_head: int = look[0]
        self._wanted = look[3]
        if ledger_head < self.tail.size:
            raise NotAsSigned(f"the ledger ends at position {ledger_head}, and {self.tail.size} were hashed")
        self.grows, self._ledger_head = ledger_head > self._ledger_head, ledger_head
        behind = ledger_head - self.tail.size
        if behind:
            self._hash()
        if not self._vouched and self.tail.size >= ledger_head:
            self._vouch()
        if self._vouched and self._is_time():
            self._sign()
        return behind > BATCH_EVENTS

    def _hash(self) -> None:
        """The next batch. The event before it has to be the one that was hashed last."""
        last = self.tail.last_leaf()
        after = self.tail.size - (last is not None)
        leaves = leaves_after(self.lead.connection, after, BATCH_EVENTS)
        if last is not None and (not leaves or leaves.pop(0) != last):
            raise NotAsSigned(f"the event at position {self.tail.size} is not the one that was hashed")
        if leaves:
            self.lead.grow(self.tail, leaves)

    def _is_time(self) -> bool:
        signed: int = self.signed.size if self.signed else 0
        if self.tail.size <= signed:
            return False
        if (
            signed < self._wanted <= self.tail.size
            or self.tail.size - signed >= self.settings.checkpoint_events
        ):
            return True
        waited_s = (datetime.now(UTC) - self._signed_at).total_seconds() if self._signed_at else None
        return waited_s is None or not 0 <= waited_s < self.settings.checkpoint_interval_s

    def _vouch(self) -> None:
        """Hold the tree against what the places outside have; from then on it may be signed."""
        for head in self.elsewhere:
            self._check(head)
        self.lead.write("complain", problem=None)
        self._vouched = True

    def _sign(self) -> None:
        root_hash = self.tail.root()
        note = self.signer.sign(self.tail.size, root_hash)
        signed = Checkpoint(self.signer.name, self.tail.size, root_hash)
        vkey = self.signer.verifier.vkey
        self.lead.write("sign", size=signed.size, root_hash=root_hash, note=note, vkey=vkey)
        self.signed, self._signed_at = signed, datetime.now(UTC)

    def _check(self, head: Checkpoint) -> None:
        """Raises NotAsSigned: the tree is not the one that this is the head of."""
        if head.size > self.tail.size:
            detail = f"a tree head of {head.size} events was signed, and there are {self.tail.size}"
            raise NotAsSigned(f"{detail}: the ledger was cut off, or an old copy put in its place")
        if self.lead.root(head.size) != head.root_hash:
            raise NotAsSigned(f"the first {head.size} events are not those that were signed")


def status(connection: Connection[Any]) -> dict[str, Any]:
    """For whoever watches: how far hashing and signing are, and each place as `{name, size, error}`."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(STATEMENTS["status"]).fetchone() or {}
        places = cursor.execute(STATEMENTS["place_statuses"]).fetchall()
    return {**found, "broken": found.get("problem") is not None, "places": places}


def signer_of(connection: Connection[Any], settings: Settings) -> Signer:
    """Who signs for this log; his key is made where there is none.

    Raises:
        KeyNotSafe, OSError: there is no key to use.
    """
    row = connection.execute(STATEMENTS["log_id"]).fetchone()
    origin = settings.log_origin or f"chatledger.local/{row[0] if row else ''}"
    return Signer(origin, signing_key(settings.signing_key_file))


@asynccontextmanager
async def proving(database_url: str, settings: Settings) -> AsyncIterator[None]:
    """Hash and sign in a thread for as long as the block lasts."""
    prover = Prover(database_url, settings)
    thread = Thread(target=prover.run, name="prover", daemon=True)
    thread.start()
    try:
        yield
    finally:
        prover.stopping.set()
        await run_in_threadpool(thread.join, STOP_TIMEOUT_S)
