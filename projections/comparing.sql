-- Two definitions over the same waits: `former` and `latter` are what `measured` (figures.sql) says of each.

-- name: measured
SELECT opened_position, outcome, took_us, credited_kind, credited_id, is_counted, is_within_goal, is_over_cap
FROM measured;

-- name: moved
-- By why: how many waits count in one and not in the other, took another time, or meet the goal in one only.
SELECT why, count(*) AS waits, sum(latter_us - former_us) AS moved_us
FROM (
    SELECT former.took_us AS former_us, latter.took_us AS latter_us,
           CASE WHEN former.opened_position IS NULL THEN 'only_in_new'
                WHEN latter.opened_position IS NULL THEN 'only_in_old'
                WHEN former.is_counted > latter.is_counted THEN 'capped_by_new'
                WHEN former.is_counted < latter.is_counted THEN 'capped_by_old'
                WHEN former.is_counted = 0 THEN 'counts_in_none'
                WHEN former.took_us = latter.took_us THEN 'same'
                WHEN former.took_us < latter.took_us THEN 'longer'
                ELSE 'shorter' END AS why
    FROM former
    FULL JOIN latter ON latter.opened_position = former.opened_position
) AS beside
GROUP BY why
ORDER BY why;

-- name: goals_moved
SELECT sum(CASE WHEN former.is_within_goal > latter.is_within_goal THEN 1 ELSE 0 END) AS lost,
       sum(CASE WHEN former.is_within_goal < latter.is_within_goal THEN 1 ELSE 0 END) AS gained
FROM former
JOIN latter ON latter.opened_position = former.opened_position
WHERE former.is_counted = 1 AND latter.is_counted = 1;

-- name: credit_moved
SELECT former.credited_kind, former.credited_id, latter.credited_kind, latter.credited_id, count(*) AS waits
FROM former
JOIN latter ON latter.opened_position = former.opened_position
WHERE coalesce(former.credited_kind, '') <> coalesce(latter.credited_kind, '')
   OR coalesce(former.credited_id, '') <> coalesce(latter.credited_id, '')
GROUP BY former.credited_kind, former.credited_id, latter.credited_kind, latter.credited_id
ORDER BY waits DESC, 1, 2, 3, 4;
