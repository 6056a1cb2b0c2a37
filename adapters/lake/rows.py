"""The rows of the files: all that is public of an event, and its leaf hash; what stands together now.

Microseconds are since 1970, UTC. `facts` is JSON, as the ledger has it; some of the facts stand beside it in
columns of their own, null where an event has none of that name. A chat's number is the position of its
`chat.opened`; a conversation's is the lowest of its chats' numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pyarrow as pa

from adapters.merkle.leaf import FIELDS, leaf_hash, read_json

FACTS = (
    *("chat_id", "conversation_id", "channel_id", "message_id", "delivery_id", "direction", "author_kind"),
    *("author_id", "sender_id", "status", "holder_id", "contact_id", "deal_id", "employee_id", "address_id"),
)
"""Texts among the facts that have a column."""

DELIVERY_ID = "delivery_id"
"""A column of sixteen bytes: of every message another one, so as a text it was most of the file."""

SEEN_POSITION, CHAT_NUMBER, LEAF_HASH = "seen_position", "chat_number", "leaf_hash"
OF_THE_LEDGER = (
    ("position", pa.int64()),
    *((name, pa.string()) for name in ("workspace_id", "stream_id")),
    ("version", pa.int32()),
    *((name, pa.string()) for name in ("topic", "actor", "occurred_at", "recorded_at")),
    *((name, pa.int64()) for name in ("occurred_us", "recorded_us")),
    *((name, pa.string()) for name in ("causation", "facts")),
    (CHAT_NUMBER, pa.int64()),
)
EVENTS = pa.schema(
    [
        *OF_THE_LEDGER,
        *((name, pa.uuid() if name == DELIVERY_ID else pa.string()) for name in FACTS),
        (SEEN_POSITION, pa.int64()),
        (LEAF_HASH, pa.binary(32)),
    ]
)
TEXTS_OFTEN_THE_SAME = [
    *("workspace_id", "topic", "actor", "causation", "chat_id", "conversation_id", "channel_id", "direction"),
    *("author_kind", "author_id", "sender_id", "status", "holder_id", "contact_id", "deal_id"),
    *("employee_id", "address_id"),
]
"""Stored once in a file, and by number in a row."""

NEARLY_IN_ORDER = ("position", "occurred_us", "recorded_us", CHAT_NUMBER)
"""Stored as differences: a third of the size, and of the time to read them."""

CHATS = pa.schema(
    [
        *((name, pa.string()) for name in ("workspace_id", "chat_id")),
        ("number", pa.int64()),
        *((name, pa.string()) for name in ("channel_id", "conversation_id")),
        ("conversation_number", pa.int64()),
    ]
)
OWNERS = pa.schema(
    [
        *((name, pa.string()) for name in ("workspace_id", "address_id", "employee_id")),
        *((name, pa.int64()) for name in ("from_position", "until_position")),
    ]
)


def with_facts(read: pa.Table) -> pa.Table:
    """The rows as they are written, from those that the question `events` answers.

    Raises:
        Unhashable: an event has no leaf.
    """
    named: dict[str, list[Any]] = {name: [] for name in (*FACTS, SEEN_POSITION)}
    leaves = []
    for event in read.select(list(FIELDS)).to_pylist():
        facts: Mapping[str, Any] = read_json(event["facts"])
        leaves.append(leaf_hash({**event, "facts": facts}))
        for name, values in named.items():
            values.append(facts.get(name))
    columns = [read.column(name).cast(kind) for name, kind in OF_THE_LEDGER]
    columns += [
        as_uuids(pa.array([each and UUID(each).bytes for each in named[name]], pa.binary(16)))
        if name == DELIVERY_ID
        else pa.array(named[name], pa.string())
        for name in FACTS
    ]
    columns += [pa.array(named[SEEN_POSITION], pa.int64()), pa.array(leaves, pa.binary(32))]
    return pa.Table.from_arrays(columns, schema=EVENTS)


def as_uuids(sixteen_bytes: pa.Array) -> pa.Array:
    """Ids, each in its bytes, as what they are."""
    return pa.ExtensionArray.from_storage(pa.uuid(), sixteen_bytes)
