"""The one connection through which a process appends to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from threading import Lock
from typing import Any

import psycopg
from eventsourcing.persistence import IntegrityError

from adapters.postgres.database import CONNECT_TIMEOUT_S
from adapters.postgres.group_commit import Request
from adapters.postgres.refusals import library_error, refusal

LOCK_TIMEOUT_S = 5.0
"""For the ledger's lock, which another process holds until its commit."""

STATEMENT_TIMEOUT_S = 30.0

SILENCE_TIMEOUT_S = 30
"""Of a network that no longer answers at all."""

# One statement that commits by itself is one round trip, and leaves no lock behind when its client dies.
# The texts go as binary arrays: in literals they would have to be escaped here and parsed there.
APPEND = """
SELECT first_position, refusals FROM ledger_append(
    %s::uuid[], %s::integer[], %b::text[], %b::text[]::jsonb[], %s::integer[],
    %s::uuid[], %s::integer[], %s::integer[]
)
"""

RECORDED = """
SELECT min(ledger.position)
FROM unnest(%s::uuid[], %s::integer[], %b::text[], %b::text[]::jsonb[])
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
                APPEND,
                *columns(requests),
                array(accumulate(len(request.events) for request in requests)),
                array(stream_id for stream_id, _ in guards),
                array(version for _, version in guards),
                array(accumulate(len(request.guards) for request in requests)),
            )
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:
            self._commit_singly(requests, error)
        else:
            settle(requests, first_position, refusals or [])

    def _commit_singly(self, requests: Sequence[Request], error: Exception) -> None:
        """PostgreSQL cannot even read what one of them holds; nothing was written."""
        if len(requests) == 1:
            requests[0].error = library_error(error)
        else:
            for request in requests:
                self._commit([request])

    def _recorded(self, request: Request) -> int | None:
        """The position of its first event, if all its events stand in the ledger as they were sent."""
        found = self._execute(RECORDED, *columns([request]))
        return found and int(found[0])

    def _execute(self, statement: str, *parameters: Any) -> Any:
        if self._closed:
            raise psycopg.InterfaceError("the ledger is closed")
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection.execute(statement.encode(), parameters, prepare=True).fetchone()

    def _connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection = psycopg.connect(
            self._database_url,
            autocommit=True,
            application_name="chatledger append",
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=SILENCE_TIMEOUT_S * 1000,
        )
        connection.execute(self._settings.encode())
        return connection


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


def columns(requests: Sequence[Request]) -> tuple[str, str, list[str], list[str]]:
    """The events of all requests as arrays of streams, versions, topics and states."""
    events = [event for request in requests for event in request.events]
    return (
        array(event.originator_id for event in events),
        array(event.originator_version for event in events),
        [event.topic for event in events],
        [event.state.decode() for event in events],
    )


def array(values: Iterable[object]) -> str:
    """The literal of an array whose elements need no quotes; a tenth of what psycopg's list takes."""
    return "{" + ",".join(map(str, values)) + "}"
