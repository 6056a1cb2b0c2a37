"""A process that appends from several threads until it is killed, and tells what was acknowledged.

Run as `python -m tests.adapters.ledger_writers URL NAME`. Each line of its output is the name of a save and
the positions that it was given.
"""

import sys
from itertools import count
from random import Random
from threading import Thread
from typing import Any
from uuid import UUID

from eventsourcing.persistence import IntegrityError, StoredEvent

from adapters.postgres.recorder import LedgerRecorder
from tests.adapters.ledger_events import opened, stored_event

THREADS = 4
SHARED = [UUID(int=number) for number in range(1, 4)]
"""Streams that the threads of all processes write to, so that they collide."""


def write(recorder: LedgerRecorder, name: str) -> None:
    random = Random(name)
    for number in count():
        save = f"{name}-{number}"
        events = decided(recorder, random, save)
        try:
            positions = recorder.insert_events(events, guards={random.choice(SHARED): random.randrange(3)})
        except IntegrityError:
            positions = insert_without_guards(recorder, events)
        if positions:
            sys.stdout.write(f"{save} {' '.join(map(str, positions))}\n")
            sys.stdout.flush()


def insert_without_guards(recorder: LedgerRecorder, events: list[StoredEvent]) -> list[int] | None:
    try:
        return recorder.insert_events(events)
    except IntegrityError:
        return None


def decided(recorder: LedgerRecorder, random: Random, save: str) -> list[StoredEvent]:
    """One to five new events of a stream of its own, and often one of a stream that others write, too."""
    events = random.choice([1, 1, 1, 2, 5])
    shares = random.random() < 0.5
    facts: dict[str, Any] = {"save": save, "events": events + shares}
    stream_id = UUID(int=random.getrandbits(128))
    saved = [stored_event(stream_id, version, **facts) for version in range(1, events + 1)]
    if shares:
        shared = random.choice(SHARED)
        last = recorder.select_events(shared, desc=True, limit=1)
        saved.append(stored_event(shared, last[0].originator_version + 1 if last else 1, **facts))
    return saved


def main() -> None:
    database_url, name = sys.argv[1:]
    with opened(database_url) as recorder:
        threads = [Thread(target=write, args=(recorder, f"{name}-{number}")) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
