-- How far each follower of the ledger is, and who may move it.

-- name: create
CREATE SCHEMA IF NOT EXISTS projection;

-- Each lead has a number of its own; a checkpoint only moves for the latest.
CREATE SEQUENCE IF NOT EXISTS projection.epoch;

-- These few rows change with every range. The page is kept mostly empty, so that updates stay in it (HOT).
CREATE TABLE IF NOT EXISTS projection.checkpoint (
    name       text        PRIMARY KEY,
    position   bigint      NOT NULL DEFAULT 0,
    epoch      bigint      NOT NULL DEFAULT 0,
    state      text        NOT NULL DEFAULT 'following' CHECK (state IN ('following', 'parked')),
    error      jsonb,
    definition text        NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 10);

-- Where followers wait for each other; by whom and what for says `meeting.py`.
CREATE TABLE IF NOT EXISTS projection.meeting (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    position bigint      NOT NULL,
    ends_at  timestamptz NOT NULL
);

-- A moment as the API writes it. Not declared IMMUTABLE, since then it could not be inlined.
CREATE OR REPLACE FUNCTION projection.rfc3339(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- An event as the API shows it, and as it stands in an exported log.
CREATE OR REPLACE FUNCTION projection.event(of ledger) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'position', of.position,
        'workspace_id', of.workspace_id,
        'stream_id', of.stream_id,
        'version', of.version,
        'topic', of.topic,
        'actor', of.actor,
        'occurred_at', projection.rfc3339(of.occurred_at),
        'recorded_at', projection.rfc3339(of.recorded_at),
        'causation', of.causation,
        'facts', of.facts,
        'private', of.private)
$$;

-- The events whose private part was removed by the erasures of a range, as they are since.
CREATE OR REPLACE FUNCTION projection.erased(after bigint, until bigint) RETURNS SETOF ledger
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT event.*
    FROM ledger AS erasure
    CROSS JOIN LATERAL jsonb_array_elements(erasure.facts->'positions') AS span
    CROSS JOIN LATERAL (
        SELECT * FROM ledger
        WHERE position >= (span->>0)::bigint AND position <= (span->>1)::bigint OFFSET 0) AS event
    WHERE erasure.position > after AND erasure.position <= until AND erasure.topic = 'contact.erased'
$$;

-- name: add
INSERT INTO projection.checkpoint (name) SELECT unnest(%(names)s::text[]) ON CONFLICT DO NOTHING;

-- name: definitions
SELECT name, definition FROM projection.checkpoint WHERE definition <> '';

-- name: define
-- By which definition the tables were made; that of tables that are there already is known.
INSERT INTO projection.checkpoint (name, definition) VALUES (%(name)s, %(definition)s)
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition WHERE checkpoint.definition = '';

-- name: try_lock
-- Of these leads the free ones. One asks at a time, so that of two who begin together one leads and the other
-- stands by; whoever finds somebody asking, asks again soon.
WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%(locks)s) AS ours)
SELECT name
FROM turn CROSS JOIN unnest(%(names)s::text[]) AS name
WHERE CASE WHEN turn.ours THEN pg_try_advisory_lock(hashtextextended(name, %(locks)s)) END;

-- name: unlock
SELECT pg_advisory_unlock(hashtextextended(name, %(locks)s)) FROM unnest(%(names)s::text[]) AS name;

-- name: take_over
WITH lead AS MATERIALIZED (SELECT nextval('projection.epoch') AS epoch)
UPDATE projection.checkpoint SET epoch = lead.epoch
FROM lead
WHERE name = ANY (%(names)s)
RETURNING checkpoint.name, checkpoint.epoch;

-- name: look
-- While a meeting lasts the ledger ends there for all followers: `meeting.py`.
SELECT least(ledger_head.position, meeting.position) AS head, checkpoint.name, checkpoint.position, epoch, state
FROM ledger_head
LEFT JOIN projection.meeting ON ends_at > clock_timestamp()
LEFT JOIN projection.checkpoint ON name = ANY (%(names)s);

-- name: topics
SELECT DISTINCT topic FROM ledger WHERE position > %(after)s AND position <= %(until)s;

-- name: advance
UPDATE projection.checkpoint
SET position = %(until)s, error = NULL, updated_at = clock_timestamp()
FROM unnest(%(names)s::text[], %(epochs)s::bigint[]) AS lead (name, epoch)
WHERE checkpoint.name = lead.name AND checkpoint.epoch = lead.epoch
  AND position = %(after)s AND state <> 'parked';

-- name: fail
UPDATE projection.checkpoint
SET state = %(state)s, updated_at = clock_timestamp(),
    error = jsonb_build_object('position', %(position)s::bigint, 'error', %(error)s::text, 'count',
        1 + CASE WHEN error->>'position' = %(position)s::bigint::text THEN (error->>'count')::int ELSE 0 END)
FROM unnest(%(names)s::text[], %(epochs)s::bigint[]) AS lead (name, epoch)
WHERE checkpoint.name = lead.name AND checkpoint.epoch = lead.epoch;

-- name: meet
-- At the end of the ledger, or where the first of them is who had set out for more before it knew.
INSERT INTO projection.meeting AS meeting (position, ends_at)
SELECT greatest(ledger_head.position, max(checkpoint.position)),
       clock_timestamp() + make_interval(secs => %(seconds)s)
FROM ledger_head, projection.checkpoint WHERE name = ANY (%(names)s)
GROUP BY ledger_head.position
ON CONFLICT (one) DO UPDATE SET position = excluded.position, ends_at = excluded.ends_at;

-- name: met
-- Whether all of them are there; null where one has gone past it.
SELECT CASE WHEN max(checkpoint.position) <= meeting.position
            THEN min(checkpoint.position) = meeting.position END
FROM projection.meeting, projection.checkpoint WHERE name = ANY (%(names)s) AND state <> 'parked'
GROUP BY meeting.position;

-- name: part
DELETE FROM projection.meeting;

-- name: leaders
SELECT count(DISTINCT epoch) FROM projection.checkpoint WHERE name = ANY (%(names)s);

-- name: retry
UPDATE projection.checkpoint SET state = 'following', updated_at = clock_timestamp()
WHERE name = %(name)s AND state = 'parked';

-- name: statuses
-- The lag in seconds is the age of the oldest event that was not taken over yet.
SELECT name, checkpoint.position, ledger_head.position AS head,
       ledger_head.position - checkpoint.position AS lag_events,
       coalesce(round(extract(epoch FROM clock_timestamp() - next.recorded_at), 3), 0)::float8 AS lag_seconds,
       state, error AS parked,
       CASE WHEN rebuild.name IS NOT NULL THEN jsonb_build_object(
           'step', rebuild.step, 'position', rebuild.position, 'begun_at', projection.rfc3339(rebuild.begun_at)
       ) END AS rebuild
FROM ledger_head
CROSS JOIN projection.checkpoint
LEFT JOIN ledger AS next ON next.position = checkpoint.position + 1
LEFT JOIN projection.rebuild USING (name)
ORDER BY name;
