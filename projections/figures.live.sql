-- The relations of figures.sql out of the read model `waits`, and single waits of them. Placeholders are ours.

-- name: live
asked AS MATERIALIZED (
    SELECT * FROM unnest(
        %(asked_from_us)s::bigint[], %(asked_until_us)s::bigint[], %(asked_goal_us)s::bigint[],
        %(asked_cap_us)s::bigint[], %(asked_from_last)s::bigint[], %(asked_first_answer)s::bigint[],
        %(asked_business)s::bigint[])
        AS asked (from_us, until_us, goal_us, cap_us, from_last, first_answer, business)
),
zone AS MATERIALIZED (
    SELECT * FROM unnest(
        %(zone_from_us)s::bigint[], %(zone_until_us)s::bigint[], %(zone_offset_us)s::bigint[])
        AS zone (from_us, until_us, offset_us)
),
calendar AS MATERIALIZED (
    SELECT * FROM unnest(
        %(calendar_from_us)s::bigint[], %(calendar_before_us)s::bigint[], %(calendar_is_open)s::bigint[])
        AS calendar (from_us, before_us, is_open)
),
-- Those of the period. Whether another was answered before is looked up here, as only here they all are.
considered AS MATERIALIZED (
    SELECT found.conversation_id, found.chat_id, found.channel_id, found.opened_position, found.opened_us,
           (extract(epoch FROM found.closed_at) * 1000000)::bigint AS closed_us, found.outcome,
           CASE WHEN %(credit)s = 'replier' AND found.outcome <> 'open' THEN found.closed_kind
                WHEN found.credited_id IS NOT NULL THEN 'employee' END AS credited_kind,
           found.credited_id AS credited_id, asked.business, asked.goal_us, asked.cap_us,
           CASE WHEN asked.from_last = 1 THEN (extract(epoch FROM found.last_at) * 1000000)::bigint
                ELSE found.opened_us END AS start_us
    FROM asked
    CROSS JOIN LATERAL (
        SELECT conversation_id, chat_id, channel_id, opened_position, last_at, closed_at, outcome, closed_kind,
               (extract(epoch FROM opened_at) * 1000000)::bigint AS opened_us,
               CASE WHEN outcome = 'open' THEN CASE %(credit)s
                        WHEN 'owner' THEN (SELECT employee_id FROM waits.owner_at(
                                               wait.workspace_id, wait.sender_id, 9223372036854775807))
                        ELSE (SELECT holder_id FROM waits.holder_at(wait.chat_id, 9223372036854775807)) END
                    WHEN %(credit)s = 'replier' THEN closed_by
                    WHEN %(credit)s = 'holder' THEN holder_at_closing
                    ELSE owner_at_closing END AS credited_id
        FROM waits.wait
        WHERE workspace_id = %(workspace_id)s AND opened_at >= %(since)s AND opened_at < %(until)s
          AND (%(channel_id)s::text IS NULL OR channel_id = %(channel_id)s)
          AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
          AND (asked.first_answer = 0 OR NOT EXISTS (
              SELECT FROM waits.wait AS earlier
              WHERE earlier.conversation_id = wait.conversation_id AND earlier.outcome = 'answered'
                AND (earlier.opened_at, earlier.opened_position) < (wait.opened_at, wait.opened_position)))
        ORDER BY opened_at, opened_position OFFSET 0) AS found
)

-- name: durations
-- How many answers took up to each of these durations, which are in order, and more than the one before.
counted AS (
    SELECT width_bucket(took_us - 1, %(limits_us)s::bigint[]) AS nth FROM measured WHERE is_counted = 1
)
SELECT nth, count(*) FROM counted GROUP BY nth;

-- name: single_waits
page AS MATERIALIZED (
    SELECT opened_us, opened_position, took_us, credited_kind, credited_id, is_counted, outcome, goal_us
    FROM measured CROSS JOIN asked
    WHERE (opened_us, opened_position) > (%(after_us)s::bigint, %(after_position)s::bigint)
      AND (%(day)s::bigint IS NULL OR day = %(day)s)
      AND (%(hour)s::bigint IS NULL OR hour = %(hour)s)
      AND (%(weekday)s::bigint IS NULL OR weekday = %(weekday)s)
      AND (%(counted)s::bigint IS NULL OR is_counted = %(counted)s)
      AND (NOT %(of_somebody)s OR (credited_kind IS NOT DISTINCT FROM %(credited_kind)s
                                   AND credited_id IS NOT DISTINCT FROM %(credited_id)s))
    ORDER BY opened_us, opened_position
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, json_build_object(
    'items', coalesce((
        SELECT json_agg(json_build_object(
            'conversation_id', wait.conversation_id,
            'chat_id', wait.chat_id,
            'channel_id', wait.channel_id,
            'outcome', wait.outcome,
            'seconds', trim_scale(page.took_us::numeric / 1000000),
            'counted', page.is_counted = 1,
            'within_goal', CASE WHEN page.outcome = 'answered' THEN page.took_us <= page.goal_us END,
            'age_seconds', CASE WHEN page.outcome = 'open'
                THEN trim_scale(extract(epoch FROM %(now)s::timestamptz - wait.opened_at)) END,
            'opened', json_build_object(
                'at', projection.rfc3339(wait.opened_at), 'position', wait.opened_position),
            'last', json_build_object('at', projection.rfc3339(wait.last_at), 'position', wait.last_position),
            'closed', CASE WHEN wait.closed_at IS NOT NULL THEN json_build_object(
                'at', projection.rfc3339(wait.closed_at), 'position', wait.closed_position,
                'kind', wait.closed_kind, 'by', wait.closed_by) END,
            'holder_at_opening', wait.holder_at_opening,
            'holder_at_closing', wait.holder_at_closing,
            'owner_at_opening', wait.owner_at_opening,
            'owner_at_closing', wait.owner_at_closing,
            'credited', json_build_object(
                'kind', page.credited_kind, 'id', page.credited_id, 'name', colleague.name)
        ) ORDER BY page.opened_us, page.opened_position)
        FROM (SELECT * FROM page ORDER BY opened_us, opened_position LIMIT %(limit)s) AS page
        CROSS JOIN LATERAL (
            SELECT * FROM waits.wait WHERE opened_position = page.opened_position OFFSET 0) AS wait
        LEFT JOIN LATERAL inbox.colleague(%(workspace_id)s, page.credited_kind, page.credited_id) AS colleague
            ON true), '[]'),
    'next_cursor', (
        SELECT opened_us || '~' || opened_position FROM page
        WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY page.opened_us, page.opened_position OFFSET %(limit)s - 1 LIMIT 1)
)::text AS body
FROM projection.checkpoint WHERE name = 'waits';

-- name: told
-- Of the whole (0) and, where `groups` is asked for, of its groups (1); keys of any kind as JSON.
SELECT position, is_group, first_key, second_key, n, total_us, medians_us, p90s_us, within_goal, over_cap,
       open_waits, dismissed, open_since_us
FROM projection.checkpoint
LEFT JOIN (
    SELECT 0 AS is_group, to_jsonb(first_key) AS first_key, to_jsonb(second_key) AS second_key, n, total_us,
           medians_us, p90s_us, within_goal, over_cap, open_waits, dismissed, open_since_us
    FROM total
    UNION ALL
    SELECT 1, to_jsonb(first_key), to_jsonb(second_key), n, total_us,
           medians_us, p90s_us, within_goal, over_cap, open_waits, dismissed, open_since_us
    FROM groups
) AS sums ON true
WHERE name = 'waits'
ORDER BY is_group, first_key, second_key;

-- name: no_groups
groups AS (SELECT * FROM total WHERE false)
