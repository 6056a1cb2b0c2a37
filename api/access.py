"""Who calls, and how far his token reaches.

A token is `cl_<token id>_<secret>`; the ledger knows the SHA-256 of the whole. The first admin token of the
workspace `main` may be any string, and has the token id `bootstrap`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api import limits
from api.errors import INVALID_TOKEN, Problem
from api.system import running
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.decision import Decision
from domain.fact import By
from domain.ids import derive
from domain.token import Shown, Token

ADMIN, CONNECTOR, AUDITOR, ANALYST = "admin", "connector", "auditor", "analyst"
EMPLOYEE = "employee"
"""As a route names it; a token has `employee:<id>`."""

BOOTSTRAP = "bootstrap"
WORKSPACE = "main"
TOKEN = re.compile(r"cl_([A-Za-z0-9-]{1,64})_.+")
NO_DIGEST = "0" * 64
"""Compared with where there is no token, so that a token that exists takes no longer to refuse."""

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="chatledger"'}

InHeader = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(auto_error=False, description="A token from POST /v1/tokens.")),
]
"""For the API's description; who calls is known before the body is read, see `let_in`."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds the token."""

    workspace_id: str
    token_id: str
    scopes: frozenset[str]
    bearer: str = field(repr=False)
    digest: str

    @property
    def employee_id(self) -> str:
        """The employee for whom the token acts; "" where it acts for none."""
        return next((scope.partition(":")[2] for scope in self.scopes if scope.startswith("employee:")), "")

    def has(self, scope: str) -> bool:
        return bool(self.employee_id) if scope == EMPLOYEE else scope in self.scopes

    def shows(self, scope: str) -> Shown:
        """The token, for a command that rests on it."""
        return Shown(self.token_id, self.digest, scope)

    def by(self, scope: str, causation: str) -> By:
        """On the word of this caller, now."""
        name = self.employee_id if scope == EMPLOYEE else self.token_id
        return By(self.workspace_id, f"{scope}:{name}", datetime.now(UTC), causation)


def token_text(token_id: str, secret: str) -> str:
    return f"cl_{token_id}_{secret}"


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def let_in(request: Request) -> Caller:
    """Know the caller by his token, or send him away (401)."""
    bearer = _bearer(request)
    digest = digest_of(bearer)
    for token_id in _token_ids(bearer):
        row = await running(request).access.token(token_id)
        known = NO_DIGEST if row is None or row.revoked else row.digest
        if hmac.compare_digest(digest, known) and row is not None:
            return Caller(row.workspace_id, row.token_id, frozenset(row.scopes), bearer, digest)
    raise Problem("unauthorized", "This token opens nothing: unknown, or revoked.", headers=INVALID_TOKEN)


async def let_in_from_memory(request: Request) -> Caller:
    """As `let_in`, but who was let in before is not looked up again.

    For commands that rest on the token (`Caller.shows`): one that was revoked since is refused by them.
    """
    if "idempotency-key" in request.headers:
        return await let_in(request)  # for an answer that is kept no command is carried out
    callers: dict[str, Caller] = request.app.state.callers
    digest = digest_of(_bearer(request))
    if digest not in callers:
        if len(callers) >= limits.CALLERS_REMEMBERED:
            callers.clear()
        callers[digest] = await let_in(request)
    return callers[digest]


def allowed(request: Request, needed: Sequence[str]) -> Caller:
    """The caller, if his token has one of the scopes that the route names; otherwise 403."""
    caller: Caller = request.state.caller
    if not any(caller.has(scope) for scope in needed):
        detail = f"This needs a token with the scope {' or '.join(needed)}."
        raise Problem("scope_missing", detail, needs=list(needed))
    return caller


def issue_first_token(application: Chatledger, given: str | None) -> tuple[Accepted, str | None]:
    """See to it that there is an admin token in `main`; answers the one that was made, to be shown once.

    given: CHATLEDGER_ADMIN_TOKEN; it becomes the token, also where another was before.
    """
    by = By(WORKSPACE, "system", datetime.now(UTC), "start")
    made = token_text(BOOTSTRAP, secrets.token_urlsafe(32))

    def command(decision: Decision, _: int) -> bool:
        token = decision.change(Token, derive("token", WORKSPACE, BOOTSTRAP))
        if given is not None or not token.exists:
            digest = digest_of(given or made)
            token.issue(BOOTSTRAP, scopes=[ADMIN], label="the first admin token", digest=digest, by=by)
            return given is None
        return False

    shown, accepted = application.decide(by, command)
    return accepted, made if shown else None


def actor_scope(caller: Caller, needed: Sequence[str]) -> str:
    """In which of his roles the caller acts; a route names the likelier one first."""
    return next(scope for scope in needed if caller.has(scope))


def _bearer(request: Request) -> str:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer.strip():
        raise Problem("unauthorized", "Send `Authorization: Bearer <token>`.", headers=CHALLENGE)
    if len(bearer) > limits.AUTHORIZATION_CHARACTERS:
        raise Problem("unauthorized", "This is too long for a token.", headers=INVALID_TOKEN)
    return bearer.strip()


def _token_ids(bearer: str) -> Iterator[str]:
    """Under which ids a token may be known; the first admin token may look like anything."""
    if match := TOKEN.fullmatch(bearer):
        yield match[1]
    yield BOOTSTRAP
