"""What PostgreSQL says, in the words of the library's persistence errors.

PersistenceError
├── InterfaceError, and DatabaseError with its DataError, OperationalError, InternalError, …
├── StorageFull             an OperationalError: there is no room on the database's disk
└── IntegrityError
    ├── GuardMoved          a stream that was only read is not where it was
    └── VersionConflict     a stream that was to grow is not where it was
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from eventsourcing.persistence import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)

GUARD_MOVED = "23M01"
PREDECESSOR_MISSING = "23M02"
UNIQUE_VIOLATION = "23505"
STREAM_AND_VERSION = re.compile(r"=\(([0-9a-f-]{36}), (\d+)\)")  # in every language of the server


class StorageFull(OperationalError):
    """There is no room on the database's disk, so nothing was recorded."""


class GuardMoved(IntegrityError):
    """A decision rests on a version of a stream that is not its last. Read it again and decide again.

    expected: the version that was read, 0 for a stream without events; found: the version it has.
    """

    def __init__(self, stream_id: UUID, expected: int, found: int) -> None:
        super().__init__(f"stream {stream_id} was read at version {expected} and is at version {found}")
        self.stream_id = stream_id
        self.expected = expected
        self.found = found


class VersionConflict(IntegrityError):
    """An event cannot have this place: another one has it, or the one before it is missing."""

    def __init__(self, stream_id: UUID, version: int, reason: str) -> None:
        super().__init__(f"version {version} of stream {stream_id} cannot be recorded: {reason}")
        self.stream_id = stream_id
        self.version = version


def refusal(code: str, reason: str, detail: str) -> IntegrityError:
    """What `ledger_append` has against a request.

    code: its SQLSTATE; reason and detail: its message and detail.
    """
    if code == GUARD_MOVED:
        values = json.loads(detail)
        return GuardMoved(UUID(values["stream_id"]), values["expected"], values["found"])
    if code == PREDECESSOR_MISSING:
        values = json.loads(detail)
        return VersionConflict(UUID(values["stream_id"]), values["version"], reason)
    if code == UNIQUE_VIOLATION and (place := STREAM_AND_VERSION.search(detail)):
        return VersionConflict(UUID(place[1]), int(place[2]), "it is recorded already")
    return IntegrityError(f"{reason} ({detail})" if detail else reason)


# In this order: the first that fits. IntegrityError goes through `refusal`.
LIBRARY_ERRORS: tuple[tuple[type[psycopg.Error], type[PersistenceError]], ...] = (
    (psycopg.errors.DiskFull, StorageFull),
    (psycopg.InterfaceError, InterfaceError),
    (psycopg.OperationalError, OperationalError),
    (psycopg.DataError, DataError),
    (psycopg.InternalError, InternalError),
    (psycopg.ProgrammingError, ProgrammingError),
    (psycopg.NotSupportedError, NotSupportedError),
    (psycopg.DatabaseError, DatabaseError),
)


def library_error(error: Exception) -> Exception:
    """What the library would raise; an error that is not about persistence stays as it is."""
    if isinstance(error, UnicodeError):
        return DataError("the state of an event is not UTF-8")
    if isinstance(error, psycopg.IntegrityError):
        return refusal(
            error.sqlstate or "", error.diag.message_primary or "", error.diag.message_detail or ""
        )
    for theirs, ours in LIBRARY_ERRORS:
        if isinstance(error, theirs):
            return ours(str(error))
    return PersistenceError(str(error)) if isinstance(error, psycopg.Error) else error


@contextmanager
def library_errors() -> Iterator[None]:
    """Whatever psycopg raises within is raised as the library's error."""
    try:
        yield
    except psycopg.Error as error:
        raise library_error(error) from error
