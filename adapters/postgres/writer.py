"""The one connection through which a process appends to the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from struct import pack
from threading import Lock
from typing import Any

import psycopg
from eventsourcing.persistence import IntegrityError
from psycopg import postgres
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.postgres.group_commit import Request
from adapters.postgres.refusals import library_error, refusal

LOCK_TIMEOUT_S = 5.0
"""For the ledger's lock, which another process holds until its commit."""

STATEMENT_TIMEOUT_S = 30.0

SILENCE_TIMEOUT_S = 30
"""Of a network that no longer answers at all."""

# One statement that commits by itself is one round trip, and leaves no lock behind when its client dies.
APPEND = b"""
SELECT first_position, refusals FROM ledger_append(
    $1::uuid[], $2::integer[], $3::text[], $4::jsonb[], $5::integer[],
    $6::uuid[], $7::integer[], $8::integer[]
)
"""

RECORDED = b"""
SELECT min(ledger.position)
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::jsonb[])
    AS sent (stream_id, version, topic, state)
LEFT JOIN ledger ON ledger.stream_id = sent.stream_id
    AND ledger.version = sent.version
    AND ledger.topic = sent.topic
    AND ledger.actor = sent.state ->> 'actor'
    AND ledger.causation = sent.state ->> 'causation'
    AND ledger.occurred_at = (sent.state ->> 'occurred_at')::timestamptz
    AND ledger.facts = sent.state -> 'facts'
HAVING count(*) = count(ledger.position)
"""


PREPARED_APPEND, PREPARED_RECORDED = b"append", b"recorded"
FORMATS = (*[Format.TEXT] * 2, *[Format.BINARY] * 2, *[Format.TEXT] * 4)
"""Of the parameters of both: topics and states are binary."""

TEXT, JSONB = postgres.types["text"].oid, postgres.types["jsonb"].oid
JSONB_VERSION = b"\x01"


class LedgerWriter:
    """Commits batches of requests, one batch at a time. Connects when it has to."""

    def __init__(
        self,
        database_url: str,
        *,
        lock_timeout_s: float = LOCK_TIMEOUT_S,
        statement_timeout_s: float = STATEMENT_TIMEOUT_S,
    ) -> None:
        self._database_url = database_url
        self._settings = (
            f"SET lock_timeout = {round(lock_timeout_s * 1000)};"
            f"SET statement_timeout = {round(statement_timeout_s * 1000)};"
            "SET default_transaction_isolation = 'read committed'"  # each check sees the commit before it
        )
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._in_use = Lock()
        self._closed = False

    def close(self) -> None:
        """Refuse what comes from now on, when what is under way is done."""
        with self._in_use:
            self._closed = True
            if self._connection:
                self._connection.close()

    def write(self, requests: Sequence[Request]) -> None:
        """Commit the requests and set the outcome of each.

        If the connection is lost, nobody knows whether before or after the commit. Then they are sent once
        more, which is safe because each event has one place, and those that are there already are recognised.
        """
        with self._in_use:
            try:
                self._commit(requests)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if self._connection and self._connection.closed:
                    self._commit_again(requests)
                else:
                    refuse_all(requests, error)

    def _commit_again(self, requests: Sequence[Request]) -> None:
        try:
            self._commit(requests)
            for request in requests:
                if isinstance(request.error, IntegrityError):
                    request.first_position = self._recorded(request)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            refuse_all(requests, error)

    def _commit(self, requests: Sequence[Request]) -> None:
        guards = [guard for request in requests for guard in request.guards.items()]
        try:
            first_position, refusals = self._execute(
                PREPARED_APPEND,
                *columns(requests),
                literal(accumulate(len(request.events) for request in requests)),
                literal(stream_id for stream_id, _ in guards),
                literal(version for _, version in guards),
                literal(accumulate(len(request.guards) for request in requests)),
            )
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:
            self._commit_singly(requests, error)
        else:
            settle(requests, int(first_position or 0), json.loads(refusals or b"[]"))

    def _commit_singly(self, requests: Sequence[Request], error: Exception) -> None:
        """PostgreSQL cannot even read what one of them holds; nothing was written."""
        if len(requests) == 1:
            requests[0].error = library_error(error)
        else:
            for request in requests:
                self._commit([request])

    def _recorded(self, request: Request) -> int | None:
        """The position of its first event, if all its events stand in the ledger as they were sent."""
        found = self._execute(PREPARED_RECORDED, *columns([request]))
        return int(found[0]) if found and found[0] else None

    def _execute(self, prepared: bytes, *parameters: bytes) -> list[bytes | None]:
        """The first row, if there is one. Past psycopg's cursors: they take longer than all else here."""
        if self._closed:
            raise psycopg.InterfaceError("the ledger is closed")
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        server = self._connection.pgconn
        result = server.exec_prepared(prepared, parameters, FORMATS[: len(parameters)])
        check(server, result, ExecStatus.TUPLES_OK)
        return [result.get_value(0, column) for column in range(result.nfields)] if result.ntuples else []

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(
            self._database_url,
            autocommit=True,
            application_name="chatledger append",
            client_encoding="utf8",
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=SILENCE_TIMEOUT_S * 1000,
        )
        connection.execute(self._settings.encode())
        for name, statement in ((PREPARED_APPEND, APPEND), (PREPARED_RECORDED, RECORDED)):
            check(connection.pgconn, connection.pgconn.prepare(name, statement), ExecStatus.COMMAND_OK)
        return connection


def check(server: PGconn, result: PGresult, expected: ExecStatus) -> None:
    """Raises what psycopg would."""
    if server.status == ConnStatus.BAD:
        raise psycopg.OperationalError(result.get_error_message())
    if result.status != expected:
        raise error_from_result(result)


def settle(requests: Sequence[Request], first_position: int, refusals: list[dict[str, Any]]) -> None:
    """Give out the positions, in order and without gaps, to those that were not refused."""
    refused = {each["request"]: each for each in refusals}
    for index, request in enumerate(requests):
        if index in refused:
            each = refused[index]
            request.error = refusal(each["code"], each["reason"], each["detail"])
        else:
            request.first_position = first_position
            first_position += len(request.events)


def refuse_all(requests: Sequence[Request], error: psycopg.Error) -> None:
    for request in requests:
        if request.first_position is None:
            request.error = library_error(error)


def columns(requests: Sequence[Request]) -> tuple[bytes, bytes, bytes, bytes]:
    """The events of all requests as arrays of streams, versions, topics and states."""
    events = [event for request in requests for event in request.events]
    return (
        literal(event.originator_id for event in events),
        literal(event.originator_version for event in events),
        binary_array(TEXT, [event.topic.encode() for event in events]),
        binary_array(JSONB, [JSONB_VERSION + event.state for event in events]),
    )


def literal(values: Iterable[object]) -> bytes:
    """An array as text, of elements that need no quotes."""
    return f"{{{','.join(map(str, values))}}}".encode()


def binary_array(element_type: int, values: Sequence[bytes]) -> bytes:
    """As PostgreSQL sends and takes it: what is in quotes would be escaped here and parsed there."""
    head = pack("!iiIii", 1, 0, element_type, len(values), 1)
    return head + b"".join(part for value in values for part in (pack("!i", len(value)), value))
