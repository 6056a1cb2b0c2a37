"""The log as JSON lines, from the database or from a server: an event object each, or a leaf hash alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx
from psycopg import Connection
from psycopg.rows import dict_row

from adapters.merkle.leaf import leaf_hash, read_json
from api import limits
from api.hashing import STATEMENTS, tiles_at

TIMEOUT_S = 60.0
ONLY_OWNER = 0o600
"""Who may read a new file: it has what people wrote."""

CHECKPOINT_LINE = b'{"checkpoint"'


class NotSignedYet(Exception):
    """There is no signed tree head; a server signs one when something is recorded."""


class Source(Protocol):
    """Where the log is."""

    def checkpoint(self) -> dict[str, Any]:
        """The latest signed tree head, as `GET /v1/audit/checkpoint` answers.

        Raises:
            NotSignedYet: there is none.
        """

    def lines(self, after: int, until: int) -> Iterator[bytes]:
        """The events in (after, until], whole lines or parts that are put together."""

    def leaf_tile(self, index: int) -> bytes:
        """The leaf hashes of a tile, or as many as there are."""


class OfDatabase:
    """The log as an operator has it: every company's events, or one's and the hashes of the others."""

    def __init__(self, connection: Connection[Any], workspace_id: str | None) -> None:
        self.connection = connection
        self.workspace_id = workspace_id

    def checkpoint(self) -> dict[str, Any]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(STATEMENTS["checkpoint"], {"size": None}).fetchone()
        if row is None or row["size"] is None:
            raise NotSignedYet("No tree head has been signed yet: start chatledger serve.")
        return {"size": row["size"], "note": row["note"], "public_key": row["vkey"]}

    def lines(self, after: int, until: int) -> Iterator[bytes]:
        while after < until:
            asked = {"after": after, "until": until, "limit": limits.EXPORT_EVENTS}
            with self.connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(
                    STATEMENTS["log"], {"workspace_id": self.workspace_id, **asked}
                ).fetchall()
            if not rows:
                return
            yield from map(line_of, rows)
            after = rows[-1]["position"]

    def leaf_tile(self, index: int) -> bytes:
        return tiles_at(self.connection, {(0, index)}).get((0, index), b"")


class OfServer:
    """The log as a server hands it out to an auditor."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def checkpoint(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.get("/v1/audit/checkpoint").raise_for_status().json()
        return answer

    def lines(self, after: int, until: int) -> Iterator[bytes]:
        asked = {"after": after, "until": until}
        with self.client.stream("GET", "/v1/audit/log", params=asked) as answer:
            answer.raise_for_status()
            yield from answer.iter_bytes()

    def leaf_tile(self, index: int) -> bytes:
        answer = self.client.get(f"/v1/audit/tile/0/{index}")
        return b"" if answer.is_client_error else answer.raise_for_status().content


def line_of(row: Mapping[str, Any]) -> bytes:
    """A line of what the question `log` answers."""
    if row["line"] is not None:
        return f"{row['line']}\n".encode()
    leaf = leaf_hash({**row, "facts": read_json(row["facts"])})
    return json.dumps({"position": row["position"], "leaf_hash": leaf.hex()}).encode() + b"\n"


def whole_lines(parts: Iterator[bytes]) -> Iterator[str]:
    """Lines out of parts that end anywhere."""
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        yield from (line.decode("utf-8", "surrogateescape") for line in lines)
    if rest:
        yield rest.decode("utf-8", "surrogateescape")


def exported_before(path: Path) -> tuple[int, int]:
    """How many events a file has, and how many bytes they are; what was cut off in a line is left out."""
    events = size = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or line.startswith(CHECKPOINT_LINE):
                    break
                events, size = events + 1, size + len(line)
    return events, size


def export(source: Source, path: Path, told: Callable[[int, int], object]) -> int:
    """Write the log up to its latest signed tree head, and that behind it; goes on where it was cut off.

    told: is told how many events of how many are there. Returns how many there are.

    Raises:
        NotSignedYet: there is no tree head.
    """
    checkpoint = source.checkpoint()
    events, size = exported_before(path)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, ONLY_OWNER), "r+b") as file:
        file.truncate(size)
        file.seek(size)
        for part in source.lines(events, checkpoint["size"]):
            file.write(part)
            events += part.count(b"\n")
            told(events, checkpoint["size"])
        file.write(json.dumps({"checkpoint": checkpoint["note"]}, ensure_ascii=False).encode() + b"\n")
    return events
