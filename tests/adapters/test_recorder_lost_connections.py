"""A connection may be cut at any moment: what was acknowledged is there once, and nothing is there half."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from adapters.postgres.group_commit import Request
from adapters.postgres.refusals import VersionConflict
from adapters.postgres.writer import LedgerWriter
from tests.adapters.ledger_events import opened, stored_event

PORT = 5432
STREAM = UUID(int=1)


class Wire:
    """Stands between a client and the server, and cuts the connection when it is told to.

    cut_requests, cut_answers: how many connections are yet to be cut before a request reaches the server,
    or before its answer reaches the client.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self.cut_requests = 0
        self.cut_answers = 0
        self.url = make_conninfo(database_url, host=str(folder), port=PORT)
        self._server = conninfo_to_dict(database_url)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listener.listen()
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        carrying = []
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = self._connect()
                for source, target, counter in (
                    (client, server, "cut_requests"),
                    (server, client, "cut_answers"),
                ):
                    carrying.append(Thread(target=self._carry, args=(source, target, counter)))
                    carrying[-1].start()
        for thread in carrying:
            thread.join()

    def _connect(self) -> socket.socket:
        host, port = str(self._server["host"]), int(self._server.get("port") or PORT)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(self, source: socket.socket, target: socket.socket, counter: str) -> None:
        with source, suppress(OSError):
            while sent := source.recv(1 << 20):
                if left := getattr(self, counter):
                    setattr(self, counter, left - 1)
                    break
                target.sendall(sent)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(database_url: str) -> Iterator[Wire]:
    with tempfile.TemporaryDirectory(prefix="wire") as folder:
        wire = Wire(database_url, Path(folder))
        yield wire
        wire.close()


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

    assert request.positions == [3]
    assert positions(database_url) == [(3, STREAM)]


def test_an_append_whose_answer_was_cut_off_is_recognised(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    """Also with a guard that the append itself has moved."""
    request = Request([stored_event(STREAM, 1), stored_event(STREAM, 2)], {STREAM: 0})
    wire.cut_answers = 1

    writer.write([request])

    assert request.positions == [3, 4]
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

    assert [group[0].positions, group[2].positions] == [[3], [4]]
    with pytest.raises(VersionConflict):
        _ = group[1].positions
    assert positions(database_url) == [(3, STREAM), (4, UUID(int=2))]


def test_a_server_that_stays_away_is_told_and_found_again(
    writer: LedgerWriter, wire: Wire, database_url: str
) -> None:
    request = Request([stored_event(STREAM)], {})
    wire.cut_requests = 3  # the append, and both attempts to connect again

    writer.write([request])

    with pytest.raises(OperationalError):
        _ = request.positions
    wire.cut_requests = 0
    later = Request([stored_event(STREAM)], {})
    writer.write([later])
    assert later.positions == [3]


def test_a_backend_that_is_ended_between_two_appends_is_not_noticed(database_url: str) -> None:
    with opened(database_url) as recorder, psycopg.connect(database_url, autocommit=True) as admin:
        recorder.insert_events([stored_event(uuid4())])
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%append'"
        )
        assert recorder.insert_events([stored_event(STREAM)]) == [2]
