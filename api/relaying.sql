-- How far the ledger was published to JetStream, and who may publish.
--
-- Beside the read models, since no rebuild may forget it. Up to where a stream goes, it says itself; what
-- stands here is for those who look, for fencing, and to recognise a stream that somebody moved.

-- name: create
CREATE SCHEMA IF NOT EXISTS relay;

-- position: known to be in the stream. begun: nothing after it was ever sent to it. erased: what erasures up
-- to here took from the ledger, the stream does not hold either. ledger_id: what the stream knows this ledger
-- by.
CREATE TABLE IF NOT EXISTS relay.checkpoint (
    stream     text        PRIMARY KEY,
    ledger_id  uuid        NOT NULL DEFAULT gen_random_uuid(),
    position   bigint      NOT NULL DEFAULT 0,
    begun      bigint      NOT NULL DEFAULT 0,
    erased     bigint      NOT NULL DEFAULT 0,
    epoch      bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- name: try_lock
SELECT pg_try_advisory_lock(x'72656C61'::integer, hashtext(%(stream)s));

-- name: take_over
INSERT INTO relay.checkpoint AS known (stream, epoch) VALUES (%(stream)s, 1)
ON CONFLICT (stream) DO UPDATE SET epoch = known.epoch + 1
RETURNING epoch, ledger_id::text, begun, erased;

-- name: note
-- Written before anything after the former `begun` is sent, by who still has the lead.
UPDATE relay.checkpoint
SET position = %(position)s, begun = greatest(begun, %(begun)s), erased = %(erased)s,
    updated_at = clock_timestamp()
WHERE stream = %(stream)s AND epoch = %(epoch)s;

-- name: events
-- The public form of events, version 1; where it is asked for, with what is private at its end.
SELECT position, workspace_id, topic, stream_id::text, convert_to(
    left(form, -1)
        || CASE WHEN %(private)s THEN ', "private" : ' || coalesce(private::text, 'null') ELSE '' END || '}',
    'UTF8')
FROM ledger
CROSS JOIN LATERAL (
    SELECT json_build_object(
        'form', 1,
        'position', position,
        'workspace_id', workspace_id,
        'stream_id', stream_id,
        'version', version,
        'topic', topic,
        'actor', actor,
        'occurred_at', projection.rfc3339(occurred_at),
        'recorded_at', projection.rfc3339(recorded_at),
        'causation', causation,
        'facts', facts)::text AS form
    OFFSET 0) AS public
WHERE position > %(after)s AND position <= %(until)s
ORDER BY position;

-- name: erased
-- From where to where in the ledger the erasures of a stretch took away what was private.
SELECT (span->>0)::bigint, (span->>1)::bigint
FROM ledger CROSS JOIN LATERAL jsonb_array_elements(facts->'positions') AS span
WHERE position > %(after)s AND position <= %(until)s AND topic = 'contact.erased';

-- name: head
SELECT position FROM ledger_head;
