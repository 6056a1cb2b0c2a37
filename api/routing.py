"""What every route does before and after its own work: know the caller, bound the body, answer problems."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, NoReturn
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

from api import limits
from api.access import Caller, let_in
from api.calling import Call
from api.errors import Problem, answer_to
from api.fields import ESCAPED_SLASH
from api.idempotency import key_of, once
from api.logs import bind
from api.system import running

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BoundedRequest(Request):
    """A request whose body is JSON of bounded size."""

    async def body(self) -> bytes:
        """The body; reading ends as soon as it is too long, also where no length was announced."""
        if not hasattr(self, "_body"):
            body = bytearray()
            async for chunk in self.stream():
                body += chunk
                if len(body) > limits.BODY_BYTES:
                    raise Problem("body_too_large", f"At most {limits.BODY_BYTES} bytes are taken.")
            self._body = bytes(body)
        return self._body

    async def json(self) -> Any:
        try:
            return json.loads(await self.body(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            errors = [{"field": "body", "message": str(error)}]
            raise Problem("malformed_json", f"The body is not JSON: {error}", errors=errors) from None


class Route(APIRoute):
    """A route for callers with a token. Whatever goes wrong is answered as a problem."""

    let_in = staticmethod(let_in)

    def get_route_handler(self) -> Handler:
        handle = _guarded(Call(self.endpoint, self.param_convertors), self.let_in)

        async def guarded(request: Request) -> Response:
            return await _answering(handle, BoundedRequest(request.scope, request.receive))

        return guarded


def router(tag: str, route_class: type[Route] = Route) -> APIRouter:
    """A router whose routes are all guarded."""
    return APIRouter(prefix="/v1", tags=[tag], route_class=route_class, strict_content_type=False)


def _guarded(handle: Handler, let_in: Callable[[Request], Awaitable[Caller]]) -> Handler:
    """Who calls is known before his body is read; a request that was carried out before is not again."""

    async def guarded(request: Request) -> Response:
        caller = request.state.caller = await let_in(request)
        bind(workspace=caller.workspace_id)
        await _check_type(request)
        key = key_of(request)
        if key is None:
            return await handle(request)
        return await once(request, running(request), caller, key, partial(_answering, handle))

    return guarded


async def _answering(handle: Handler, request: Request) -> Response:
    try:
        return await handle(request)
    except Exception as error:
        return answer_to(error)


async def _check_type(request: Request) -> None:
    """Refuse a body that says it is something else than JSON."""
    if await request.body() and not _is_json(request.headers.get("content-type", "application/json")):
        raise Problem("unsupported_media_type", "Send the body as application/json.")


def methods_at(app: FastAPI) -> Callable[[str], list[str]]:
    """What a path takes, in all routes that have it; of several the one with the fewest parameters counts."""

    def methods(path: str) -> list[str]:
        found = [route for route in iter_route_contexts(app.routes) if _is_at(route, path)]
        nearest = min((len(route.param_convertors) for route in found), default=0)
        taken = [route.methods or () for route in found if len(route.param_convertors) == nearest]
        return sorted({method for each in taken for method in each})

    return methods


def _is_at(route: RouteContext, path: str) -> bool:
    return route.methods is not None and route.path_regex.match(path) is not None


class EncodedSlashes:
    """Lets an id in a path hold a slash, written %2F, which is no separator (RFC 3986)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path = scope.get("raw_path") or b""
        if scope["type"] == "http" and b"%2f" in raw_path.lower():
            path = re.sub(b"%2f", ESCAPED_SLASH.encode(), raw_path, flags=re.IGNORECASE)
            scope = {**scope, "path": unquote(path.decode())}
        await self.app(scope, receive, send)


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
