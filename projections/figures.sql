-- How long clients waited, in whole microseconds, as PostgreSQL, DuckDB and ClickHouse all understand it.
--
-- Nothing here but standard SQL without placeholders, and no division but for days and hours, whose values a
-- double holds exactly. What is asked comes as relations, which each engine makes in front in its own way:
--
-- wait (conversation_id, chat_id, channel_id, opened_position, opened_us, last_us, closed_us, outcome,
--       credited_kind, credited_id): of one workspace, microseconds since 1970; closed_us is null while open
-- asked (from_us, until_us, goal_us, cap_us, from_last, first_answer, business): one row; cap_us null: none;
--       the last three are 0 or 1
-- zone (from_us, until_us, offset_us): what the clocks of the workspace add; covers all that is asked for
-- calendar (from_us, before_us, is_open): the working time at t is `before_us + is_open * (t - from_us)` of
--       the row with the greatest from_us <= t; the first row is before all that is asked for
--
-- Behind WITH stand those relations, `considered`, `measured` and a `grouped_by_...`, and then comes `sums`
-- (projections/figures.py). That says by group what domain/figures.py makes figures of, and since when he waits
-- who has waited longest of those who still do.

-- name: considered
every_wait AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, last_us, closed_us, outcome,
           credited_kind, credited_id
    FROM wait CROSS JOIN asked
    WHERE asked.first_answer = 0 AND wait.opened_us >= asked.from_us AND wait.opened_us < asked.until_us
),
-- Of a conversation those that no answered one precedes, which may have been before what is asked for.
first_answers AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, last_us, closed_us, outcome,
           credited_kind, credited_id
    FROM (
        SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, last_us, closed_us, outcome,
               credited_kind, credited_id, from_us, until_us,
               sum(CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END) OVER (
                   PARTITION BY conversation_id ORDER BY opened_us, opened_position
                   ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS answered_by_then
        FROM wait CROSS JOIN asked
        WHERE asked.first_answer = 1
    ) AS numbered
    WHERE answered_by_then <= CASE WHEN outcome = 'answered' THEN 1 ELSE 0 END
      AND opened_us >= from_us AND opened_us < until_us
),
considered AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, business, goal_us, cap_us,
           CASE WHEN from_last = 1 THEN last_us ELSE opened_us END AS start_us
    FROM (SELECT * FROM every_wait UNION ALL SELECT * FROM first_answers) AS either CROSS JOIN asked
)

-- name: measured
-- The rows of the calendar stand among the waits, in the order of their time: the last one before a wait
-- began, or of the same moment, says how much had been worked by then.
begun AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, goal_us, cap_us, start_us, before_us, opens_us, shuts_us,
           max(before_us) OVER (ORDER BY start_us) AS worked_us,
           max(opens_us) OVER (ORDER BY start_us) AS opened_last_us,
           max(shuts_us) OVER (ORDER BY start_us) AS shut_last_us
    FROM (
        SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
               credited_kind, credited_id, goal_us, cap_us, start_us,
               NULL AS before_us, NULL AS opens_us, NULL AS shuts_us
        FROM considered WHERE business = 1
        UNION ALL
        SELECT NULL, NULL, NULL, NULL, NULL, calendar.from_us, NULL,
               NULL, NULL, NULL, NULL, calendar.from_us,
               before_us,
               CASE WHEN is_open = 1 THEN calendar.from_us END,
               CASE WHEN is_open = 0 THEN calendar.from_us END
        FROM calendar CROSS JOIN asked WHERE asked.business = 1
    ) AS among_the_calendar
),
-- The same of when they were closed.
ended AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, goal_us, cap_us,
           worked_us + CASE WHEN shut_last_us IS NULL OR opened_last_us > shut_last_us
                            THEN start_us - opened_last_us ELSE 0 END AS worked_at_start_us,
           max(before_us) OVER (ORDER BY closed_us) AS closing_worked_us,
           max(opens_us) OVER (ORDER BY closed_us) AS closing_opened_us,
           max(shuts_us) OVER (ORDER BY closed_us) AS closing_shut_us
    FROM begun
),
timed AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, goal_us, cap_us, closed_us - start_us AS took_us
    FROM considered WHERE business = 0
    UNION ALL
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, goal_us, cap_us,
           CASE WHEN closed_us IS NOT NULL
                THEN closing_worked_us
                     + CASE WHEN closing_shut_us IS NULL OR closing_opened_us > closing_shut_us
                            THEN closed_us - closing_opened_us ELSE 0 END
                     - worked_at_start_us
           END
    FROM ended WHERE opened_position IS NOT NULL
),
judged AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, closed_us, outcome,
           credited_kind, credited_id, goal_us, took_us,
           CASE WHEN outcome = 'answered' AND (cap_us IS NULL OR took_us <= cap_us)
                THEN 1 ELSE 0 END AS is_counted
    FROM timed
),
dated AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, outcome,
           credited_kind, credited_id, goal_us, took_us, is_counted,
           CAST(floor(CAST(opened_us + offset_us AS DOUBLE PRECISION) / 86400000000.0) AS BIGINT) AS day,
           CAST(floor(CAST(opened_us + offset_us AS DOUBLE PRECISION) / 3600000000.0) AS BIGINT) AS hours
    FROM judged CROSS JOIN zone
    WHERE judged.opened_us >= zone.from_us AND judged.opened_us < zone.until_us
),
-- day: of the workspace's clocks, days since 1970-01-01; weekday: Monday is 1. took_us: null while open.
-- is_counted: whether it is one of n, is_open: whether it still waits, and so on, 0 or 1.
measured AS (
    SELECT conversation_id, chat_id, channel_id, opened_position, opened_us, outcome, took_us,
           credited_kind, credited_id, day, hours - 24 * day AS hour,
           day + 4 - 7 * CAST(floor(CAST(day + 3 AS DOUBLE PRECISION) / 7.0) AS BIGINT) AS weekday,
           is_counted,
           CASE WHEN is_counted = 1 THEN took_us ELSE 0 END AS counted_us,
           CASE WHEN is_counted = 1 AND took_us <= goal_us THEN 1 ELSE 0 END AS is_within_goal,
           CASE WHEN is_counted = 0 AND outcome = 'answered' THEN 1 ELSE 0 END AS is_over_cap,
           CASE WHEN outcome = 'open' THEN 1 ELSE 0 END AS is_open,
           CASE WHEN outcome = 'dismissed' THEN 1 ELSE 0 END AS is_dismissed
    FROM dated
)

-- name: grouped_by_all
keyed AS (SELECT *, 0 AS first_key, 0 AS second_key FROM measured)

-- name: grouped_by_day
keyed AS (SELECT *, day AS first_key, 0 AS second_key FROM measured)

-- name: grouped_by_hour
keyed AS (SELECT *, hour AS first_key, 0 AS second_key FROM measured)

-- name: grouped_by_weekday
keyed AS (SELECT *, weekday AS first_key, 0 AS second_key FROM measured)

-- name: grouped_by_weekday_hour
keyed AS (SELECT *, weekday AS first_key, hour AS second_key FROM measured)

-- name: grouped_by_employee
keyed AS (SELECT *, credited_kind AS first_key, credited_id AS second_key FROM measured)

-- name: grouped_by_channel
keyed AS (SELECT *, channel_id AS first_key, 0 AS second_key FROM measured)

-- name: sums
SELECT first_key, second_key, sum(is_counted) AS n,
       sum(CAST(counted_us AS DECIMAL(38, 0))) AS total_us,
       sum(counted_us * greatest(0, 2 - abs(others - 2 * smaller))) AS medians_us,
       sum(counted_us * greatest(0, 10 - abs(9 * others - 10 * smaller))) AS p90s_us,
       sum(is_within_goal) AS within_goal, sum(is_over_cap) AS over_cap, sum(is_open) AS open_waits,
       sum(is_dismissed) AS dismissed, min(CASE WHEN is_open = 1 THEN opened_us END) AS open_since_us
FROM (
    SELECT first_key, second_key, counted_us, is_counted, is_within_goal, is_over_cap, is_open,
           is_dismissed, opened_us,
           row_number() OVER (PARTITION BY first_key, second_key, is_counted ORDER BY counted_us) - 1 AS smaller,
           count(*) OVER (PARTITION BY first_key, second_key, is_counted) - 1 AS others
    FROM keyed
) AS ranked
GROUP BY first_key, second_key
ORDER BY first_key, second_key;
