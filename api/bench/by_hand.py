"""The limit for `handover`: the same change by statements written for it, on the same tables.

The ledger's lock, an event for each deal and its client, then every row that these change: owners,
intervals, inbox lines, checkpoints. Nothing is decided, read back or checked; nobody waits for a follower.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import Connection

from api.bench.company import WORKSPACE

REASON = "leaves the company"

PREPARE = """
CREATE SCHEMA by_hand;
CREATE TABLE by_hand.stream (noun text, id text, stream_id uuid, PRIMARY KEY (noun, id));
INSERT INTO by_hand.stream
SELECT split_part(topic, '.', 1), coalesce(facts->>'deal_id', facts->>'contact_id'), stream_id
FROM ledger WHERE topic IN ('deal.opened', 'contact.registered');
CREATE UNLOGGED TABLE by_hand.moved (
    deal_id text, status text, contact_id text, chat_id uuid, deal_position bigint, contact_position bigint);
ANALYZE by_hand.stream
"""

HEAD = "SELECT ledger_lock()"

MOVED = """
INSERT INTO by_hand.moved
SELECT deal_id, deal.status, contact.contact_id, presence.subject::uuid,
       %(head)s - 1 + 2 * row_number() OVER (ORDER BY deal_id),
       %(head)s + 2 * row_number() OVER (ORDER BY deal_id)
FROM directory.deal
JOIN directory.deal_contact USING (workspace_id, deal_id)
JOIN directory.contact USING (workspace_id, contact_id)
JOIN visibility.link ON link.object = contact_id AND link.workspace_id = deal.workspace_id
JOIN visibility.presence ON presence.object = link.subject AND presence.workspace_id = deal.workspace_id
WHERE deal.workspace_id = %(workspace_id)s AND owner_id = %(from_id)s
"""
ONE_MOVED = f"{MOVED} AND deal_id = %(deal_id)s"
COUNT = "ANALYZE by_hand.moved"
"""So that the planner knows how many there are."""

EVENTS = """
WITH event AS (
    SELECT deal_position AS position, 'deal' AS noun, deal_id AS id, 'deal.reassigned' AS topic,
           jsonb_build_object('deal_id', deal_id, 'status', status) AS facts
    FROM by_hand.moved
    UNION ALL
    SELECT contact_position, 'contact', contact_id, 'contact.responsible_changed',
           jsonb_build_object('contact_id', contact_id)
    FROM by_hand.moved
)
INSERT INTO ledger
    (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts, private)
SELECT position, %(workspace_id)s, stream_id, last.version + 1, topic, 'admin:by hand', now(), 'by hand',
       facts || jsonb_build_object(
           'from_id', %(from_id)s::text, 'to_id', %(to_id)s::text,
           'private_digest', encode(sha256(convert_to(
               jsonb_build_object('reason', %(reason)s::text)::text, 'UTF8')), 'hex')),
       jsonb_build_object('reason', %(reason)s::text, 'salt', '')
FROM event
JOIN by_hand.stream USING (noun, id)
CROSS JOIN LATERAL (SELECT max(version) AS version FROM ledger WHERE stream_id = stream.stream_id) AS last
"""

OWNERS = """
UPDATE directory.deal SET owner_id = %(to_id)s
FROM by_hand.moved WHERE deal.workspace_id = %(workspace_id)s AND deal.deal_id = moved.deal_id
"""

RESPONSIBLE = """
UPDATE directory.contact SET responsible_id = %(to_id)s
FROM by_hand.moved WHERE contact.workspace_id = %(workspace_id)s AND contact.contact_id = moved.contact_id
"""

FACTS = """
WITH turn AS (
    SELECT 'deal_owner' AS kind, deal_id AS subject, deal_position AS position
    FROM by_hand.moved WHERE status <> 'lost'
    UNION ALL
    SELECT 'responsible', contact_id, contact_position FROM by_hand.moved
), ended AS (
    UPDATE visibility.fact SET during = int8range(lower(during), position)
    FROM turn
    WHERE fact.kind = turn.kind AND fact.workspace_id = %(workspace_id)s AND fact.subject = turn.subject
      AND fact.object = %(from_id)s AND upper_inf(during)
)
INSERT INTO visibility.fact (kind, workspace_id, subject, object, during)
SELECT kind, %(workspace_id)s, subject, %(to_id)s, int8range(position, NULL) FROM turn
"""

SIGHTS = """
WITH turn AS (
    SELECT chat_id, 'owns_deal' AS kind, contact_id, deal_id, deal_position AS position
    FROM by_hand.moved WHERE status <> 'lost'
    UNION ALL
    SELECT chat_id, 'responsible_for_contact', contact_id, '', contact_position FROM by_hand.moved
), ended AS (
    UPDATE visibility.sight SET during = int8range(lower(during), position)
    FROM turn
    WHERE sight.chat_id = turn.chat_id AND sight.principal = 'employee:' || %(from_id)s
      AND sight.kind = turn.kind AND sight.contact_id = turn.contact_id AND sight.deal_id = turn.deal_id
      AND upper_inf(during)
)
INSERT INTO visibility.sight (workspace_id, chat_id, principal, kind, contact_id, deal_id, during)
SELECT %(workspace_id)s, chat_id, 'employee:' || %(to_id)s, kind, contact_id, deal_id,
       int8range(position, NULL)
FROM turn
"""

LINES = """
UPDATE inbox.line SET audience = 'employee:' || %(to_id)s
FROM by_hand.moved JOIN inbox.chat USING (chat_id)
WHERE line.conversation_id = chat.conversation_id AND line.audience = 'employee:' || %(from_id)s
"""

CHECKPOINTS = "UPDATE projection.checkpoint SET position = (SELECT position FROM ledger_head)"
DONE = "DELETE FROM by_hand.moved"
CHANGES = (EVENTS, OWNERS, RESPONSIBLE, FACTS, SIGHTS, LINES, CHECKPOINTS, DONE)


def prepare(connection: Connection[Any]) -> None:
    """Have at hand what who writes such statements would have: the stream of each deal and contact."""
    connection.execute(PREPARE)


def hand_over(connection: Connection[Any], from_id: str, to_id: str) -> None:
    """Hand every deal of an employee over, and the clients in them."""
    _change(connection, (MOVED, COUNT, *CHANGES), from_id, to_id)


def reassign(connection: Connection[Any], deal_id: str, from_id: str, to_id: str) -> None:
    """Hand one deal over, and the client in it. connection: which asks tables by index."""
    _change(connection, (ONE_MOVED, *CHANGES), from_id, to_id, deal_id=deal_id)


def _change(
    connection: Connection[Any], statements: Collection[str], from_id: str, to_id: str, **told: str
) -> None:
    told |= {"workspace_id": WORKSPACE, "from_id": from_id, "to_id": to_id, "reason": REASON}
    with connection.transaction():
        ((head,),) = connection.execute(HEAD).fetchall()
        for statement in statements:
            connection.execute(statement.encode(), {**told, "head": head})
