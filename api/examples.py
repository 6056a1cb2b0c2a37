"""The examples of the API's description, all from one story: the house on Lime Street, in workspace `main`.

The ids that the server derives are the true ones: whoever sends the examples one after the other meets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain import ids
from domain.address import AddressRef

Schema = Mapping[str, Any]

PHONE = "+7 999 123-45-67"
CHAT_ID = ids.chat_id("main", "phone", "house@g.us")
CONVERSATION_ID = str(ids.conversation_id(CHAT_ID))
MESSAGE_ID = str(ids.message_id(CHAT_ID, "wamid.1"))
TIME = "2025-03-01T09:30:00Z"

NAMED: Mapping[str, tuple[Any, ...]] = {
    "added_by": ("oleg",),
    "address": (PHONE,),
    "address_id": (str(AddressRef("whatsapp", PHONE).id_in("main")),),
    "assignee_id": ("oleg",),
    "assignee_name": ("Oleg",),
    "attachments": ([],),
    "channel_id": ("phone",),
    "chat_id": (str(CHAT_ID),),
    "contact_id": ("husband",),
    "conversation_id": (CONVERSATION_ID,),
    "created_by": ("oleg",),
    "deal_id": ("house",),
    "deleted_at": (None,),
    "delivered_at": (None,),
    "direction": ("in",),
    "done_at": (None,),
    "done_by": (None,),
    "edited_at": (None,),
    "employee_id": ("oleg",),
    "Helper.name": ("Oleg",),
    "error": (None,),
    "errors": (None,),
    "external_id": ("house@g.us",),
    "folder": ("in_progress",),
    "head": (42,),
    "holder_id": ("oleg",),
    "id": ("husband",),
    "kind": ("responsible_for_contact", "client", "group"),
    "label": ("Our CRM",),
    "lag_events": (0,),
    "last_error": (None, "answered 503"),
    "last_status_code": (None, 503),
    "left_at": (None,),
    "message_id": (MESSAGE_ID,),
    "min_position": (1,),
    "MutedHours.from": ("22:00",),
    "MutedHours.to": ("08:00",),
    "name": ("Husband",),
    "MessageShape.external_id": ("wamid.1",),
    "Participant.employee_id": (None,),
    "ReadModelStatus.name": ("inbox",),
    "Witnesses.at": (42,),
    "next_cursor": (None,),
    "number": (1,),
    "parked": (None,),
    "overdue": (False,),
    "GroupShape.hour": (9,),
    "GroupShape.weekday": (1,),
    "position": (42,),
    "rebuild": (None,),
    "reply_to": (None,),
    "snoozed_until": (None,),
    "staff_id": (None, "arkady"),
    "text": ("Good morning!",),
    "title": ("House on Lime Street",),
    "token": ("cl_5f0c9d5e-3b0a-4f6e-9d59-0d6f5c4b8a11_…",),
    "task_id": ("5e7c7a2e-7a4e-4a52-9c1b-0b9d6f6e3c55",),
    "token_id": ("5f0c9d5e-3b0a-4f6e-9d59-0d6f5c4b8a11",),
    "url": ("https://crm.example/chatledger",),
    "webhook_id": ("crm",),
}
"""What a field says, by its name alone or with the thing it is of: the first that its schema lets it."""

TYPED: Mapping[Any, Any] = {
    "date-time": TIME,
    "date": "2025-03-01",
    "uuid": MESSAGE_ID,
    "uri": "https://example.com/hook",
    "integer": 1,
    "number": 0.5,
    "boolean": True,
    "string": "…",
    "null": None,
}
"""What any other field says, by its format or its type."""

DATES = frozenset({"date-time", "date", "time"})

PYTHON_TYPES: Mapping[Any, type | tuple[type, ...]] = {
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "string": str,
    "array": list,
    "object": dict,
    "null": type(None),
}


class Examples:
    """Makes an example of anything that the components describe."""

    def __init__(self, components: Mapping[str, Schema]) -> None:
        self.components = components

    def of_answer(self, schema: Schema, name: str = "") -> Any:
        """An answer, with all its fields."""
        return self._of(schema, name, whole=True)

    def of_request(self, schema: Schema) -> Any:
        """A request with what it needs, and with what its author gave an example of."""
        return self._of(schema, "", whole=False)

    def _of(self, schema: Schema, name: str, *, whole: bool) -> Any:
        schema = self._resolved(schema)
        if "examples" in schema:
            return schema["examples"][0]
        for value in (*NAMED.get(name, ()), *NAMED.get(name.rpartition(".")[2], ())):
            if self._takes(schema, value):
                return value
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        for choice in _choices(schema):
            return self._of(choice, name, whole=whole)
        if schema.get("type") == "array":
            return [self._of(schema.get("items", {}), name.removesuffix("s"), whole=whole)]
        if schema.get("type") == "object":
            return self._object(schema, whole=whole)
        return TYPED.get(schema.get("format", schema.get("type")), "…")

    def _object(self, schema: Schema, *, whole: bool) -> dict[str, Any]:
        required, title = schema.get("required", ()), schema.get("title", "")
        return {
            field: self._of(each, f"{title}.{field}", whole=whole)
            for field, each in schema.get("properties", {}).items()
            if whole or field in required or "examples" in each
        }

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        here = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        return {**self.components[schema["$ref"].rpartition("/")[2]], **here}

    def _takes(self, schema: Schema, value: Any) -> bool:
        """Whether a value has a type that the schema lets it have, and is one of those that it names."""
        schema = self._resolved(schema)
        if choices := _choices(schema):
            return any(self._takes(choice, value) for choice in choices)
        if "enum" in schema or "const" in schema:
            return value in schema.get("enum", [schema.get("const")])
        if schema.get("format") in DATES:
            return False
        return isinstance(value, PYTHON_TYPES.get(schema.get("type"), ()))


def _choices(schema: Schema) -> list[Schema]:
    """What the schema is one of, where it is nothing but that."""
    choices: list[Schema] = [] if "type" in schema else schema.get("anyOf", schema.get("oneOf", []))
    return choices
