-- A conversation as it looked at a position of the ledger, and of that, what had happened by a time.
--
-- Nothing is kept for it. Messages stand in `timeline` in their order; what became of each, and whatever else
-- there was, its own stream tells, up to the position. What somebody is called, and who stands with whom in
-- one conversation, goes by the position alone: it says who is meant, and has not happened in the chat.

-- name: create
CREATE SCHEMA IF NOT EXISTS transcript;

-- name: position
-- Up to where all is known that a transcript is made of.
SELECT min(position) FROM projection.checkpoint
WHERE name IN ('visibility', 'threads', 'timeline', 'inbox', 'subjects');

-- name: transcript
-- A page of messages in time order, after a place in it, of one chat or of all that stood in a conversation.
WITH asked AS MATERIALIZED (
    SELECT chat_id, conversation_id FROM visibility.chat
    WHERE chat_id = %(chat_id)s::uuid AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT chat_id, conversation_id FROM visibility.chat
    WHERE conversation_id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s
), part AS MATERIALIZED (
    SELECT chat.chat_id, chat.conversation_id AS own_id, chat.position, stood.conversation_id, stands.*
    FROM asked
    CROSS JOIN LATERAL inbox.stood(ARRAY[asked.chat_id], %(position)s::bigint) AS stood
    CROSS JOIN LATERAL (SELECT * FROM visibility.chat WHERE chat_id = stood.chat_id OFFSET 0) AS chat
    CROSS JOIN LATERAL transcript.chat(stood.chat_id, %(position)s, %(valid_at)s) AS stands
    WHERE %(conversation_id)s::uuid IS NOT NULL OR chat.chat_id = asked.chat_id
), stands AS (
    SELECT (ARRAY['incoming', 'in_progress', 'snoozed', 'closed'])[min(
               array_position(ARRAY['incoming', 'in_progress', 'snoozed', 'closed'], folder))] AS folder
    FROM part
), page AS MATERIALIZED (
    SELECT near.*
    FROM part
    CROSS JOIN LATERAL (
        SELECT message_id, sent_at, message.position
        FROM timeline.message
        WHERE conversation_id = part.own_id AND chat_id = part.chat_id
          AND (sent_at, message.position) > (%(after_at)s, %(after_position)s)
          AND sent_at <= %(valid_at)s AND message.position <= %(position)s
        ORDER BY sent_at, message.position
        LIMIT %(limit)s + 1) AS near
    ORDER BY near.sent_at, near.position
    LIMIT %(limit)s + 1
)
SELECT %(position)s AS position, CASE WHEN EXISTS (SELECT FROM asked) THEN json_build_object(
    'at', %(position)s,
    'valid_at', projection.rfc3339(nullif(%(valid_at)s::timestamptz, 'infinity')),
    'conversation_id', coalesce(
        (SELECT conversation_id FROM part LIMIT 1), (SELECT conversation_id FROM asked)),
    'chats', (SELECT coalesce(json_agg(item ORDER BY part.position), '[]') FROM part),
    'folder', stands.folder,
    'holder_id', (
        SELECT holder_id FROM part WHERE holder_id IS NOT NULL
        ORDER BY active_at DESC, chat_id DESC LIMIT 1),
    'snoozed_until', (
        SELECT projection.rfc3339(min(snoozed_until)) FROM part WHERE part.folder = stands.folder),
    'participants', transcript.participants(
        %(workspace_id)s, ARRAY(SELECT chat_id FROM part), %(position)s, %(valid_at)s),
    'items', coalesce((
        SELECT json_agg(transcript.item(message_id, %(position)s, %(valid_at)s) ORDER BY sent_at, position)
        FROM (SELECT * FROM page ORDER BY sent_at, position LIMIT %(limit)s) AS shown), '[]'),
    'next_cursor', (
        SELECT %(position)s || '~' || projection.rfc3339(sent_at) || '~' || position FROM page
        WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY sent_at, position OFFSET %(limit)s - 1 LIMIT 1)
)::text END AS body
FROM stands;
