"""Tokens: who may call, and how far that reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api import limits
from api.access import ADMIN, ANALYST, AUDITOR, CONNECTOR, digest_of, token_text
from api.admin_answers import Issued
from api.answers import Written
from api.fields import VISIBLE, Name, PathId, Says, Statement, no_control_characters
from api.reading import reach
from api.routing import router
from api.writing import AdminWrite, Write, written
from domain.deciding import Accepted

routes = router("tokens")

EMPLOYEE_PREFIX = "employee:"
ONE_EMPLOYEE = {"contains": {"pattern": f"^{EMPLOYEE_PREFIX}"}, "minContains": 0, "maxContains": 1}
PLAIN_SCOPES = (ADMIN, CONNECTOR, AUDITOR, ANALYST)


def known_scope(scope: str) -> str:
    if scope not in PLAIN_SCOPES and not (scope.startswith(EMPLOYEE_PREFIX) and scope != EMPLOYEE_PREFIX):
        raise PydanticCustomError("scope", f"must be {', '.join(PLAIN_SCOPES)} or employee:<id>")
    return scope


def one_employee(scopes: list[str]) -> list[str]:
    if sum(scope.startswith(EMPLOYEE_PREFIX) for scope in scopes) > 1:
        raise PydanticCustomError("scopes", "must name one employee at most: a token acts for one")
    return sorted(set(scopes))


Scope = Annotated[
    str,
    StringConstraints(strict=True, max_length=len(EMPLOYEE_PREFIX) + limits.ID_CHARACTERS),
    AfterValidator(no_control_characters),
    AfterValidator(known_scope),
    Says({"pattern": f"^({'|'.join(PLAIN_SCOPES)}|{EMPLOYEE_PREFIX}{VISIBLE}+)$"}),
]


class TokenRequest(Statement):
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=limits.SCOPES_PER_TOKEN, examples=[["employee:oleg"]]),
        AfterValidator(one_employee),
        Says(ONE_EMPLOYEE),
    ]
    label: Name = Field("", examples=["Oleg's phone"])


@routes.post("/tokens", status_code=201, response_model=Issued)
async def issue_token(body: TokenRequest, write: AdminWrite) -> Response:
    """Let somebody in. The token is shown here and never again; only its digest is kept."""
    token_id, secret = write.token()
    token = token_text(token_id, secret)
    accepted = await _when_known(
        write,
        write.ledger.issue_token,
        token_id,
        scopes=body.scopes,
        label=body.label,
        digest=digest_of(token),
    )
    return written(accepted, 201, token_id=token_id, token=token)


@routes.delete("/tokens/{token_id}", response_model=Written)
async def revoke_token(token_id: PathId, write: AdminWrite) -> Response:
    """Let nobody in with this token any more."""
    return written(await _when_known(write, write.ledger.revoke_token, token_id))


async def _when_known(write: Write, command: Callable[..., Accepted], *args: Any, **facts: Any) -> Accepted:
    """Carry it out, and answer when whoever lets callers in knows it: also when that read model is parked."""
    accepted = await write.carry_out(command, *args, **facts)
    await reach(write.system, accepted.position, "access")
    return accepted
