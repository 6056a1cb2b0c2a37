"""Events for tests of the ledger, which does not care what they mean."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from adapters.postgres.recorder import LedgerRecorder

OCCURRED_AT = "2024-05-06T07:08:09.123456Z"


def stored_event(
    stream_id: UUID | str, version: int = 1, *, causation: str = "a test", **facts: Any
) -> StoredEvent:
    envelope = {
        "workspace_id": "main",
        "actor": "system",
        "occurred_at": OCCURRED_AT,
        "causation": causation,
        "facts": facts,
        "private": None,
    }
    return StoredEvent(stream_id, version, "thing.happened", json.dumps(envelope).encode())


@contextmanager
def opened(database_url: str, **limits: Any) -> Iterator[LedgerRecorder]:
    recorder = LedgerRecorder(database_url, **limits)
    recorder.open()
    try:
        yield recorder
    finally:
        recorder.close()
