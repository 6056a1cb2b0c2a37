"""The catalogue of all events, written from their classes: `chatledger events > docs/events.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from eventsourcing.utils import get_topic

from domain.address import Address
from domain.audit import Question
from domain.channel import Channel
from domain.chat import Chat
from domain.contact import Contact
from domain.conversation import Conversation
from domain.deal import Deal
from domain.delivery import Delivery
from domain.employee import Employee
from domain.fact import PRIVATE, Fact, Noun
from domain.message import Message
from domain.reading import Reading
from domain.report import Report
from domain.staff import Staff
from domain.task import Task
from domain.thread import Thread
from domain.token import Token
from domain.webhook import Webhook
from domain.workspace import Workspace

NOUNS: tuple[type[Noun], ...] = (
    Workspace,
    Token,
    Channel,
    Employee,
    Staff,
    Address,
    Contact,
    Deal,
    Chat,
    Message,
    Delivery,
    Conversation,
    Reading,
    Thread,
    Task,
    Webhook,
    Report,
    Question,
)
"""In the order in which a newcomer meets them."""

JSON_TYPES = {str: "string", int: "integer", bool: "boolean", datetime: "time", Any: "anything"}

PREFACE = """\
# Events

Everything that can be recorded, by the noun that it happens to. Written from the classes in `domain/` by
`chatledger events > docs/events.md`; a test fails when the two differ.

Each event is one row of the ledger. Beside its own fields, below, every row has

| column | meaning |
|---|---|
| `position` | its place in the one total order: dense, from 1, in the order of the commits |
| `workspace_id` | the company that it belongs to |
| `stream_id`, `version` | the thing that it happened to, and its number among that thing's events, from 1 |
| `topic` | the stored name, `noun.past_participle`; a stored name never changes |
| `actor` | on whose word: `employee:<id>`, `connector:…`, `admin:…` or `auditor:<token id>`, or `system` |
| `occurred_at` | when it happened, by the clock of whoever saw it |
| `recorded_at` | when it was recorded, by the database's clock |
| `causation` | the request, webhook or import that it came from |

Its own fields are stored in two payloads. **Facts** are ids, kinds and times: immutable, and all that rules
and read models decide on. **Private** fields identify or quote a person; the facts hold a salted digest of
them (`private_digest`), so that they can be erased one day and every proof still holds.

All ids are strings; those that the server made are UUIDs. A time is RFC 3339, in UTC.

Events leave the database in a **public form**. Over HTTP and in an exported log it is one JSON object of the
columns above, `facts` and `private`. To JetStream ([how](streaming.md), [AsyncAPI](asyncapi.json)) it is

    {"form": 1, "position": 4711, "workspace_id": "main", "stream_id": "…", "version": 2,
     "topic": "deal.reassigned", "actor": "employee:irina", "occurred_at": "2026-03-01T12:00:00.000000Z",
     "recorded_at": "…", "causation": "…",
     "facts": {"deal_id": "house", "from_id": "oleg", "to_id": "pavel", "status": "won", …}}

and `private` is beside `facts` only where the stream is to carry it. `form` is the version of this shape: in
a later one a field may be gone or mean something else; within one, fields only come to be added.
"""


def markdown() -> str:
    """The whole catalogue, as it stands in docs/events.md."""
    return "\n".join([PREFACE, *(_noun(noun) for noun in NOUNS)])


def _noun(noun: type[Noun]) -> str:
    summary = inspect.getdoc(inspect.getmodule(noun)) or ""
    events = "\n".join(_event(event) for event in noun.events())
    return f"## {noun.__name__}\n\n{summary}\n\n{events}"


def _event(event: type[Fact]) -> str:
    lines = [f"### `{get_topic(event)}`", "", told(event), "", "| field | type | payload |"]
    lines.append("|---|---|---|")
    lines += [f"| `{name}` | {kind} | {payload} |" for name, kind, payload in fields(event)]
    return "\n".join([*lines, ""])


def told(event: type[Fact]) -> str:
    """What its author says of the event; the library's subclass of it has a generated docstring."""
    told = (inspect.cleandoc(cls.__doc__ or "") for cls in event.__mro__)
    return next(text for text in told if text and not text.startswith(f"{event.__name__}("))


def fields(event: type[Fact]) -> Iterator[tuple[str, str, str]]:
    """Name, type and payload of each field that is the event's own."""
    shared = get_type_hints(Fact, include_extras=True)
    for name, hint in get_type_hints(event, include_extras=True).items():
        if name not in shared:
            private = get_origin(hint) is Annotated and PRIVATE in hint.__metadata__
            yield name, _type(hint), "private" if private else "facts"


def _type(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return _type(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_type(part) for part in get_args(hint))
    if get_origin(hint) is list:
        return f"list of {_type(get_args(hint)[0])}"
    if get_origin(hint) is dict:
        return "object"
    return "null" if hint is NoneType else JSON_TYPES.get(hint, getattr(hint, "__name__", str(hint)))
