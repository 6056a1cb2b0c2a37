"""A line carries everything, until it is cut, or falls silent and is mended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from threading import Thread

import pytest

from tests.drills.lines import HOST, Line

TIMEOUT_S = 5.0
SILENCE_S = 0.1


@pytest.fixture
def line() -> Iterator[Line]:
    """To a server that sends back what it gets."""
    with socket.create_server((HOST, 0)) as server:
        Thread(target=_send_back, args=(server,), daemon=True).start()
        with closing(Line(server.getsockname()[1])) as line:
            yield line
        server.shutdown(socket.SHUT_RDWR)


def test_it_carries_both_ways(line: Line) -> None:
    with opened(line) as connection:
        connection.sendall(b"there")
        assert connection.recv(100) == b"there"


def test_cut_it_ends_what_is_open_and_takes_nothing(line: Line) -> None:
    with opened(line) as connection:
        line.cut()
        assert is_ended(connection)
    with opened(line) as connection:
        assert is_ended(connection)
    line.mend()
    with opened(line) as connection:
        connection.sendall(b"again")
        assert connection.recv(100) == b"again"


def test_silent_it_carries_nothing_and_everything_when_it_is_mended(line: Line) -> None:
    with opened(line) as connection:
        connection.sendall(b"before")
        assert connection.recv(100) == b"before"
        line.fall_silent()
        connection.sendall(b"meanwhile")
        connection.settimeout(SILENCE_S)
        with pytest.raises(TimeoutError):
            connection.recv(100)
        connection.settimeout(TIMEOUT_S)
        line.mend()
        assert connection.recv(100) == b"meanwhile"


def opened(line: Line) -> socket.socket:
    return socket.create_connection((HOST, line.port), timeout=TIMEOUT_S)


def is_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def _send_back(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while piece := connection.recv(1_000):
                connection.sendall(piece)
        except OSError:
            return
