-- What analysts ask of single waits and of what a figure is told with; figures.live.sql has the figures.

-- name: settings
SELECT coalesce((SELECT timezone FROM directory.workspace WHERE workspace_id = %(workspace_id)s), 'UTC'),
       coalesce((SELECT response_goal_seconds FROM directory.workspace
                 WHERE workspace_id = %(workspace_id)s), 600);

-- name: position
SELECT position FROM projection.checkpoint WHERE name = 'waits';

-- name: last_closing
-- Of the waits that were opened in a period; a provider's clock may be ahead of ours.
SELECT max(closed_at) FROM (
    SELECT closed_at FROM waits.wait
    WHERE workspace_id = %(workspace_id)s AND opened_at >= %(since)s AND opened_at < %(until)s
    ORDER BY opened_at, opened_position OFFSET 0) AS wait;

-- name: names
SELECT told.kind, told.id, CASE told.kind WHEN 'channel' THEN channel.title ELSE colleague.name END
FROM unnest(%(kinds)s::text[], %(ids)s::text[]) AS told (kind, id)
LEFT JOIN LATERAL inbox.colleague(%(workspace_id)s, told.kind, told.id) AS colleague ON true
LEFT JOIN LATERAL (
    SELECT title FROM directory.channel
    WHERE workspace_id = %(workspace_id)s AND channel_id = told.id OFFSET 0) AS channel ON true;

-- name: events
-- Messages and moves from the opening of a wait to its closing, in the order of their times. Who says that no
-- answer is needed moves nothing, but that closes the wait.
WITH asked AS MATERIALIZED (
    SELECT *
    FROM (SELECT * FROM waits.wait WHERE opened_position = %(opened_position)s OFFSET 0) AS wait
    WHERE workspace_id = %(workspace_id)s
), page AS MATERIALIZED (
    SELECT DISTINCT near.at, near.position
    FROM asked
    CROSS JOIN LATERAL (
        SELECT * FROM waits.chat WHERE conversation_id = asked.conversation_id OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        (SELECT sent_at AS at, position FROM timeline.message
         WHERE conversation_id = chat.own_id AND chat_id = chat.chat_id AND position IS NOT NULL
           AND sent_at >= asked.opened_at AND (sent_at, position) >= (asked.opened_at, asked.opened_position)
           AND (sent_at, position) > (%(after_at)s::timestamptz, %(after_position)s::bigint)
           AND (sent_at, position) <= (coalesce(asked.closed_at, 'infinity'),
                                       coalesce(asked.closed_position, 9223372036854775807))
         ORDER BY sent_at, position LIMIT %(limit)s + 1)
        UNION ALL
        (SELECT at, position FROM waits.stage
         WHERE chat_id = chat.chat_id
           AND (at, position) >= (asked.opened_at, asked.opened_position)
           AND at <= coalesce(asked.closed_at, 'infinity')
           AND (at, position) > (%(after_at)s::timestamptz, %(after_position)s::bigint)
         ORDER BY at, position LIMIT %(limit)s + 1)
        UNION ALL
        SELECT occurred_at, position FROM ledger
        WHERE position = asked.closed_position
          AND (occurred_at, position) > (%(after_at)s::timestamptz, %(after_position)s::bigint)
    ) AS near
    ORDER BY near.at, near.position
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, CASE WHEN EXISTS (SELECT FROM asked) THEN json_build_object(
    'items', coalesce((
        SELECT json_agg(json_build_object(
            'position', event.position,
            'topic', event.topic,
            'at', projection.rfc3339(event.occurred_at),
            'actor', event.actor,
            'facts', event.facts
        ) ORDER BY page.at, page.position)
        FROM (SELECT * FROM page ORDER BY at, position LIMIT %(limit)s) AS page
        CROSS JOIN LATERAL (SELECT * FROM ledger WHERE position = page.position OFFSET 0) AS event), '[]'),
    'next_cursor', (
        SELECT (extract(epoch FROM page.at) * 1000000)::bigint || '~' || page.position FROM page
        WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY page.at, page.position OFFSET %(limit)s - 1 LIMIT 1)
)::text END AS body
FROM projection.checkpoint WHERE name = 'waits';
