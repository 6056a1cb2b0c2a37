"""Who asks the audit API: over HTTP with a token, or in this process on the data folder."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from api import limits
from api.access import AUDITOR, digest_of, token_text
from api.app import create_app
from api.system import System
from domain.fact import By

TIMEOUT_S = 30.0
HERE = "http://chatledger"
"""Names this process, where no server is asked."""


class AnswerRefused(Exception):
    """The API answered that it can't, and says why."""


@dataclass(frozen=True)
class Asker:
    """Asks one Chatledger as one caller. send: as `httpx.Client.request`."""

    send: Callable[..., httpx.Response]
    where: str
    names: dict[str, str] = field(default_factory=dict)
    """What things are called, as all answers so far have told."""

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """One answer; parameters that are None are not sent.

        Raises:
            AnswerRefused: with the problem in one line.
        """
        asked = {name: value for name, value in parameters.items() if value is not None}
        return self._answer("GET", path, params=asked)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises: AnswerRefused."""
        return self._answer("POST", path, json=body)

    def pages(self, path: str, *, limit: int | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """Page after page, to the end or until there are `limit` items."""
        left, cursor = limit, None
        while left is None or left > 0:
            size = limits.PAGE_ITEMS if left is None else min(left, limits.PAGE_ITEMS)
            page = self.get(path, **parameters, limit=size, cursor=cursor)
            yield page
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - len(page["items"])

    def items(self, path: str, *, limit: int | None = None, **parameters: Any) -> Iterator[dict[str, Any]]:
        """The items of all pages, each as it comes."""
        for page in self.pages(path, limit=limit, **parameters):
            yield from page["items"]

    def _answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = self.send(method, path, **options)
        if response.is_error:
            raise AnswerRefused(f"{method} {path} on {self.where}: {_why(response)}")
        answer: dict[str, Any] = response.json()
        self.names.update(answer.get("names") or {})
        return answer


@contextmanager
def asking_a_server(url: str, token: str) -> Iterator[Asker]:
    """Over HTTP. Certificates to trust take a while to load, and plain HTTP needs none."""
    headers, secured = {"Authorization": f"Bearer {token}"}, not url.startswith("http:")
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, verify=secured) as client:
        yield Asker(client.request, url)


@contextmanager
def asking_here(system: System, workspace_id: str) -> Iterator[Asker]:
    """In this process, by the same routes, with an auditor's token that is good while this runs.

    What is asked is recorded as it is over HTTP: on the word of that token, which `system` issued.
    Nothing else of a server runs here: no webhook is told of a message because somebody asked a question.
    """
    with ExitStack() as stack:
        token = stack.enter_context(_token(system, workspace_id))
        runner = stack.enter_context(asyncio.Runner())
        stack.callback(lambda: runner.run(system.async_pool.close()))
        runner.run(system.async_pool.open())
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(create_app(system), raise_app_exceptions=False),
            base_url=HERE,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )
        stack.callback(lambda: runner.run(client.aclose()))
        yield Asker(lambda *args, **options: runner.run(client.request(*args, **options)), "this database")


@contextmanager
def _token(system: System, workspace_id: str) -> Iterator[str]:
    token_id = str(uuid4())
    text = token_text(token_id, secrets.token_urlsafe(32))
    label, digest = "chatledger audit", digest_of(text)
    issued = system.application.issue_token(
        token_id, scopes=[AUDITOR], label=label, digest=digest, by=_by(workspace_id)
    )
    try:
        system.follower.wait_for(issued.position, limits.WAIT_S)
        yield text
    finally:
        system.application.revoke_token(token_id, by=_by(workspace_id))


def _by(workspace_id: str) -> By:
    return By(workspace_id, "system", datetime.now(UTC), "chatledger audit")


def _why(response: httpx.Response) -> str:
    """The problem in one line: status, detail, and which field it is about."""
    try:
        problem = response.json()
        fields = "; ".join(f"{each['field']} {each['message']}" for each in problem.get("errors") or ())
        told = fields or problem["detail"]
    except (ValueError, KeyError, AttributeError):
        told = response.reason_phrase
    return f"{response.status_code} {told}"
