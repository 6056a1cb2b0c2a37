"""How an endpoint is called: described by FastAPI from its signature, and called past it from the same.

To find out with what to call takes FastAPI longer than most answers take. Here an endpoint takes a `Read` or
a `Write`, a `body` if it has one, and what is in the path and in the query.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from inspect import Parameter, signature
from typing import Annotated, Any, NotRequired, TypeVar, cast, get_args, get_origin, get_type_hints

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.params import Security
from fastapi.security import SecurityScopes
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from api.access import allowed

Endpoint = Callable[..., Awaitable[Response]]
Shape = TypeVar("Shape")

BEFORE_THE_QUERY = 3
"""Of the parameters of `reading` and `writing`: the request, the scopes that are needed, and the header."""


class Call:
    """What carries out the requests of one route."""

    def __init__(self, endpoint: Endpoint, in_path: Collection[str]) -> None:
        """in_path: the names that the path has parameters for."""
        hints = get_type_hints(endpoint, include_extras=True)
        hints.pop("return")
        self.endpoint = endpoint
        self.wish, needed = next((name, found) for name, hint in hints.items() if (found := _needed(hint)))
        self.make_wish = cast(Callable[..., Awaitable[Any]], needed.dependency)
        self.scopes = SecurityScopes(list(needed.scopes or ()))
        of_wish = list(signature(self.make_wish).parameters)[BEFORE_THE_QUERY:]
        wish_hints = get_type_hints(self.make_wish, include_extras=True)
        self.of_wish = {name: wish_hints[name] for name in of_wish}
        self.body = TypeAdapter(hints.pop("body")) if "body" in hints else None
        self.needs_body = _is_required(endpoint, "body")
        hints.pop(self.wish)
        self.path = _arguments({name: hints.pop(name) for name in in_path})
        told = {
            name: hint if _is_required(endpoint, name) else NotRequired[hint] for name, hint in hints.items()
        }
        self.query = _arguments({**told, **{name: NotRequired[hint] for name, hint in self.of_wish.items()}})

    async def __call__(self, request: Request) -> Response:
        """Raises RequestValidationError: of everything that is wrong in path, query and body."""
        allowed(request, self.scopes.scopes)
        errors: list[Any] = []
        path = _read(self.path, request.path_params, errors, "path") or {}
        query = _read(self.query, request.query_params, errors, "query") or {}
        body = await self._read_body(request, errors)
        if errors:
            raise RequestValidationError(errors)
        for_wish = {name: query.pop(name) for name in self.of_wish if name in query}
        wish = await self.make_wish(request, self.scopes, None, **for_wish)
        return await self.endpoint(**{self.wish: wish}, **path, **query, **body)

    async def _read_body(self, request: Request, errors: list[Any]) -> dict[str, Any]:
        if self.body is None:
            return {}
        told = await request.json() if await request.body() else None
        if told is None and not self.needs_body:
            return {}
        if told is None:
            errors.append({"type": "missing", "loc": ("body",), "msg": "Field required", "input": None})
            return {}
        return {"body": _read(self.body, told, errors, "body")}


def _needed(hint: Any) -> Security | None:
    """What says who may make this wish, of an annotation that is one."""
    metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((each for each in metadata if isinstance(each, Security)), None)


def _is_required(endpoint: Endpoint, name: str) -> bool:
    parameter = signature(endpoint).parameters.get(name)
    return parameter is not None and parameter.default is Parameter.empty


def _arguments(hints: Mapping[str, Any]) -> TypeAdapter[dict[str, Any]]:
    return TypeAdapter(cast(Any, TypedDict)("Arguments", dict(hints)))


def _read(shape: TypeAdapter[Shape], told: Any, errors: list[Any], place: str) -> Shape | None:
    try:
        return shape.validate_python(told)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            errors.append({**each, "loc": (place, *each["loc"])})
        return None
