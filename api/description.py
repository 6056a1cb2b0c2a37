"""The description of the API: what stands at its top, and by rule what a route has in common with others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from api.answers import ProblemShape
from api.errors import Problem, describe, invalid
from api.examples import Examples
from api.idempotency import KEY
from api.reading import DESCRIBED
from domain.errors import Refused, UnknownThing

Json = dict[str, Any]

DESCRIPTION = """
Chatledger keeps every message, join, leave, handover and status change as an immutable event, and rebuilds
from them who sees which chat. This is the only way in and out of it.

Connectors tell what happens in the messengers, the CRM states its employees, contacts and deals, employees
read their inbox and act on it, and auditors ask who could see what. Each has a token with a scope for that.

A write answers with the ledger `position` of its last event; a read says in `Chatledger-Position` where it
was read, and waits for `?min_position=`. What changes who sees what is effective when it is answered. Any
POST may carry an `Idempotency-Key`. Errors are `application/problem+json`.
"""

TAGS = [
    {"name": "tokens", "description": "Who may call."},
    {"name": "directory", "description": "The company and its clients, as the CRM knows them."},
    {"name": "inbound", "description": "What happens in the messengers."},
    {"name": "inbox", "description": "What an employee sees, and what he does with it."},
    {"name": "webhooks", "description": "Whom to notify, told to a company's own systems."},
    {"name": "audit", "description": "Who could see what, when and why."},
    {"name": "analytics", "description": "How long clients waited, and what is behind each number."},
    {"name": "operations", "description": "Whether all is well."},
]

PROBLEM_SHAPE = {"schema": {"$ref": f"#/components/schemas/{ProblemShape.__name__}"}}
PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Not carried out; docs/errors.md explains each code.",
        "content": {"application/problem+json": PROBLEM_SHAPE},
    }
}

METHODS = ("get", "put", "post", "delete", "patch")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
SUCCESS = {"get": "The answer.", "put": "Stated.", "post": "Carried out.", "delete": "Done."}

IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body give the same answer again, and nothing is appended twice.",
    "schema": {
        "type": "string",
        "pattern": f"^{KEY.pattern}$",
    },
}

PARAMETERS = {
    "after": "What comes after it; a message id, a ledger position or a time.",
    "before": "What comes before it; a message id, a ledger position or a time.",
    "channel_id": "A connected messenger account, as whoever connected it calls it.",
    "assignee_id": "Who is to do it.",
    "chat_id": "The server's id of a chat.",
    "contact_id": "A client, as the CRM calls him.",
    "conversation_id": "What stands in the inbox as one line.",
    "deal_id": "A deal, as the CRM calls it.",
    "direction": "From the client, or to him.",
    "done": "Whether it is done.",
    "employee_id": "A user of the workspace.",
    "folder": "Left out: all folders.",
    "holder_id": "The employee who took it into work.",
    "limit": "How many items a page has at most.",
    "message_id": "The server's id of a message.",
    "overdue": "Whether it should have been done by now.",
    "staff_id": "Somebody who writes for the company and has no account.",
    "surface": "Where it is shown.",
    "task_id": "The server's id of a task.",
    "token_id": "What POST /v1/tokens answered.",
    "webhook_id": "A webhook, as whoever made it calls it.",
}
"""What a parameter is, where its route says nothing of its own."""

PROBLEMS: list[Problem | Refused] = [
    Problem("unauthorized", "Send `Authorization: Bearer <token>`."),
    Problem("scope_missing", "This needs a token with the scope admin.", needs=["admin"]),
    UnknownThing("conversation", "nobodys"),
    invalid([{"field": "name", "message": "Field required"}]),
    Problem("internal", "It is in our log as 4f6e9d59.", number="4f6e9d59"),
]
"""What a call may be answered with instead."""

SHOWN = frozenset({"conversation_id"})
"""Parameters of a query that an example has although some calls do without."""


def complete(app: FastAPI) -> None:
    """Let the app describe itself completely."""
    generate = app.openapi

    def openapi() -> Json:
        is_new = app.openapi_schema is None  # FastAPI keeps what it made
        document = generate()
        if is_new:
            _complete(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _complete(document: Json) -> None:
    examples = Examples(document["components"]["schemas"])
    document["components"]["examples"] = {each.code: {"value": describe(each)} for each in PROBLEMS}
    for method, operation in _operations(document):
        guarded = "security" in operation
        operation["parameters"] = parameters = operation.get("parameters", [])
        if guarded and method == "post":
            parameters.append(dict(IDEMPOTENCY_KEY))
        for parameter in parameters:
            _complete_parameter(parameter, examples)
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["example"] = examples.of_request(content["schema"])
        _complete_responses(operation, method, guarded=guarded, examples=examples)
    _use_whole_numbers(document)


def _operations(document: Json) -> Iterator[tuple[str, Json]]:
    for operations in document["paths"].values():
        yield from ((method, operations[method]) for method in METHODS if method in operations)


def _complete_parameter(parameter: Json, examples: Examples) -> None:
    """A parameter that is not meant is left out; there is no null in a path or a query."""
    schema, name = parameter["schema"], parameter["name"]
    if "anyOf" in schema:
        choices = [choice for choice in schema.pop("anyOf") if choice != {"type": "null"}]
        schema |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    parameter.setdefault("description", schema.get("description") or PARAMETERS.get(name, ""))
    if parameter["required"] or name in SHOWN or "examples" in schema:
        parameter["example"] = examples.of_answer(schema, name)


def _complete_responses(operation: Json, method: str, *, guarded: bool, examples: Examples) -> None:
    for status, response in operation["responses"].items():
        if status == "default":
            (content,) = response["content"].values()
            operation["responses"][status] = {
                **response,
                "content": {"application/problem+json": {**content, "examples": _problems(guarded=guarded)}},
            }
            continue
        response["description"] = SUCCESS[method]
        if guarded and method == "get":
            response.setdefault("headers", {}).update(DESCRIBED[200]["headers"])
        for content in response.get("content", {}).values():
            content.setdefault("example", examples.of_answer(content["schema"]))


def _problems(*, guarded: bool) -> Json:
    """What may go wrong in every call, as it is answered."""
    codes = [each.code for each in PROBLEMS if guarded or each.code == "internal"]
    return {code: {"$ref": f"#/components/examples/{code}"} for code in codes}


def _use_whole_numbers(part: Any) -> None:
    """FastAPI writes bounds as floats."""
    parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict):
        for bound in BOUNDS:
            if isinstance(value := part.get(bound), float) and value.is_integer():
                part[bound] = int(value)
    for each in parts:
        _use_whole_numbers(each)
