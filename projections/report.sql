-- What a day or some weeks were like, asked of `timeline`, `waits` and `directory` as they are now.

-- name: snapshot
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: workspace
-- Who asks, as it has stated itself; null where it never did.
SELECT position, timezone, language, response_goal_seconds
FROM projection.checkpoint
LEFT JOIN LATERAL (
    SELECT timezone, language, response_goal_seconds
    FROM directory.workspace WHERE workspace_id = %(workspace_id)s OFFSET 0) AS stated ON true
WHERE name = 'waits';

-- name: first_message
SELECT sent_at FROM timeline.message
WHERE workspace_id = %(workspace_id)s AND sent_at > '-infinity' AND position IS NOT NULL
ORDER BY sent_at LIMIT 1;

-- name: traffic
-- In how many conversations something was written from one moment until another, in how many of these the client
-- wrote for the first time, and how many messages came in and went out.
WITH written AS MATERIALIZED (
    SELECT chat_id, direction, count(*) AS messages
    FROM timeline.message
    WHERE workspace_id = %(workspace_id)s AND sent_at >= %(since)s AND sent_at < %(until)s
      AND position IS NOT NULL
    GROUP BY chat_id, direction
), talked AS MATERIALIZED (
    SELECT chat.conversation_id
    FROM (SELECT DISTINCT chat_id FROM written) AS written
    CROSS JOIN LATERAL (
        SELECT conversation_id FROM waits.chat WHERE chat_id = written.chat_id OFFSET 0) AS chat
    GROUP BY chat.conversation_id
), first_words AS (
    SELECT (
        SELECT min(first_words.sent_at)
        FROM (SELECT * FROM waits.chat WHERE conversation_id = talked.conversation_id OFFSET 0) AS chat
        CROSS JOIN LATERAL (
            SELECT sent_at FROM timeline.message
            WHERE conversation_id = chat.own_id AND chat_id = chat.chat_id AND direction = 'in'
              AND position IS NOT NULL
            ORDER BY sent_at, position LIMIT 1) AS first_words
    ) AS sent_at
    FROM talked
)
SELECT (SELECT count(*) FROM talked),
       (SELECT count(*) FROM first_words WHERE sent_at >= %(since)s AND sent_at < %(until)s),
       coalesce(sum(messages) FILTER (WHERE direction = 'in'), 0)::bigint,
       coalesce(sum(messages) FILTER (WHERE direction = 'out'), 0)::bigint
FROM written;

-- name: open_waits
-- Those that began before a moment and last until now: how many, and the longest.
WITH waiting AS MATERIALIZED (
    SELECT conversation_id, chat_id, channel_id, opened_at, opened_position
    FROM waits.wait
    WHERE workspace_id = %(workspace_id)s AND outcome = 'open' AND opened_at < %(until)s
)
SELECT conversation_id::text, chat_id::text, channel_id, opened_at, opened_position,
       extract(epoch FROM now() - opened_at)::bigint, (SELECT count(*) FROM waiting)
FROM waiting
ORDER BY opened_at, opened_position LIMIT 1;

-- name: waiting
-- By how many more clients wait at each of these moments, which are in order, than at the one before: from the
-- moment at which a wait began until the one at which it ended.
WITH wait AS MATERIALIZED (
    SELECT opened_at, closed_at FROM waits.wait
    WHERE workspace_id = %(workspace_id)s AND closed_at > (%(moments)s::timestamptz[])[1]
    UNION ALL
    SELECT opened_at, 'infinity' FROM waits.wait
    WHERE workspace_id = %(workspace_id)s AND outcome = 'open' AND opened_at > '-infinity'
)
SELECT width_bucket(turn.at - interval '1 microsecond', %(moments)s::timestamptz[]) AS nth,
       sum(turn.change)::bigint
FROM wait
CROSS JOIN LATERAL (VALUES (opened_at, 1), (closed_at, -1)) AS turn (at, change)
WHERE turn.at <= (%(moments)s::timestamptz[])[cardinality(%(moments)s::timestamptz[])]
GROUP BY nth;

-- name: folders
-- By how many more chats are in each folder at each of these moments, which are in order, than at the one before.
WITH stage AS (
    SELECT at, folder, lag(folder) OVER (PARTITION BY chat_id ORDER BY position) AS former
    FROM waits.stage
    WHERE workspace_id = %(workspace_id)s
      AND at < (%(moments)s::timestamptz[])[cardinality(%(moments)s::timestamptz[])]
)
SELECT width_bucket(stage.at, %(moments)s::timestamptz[]) AS nth, turn.folder, sum(turn.change)::bigint
FROM stage
CROSS JOIN LATERAL (VALUES (stage.folder, 1), (stage.former, -1)) AS turn (folder, change)
WHERE turn.folder IS NOT NULL AND stage.folder IS DISTINCT FROM stage.former
GROUP BY nth, turn.folder;
