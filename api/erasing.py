"""Erasing a client: what the command line and the HTTP API share.

It is looked what there is, then removed in one transaction with the event that says so, then cleaned up.
Whatever is cut off in between has erased all or nothing, and the same command goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, cast

import psycopg
from psycopg import Connection

from adapters.postgres.cleaning import REWRITTEN_BYTES, clean
from adapters.postgres.recorder import LedgerRecorder
from api.system import System
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.errors import ErasureChanged, ErasureMustWait
from domain.fact import By
from projections import erasure
from projections.checkpoints import PARKED
from projections.erasure import Found
from projections.read_model import READ_MODELS
from projections.rebuild import RebuildRunning, rebuilding
from projections.statements import Statements

CAUGHT_UP_S = 30.0
"""Longest time in which the read models have to have taken over what is recorded."""

STANDSTILL_S = 0.5
"""So long nobody appends, at most, while they take over the last of it."""

ROUNDS = 20
POLL_INTERVAL_S = 0.005

ANSWERS = Statements("idempotency.sql", files("api").joinpath("idempotency.sql").read_text("utf-8"))
CLEANED_SCHEMAS = ("directory", "threads", "timeline", "inbox", "search", "tasks", "idempotency")
CLEANED_TABLES = ("public.ledger",)


@dataclass(frozen=True, slots=True)
class Shown:
    """How many events there were at a position; what was recorded since was not shown, and goes with them."""

    events: int
    position: int | None

    def check(self, positions: Sequence[int]) -> None:
        """Raises ErasureChanged: there are more of them now, since more turned out to be his.

        If there are fewer, somebody else has erased him meanwhile.
        """
        known = [each for each in positions if self.position is None or each <= self.position]
        if len(known) > self.events:
            raise ErasureChanged(self.events, len(known))


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done. accepted.recorded is 0 where nothing was left to remove."""

    accepted: Accepted
    found: Found


def look(system: System, workspace_id: str, contact_id: str) -> tuple[Found, int]:
    """What would be removed, and the position of the ledger as of which that is so.

    Raises:
        UnknownThing: there is no such contact.
        ErasureMustWait: the read models do not have all that is recorded.
    """
    with system.pool.connection() as connection, connection.transaction():
        head = system.application.head()
        if late := _wait(connection, head, CAUGHT_UP_S):
            raise ErasureMustWait(late)
        return erasure.find(connection, workspace_id, contact_id), head


def erase(system: System, contact_id: str, *, reason: str, by: By, shown: Shown | None = None) -> Erased:
    """Remove what is private of a client from the ledger, whatever was recorded until then.

    shown: what he was shown who wants it; None for whatever there is.

    Raises:
        UnknownThing: there is no such contact.
        ErasureChanged: more is his now than was shown.
        ErasureMustWait: the read models can't take over what is recorded.
        ReasonNamesClient: the reason would keep what is to be erased.
    """
    for _ in range(ROUNDS):
        look(system, by.workspace_id, contact_id)  # so that little is left to wait for while all stands still
        with suppress(ErasureMustWait):
            return _erase(system.application, contact_id, reason, by, shown, system.follower.wake)
    with system.pool.connection() as connection:
        found = erasure.behind(connection, system.application.head())
    raise ErasureMustWait(found[0] if found else "inbox")


def _erase(
    application: Chatledger,
    contact_id: str,
    reason: str,
    by: By,
    shown: Shown | None,
    wake: Callable[[], None],
) -> Erased:
    ledger = cast(LedgerRecorder, application.recorder)
    try:
        with ledger.standing_still() as still:
            wake()
            if late := _wait(still.connection, still.head, STANDSTILL_S):
                raise ErasureMustWait(late)
            found = erasure.find(still.connection, by.workspace_id, contact_id)
            positions = found.positions
            if positions and shown:
                shown.check(positions)
            accepted = application.erase_contact(
                contact_id,
                positions,
                known_as=found.known_as,
                reason=reason,
                by=by,
                append=partial(still.erase, positions),
            )
            if positions:
                still.connection.execute(ANSWERS["forget_quoting"], {"workspace_id": by.workspace_id})
    finally:
        application.forget_private()
    wake()
    return Erased(accepted, found)


def left_behind(system: System, position: int, timeout_s: float) -> str | None:
    """A read model that does not have this position after so long, if there is one."""
    with system.pool.connection() as connection:
        return _wait(connection, position, timeout_s, READ_MODELS)


def tidy_up(system: System, *, rewritten_bytes: int = REWRITTEN_BYTES) -> list[str]:
    """Let nothing of what was removed be in the files of the database; the names of what may keep some bytes.

    Former tables of read models that were built anew go as a whole, and so does a rebuild that is under way.
    """
    left = []
    try:
        with rebuilding(system.pool, READ_MODELS) as rebuild:
            rebuild.forget()
    except RebuildRunning:
        left.append("the tables of the rebuild that is running")
    with psycopg.connect(system.database_url, autocommit=True) as connection:
        return left + clean(connection, CLEANED_SCHEMAS, CLEANED_TABLES, rewritten_bytes=rewritten_bytes)


def _wait(
    connection: Connection[Any],
    position: int,
    timeout_s: float,
    names: tuple[str, ...] = erasure.NEEDED,
) -> str | None:
    """Wait until these read models are at a position; the name of one that is not, after so long."""
    deadline = time.monotonic() + timeout_s
    while late := erasure.behind(connection, position, names):
        name, state = late
        if state == PARKED or time.monotonic() > deadline:
            return name
        time.sleep(POLL_INTERVAL_S)
    return None
