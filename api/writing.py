"""Writes: a command is carried out in a thread, and answered when it is effective."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes

from api import limits
from api.access import ADMIN, CONNECTOR, EMPLOYEE, Caller, InHeader, actor_scope, allowed
from api.errors import RETRY_AFTER, Problem
from api.idempotency import key_of, secret_of
from api.logs import bind
from api.metrics import request_id
from api.system import System, running
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.fact import By
from domain.ids import derive
from projections.read_model import HARMLESS


@dataclass(frozen=True, slots=True)
class Write:
    """One caller's wish to change something.

    key: his Idempotency-Key. told: up to where connectors had been answered when he asked.
    """

    system: System
    caller: Caller
    key: str | None
    by: By
    told: int

    @property
    def ledger(self) -> Chatledger:
        return self.system.application

    def not_before(self, moment: datetime) -> Write:
        """The same wish, at this moment if it is later than now."""
        return replace(self, by=replace(self.by, at=max(self.by.at, moment)))

    async def carry_out(self, command: Callable[..., Accepted], *args: Any, **facts: Any) -> Accepted:
        """Run a command, and wait until it is effective where it has to be."""
        accepted = await run_in_threadpool(command, *args, **facts, by=self.by)
        await self.settle(accepted)
        return accepted

    async def settle(self, accepted: Accepted) -> None:
        """Wait until nobody can read what was before.

        What was recorded already may still be on its way, so a command that recorded nothing waits too.
        """
        bind(position=accepted.position)
        if not accepted.recorded or not all(topic.startswith(HARMLESS) for topic in accepted.topics):
            await self.effective(accepted.position)

    async def effective(self, position: int) -> None:
        if not await self.system.follower.wait_for_async(position, limits.WAIT_S):
            detail = "It is recorded and stays so; the read models will have it as soon as they can."
            raise Problem("not_yet_effective", detail, headers=RETRY_AFTER, position=position)

    def message_id(self) -> UUID:
        """The same for each attempt with one key, so that a message is never sent twice."""
        return self.new_id("message")

    def new_id(self, noun: str) -> UUID:
        """Of a thing that is to be made; the same for each attempt with one key."""
        if self.key is None:
            return uuid4()
        return derive(f"keyed {noun}", self.by.workspace_id, self.caller.token_id, self.key)

    def token(self) -> tuple[str, str]:
        """Id and secret of a token to be issued; the same for each attempt with one key."""
        if self.key is None:
            return str(uuid4()), secrets.token_hex(32)
        token_id = derive("keyed token", self.by.workspace_id, self.caller.token_id, self.key)
        return str(token_id), secret_of(self.system, self.caller, self.key)


async def writing(request: Request, needed: SecurityScopes, _: InHeader) -> Write:
    """The write that this request wishes for, if its caller has one of these scopes."""
    system, key = running(request), key_of(request)
    caller = allowed(request, needed.scopes)
    causation = f"key:{key}" if key else f"request:{request_id(request)}"
    by = caller.by(actor_scope(caller, needed.scopes), causation)
    return Write(system, caller, key, by, system.told.position)


def written(accepted: Accepted, status: int = 200, **more: Any) -> Response:
    return JSONResponse({"position": accepted.position, **more}, status)


AdminWrite = Annotated[Write, Security(writing, scopes=[ADMIN])]
DirectoryWrite = Annotated[Write, Security(writing, scopes=[CONNECTOR, ADMIN])]
ConnectorWrite = Annotated[Write, Security(writing, scopes=[CONNECTOR])]
EmployeeWrite = Annotated[Write, Security(writing, scopes=[EMPLOYEE])]
