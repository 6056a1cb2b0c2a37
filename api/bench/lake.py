"""A folder as `chatledger export` writes it, of so many messages, in a minute: DuckDB makes the rows.

A chat has fourteen events: it is opened, somebody joins, ten messages, its last answer could not be delivered
or is read, and it is closed, or taken into work. ABREAST chats go on at the same time. Half of the messages
are clients', in no order; one in a hundred comes late. What figures do not read of an event is empty.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from adapters.lake.exporting import STRETCH_EVENTS
from adapters.lake.folder import EventFile, Lake, Manifest, event_path
from adapters.lake.rows import CHATS, DELIVERY_ID, EVENTS, OWNERS, as_uuids
from api.bench.measuring import Watch

WORKSPACE = "main"
MESSAGES, EVENTS_A_CHAT = 10, 14
ABREAST, SELLERS = 100, 100
TURN = ABREAST * EVENTS_A_CHAT
"""After so many events other chats follow."""

DAY = "2025-01-06"

MADE = """
WITH placed AS (
    SELECT position, (position - 1) // {turn} AS block, (position - 1) % {turn} // {abreast} AS nth,
           (position - 1) % {abreast} AS lane, hash(position) AS chance
    FROM range({first}, {last} + 1) AS made (position)
), chatting AS (
    SELECT *, block * {turn} + lane + 1 AS chat_number, block * {abreast} + lane AS chat,
           nth BETWEEN 2 AND 11 AS is_message, chance % 2 = 0 AS asks
    FROM placed
), happening AS (
    SELECT *, CASE WHEN nth = 0 THEN 'chat.opened' WHEN nth = 1 THEN 'chat.participant_joined'
                   WHEN is_message AND asks THEN 'message.received' WHEN is_message THEN 'message.queued'
                   WHEN nth = 12 AND chat % 20 = 0 THEN 'delivery.reported'
                   WHEN nth = 12 THEN 'reading.advanced'
                   WHEN chat % 10 < 6 THEN 'conversation.closed' ELSE 'conversation.claimed' END AS topic,
           'seller-' || (chat % {sellers}) AS seller
    FROM chatting
)
SELECT position, '{workspace}' AS workspace_id, topic,
       CASE WHEN nth > 11 OR is_message AND NOT asks THEN 'employee:' || seller ELSE 'connector:1' END
           AS actor,
       1736150400000000 + position * 2000000
           - CASE WHEN is_message AND chance // 2 % 100 = 0 THEN 600000000 ELSE 0 END AS occurred_us,
       chat_number, md5(chat::VARCHAR)::UUID::VARCHAR AS chat_id, 'phone' AS channel_id,
       CASE WHEN is_message THEN CASE WHEN asks THEN 'in' ELSE 'out' END END AS direction,
       CASE WHEN is_message THEN CASE WHEN asks THEN 'client' ELSE 'employee' END END AS author_kind,
       CASE WHEN is_message AND NOT asks THEN seller END AS author_id,
       CASE WHEN is_message AND asks THEN md5((-chat)::VARCHAR)::UUID::VARCHAR END AS sender_id,
       CASE WHEN is_message THEN unhex(md5(position::VARCHAR))
            WHEN topic = 'delivery.reported' THEN unhex(md5((position - {abreast})::VARCHAR)) END
           AS delivery_id,
       CASE WHEN topic = 'delivery.reported' THEN 'failed' END AS status,
       CASE WHEN topic = 'conversation.closed' THEN position - {abreast} END AS seen_position,
       CASE WHEN topic = 'conversation.claimed' THEN seller END AS holder_id
FROM happening
"""

CHATS_OPENED = """
SELECT workspace_id, chat_id, chat_number AS number, channel_id, chat_id AS conversation_id,
       chat_number AS conversation_number
FROM read_parquet(?, hive_partitioning = false) WHERE topic = 'chat.opened'
"""


def make(folder: Path, messages: int, watch: Watch) -> Lake:
    """Of so many messages, rounded up to whole blocks of chats."""
    lake = Lake(folder)
    blocks = -(-messages // (ABREAST * MESSAGES))
    head = blocks * TURN
    manifest = Manifest("a benchmark", None, position=head, as_of=head)
    with duckdb.connect() as connection:
        for first in range(1, head + 1, STRETCH_EVENTS):
            last = min(first + STRETCH_EVENTS - 1, head)
            rows = connection.sql(_made(first, last)).to_arrow_table()
            path = lake.write_events(event_path(WORKSPACE, DAY, first, last), _shaped(rows, EVENTS))
            manifest.files.append(EventFile(path, WORKSPACE, first, last, last - first + 1))
            watch("files", last, head)
        chats = connection.sql(CHATS_OPENED, params=[lake.paths(manifest.files)])
        manifest.chats = lake.write("as_of/chats.parquet", _shaped(chats.to_arrow_table(), CHATS))
        manifest.owners = lake.write("as_of/owners.parquet", OWNERS.empty_table())
    lake.keep(manifest)
    return lake


def _made(first: int, last: int) -> str:
    return MADE.format(
        first=first, last=last, turn=TURN, abreast=ABREAST, sellers=SELLERS, workspace=WORKSPACE
    )


def _shaped(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """As the exporter writes it; columns that are not there are null."""
    have = set(rows.column_names)
    columns = [
        _column(rows, field) if field.name in have else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(rows: pa.Table, field: pa.Field) -> pa.Array:
    column = rows.column(field.name)
    if field.name == DELIVERY_ID:
        return as_uuids(column.combine_chunks().cast(pa.binary(16)))
    return column.cast(field.type)
