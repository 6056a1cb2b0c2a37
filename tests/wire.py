"""What a client and the server say to each other, on its way: counted, and cut off when a test says so."""

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from psycopg.conninfo import conninfo_to_dict, make_conninfo

PORT = 5432


class Wire:
    """Stands between a client and the server, and cuts the connection when it is told to.

    cut_requests, cut_answers: how many connections are yet to be cut before a request reaches the server,
    or before its answer reaches the client.
    requests: how often a client has spoken; a statement and its parameters, prepared, is once.
    """

    def __init__(self, database_url: str, folder: Path) -> None:
        self.cut_requests = 0
        self.cut_answers = 0
        self.requests = 0
        self._speaking: set[socket.socket] = set()
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

    def _count(self, source: socket.socket, target: socket.socket, *, answers: bool) -> None:
        """A client's turn to speak ends with the first word of the answer; it may take many pieces."""
        if answers:
            self._speaking.discard(target)
        elif source not in self._speaking:
            self._speaking.add(source)
            self.requests += 1

    def _carry(self, source: socket.socket, target: socket.socket, counter: str) -> None:
        with source, suppress(OSError):
            while sent := source.recv(1 << 20):
                self._count(source, target, answers=counter == "cut_answers")
                if left := getattr(self, counter):
                    setattr(self, counter, left - 1)
                    break
                target.sendall(sent)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def opened_wire(database_url: str) -> Iterator[Wire]:
    with tempfile.TemporaryDirectory(prefix="wire") as folder:
        wire = Wire(database_url, Path(folder))
        yield wire
        wire.close()
