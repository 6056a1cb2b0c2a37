"""The test cases that the library ships for recorders. Their states are bare bytes, ours are JSON."""

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from unittest.mock import MagicMock, patch

import pytest
from eventsourcing.persistence import Notification, StoredEvent

from adapters.postgres.recorder import LedgerRecorder
from tests.adapters.ledger_events import stored_event

# Their module also tests ciphers, and for that imports a package that these cases do not need.
with patch.dict(sys.modules, {"eventsourcing.cipher": MagicMock()}):
    from eventsourcing.tests import persistence

E = TypeVar("E", bound=StoredEvent)


class BareBytesRecorder(LedgerRecorder):
    """Wraps bare bytes as an envelope on the way in and unwraps them on the way out; no more."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int] | None:
        return super().insert_events([wrapped(event) for event in stored_events], **kwargs)

    def select_events(self, *args: Any, **kwargs: Any) -> list[StoredEvent]:
        return [unwrapped(event) for event in super().select_events(*args, **kwargs)]

    def select_notifications(self, *args: Any, **kwargs: Any) -> list[Notification]:
        return [unwrapped(event) for event in super().select_notifications(*args, **kwargs)]


def wrapped(event: StoredEvent) -> StoredEvent:
    envelope = stored_event(event.originator_id, bare=b64encode(event.state).decode())
    return replace(event, state=envelope.state)


def unwrapped(event: E) -> E:
    return replace(event, state=b64decode(json.loads(event.state)["facts"]["bare"]))


class OnAFreshDatabase:
    recorder: BareBytesRecorder

    @pytest.fixture(autouse=True)
    def _fresh_database(self, database_url: str) -> Iterator[None]:
        self.recorder = BareBytesRecorder(database_url)
        self.recorder.open()
        yield
        self.recorder.close()

    def create_recorder(self) -> BareBytesRecorder:
        return self.recorder


class TestApplicationRecorder(OnAFreshDatabase, persistence.ApplicationRecorderTestCase[BareBytesRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIDs(
    OnAFreshDatabase, persistence.NonInterleavingNotificationIDsBaseCase
):
    pass
