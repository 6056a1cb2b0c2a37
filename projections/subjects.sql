-- Which events speak of what: of a chat, a deal, a contact, an employee, an address and so on.
--
-- A row is a number that stands for the subject, and the position of an event that names it, so that it takes
-- as little room as it can: there are two or three of an event. Two subjects may have one number by chance,
-- so who asks looks whether the event names what he meant. A message needs no rows, as it is a stream itself.

-- name: create
CREATE SCHEMA IF NOT EXISTS subjects;

CREATE TABLE IF NOT EXISTS subjects.mention (
    subject  bigint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (subject, position)
);
COMMENT ON COLUMN subjects.mention.subject IS 'as subjects.number has it';

-- name: functions
CREATE OR REPLACE FUNCTION subjects.number(of_workspace text, of_kind text, of_id text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT hashtextextended(of_workspace || E'\x1f' || of_kind || E'\x1f' || of_id, 0)
$$;

-- What an event names: its fields, and what kind of thing each of them is. Some kinds are for questions of
-- our own: how somebody is called, who helps under a message, who has read a chat, and what auditors asked.
CREATE OR REPLACE FUNCTION subjects.named(told ledger) RETURNS TABLE (kind text, id text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT kind, id
    FROM (VALUES
        ('chat', told.facts->>'chat_id'),
        ('deal', told.facts->>'deal_id'),
        ('contact', told.facts->>'contact_id'),
        ('staff', told.facts->>'staff_id'),
        ('webhook', told.facts->>'webhook_id'),
        ('token', told.facts->>'token_id'),
        ('channel', CASE WHEN told.topic LIKE 'channel.%' OR told.topic = 'chat.opened'
                         THEN told.facts->>'channel_id' END),
        ('address', told.facts->>'address_id'),
        ('address', told.facts->>'sender_id'),
        (CASE WHEN told.topic LIKE 'chat.%' THEN 'address' ELSE 'employee' END, told.facts->>'by_id'),
        ('employee', told.facts->>'employee_id'),
        ('employee', told.facts->>'responsible_id'),
        ('employee', told.facts->>'owner_id'),
        ('employee', told.facts->>'from_id'),
        ('employee', told.facts->>'to_id'),
        ('employee', told.facts->>'holder_id'),
        ('employee', told.facts->>'assignee_id'),
        ('employee', CASE WHEN starts_with(told.actor, 'employee:') THEN substr(told.actor, 10) END),
        (CASE told.facts->>'author_kind' WHEN 'external_staff' THEN 'staff' ELSE 'employee' END,
         told.facts->>'author_id'),
        (CASE told.facts->>'person_kind' WHEN 'external_staff' THEN 'staff' ELSE 'employee' END,
         told.facts->>'person_id'),
        ('name of ' || split_part(told.topic, '.', 1),
         CASE told.topic WHEN 'employee.registered' THEN told.facts->>'employee_id'
                         WHEN 'employee.renamed' THEN told.facts->>'employee_id'
                         WHEN 'contact.registered' THEN told.facts->>'contact_id'
                         WHEN 'contact.renamed' THEN told.facts->>'contact_id'
                         WHEN 'staff.registered' THEN told.facts->>'staff_id'
                         WHEN 'staff.renamed' THEN told.facts->>'staff_id' END),
        ('help', CASE WHEN told.topic IN ('thread.helper_added', 'thread.helper_removed')
                      THEN told.facts->>'message_id' END),
        ('question', CASE WHEN told.topic = 'audit.asked' THEN '' END),
        ('question', CASE WHEN told.topic = 'audit.asked' THEN told.actor END),
        ('question about', told.facts->'asked'->>'address_id')
    ) AS field (kind, id)
    WHERE id IS NOT NULL
    UNION
    SELECT each.kind, each.id
    FROM (
        SELECT 'chat', jsonb_array_elements_text(told.facts->'chat_ids')
        UNION ALL
        SELECT 'chat', jsonb_array_elements_text(told.facts->'former_chat_ids')
        UNION ALL
        SELECT 'address', jsonb_array_elements_text(told.facts->'address_ids')
        UNION ALL
        SELECT 'reading', chat_id || ' by ' || (told.facts->>'employee_id')
        FROM jsonb_array_elements_text(
            coalesce(told.facts->'chat_ids', jsonb_build_array(told.facts->'chat_id'))) AS chat_id
        WHERE told.topic = 'reading.advanced'
    ) AS each (kind, id)
$$;

-- Whether this is what the number stood for.
CREATE OR REPLACE FUNCTION subjects.is_about(told ledger, of_workspace text, of_kind text, of_id text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT told.workspace_id = of_workspace AND EXISTS (
        SELECT FROM subjects.named(told) AS named WHERE named.kind = of_kind AND named.id = of_id)
$$;

-- How an employee, a contact or external staff was called at a position; null where that was erased.
CREATE OR REPLACE FUNCTION subjects.name_of(of_workspace text, of_kind text, of_id text, at bigint)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT event.name
    FROM subjects.mention
    CROSS JOIN LATERAL (
        SELECT private->>'name' AS name FROM ledger
        WHERE position = mention.position
          AND subjects.is_about(ledger, of_workspace, 'name of ' || of_kind, of_id) OFFSET 0) AS event
    WHERE mention.subject = subjects.number(of_workspace, 'name of ' || of_kind, of_id)
      AND mention.position <= at
    ORDER BY mention.position DESC LIMIT 1
$$;

-- name: event_recorded
-- on: *
-- Of a row of its own making, since whoever leads some partitions reads a view in place of the table.
INSERT INTO subjects.mention (subject, position)
SELECT subjects.number(workspace_id, named.kind, named.id), position
FROM ledger
CROSS JOIN LATERAL subjects.named(ROW(ledger.*)::public.ledger) AS named
WHERE position > %(after)s AND position <= %(until)s
ON CONFLICT DO NOTHING;

-- name: events
-- A page of the events of one subject. Of a conversation they are those of its chats: of the ones that are in
-- it now, or that stood in it at the position that was asked for. Of a message: its own stream, that of the
-- thread under it, and that of its delivery.
WITH asked AS MATERIALIZED (
    SELECT coalesce(%(at)s::bigint, checkpoint.position) AS until, checkpoint.position AS known
    FROM projection.checkpoint WHERE name = 'subjects'
), own AS MATERIALIZED (
    SELECT chat_id FROM visibility.chat
    WHERE conversation_id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s
), part AS MATERIALIZED (
    SELECT %(kind)s AS kind, %(id)s AS id WHERE %(kind)s NOT IN ('conversation', 'message')
    UNION ALL
    SELECT 'chat', chat_id::text FROM inbox.chats_of(%(workspace_id)s, %(conversation_id)s::uuid)
    WHERE %(at)s::bigint IS NULL
    UNION ALL
    SELECT 'chat', stood.chat_id::text
    FROM own CROSS JOIN LATERAL inbox.stood(ARRAY[own.chat_id], %(at)s) AS stood
), stream AS MATERIALIZED (
    SELECT unnest(ARRAY[%(message_id)s::uuid, %(thread_id)s::uuid]) AS stream_id
    WHERE %(kind)s = 'message'
    UNION ALL
    SELECT delivery_id FROM timeline.message WHERE message_id = %(message_id)s::uuid
), page AS MATERIALIZED (
    SELECT DISTINCT ON (near.position) near.event, near.position
    FROM asked
    CROSS JOIN LATERAL (
        SELECT named.event, named.position
        FROM part
        CROSS JOIN LATERAL (
            SELECT found.event, mention.position
            FROM subjects.mention
            CROSS JOIN LATERAL (
                SELECT event FROM ledger AS event
                WHERE event.position = mention.position
                  AND event.topic = coalesce(%(topic)s, event.topic)
                  AND event.occurred_at >= %(occurred_from)s AND event.occurred_at < %(occurred_until)s
                  AND subjects.is_about(event, %(workspace_id)s, part.kind, part.id) OFFSET 0) AS found
            WHERE mention.subject = subjects.number(%(workspace_id)s, part.kind, part.id)
              AND mention.position > %(after)s AND mention.position <= asked.until
            ORDER BY mention.position LIMIT %(limit)s + 1) AS named
        UNION ALL
        SELECT own.event, own.position
        FROM stream
        CROSS JOIN LATERAL (
            SELECT event, event.position
            FROM ledger AS event
            WHERE event.stream_id = stream.stream_id AND event.workspace_id = %(workspace_id)s
              AND event.position > %(after)s AND event.position <= asked.until
              AND event.topic = coalesce(%(topic)s, event.topic)
              AND event.occurred_at >= %(occurred_from)s AND event.occurred_at < %(occurred_until)s
            ORDER BY event.version LIMIT %(limit)s + 1) AS own
    ) AS near
    ORDER BY near.position
    LIMIT %(limit)s + 1
)
SELECT asked.known AS position, CASE WHEN
    %(kind)s = 'question' OR EXISTS (SELECT FROM own)
    OR EXISTS (SELECT FROM ledger WHERE stream_id = %(message_id)s::uuid AND version = 1
                                    AND workspace_id = %(workspace_id)s AND topic LIKE 'message.%%')
    OR EXISTS (SELECT FROM subjects.mention
               WHERE subject = subjects.number(%(workspace_id)s, %(kind)s, %(id)s))
THEN json_build_object(
    'items', coalesce((
        SELECT json_agg(projection.event(event) ORDER BY position)
        FROM (SELECT * FROM page ORDER BY position LIMIT %(limit)s) AS shown), '[]'),
    'next_cursor', (
        SELECT position::text FROM page WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY page.position OFFSET %(limit)s - 1 LIMIT 1)
)::text END AS body
FROM asked;
