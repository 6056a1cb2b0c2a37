"""The recorder beyond what the library's own cases ask of it."""

import json
import time
from collections.abc import Iterator
from threading import Thread, Timer
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    InterfaceError,
    JSONTranscoder,
    NotSupportedError,
    OperationalError,
    StoredEvent,
    Tracking,
)

from adapters.postgres.mapper import FactMapper
from adapters.postgres.recorder import POLL_INTERVAL_S, LedgerFactory, LedgerRecorder
from adapters.postgres.refusals import VersionConflict
from tests.adapters.ledger_events import OCCURRED_AT, opened, stored_event

ENV = {"PERSISTENCE_MODULE": "adapters.postgres.recorder"}
STREAM = UUID(int=1)


@pytest.fixture
def recorder(database_url: str) -> Iterator[LedgerRecorder]:
    with opened(database_url) as recorder:
        yield recorder


def test_an_append_returns_the_positions(recorder: LedgerRecorder) -> None:
    assert recorder.insert_events([stored_event(STREAM, 1), stored_event(STREAM, 2)]) == [1, 2]
    assert recorder.insert_events([stored_event(uuid4())]) == [3]
    assert recorder.max_notification_id() == 3


def test_nothing_to_append_is_nothing(recorder: LedgerRecorder) -> None:
    assert recorder.insert_events([], guards={STREAM: 7}) is None
    assert recorder.max_notification_id() is None


def test_a_row_has_what_the_envelope_says_and_when_it_was_recorded(recorder: LedgerRecorder) -> None:
    recorder.insert_events([stored_event(STREAM, causation="webhook 7", colour="red")])

    (row,) = recorder.rows(0, 1)

    recorded_at, occurred_at = row.pop("recorded_at"), row.pop("occurred_at")
    assert abs(recorded_at.timestamp() - time.time()) < 60
    assert occurred_at.isoformat() == OCCURRED_AT.replace("Z", "+00:00")
    assert row == {
        "position": 1,
        "workspace_id": "main",
        "stream_id": STREAM,
        "version": 1,
        "topic": "thing.happened",
        "actor": "system",
        "causation": "webhook 7",
        "facts": {"colour": "red"},
        "private": None,
    }


def test_recorded_times_never_fall(recorder: LedgerRecorder, database_url: str) -> None:
    recorder.insert_events([stored_event(STREAM)])
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO ledger SELECT 2, workspace_id, stream_id, 2, topic, actor, occurred_at, "
            "recorded_at + interval '1 day', causation, facts, private FROM ledger"
        )
    recorder.insert_events([stored_event(uuid4()), stored_event(uuid4())])

    before, ahead, *after = (row["recorded_at"] for row in recorder.rows(0, 4))

    assert before < ahead
    assert after == [ahead, ahead]


def test_what_is_read_is_what_was_written(recorder: LedgerRecorder) -> None:
    event = stored_event(STREAM, text="“quotes”, \\u0000, {braces}, 'apostrophes', \t and \N{PARTY POPPER}")
    recorder.insert_events([event])

    (found,) = recorder.select_events(STREAM)

    assert json.loads(found.state) == json.loads(event.state)


def test_versions_of_a_stream_have_no_gaps(recorder: LedgerRecorder) -> None:
    recorder.insert_events([stored_event(STREAM, 1)])

    with pytest.raises(VersionConflict, match=f"version 3 of stream {STREAM}.* no version 2") as refused:
        recorder.insert_events([stored_event(STREAM, 3)])

    assert (refused.value.stream_id, refused.value.version) == (STREAM, 3)
    with pytest.raises(VersionConflict):
        recorder.insert_events([stored_event(STREAM, 3), stored_event(STREAM, 2)])
    assert recorder.max_notification_id() == 1


def test_a_place_is_taken_once(recorder: LedgerRecorder) -> None:
    recorder.insert_events([stored_event(STREAM, 1)])

    with pytest.raises(VersionConflict, match=f"version 1 of stream {STREAM}.* recorded already") as refused:
        recorder.insert_events([stored_event(uuid4()), stored_event(STREAM, 1)])

    assert (refused.value.stream_id, refused.value.version) == (STREAM, 1)
    assert recorder.max_notification_id() == 1


def test_a_refused_append_leaves_no_hole(recorder: LedgerRecorder) -> None:
    recorder.insert_events([stored_event(STREAM)])
    with pytest.raises(IntegrityError):
        recorder.insert_events([stored_event(STREAM)])
    assert recorder.insert_events([stored_event(uuid4())]) == [2]


@pytest.mark.parametrize(
    "state",
    [
        stored_event(STREAM, text="\x00").state,
        b'{"workspace_id": "main", "actor": "a", "causation": "c", "occurred_at": "soon", "facts": {}}',
        b"no JSON",
        b'"\\ud800"',
        b"\xff",
    ],
)
def test_what_cannot_be_stored_is_refused_and_nothing_is_written(
    recorder: LedgerRecorder, state: bytes
) -> None:
    with pytest.raises(DataError):
        recorder.insert_events([stored_event(uuid4()), StoredEvent(STREAM, 1, "thing.happened", state)])

    assert recorder.rows(0, 9) == []
    assert recorder.insert_events([stored_event(STREAM)]) == [1]


def test_an_envelope_without_facts_is_refused(recorder: LedgerRecorder) -> None:
    envelope = json.loads(stored_event(STREAM).state)
    del envelope["facts"]

    with pytest.raises(IntegrityError, match="facts"):
        recorder.insert_events([StoredEvent(STREAM, 1, "thing.happened", json.dumps(envelope).encode())])


def test_only_streams_with_events_are_known(recorder: LedgerRecorder) -> None:
    recorder.insert_events([stored_event(STREAM, 1), stored_event(STREAM, 2)])
    assert recorder.known_streams([STREAM, uuid4()]) == {STREAM}
    assert recorder.known_streams([]) == set()
    assert recorder.known_streams([STREAM], ["thing.happened"]) == {STREAM}
    assert recorder.known_streams([STREAM], ["other.happened"]) == set()


def test_the_events_of_many_streams_are_read_at_once(recorder: LedgerRecorder) -> None:
    other = UUID(int=2)
    recorder.insert_events([stored_event(other), stored_event(STREAM, 1), stored_event(STREAM, 2)])
    found = recorder.select_streams([other, uuid4(), STREAM])
    assert found == recorder.select_events(other) + recorder.select_events(STREAM)
    assert [event.originator_version for event in found] == [1, 1, 2]
    assert recorder.select_streams([]) == []


def test_a_subscription_is_woken_by_an_append_of_its_process(recorder: LedgerRecorder) -> None:
    with recorder.subscribe() as subscription:
        Timer(0.05, recorder.insert_events, [[stored_event(STREAM)]]).start()
        started = time.monotonic()
        assert next(subscription).id == 1
        assert time.monotonic() - started < POLL_INTERVAL_S


def test_a_subscription_finds_what_another_process_appended(
    recorder: LedgerRecorder, database_url: str
) -> None:
    with recorder.subscribe() as subscription, opened(database_url) as other:
        Timer(0.05, other.insert_events, [[stored_event(STREAM)]]).start()
        assert next(subscription).id == 1


def test_a_process_may_start_while_others_append(recorder: LedgerRecorder, database_url: str) -> None:
    def append_many() -> None:
        for _ in range(200):
            recorder.insert_events([stored_event(uuid4())])

    appending = [Thread(target=append_many) for _ in range(2)]
    for thread in appending:
        thread.start()
    while any(thread.is_alive() for thread in appending):
        with opened(database_url):
            pass
    assert recorder.max_notification_id() == 400


def test_a_process_may_start_while_others_read_and_append(database_url: str) -> None:
    with opened(database_url, statement_timeout_s=2), psycopg.connect(database_url) as other:
        other.execute("SELECT position FROM ledger_head")
        other.execute("SELECT ledger_lock()")
        other.execute("SELECT count(*) FROM ledger")
        with opened(database_url, statement_timeout_s=2) as recorder:
            assert recorder.max_notification_id() is None


def test_whoever_holds_the_lock_too_long_is_not_waited_for(database_url: str) -> None:
    with opened(database_url, lock_timeout_s=0.1) as recorder, psycopg.connect(database_url) as holder:
        recorder.insert_events([stored_event(uuid4())])
        holder.execute("SELECT ledger_lock()")
        with pytest.raises(OperationalError, match="lock timeout"):
            recorder.insert_events([stored_event(STREAM)])
        holder.rollback()
        assert recorder.insert_events([stored_event(STREAM)]) == [2]


def test_a_closed_ledger_refuses(database_url: str) -> None:
    with opened(database_url) as recorder:
        recorder.insert_events([stored_event(STREAM)])
    with pytest.raises(InterfaceError, match="closed"):
        recorder.insert_events([stored_event(STREAM, 2)])


def test_the_factory_makes_the_ledger_of_an_application(database_url: str) -> None:
    factory = InfrastructureFactory.construct({**ENV, "LEDGER_DATABASE_URL": database_url})
    try:
        assert isinstance(factory, LedgerFactory)
        assert isinstance(factory.mapper(JSONTranscoder()), FactMapper)
        assert factory.application_recorder().max_notification_id() is None
    finally:
        factory.close()


def test_what_the_ledger_does_not_do_is_refused() -> None:
    factory = InfrastructureFactory.construct(ENV)
    with pytest.raises(InfrastructureFactoryError, match="LEDGER_DATABASE_URL"):
        factory.application_recorder()
    with pytest.raises(NotSupportedError):
        factory.aggregate_recorder(purpose="snapshots")
    with pytest.raises(NotSupportedError):
        factory.tracking_recorder()
    with pytest.raises(NotSupportedError):
        factory.process_recorder()


def test_tracking_is_not_dropped_silently(recorder: LedgerRecorder) -> None:
    with pytest.raises(NotSupportedError):
        recorder.insert_events([stored_event(STREAM)], tracking=Tracking("elsewhere", 1))
