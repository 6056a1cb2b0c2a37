"""How a request that was not carried out is answered: RFC 9457, `application/problem+json`.

    Problem            what this package itself refuses, listed in PROBLEMS
    domain.Refused     what the domain refuses, listed in domain/errors.py
    anything else      500, which tells the caller nothing but the request's id, which is in our log too

Each has a stable `code`, which is the end of its `type`; docs/errors.md explains them all.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import ConnectionPoolClosedError, InterfaceError, OperationalError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from structlog.contextvars import get_contextvars

from adapters.postgres.refusals import StorageFull
from api import limits
from domain.errors import Conflict, Forbidden, Invalid, NotFound, Refused, TooManyMoved, Unauthorized

log = logging.getLogger(__name__)

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "malformed_json": (422, "The body is not JSON"),
    "invalid_request": (422, "The request is not valid"),
    "idempotency_key_reused": (422, "The idempotency key was used for another request"),
    "unauthorized": (401, "No valid token"),
    "scope_missing": (403, "The token does not reach this far"),
    "no_such_route": (404, "There is nothing at this path"),
    "method_not_allowed": (405, "The path does not take this method"),
    "idempotency_key_busy": (409, "The same request is still being carried out"),
    "position_too_old": (410, "The feed can't go on from there"),
    "body_too_large": (413, "The body is too large"),
    "unsupported_media_type": (415, "The body is not sent as JSON"),
    "not_signed": (422, "No signed tree head reaches so far"),
    "internal": (500, "Something went wrong here"),
    "unavailable": (503, "The database does not answer"),
    "not_ready": (503, "Not ready to serve"),
    "not_signing": (503, "No tree head is signed for now"),
    "not_yet_effective": (503, "Recorded, and not yet effective"),
    "position_not_reached": (503, "The read model is not there yet"),
    "too_many_feeds": (503, "Too many feeds are open"),
    "storage_full": (507, "There is no room on the database's disk"),
}
"""code → status and title of what this package refuses."""

KINDS: Mapping[type[Refused], tuple[int, str]] = {
    Unauthorized: (401, "No valid token"),
    NotFound: (404, "Not found"),
    Forbidden: (403, "Not allowed"),
    Conflict: (409, "Somebody was first"),
    Invalid: (422, "The request can't be carried out"),
}
"""Kind of refusal → status, and the title of one that has none of its own."""

DATABASE_AWAY = (psycopg.OperationalError, OperationalError, InterfaceError, ConnectionPoolClosedError)
"""What the driver and the library raise when the database does not answer in time."""

STORAGE_FULL = (psycopg.errors.DiskFull, StorageFull)

RESERVED = {"type", "title", "status", "detail", "instance", "code", "errors", "field"}
INVALID_TOKEN = {"WWW-Authenticate": 'Bearer realm="chatledger", error="invalid_token"'}
RETRY_AFTER = {"Retry-After": str(limits.RETRY_AFTER_S)}

FieldError = dict[str, str]
"""`field`, in dots from the body's top (`addresses.0.kind`), and `message`."""


class Problem(HTTPException):
    """A request that this package refuses. code: one of PROBLEMS; values: shown beside the detail."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(PROBLEMS[code][0], detail, dict(headers or {}))
        self.code, self.errors, self.values = code, errors, values


def describe(refusal: Problem | Refused) -> dict[str, Any]:
    """The problem object of a refusal; also where it stands inside another answer."""
    if isinstance(refusal, Problem):
        status, title = PROBLEMS[refusal.code]
        return _problem(refusal.code, status, title, refusal.detail, refusal.errors, refusal.values)
    errors = [{"field": refusal.field, "message": str(refusal)}] if isinstance(refusal, Invalid) else None
    return _problem(refusal.code, *status_and_title(type(refusal)), str(refusal), errors, refusal.values)


def status_and_title(refused: type[Refused]) -> tuple[int, str]:
    """The title is the first sentence of what the class says of itself."""
    status, title = next(answer for kind, answer in KINDS.items() if issubclass(refused, kind))
    meaning = vars(refused).get("__doc__")
    return status, meaning.strip().splitlines()[0].rstrip(".") if meaning else title


def answer_to(error: Exception) -> Response:
    """The answer to a request that ended in this error."""
    match error:
        case Problem():
            return _response(describe(error), error.headers)
        case ClientDisconnect():
            return Response(status_code=400)  # nobody is there to read it
        case TooManyMoved():
            return _response(describe(error), RETRY_AFTER)
        case Unauthorized():
            return _response(describe(error), INVALID_TOKEN)
        case Refused():
            return _response(describe(error))
        case RequestValidationError():
            return answer_to(_invalid(error))
        case HTTPException():
            return answer_to(_of_starlette(error))
    if isinstance(error, STORAGE_FULL):
        return _trouble("storage_full", "Nothing more was recorded. Try again when there is room.", error)
    if isinstance(error, DATABASE_AWAY):
        return _trouble("unavailable", "Try again in a moment.", error)
    return _unexpected(error)


def field_errors(errors: Iterable[ErrorDetails | Mapping[str, Any]], *, skip: int = 0) -> list[FieldError]:
    """What pydantic found, in our words. skip: how many leading parts of a place are no field."""
    return [
        {
            "field": _readable(".".join(str(part) for part in error["loc"][skip:])) or "body",
            "message": str(error["msg"]).removeprefix("Value error, "),
        }
        for error in islice(errors, limits.ERRORS_PER_ANSWER)
    ]


def _readable(field: str) -> str:
    """A field may be called anything, also what no answer can be written in."""
    return field.encode(errors="replace").decode()[: limits.NAME_CHARACTERS]


def invalid(errors: list[FieldError]) -> Problem:
    detail = "; ".join(f"{error['field']}: {error['message']}" for error in errors[:3])
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""
    return Problem("invalid_request", detail + more, errors=errors)


def answer_with_problems(app: FastAPI, methods_at: Callable[[str], Iterable[str]]) -> None:
    """Let what goes wrong outside of our routes end as a problem too. methods_at: what a path takes."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error.headers = {"Allow": ", ".join(methods_at(request.scope["path"]))}
        return answer_to(error)

    app.add_exception_handler(HTTPException, answer)
    app.add_exception_handler(Exception, answer)


def _invalid(error: RequestValidationError) -> Problem:
    return invalid(field_errors(error.errors(), skip=1))


def _of_starlette(error: HTTPException) -> Problem:
    """What the framework refuses by itself."""
    if error.status_code == 405:
        return Problem("method_not_allowed", "See the API's description at /docs.", headers=error.headers)
    if error.status_code == 404:
        return Problem("no_such_route", "See the API's description at /docs.")
    return invalid([{"field": "body", "message": str(error.detail)}])


def _trouble(code: str, detail: str, error: Exception) -> Response:
    """The database's, which passes; many requests may meet it, so each is one line in the log."""
    log.warning("%s: %s", PROBLEMS[code][1], " ".join(str(error).split()))
    return answer_to(Problem(code, detail, headers=RETRY_AFTER))


def _unexpected(error: Exception) -> Response:
    number = get_contextvars().get("request_id") or str(uuid4())
    log.error("request failed, number %s", number, exc_info=error)
    return answer_to(Problem("internal", f"It is in our log as {number}.", number=number))


def _problem(
    code: str,
    status: int,
    title: str,
    detail: str,
    errors: list[FieldError] | None,
    values: Mapping[str, object],
) -> dict[str, Any]:
    problem = {"type": f"/errors/{code}", "title": title, "status": status, "detail": detail, "code": code}
    problem |= {name: value for name, value in values.items() if name not in RESERVED}
    return problem if errors is None else problem | {"errors": errors}


def _response(problem: dict[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        json.dumps(problem, ensure_ascii=False, default=str).encode(),
        problem["status"],
        headers,
        "application/problem+json",
    )
