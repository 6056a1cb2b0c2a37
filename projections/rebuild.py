"""Builds read models anew from the ledger: plain replay, while the API keeps taking writes.

Whoever follows stands by until the rebuild ends; then it goes on from where the rebuild came to. What is
rebuilt reads as empty and fills up. `inbox` is replayed over the rows of `visibility` and `timeline`, so
those must be complete or be rebuilt with it. Interrupted, it is finished by whoever leads next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from psycopg import Connection

from projections.checkpoints import Checkpoints, Range
from projections.leader import Leader
from projections.read_model import REACTIONS, READ_MODELS, ReadModel

RANGE_SIZE = 20_000
CLEAR_TIMEOUT_S = 30
"""How long to wait for those who read the tables that are to be emptied."""


class UnknownReadModel(LookupError):
    """There is no read model of this name."""


def rebuild(
    connection: Connection[Any],
    names: Collection[str] = READ_MODELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Empty these read models and take over the whole ledger again; returns the position reached.

    progress: is told how many of how many events are done. It is strict: an event that fails ends it.

    Raises:
        UnknownReadModel: a name is none of READ_MODELS.
        RebuildRunning: another process rebuilds; says which.
        Fenced: somebody took the lead, which only happens when this session lost its lock.
        ReadModelFailed: an event can't be taken over.
    """
    if unknown := set(names) - set(READ_MODELS):
        known = ", ".join(READ_MODELS)
        raise UnknownReadModel(f"No read model is called {min(unknown)!r}; there are: {known}.")
    checkpoints = Checkpoints(connection, [*READ_MODELS, REACTIONS])
    epoch = checkpoints.take_over_for_rebuild()
    try:
        models = [ReadModel(name) for name in READ_MODELS if name in names]
        return _replay(Leader(checkpoints, epoch, models), progress)
    finally:
        if not connection.broken:
            connection.execute("RESET ALL")
            checkpoints.end_rebuild()


def _replay(leader: Leader, progress: Callable[[int, int], None]) -> int:
    names = tuple(leader.read_models)
    _clear(leader)
    head, done = leader.look().head, 0
    while done < head:
        until = min(done + RANGE_SIZE, head)
        leader.take_over(Range(names, done, until))
        done = until
        progress(done, head)
        if done == head:
            head = leader.look().head
    leader.checkpoints.follow_on(names, leader.epoch)
    return head


def _clear(leader: Leader) -> None:
    connection = leader.connection
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{CLEAR_TIMEOUT_S}s'")
        for model in leader.read_models.values():
            model.clear(connection)
        leader.checkpoints.restart(list(leader.read_models), leader.epoch)
