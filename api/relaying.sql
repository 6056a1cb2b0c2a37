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
SELECT public.position, public.workspace_id, public.topic, public.stream_id::text, convert_to(
    CASE WHEN %(private)s
    THEN left(row_to_json(public)::text, -1) || ',"private":' || coalesce(
        (SELECT private FROM ledger WHERE ledger.position = public.position)::text, 'null') || '}'
    ELSE row_to_json(public)::text END, 'UTF8')
FROM (
    SELECT 1 AS form, position, workspace_id, stream_id, version, topic, actor,
           projection.rfc3339(occurred_at) AS occurred_at, projection.rfc3339(recorded_at) AS recorded_at,
           causation, facts
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
    ORDER BY position
    OFFSET 0) AS public;

-- name: erased
-- From where to where in the ledger the erasures of a stretch took away what was private.
SELECT (span->>0)::bigint, (span->>1)::bigint
FROM ledger CROSS JOIN LATERAL jsonb_array_elements(facts->'positions') AS span
WHERE position > %(after)s AND position <= %(until)s AND topic = 'contact.erased';

-- name: head
SELECT position FROM ledger_head;
