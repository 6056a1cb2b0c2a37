"""The same answer to the same request: what `Idempotency-Key` promises on every POST.

A request that was carried out (2xx), or refused for good (409, 422), is answered the same for some days. One
that failed otherwise may be sent again. What a run left unfinished when it was killed is carried out again;
message ids and tokens are derived from the key, so nothing is appended twice by that either.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fastapi import Request, Response
from psycopg import Connection

from api import limits
from api.access import Caller
from api.errors import DATABASE_AWAY, RETRY_AFTER, Problem, answer_to
from api.system import System
from projections.answer import one_row
from projections.statements import Statements

STATEMENTS = Statements("idempotency.sql", files("api").joinpath("idempotency.sql").read_text("utf-8"))
KEY = re.compile(f"[!-~]([ -~]{{0,{limits.IDEMPOTENCY_KEY_CHARACTERS - 2}}}[!-~])?")
LIVES = 0x69646D70
"""The class of the advisory locks by which runs of the program see each other live."""

POLL_INTERVAL_S = 0.05
LET_GO_INTERVAL_S = 0.1
"""While the database does not answer."""

LONGEST_S = 600
"""After this time even a living run is taken to have lost a request."""

HIDDEN = "\ue02e"
"""Stands for a token's secret in what is kept; no secret is ever stored."""

Handle = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request with a key."""

    system: System
    caller: Caller
    key: str
    request_digest: str

    async def run(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        """Run a statement about this key."""
        return await one_row(
            self.system.async_pool,
            STATEMENTS[statement],
            workspace_id=self.caller.workspace_id,
            token_id=self.caller.token_id,
            key=self.key,
            instance=self.system.instance,
            **values,
        )

    @property
    def place(self) -> tuple[str, ...]:
        return self.caller.workspace_id, self.caller.token_id, self.key

    @property
    def secret(self) -> str:
        return secret_of(self.system, self.caller, self.key)


def key_of(request: Request) -> str | None:
    """The key that the request was sent with, if any.

    Raises:
        Problem: it is empty or too long, or holds what a header does not carry safely.
    """
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    if not KEY.fullmatch(key):
        message = f"must be 1 to {limits.IDEMPOTENCY_KEY_CHARACTERS} visible characters of ASCII"
        raise Problem("invalid_request", message, errors=[{"field": "Idempotency-Key", "message": message}])
    return key


def secret_of(system: System, caller: Caller, key: str) -> str:
    """The secret of a token that is issued with this key: the same each time, and known to the caller only.

    The caller's own token goes in, so that it can't be found in the database; the installation's secret
    goes in, so that the holder of the new token can't find the caller's by trying.
    """
    return hmac.new(system.secret, f"{caller.bearer}\n{key}".encode(), hashlib.sha256).hexdigest()


async def once(request: Request, system: System, caller: Caller, key: str, handle: Handle) -> Response:
    """Carry a request out, unless it was; then answer as then."""
    attempt = Attempt(system, caller, key, await _digest(request))
    deadline = time.monotonic() + limits.WAIT_S
    while attempt.place in system.keys:
        if time.monotonic() > deadline:
            return _busy()
        await asyncio.sleep(POLL_INTERVAL_S)
    system.keys[attempt.place] = None
    known = response = None
    try:
        known = await _begin(attempt, deadline)
        response = known or await handle(request)
        return response
    finally:
        if known:
            del system.keys[attempt.place]
        else:
            await _let_go(attempt, response)


async def _let_go(attempt: Attempt, response: Response | None) -> None:
    """Keep the answer if there is one to be kept, and let the key be used again.

    Where the database does not answer, that is put off: otherwise the key of a request that was cut off
    would be busy for as long as this run lives.
    """
    later = None
    try:
        await _put_down(attempt, response)
    except DATABASE_AWAY:
        later = asyncio.create_task(_let_go_later(attempt, response))
    finally:
        if later:
            attempt.system.keys[attempt.place] = later
        else:
            del attempt.system.keys[attempt.place]


async def _let_go_later(attempt: Attempt, response: Response | None) -> None:
    give_up_at = time.monotonic() + LONGEST_S
    try:
        while time.monotonic() < give_up_at:
            await asyncio.sleep(LET_GO_INTERVAL_S)
            with suppress(*DATABASE_AWAY):
                return await _put_down(attempt, response)
    finally:
        del attempt.system.keys[attempt.place]


async def _put_down(attempt: Attempt, response: Response | None) -> None:
    if response is not None and _is_final(response):
        body = bytes(response.body).decode().replace(attempt.secret, HIDDEN)
        await attempt.run("keep", status=response.status_code, body=body, days=limits.ANSWERS_KEPT_DAYS)
    else:
        await attempt.run("forget")


def keep_secret(connection: Connection[Any], secret: bytes) -> bytes:
    """The installation's secret, which is the one given where there is none yet."""
    connection.execute(STATEMENTS["keep_secret"], {"secret": secret})
    row = connection.execute(STATEMENTS["secret"]).fetchone()
    assert row is not None
    return bytes(row[0])


def live(connection: Connection[Any], instance: int) -> None:
    """Let other runs see that this one lives, as long as the connection does."""
    connection.execute(STATEMENTS["live"], {"lock": LIVES, "instance": instance})


async def _begin(attempt: Attempt, deadline: float) -> Response | None:
    """The answer that is known already, or None where this attempt is to find it."""
    while not await attempt.run(
        "begin", request_digest=attempt.request_digest, lock=LIVES, longest_s=LONGEST_S
    ):
        if answer := await _known(attempt):
            return answer
        if time.monotonic() > deadline:
            return _busy()
        await asyncio.sleep(POLL_INTERVAL_S)
    return None


async def _known(attempt: Attempt) -> Response | None:
    """The answer to the same request; None while it is being found, or where it was given up."""
    row = await attempt.run("known")
    if row is None:
        return None
    request_digest, status, body = row
    if request_digest != attempt.request_digest:
        message = "was used for another request; take a new one"
        errors = [{"field": "Idempotency-Key", "message": message}]
        return answer_to(Problem("idempotency_key_reused", f"This key {message}.", errors=errors))
    if status is None:
        return None
    media_type = "application/json" if status < 400 else "application/problem+json"
    return Response(body.replace(HIDDEN, attempt.secret), status, {"Idempotent-Replay": "true"}, media_type)


def _busy() -> Response:
    detail = "The first request with this key is not finished; try again."
    return answer_to(Problem("idempotency_key_busy", detail, headers=RETRY_AFTER))


def _is_final(response: Response) -> bool:
    """Whether the same request shall have this answer again; a refusal that says "try again" is none."""
    return response.status_code in (200, 201, 409, 422) and "retry-after" not in response.headers


async def _digest(request: Request) -> str:
    target = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    told = b"\n".join((request.method.encode(), target, await request.body()))
    return hashlib.sha256(told).hexdigest()
