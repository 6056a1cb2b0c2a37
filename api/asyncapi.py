"""What leaves to JetStream, as AsyncAPI 3.0: `chatledger events --asyncapi > docs/asyncapi.json`.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

import json
from typing import Any

from eventsourcing.utils import get_topic

from adapters.nats.subjects import PREFIX
from api.catalogue import NOUNS, fields, told
from domain.fact import Fact

FORM = 1
Schema = dict[str, Any]

TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "object": {"type": "object"},
    "null": {"type": "null"},
    "time": {"type": "string", "format": "date-time"},
    "anything": {},
}
"""The types of the catalogue, in JSON Schema."""

DESCRIPTION = """\
Every event of a Chatledger, once and in the one order of its ledger, in a JetStream stream (LEDGER, if \
nothing else was set). A message's Nats-Msg-Id is the event's position, and so is its sequence but for an \
offset, which stands in the stream's metadata as chatledger-offset. Tokens of a subject are \
percent-encoded where they hold anything but letters, digits, "-", "_" and "~". Within a form, fields may \
come to be added, and none goes or changes its meaning; take no notice of those that you do not know. \
docs/streaming.md says what is promised."""

DIGEST = "SHA-256 of the private part and a salt that is in it, in hex."
TOKENS = {
    "workspace": "The company, percent-encoded.",
    "stream_id": "The thing that it happened to: a deal, a chat, a message.",
}
EVENT: Schema = {
    "type": "object",
    "properties": {
        "form": {"const": FORM, "description": "The version of what is described here."},
        "position": {"type": "integer", "minimum": 1, "description": "Its place in the one, dense order."},
        "workspace_id": {"type": "string", "description": "The company that it belongs to."},
        "stream_id": {"type": "string", "format": "uuid", "description": "The thing that it happened to."},
        "version": {"type": "integer", "minimum": 1, "description": "Its number among that thing's events."},
        "topic": {"type": "string", "description": "The stored name, noun.past_participle."},
        "actor": {"type": "string", "description": "On whose word."},
        "occurred_at": {**TYPES["time"], "description": "By the clock of whoever saw it; in UTC."},
        "recorded_at": {**TYPES["time"], "description": "By the database's clock; never falls. In UTC."},
        "causation": {"type": "string", "description": "The request, webhook or import that it came from."},
        "facts": {"type": "object", "description": "Ids, kinds and times: what never changes."},
        "private": {
            "type": ["object", "null"],
            "description": "What identifies or quotes a person; only where the stream carries it, and null"
            " where there is none or it was erased.",
        },
    },
}
REQUIRED = [name for name in EVENT["properties"] if name != "private"]


def document() -> str:
    """The whole description, as it stands in docs/asyncapi.json."""
    events = [event for noun in NOUNS for event in noun.events()]
    described = {
        "asyncapi": "3.0.0",
        "info": {"title": "Chatledger events", "version": str(FORM), "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {get_topic(event): _channel(event) for event in events},
        "operations": {get_topic(event): _operation(event) for event in events},
        "components": {
            "schemas": {"event": {**EVENT, "required": REQUIRED}},
            "messages": {get_topic(event): _message(event) for event in events},
        },
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _channel(event: type[Fact]) -> Schema:
    topic = get_topic(event)
    return {
        "address": f"{PREFIX}.{{workspace}}.{topic}.{{stream_id}}",
        "parameters": {name: {"description": text} for name, text in TOKENS.items()},
        "messages": {topic: {"$ref": f"#/components/messages/{topic}"}},
    }


def _operation(event: type[Fact]) -> Schema:
    topic = get_topic(event)
    return {"action": "send", "channel": {"$ref": f"#/channels/{topic}"}, "summary": _summary(event)}


def _message(event: type[Fact]) -> Schema:
    facts, private = _payload(event, "facts"), _payload(event, "private")
    own: Schema = {"topic": {"const": get_topic(event)}, "facts": _object(facts)}
    if private:
        own["private"] = {"oneOf": [_object(private), {"type": "null"}]}
        facts["private_digest"] = {"type": "string", "description": DIGEST}
    return {
        "name": get_topic(event),
        "summary": _summary(event),
        "headers": {
            "type": "object",
            "properties": {"Nats-Msg-Id": {"type": "string", "description": "The position."}},
        },
        "payload": {"allOf": [{"$ref": "#/components/schemas/event"}, {"properties": own}]},
    }


def _summary(event: type[Fact]) -> str:
    return " ".join(told(event).split())


def _payload(event: type[Fact], payload: str) -> Schema:
    return {name: _type(kind) for name, kind, where in fields(event) if where == payload}


def _object(properties: Schema) -> Schema:
    """None is required: what came to be added is not in what was recorded before."""
    return {"type": "object", "properties": properties}


def _type(kind: str) -> Schema:
    """As the catalogue says it: `list of string or null`."""
    if " or " in kind:
        return {"anyOf": [_type(each) for each in kind.split(" or ")]}
    if kind.startswith("list of "):
        return {"type": "array", "items": _type(kind.removeprefix("list of "))}
    return TYPES[kind]
