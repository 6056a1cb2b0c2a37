"""A connection may be cut at any moment: what was acknowledged is there once, and nothing is there half."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from adapters.postgres.group_commit import Request
from adapters.postgres.refusals import VersionConflict
from adapters.postgres.writer import LedgerWriter
from tests.adapters.ledger_events import opened, stored_event
from tests.wire import Wire, opened_wire

STREAM = UUID(int=1)


@pytest.fixture
def wire(database_url: str) -> Iterator[Wire]:
    with opened_wire(database_url) as wire:
        yield wire


@pytest.fixture
def writer(wire: Wire, database_url: str) -> Iterator[LedgerWriter]:
    """Its statement is prepared, so that the next answer on the wire is the one to the append."""
    with opened(database_url):
        writer = LedgerWriter(wire.url)
        for _ in range(2):
            writer.write([Request([stored_event(uuid4())], {})])
        yield writer
        writer.close()


def positions(database_url: str) -> list[tuple[int, UUID]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT position, stream_id FROM ledger WHERE position > 2").fetchall()


def test_a_request_that_was_cut_off_is_sent_again(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    request = Request([stored_event(STREAM)], {STREAM: 0})
    wire.cut_requests = 1

    writer.write([request])

    assert request.last_position == 3
    assert positions(database_url) == [(3, STREAM)]


def test_an_append_whose_answer_was_cut_off_is_recognised(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    """Also with a guard that the append itself has moved."""
    request = Request([stored_event(STREAM, 1), stored_event(STREAM, 2)], {STREAM: 0})
    wire.cut_answers = 1

    writer.write([request])

    assert request.last_position == 4
    assert positions(database_url) == [(3, STREAM), (4, STREAM)]


def test_each_of_a_group_is_recognised_and_refused_by_itself(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    twin = stored_event(STREAM, 1, told="once")
    group = [
        Request([twin], {}),
        Request([stored_event(STREAM, 1, told="differently")], {}),
        Request([stored_event(UUID(int=2))], {STREAM: 1}),
    ]
    wire.cut_answers = 1

    writer.write(group)

    assert [group[0].last_position, group[2].last_position] == [3, 4]
    with pytest.raises(VersionConflict):
        _ = group[1].last_position
    assert positions(database_url) == [(3, STREAM), (4, UUID(int=2))]


def test_a_server_that_stays_away_is_told_and_found_again(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    request = Request([stored_event(STREAM)], {})
    wire.cut_requests = 3  # the append, and both attempts to connect again

    writer.write([request])

    with pytest.raises(OperationalError):
        _ = request.last_position
    wire.cut_requests = 0
    later = Request([stored_event(STREAM)], {})
    writer.write([later])
    assert later.last_position == 3


def test_a_backend_that_is_ended_between_two_appends_is_not_noticed(database_url: str) -> None:
    with opened(database_url) as recorder, psycopg.connect(database_url, autocommit=True) as admin:
        recorder.insert_events([stored_event(uuid4())])
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%append'"
        )
        assert recorder.insert_events([stored_event(STREAM)]) == [2]
