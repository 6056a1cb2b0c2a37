"""What a connection to PostgreSQL goes through, and can be cut in."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PORT = 5432
NAME = re.compile(rb"\0application_name\0([^\0]*)\0")
"""Where the first message of a connection says whose it is."""

Way = Literal["request", "answer"]


class Wire:
    """Stands between clients and the server, and cuts connections when it is told to.

    cut_requests, cut_answers: how many connections are yet to be cut before a request reaches the server,
    or before its answer reaches the client.
    requests: how often a client has begun to speak; a prepared statement with its parameters is once.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self.cut_requests = 0
        self.cut_answers = 0
        self.requests = 0
        self._speaking: set[socket.socket] = set()
        self.url = make_conninfo(database_url, host=str(folder), port=PORT)
        self._counting = Lock()
        self._server = conninfo_to_dict(database_url)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._listener.listen()
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections, and wait until those that there are have ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def cuts(self, way: Way, whose: str, sent: bytes) -> bool:
        """Whether to cut the connection, instead of carrying over what is sent."""
        with self._counting:
            if way == "request" and self.cut_requests:
                self.cut_requests -= 1
                return True
            if way == "answer" and self.cut_answers:
                self.cut_answers -= 1
                return True
        return False

    def _count(self, way: Way, client: socket.socket) -> None:
        """What a client says may come in many pieces; his turn ends with the first of the answer."""
        with self._counting:
            if way == "answer":
                self._speaking.discard(client)
            elif client not in self._speaking:
                self._speaking.add(client)
                self.requests += 1

    def _accept(self) -> None:
        connections = []
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                connections.append(Thread(target=self._connect, args=(client,)))
                connections[-1].start()
        for connection in connections:
            connection.join()

    def _connect(self, client: socket.socket) -> None:
        """Carry requests there, and meanwhile answers back."""
        with client, suppress(OSError), self._to_server() as server:
            first = client.recv(1 << 20)
            found = NAME.search(first)
            whose = found[1].decode() if found else ""
            answers = Thread(target=self._carry, args=("answer", whose, server, client))
            answers.start()
            self._carry("request", whose, client, server, first)
            answers.join()

    def _to_server(self) -> socket.socket:
        host, port = str(self._server["host"]), int(self._server.get("port") or PORT)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(
        self, way: Way, whose: str, source: socket.socket, target: socket.socket, sent: bytes = b""
    ) -> None:
        """Until it ends or is cut; then it ends in both directions."""
        with suppress(OSError):
            while sent := sent or source.recv(1 << 20):
                self._count(way, source if way == "request" else target)
                if self.cuts(way, whose, sent):
                    break
                target.sendall(sent)
                sent = b""
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def opened_wire(database_url: str) -> Iterator[Wire]:
    with (
        tempfile.TemporaryDirectory(prefix="wire") as folder,
        closing(Wire(database_url, Path(folder))) as wire,
    ):
        yield wire
