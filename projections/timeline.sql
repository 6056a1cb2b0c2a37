-- The messages of each conversation in time order, as they are now.
--
-- What happens to a message may be told before the message itself, twice, or in another order. Each statement
-- below keeps what its own events say, so the rows end the same: a message that is not here yet waits as a
-- row without a position.

-- name: create
CREATE SCHEMA IF NOT EXISTS timeline;

CREATE TABLE IF NOT EXISTS timeline.message (
    message_id      uuid        PRIMARY KEY,
    chat_id         uuid        NOT NULL,
    conversation_id uuid,
    workspace_id    text        NOT NULL,
    channel_id      text,
    delivery_id     uuid,
    position        bigint,
    external_id     text,
    direction       text,
    queued          boolean,
    echo            boolean,
    author_kind     text,
    author_id       text,
    sender_id       text,
    sender_name     text,
    reply_to        uuid,
    sent_at         timestamptz,
    text            text,
    attachments     jsonb,
    edited_at       timestamptz,
    deleted_at      timestamptz
);
COMMENT ON COLUMN timeline.message.position IS 'null until the message itself is known';
COMMENT ON COLUMN timeline.message.queued IS 'written here, so its delivery is ours to watch';
COMMENT ON COLUMN timeline.message.sender_id IS 'the address that wrote it';
CREATE INDEX IF NOT EXISTS message_in_order ON timeline.message (conversation_id, sent_at, position)
    WHERE position IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_of_client ON timeline.message (conversation_id, position)
    WHERE direction = 'in';
CREATE INDEX IF NOT EXISTS message_of_delivery ON timeline.message (delivery_id) WHERE direction = 'out';

-- How far an outgoing message got.
CREATE TABLE IF NOT EXISTS timeline.delivery (
    delivery_id uuid        PRIMARY KEY,
    status      text        NOT NULL,
    at          timestamptz NOT NULL
);

-- name: index
CREATE INDEX IF NOT EXISTS message_of_day ON timeline.message (workspace_id, sent_at) INCLUDE (chat_id, direction)
    WHERE position IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_to_come ON timeline.message (chat_id) WHERE position IS NULL;

-- name: functions
-- Of two reports the further counts, in the order of domain/delivery.py: whoever read a message got it.
CREATE OR REPLACE FUNCTION timeline.delivery_rank(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_position(ARRAY['queued', 'sent', 'failed', 'delivered', 'read'], status)
$$;

-- Who wrote a message: somebody of the company, or a machine of it, as he was known then; of the clients, as is
-- known now.
-- In plpgsql, since a function in SQL opens the tables of all branches at each call: a page of 50 took 4 ms, not 1.2.
CREATE OR REPLACE FUNCTION timeline.author(message timeline.message) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    author_id text := message.author_id;
    author_kind text := message.author_kind;
    known_name text;
BEGIN
    IF author_kind = 'employee' THEN
        SELECT name INTO known_name FROM directory.employee
        WHERE workspace_id = message.workspace_id AND employee_id = message.author_id;
    ELSIF author_kind = 'external_staff' THEN
        SELECT name INTO known_name FROM directory.staff
        WHERE workspace_id = message.workspace_id AND staff_id = message.author_id;
    ELSIF author_kind <> 'automatic' THEN
        SELECT contact_id, name INTO author_id, known_name
        FROM directory.contact_address JOIN directory.contact USING (workspace_id, contact_id)
        WHERE workspace_id = message.workspace_id AND address_id = message.sender_id
        ORDER BY contact_id
        LIMIT 1;
        author_kind := CASE WHEN FOUND THEN 'client' ELSE 'unknown' END;
    END IF;
    RETURN json_build_object(
        'kind', author_kind, 'id', author_id, 'name', coalesce(known_name, message.sender_name));
END
$$;

-- How far an outgoing message got; null for a client's. One that was not written here was sent elsewhere.
CREATE OR REPLACE FUNCTION timeline.delivery_of(message timeline.message) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    known text := CASE WHEN message.queued THEN 'queued' ELSE 'sent' END;
BEGIN
    IF message.direction = 'in' THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(
        (SELECT status FROM timeline.delivery
         WHERE delivery_id = message.delivery_id
           AND timeline.delivery_rank(status) > timeline.delivery_rank(known)),
        known);
END
$$;

-- How many replies the hidden thread under a message has.
-- In plpgsql, since `threads` may be made later than these functions are.
CREATE OR REPLACE FUNCTION timeline.replies_under(of_message uuid) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN coalesce((SELECT replies FROM threads.thread WHERE message_id = of_message), 0);
END
$$;

-- One message as the API shows it.
CREATE OR REPLACE FUNCTION timeline.item(message timeline.message) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'message_id', message.message_id,
        'chat_id', message.chat_id,
        'channel_id', message.channel_id,
        'external_id', message.external_id,
        'direction', message.direction,
        'author', timeline.author(message),
        'text', message.text,
        'attachments', message.attachments,
        'reply_to', message.reply_to,
        'sent_at', projection.rfc3339(message.sent_at),
        'edited_at', projection.rfc3339(message.edited_at),
        'deleted_at', projection.rfc3339(message.deleted_at),
        'delivery', timeline.delivery_of(message),
        'position', message.position,
        'thread', json_build_object('replies', timeline.replies_under(message.message_id)))
$$;

-- name: message_erased
-- on: contact.erased
-- Before what the range tells; one that is not here yet has no attachments so far.
UPDATE timeline.message SET
    external_id = NULL, sender_name = NULL, text = NULL,
    attachments = CASE WHEN message.position IS NOT NULL THEN '[]'::jsonb END
FROM (
    SELECT DISTINCT stream_id FROM projection.erased(%(after)s, %(until)s)
    WHERE topic IN ('message.received', 'message.queued', 'message.edited')
) AS gone
WHERE message.message_id = gone.stream_id;

-- name: message_written
-- on: message.received, message.queued
INSERT INTO timeline.message AS message
    (message_id, chat_id, conversation_id, workspace_id, channel_id, delivery_id, position, external_id,
     direction, queued, echo, author_kind, author_id, sender_id, sender_name, reply_to, sent_at, text,
     attachments)
SELECT stream_id, (facts->>'chat_id')::uuid, (facts->>'conversation_id')::uuid, workspace_id,
       facts->>'channel_id', (facts->>'delivery_id')::uuid, position, private->>'external_id',
       facts->>'direction', topic = 'message.queued',
       coalesce((facts->>'echo')::boolean, false), facts->>'author_kind', facts->>'author_id',
       facts->>'sender_id', private->>'sender_name', (facts->>'reply_to')::uuid, occurred_at,
       private->>'text', coalesce(private->'attachments', '[]')
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic IN ('message.received', 'message.queued')
ON CONFLICT (message_id) DO UPDATE SET
    conversation_id = excluded.conversation_id, channel_id = excluded.channel_id,
    delivery_id = excluded.delivery_id, position = excluded.position, external_id = excluded.external_id,
    direction = excluded.direction, queued = excluded.queued, echo = excluded.echo, author_kind = excluded.author_kind,
    author_id = excluded.author_id, sender_id = excluded.sender_id, sender_name = excluded.sender_name,
    reply_to = excluded.reply_to, sent_at = excluded.sent_at, attachments = excluded.attachments,
    text = CASE WHEN message.edited_at IS NULL THEN excluded.text ELSE message.text END;

-- name: message_edited
-- on: message.edited
-- Of two edits of one moment the one that arrived later counts, so a later range may replace it.
INSERT INTO timeline.message AS message (message_id, chat_id, workspace_id, text, edited_at)
SELECT DISTINCT ON (stream_id)
       stream_id, (facts->>'chat_id')::uuid, workspace_id, private->>'text', occurred_at
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'message.edited'
ORDER BY stream_id, occurred_at DESC, position DESC
ON CONFLICT (message_id) DO UPDATE SET text = excluded.text, edited_at = excluded.edited_at
WHERE message.edited_at IS NULL OR message.edited_at <= excluded.edited_at;

-- name: message_deleted
-- on: message.deleted
INSERT INTO timeline.message AS message (message_id, chat_id, workspace_id, deleted_at)
SELECT stream_id, (facts->>'chat_id')::uuid, workspace_id, min(occurred_at)
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'message.deleted'
GROUP BY stream_id, facts->>'chat_id', workspace_id
ON CONFLICT (message_id) DO UPDATE SET deleted_at = excluded.deleted_at
WHERE message.deleted_at IS NULL OR message.deleted_at > excluded.deleted_at;

-- name: delivery_reported
-- on: delivery.reported
INSERT INTO timeline.delivery AS delivery (delivery_id, status, at)
SELECT DISTINCT ON (stream_id) stream_id, facts->>'status', occurred_at
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'delivery.reported'
ORDER BY stream_id, timeline.delivery_rank(facts->>'status') DESC, occurred_at
ON CONFLICT (delivery_id) DO UPDATE SET status = excluded.status, at = excluded.at
WHERE (timeline.delivery_rank(excluded.status), delivery.at)
    > (timeline.delivery_rank(delivery.status), excluded.at);

-- name: place_of_message
-- No row where the employee sees nothing of the conversation; nulls where it has no such message for him.
SELECT message.sent_at, message.position
FROM (
    SELECT array_agg(chat_id) AS chat_ids
    FROM inbox.chats_seen(%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(kinds)s)
) AS seen
LEFT JOIN timeline.message
       ON message_id = %(message_id)s AND chat_id = ANY (chat_ids) AND position IS NOT NULL
WHERE chat_ids IS NOT NULL;

-- name: messages
-- A page of what an employee sees of a conversation, forwards or backwards from a place in its time order: as
-- many messages of each of its chats as may be among the first of all of them.
WITH chat AS MATERIALIZED (
    SELECT chat_id, own_id
    FROM inbox.chats_seen(%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(kinds)s)
), near AS (
    SELECT written.*
    FROM chat
    CROSS JOIN LATERAL (
        (SELECT message, sent_at, position
         FROM timeline.message
         WHERE NOT %(backwards)s AND conversation_id = chat.own_id AND chat_id = chat.chat_id
           AND (sent_at, position) > (%(after_at)s, %(after_position)s)
           AND (sent_at, position) < (%(before_at)s, %(before_position)s)
           AND position > %(later_than)s AND position < %(earlier_than)s
         ORDER BY sent_at, position
         LIMIT %(limit)s + 1)
        UNION ALL
        (SELECT message, sent_at, position
         FROM timeline.message
         WHERE %(backwards)s AND conversation_id = chat.own_id AND chat_id = chat.chat_id
           AND (sent_at, position) > (%(after_at)s, %(after_position)s)
           AND (sent_at, position) < (%(before_at)s, %(before_position)s)
           AND position > %(later_than)s AND position < %(earlier_than)s
         ORDER BY sent_at DESC, position DESC
         LIMIT %(limit)s + 1)
    ) AS written
), page AS (
    SELECT *, CASE WHEN %(backwards)s THEN count(*) OVER () - row_number() OVER in_order + 1
                   ELSE row_number() OVER in_order END AS nth
    FROM near
    WINDOW in_order AS (ORDER BY sent_at, position)
)
SELECT checkpoint.position, CASE WHEN EXISTS (SELECT FROM chat) THEN json_build_object(
    'items', coalesce((
        SELECT json_agg(timeline.item(message) ORDER BY sent_at, position)
        FROM page WHERE nth <= %(limit)s), '[]'),
    'next_cursor', (
        SELECT %(direction)s || '~' || projection.rfc3339(sent_at) || '~' || position FROM page
        WHERE nth = %(limit)s AND EXISTS (SELECT FROM page WHERE nth > %(limit)s))
)::text END AS body
FROM projection.checkpoint
WHERE name = 'timeline';
