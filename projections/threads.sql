-- The hidden threads: what employees wrote under a message, and who helps there now.
--
-- Nothing here goes into what leaves for a client: only `threads.py` asks for it, and `timeline.sql` for how
-- many replies there are.

-- name: create
CREATE SCHEMA IF NOT EXISTS threads;

CREATE TABLE IF NOT EXISTS threads.thread (
    message_id uuid   PRIMARY KEY,
    replies    bigint NOT NULL
) WITH (fillfactor = 75);

CREATE TABLE IF NOT EXISTS threads.reply (
    message_id   uuid        NOT NULL,
    position     bigint      NOT NULL,
    reply_id     uuid        NOT NULL,
    workspace_id text        NOT NULL,
    author_id    text        NOT NULL,
    text         text,
    at           timestamptz NOT NULL,
    PRIMARY KEY (message_id, position)
);

CREATE TABLE IF NOT EXISTS threads.helper (
    message_id   uuid        NOT NULL,
    employee_id  text        NOT NULL,
    workspace_id text        NOT NULL,
    chat_ids     uuid[]      NOT NULL,
    added_by     text        NOT NULL,
    added_at     timestamptz NOT NULL,
    position     bigint      NOT NULL,
    PRIMARY KEY (message_id, employee_id)
);

COMMENT ON COLUMN threads.helper.chat_ids IS 'that he was let into; he sees those that are one conversation';
CREATE INDEX IF NOT EXISTS helper_of_several ON threads.helper (message_id) WHERE cardinality(chat_ids) > 1;

-- name: reply_erased
-- on: contact.erased
UPDATE threads.reply SET text = NULL
FROM (
    SELECT (facts->>'message_id')::uuid AS message_id, position FROM projection.erased(%(after)s, %(until)s)
    WHERE topic = 'thread.replied'
) AS gone
WHERE reply.message_id = gone.message_id AND reply.position = gone.position;

-- name: replied
-- on: thread.replied
INSERT INTO threads.reply (message_id, position, reply_id, workspace_id, author_id, text, at)
SELECT (facts->>'message_id')::uuid, position, (facts->>'reply_id')::uuid, workspace_id, facts->>'author_id',
       private->>'text', occurred_at
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'thread.replied';

-- name: replies_counted
-- on: thread.replied
INSERT INTO threads.thread AS thread (message_id, replies)
SELECT (facts->>'message_id')::uuid, count(*)
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'thread.replied'
GROUP BY 1
ON CONFLICT (message_id) DO UPDATE SET replies = thread.replies + excluded.replies;

-- name: helper_added_or_removed
-- on: thread.helper_added, thread.helper_removed
MERGE INTO threads.helper AS helper
USING (
    SELECT DISTINCT ON (stream_id, facts->>'employee_id')
           topic, (facts->>'message_id')::uuid AS message_id, facts->>'employee_id' AS employee_id,
           workspace_id, ARRAY(SELECT jsonb_array_elements_text(facts->'chat_ids')::uuid) AS chat_ids,
           facts->>'by_id' AS added_by, occurred_at AS added_at, position
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('thread.helper_added', 'thread.helper_removed')
    ORDER BY stream_id, facts->>'employee_id', position DESC
) AS news ON helper.message_id = news.message_id AND helper.employee_id = news.employee_id
WHEN MATCHED AND news.topic = 'thread.helper_removed' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    chat_ids = news.chat_ids, added_by = news.added_by, added_at = news.added_at, position = news.position
WHEN NOT MATCHED AND news.topic = 'thread.helper_added' THEN
    INSERT (message_id, employee_id, workspace_id, chat_ids, added_by, added_at, position)
    VALUES (news.message_id, news.employee_id, news.workspace_id, news.chat_ids, news.added_by,
            news.added_at, news.position);

-- name: thread
-- A page of the thread under a message that the employee sees, oldest reply first.
WITH message AS MATERIALIZED (
    SELECT message_id
    FROM inbox.chats_seen(%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(kinds)s) AS chat
    CROSS JOIN LATERAL (
        SELECT message_id FROM timeline.message
        WHERE message_id = %(message_id)s AND chat_id = chat.chat_id AND position IS NOT NULL
        OFFSET 0) AS seen
), page AS MATERIALIZED (
    SELECT reply.*
    FROM message
    CROSS JOIN LATERAL (
        SELECT * FROM threads.reply
        WHERE message_id = message.message_id AND position > %(later_than)s
        ORDER BY position LIMIT %(limit)s + 1) AS reply
)
SELECT checkpoint.position, (
    SELECT json_build_object(
        'message_id', message_id,
        'helpers', (
            SELECT coalesce(json_agg(json_build_object(
                'employee_id', helper.employee_id, 'name', employee.name, 'added_by', added_by,
                'added_at', projection.rfc3339(added_at)
            ) ORDER BY helper.position), '[]')
            FROM threads.helper
            LEFT JOIN directory.employee USING (workspace_id, employee_id)
            WHERE helper.message_id = message.message_id),
        'items', (
            SELECT coalesce(json_agg(json_build_object(
                'reply_id', reply_id,
                'author', json_build_object('kind', 'employee', 'id', author_id, 'name', employee.name),
                'text', text, 'at', projection.rfc3339(at), 'position', reply.position
            ) ORDER BY reply.position), '[]')
            FROM (SELECT * FROM page ORDER BY position LIMIT %(limit)s) AS reply
            LEFT JOIN directory.employee
                ON employee.workspace_id = reply.workspace_id AND employee.employee_id = reply.author_id),
        'next_cursor', (
            SELECT position::text FROM page
            WHERE (SELECT count(*) FROM page) > %(limit)s
            ORDER BY page.position OFFSET %(limit)s - 1 LIMIT 1)
    )::text
    FROM message
) AS body
FROM projection.checkpoint WHERE name = 'threads';
