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
ALTER TABLE projection.checkpoint ADD COLUMN IF NOT EXISTS partitions integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN projection.checkpoint.partitions IS 'in how many it is led, each with a row; 0: whole';

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

-- What whoever leads some partitions reads in place of the ledger: the events of their streams. Ids of
-- streams are made by hashing, so their last bytes fall evenly.
CREATE SCHEMA IF NOT EXISTS share;

CREATE OR REPLACE FUNCTION share.of(stream_id uuid, partitions integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (get_byte(uuid_send(stream_id), 14) * 256 + get_byte(uuid_send(stream_id), 15)) % partitions
$$;

CREATE OR REPLACE VIEW share.ledger AS
SELECT * FROM public.ledger
WHERE share.of(stream_id, (SELECT current_setting('share.partitions')::integer))
    = ANY ((SELECT current_setting('share.numbers')::integer[])::integer[]);

-- The events whose private part was removed by the erasures of a range, as they are since. An erasure is of
-- another stream than they are, so it is found whichever partitions are read.
CREATE OR REPLACE FUNCTION projection.erased(after bigint, until bigint) RETURNS SETOF ledger
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT event.*
    FROM public.ledger AS erasure
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
WITH turn AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(%(turn)s) AS ours)
SELECT name
FROM turn CROSS JOIN unnest(%(names)s::text[], %(locks)s::bigint[]) AS lead (name, lock)
WHERE CASE WHEN turn.ours THEN pg_try_advisory_lock(lock) END;

-- name: hold
SELECT pg_try_advisory_lock(lock) FROM unnest(%(locks)s::bigint[]) AS lock;

-- name: held
SELECT DISTINCT lock
FROM pg_locks CROSS JOIN LATERAL (SELECT (classid::bigint << 32) + objid::bigint AS lock) AS known
WHERE locktype = 'advisory' AND granted AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND lock = ANY (%(locks)s::bigint[]);

-- name: unlock
SELECT pg_advisory_unlock(lock) FROM unnest(%(locks)s::bigint[]) AS lock;

-- name: take_over
WITH lead AS MATERIALIZED (SELECT nextval('projection.epoch') AS epoch)
UPDATE projection.checkpoint SET epoch = lead.epoch
FROM lead
WHERE name = ANY (%(names)s) AND partitions = 0
RETURNING checkpoint.name, checkpoint.epoch;

-- name: look
-- While a meeting lasts the ledger ends there for all followers: `meeting.py`.
SELECT least(ledger_head.position, meeting.position) AS head, checkpoint.name, checkpoint.position,
       epoch, state
FROM ledger_head
LEFT JOIN projection.meeting ON ends_at > clock_timestamp()
LEFT JOIN projection.checkpoint ON name = ANY (%(names)s);

-- name: topics
SELECT DISTINCT topic FROM ledger WHERE position > %(after)s AND position <= %(until)s;

-- name: advance
UPDATE projection.checkpoint
SET position = %(until)s, error = NULL, updated_at = clock_timestamp()
WHERE name = ANY (%(names)s) AND epoch = ANY (%(epochs)s) AND position = %(after)s AND state <> 'parked';

-- name: fail
UPDATE projection.checkpoint
SET state = %(state)s, updated_at = clock_timestamp(),
    error = jsonb_build_object('position', %(position)s::bigint, 'error', %(error)s::text, 'count',
        1 + CASE WHEN error->>'position' = %(position)s::bigint::text THEN (error->>'count')::int ELSE 0 END)
WHERE name = ANY (%(names)s) AND epoch = ANY (%(epochs)s);

-- name: meet
-- At the end of the ledger, or where the first of them is who had set out for more before it knew.
INSERT INTO projection.meeting AS meeting (position, ends_at)
SELECT greatest(ledger_head.position, max(checkpoint.position)),
       clock_timestamp() + make_interval(secs => %(seconds)s)
FROM ledger_head, projection.checkpoint WHERE split_part(name, '#', 1) = ANY (%(names)s)
GROUP BY ledger_head.position
ON CONFLICT (one) DO UPDATE SET position = excluded.position, ends_at = excluded.ends_at;

-- name: met
-- Whether all of them are there; null where one has gone past it.
SELECT CASE WHEN max(checkpoint.position) <= meeting.position
            THEN min(checkpoint.position) = meeting.position END
FROM projection.meeting, projection.checkpoint
WHERE split_part(name, '#', 1) = ANY (%(names)s) AND state <> 'parked'
GROUP BY meeting.position;

-- name: part
DELETE FROM projection.meeting;

-- name: leaders
-- One that is led in partitions counts as many, since it moves a moment after these.
SELECT count(DISTINCT epoch) + 2 * max(partitions) FROM projection.checkpoint
WHERE split_part(name, '#', 1) = ANY (%(names)s);

-- name: partitions
SELECT name, partitions FROM projection.checkpoint WHERE partitions > 0;

-- name: partitions_of
SELECT coalesce((SELECT partitions FROM projection.checkpoint WHERE name = %(name)s), 0);

-- name: read_shares
SELECT set_config('share.numbers', %(numbers)s::integer[]::text, true),
       set_config('share.partitions', %(of)s::integer::text, true),
       set_config('share.whole_path', current_setting('search_path'), true),
       set_config('search_path', 'share, ' || current_setting('search_path'), true);

-- name: read_all
SELECT set_config('search_path', current_setting('share.whole_path'), true);

-- name: share_of
-- Of which partition the event at a position is.
SELECT share.of(stream_id, %(of)s) FROM ledger WHERE position = %(position)s;

-- name: shares_moved
-- A read model that is led in partitions is as far as the last of them, and parked as soon as one of them is.
UPDATE projection.checkpoint AS whole
SET position = share.position, state = share.state, error = share.error, updated_at = clock_timestamp()
FROM unnest(%(names)s::text[]) AS name
CROSS JOIN LATERAL (
    SELECT min(position) AS position, max(state) AS state,
           (array_agg(error ORDER BY position) FILTER (WHERE error IS NOT NULL))[1] AS error
    FROM projection.checkpoint WHERE checkpoint.name LIKE name.name || '#%%') AS share
WHERE whole.name = name.name AND (whole.position, whole.state) IS DISTINCT FROM (share.position, share.state)
  AND whole.position <= share.position;

-- name: hold_shares
-- Nobody moves them until the transaction ends. Whether all are at one position, and the last one.
SELECT coalesce(min(held.position) = max(held.position), true), coalesce(min(held.position), 0)
FROM (SELECT position FROM projection.checkpoint WHERE split_part(name, '#', 1) = %(name)s
      ORDER BY name FOR UPDATE) AS held;

-- name: unlevel_shares
SELECT EXISTS (
    SELECT FROM projection.checkpoint AS whole JOIN projection.checkpoint AS share
        ON share.name LIKE whole.name || '#%%' AND share.position <> whole.position
    WHERE whole.name = ANY (%(names)s) AND whole.partitions > 0);

-- name: remove_shares
DELETE FROM projection.checkpoint WHERE name LIKE %(name)s || '#%%';

-- name: add_shares
-- The epoch tells whoever led it in another way that he does not any more.
WITH added AS (
    INSERT INTO projection.checkpoint (name, position) SELECT unnest(%(shares)s::text[]), %(position)s
)
INSERT INTO projection.checkpoint AS whole (name, position, partitions, epoch)
VALUES (%(name)s, %(position)s, %(partitions)s, nextval('projection.epoch'))
ON CONFLICT (name) DO UPDATE SET partitions = excluded.partitions, epoch = excluded.epoch;

-- name: retry
UPDATE projection.checkpoint SET state = 'following', updated_at = clock_timestamp()
WHERE split_part(name, '#', 1) = %(name)s AND state = 'parked';

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
