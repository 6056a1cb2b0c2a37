-- How far the ledger was published to JetStream, and who may publish.
--
-- Beside the read models, since no rebuild may forget it. Up to where a stream goes, it says itself; what stands
-- here is for those who look, for fencing, and to recognise a stream that somebody moved.

-- name: create
CREATE SCHEMA IF NOT EXISTS relay;

-- published: known to be in the stream. begun: nothing after it was ever sent to it.
CREATE TABLE IF NOT EXISTS relay.checkpoint (
    stream     text        PRIMARY KEY,
    ledger_id  uuid        NOT NULL DEFAULT gen_random_uuid(),
    published  bigint      NOT NULL DEFAULT 0,
    begun      bigint      NOT NULL DEFAULT 0,
    epoch      bigint      NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- name: try_lock
SELECT pg_try_advisory_lock(x'72656C61'::integer, hashtext(%(stream)s));

-- name: take_over
INSERT INTO relay.checkpoint AS known (stream, epoch) VALUES (%(stream)s, 1)
ON CONFLICT (stream) DO UPDATE SET epoch = known.epoch + 1
RETURNING epoch, ledger_id::text, begun;

-- name: note
-- Written before anything after the former `begun` is sent, by who still has the lead.
UPDATE relay.checkpoint
SET published = %(published)s, begun = greatest(begun, %(begun)s), updated_at = clock_timestamp()
WHERE stream = %(stream)s AND epoch = %(epoch)s;

-- name: events
-- The public form of events, version 1; asked for with `private`, what is private too.
SELECT position, workspace_id, topic, stream_id::text, convert_to(
    CASE WHEN %(private)s
    THEN json_build_object(
        'form', 1, 'position', position, 'workspace_id', workspace_id, 'stream_id', stream_id,
        'version', version, 'topic', topic, 'actor', actor,
        'occurred_at', projection.rfc3339(occurred_at), 'recorded_at', projection.rfc3339(recorded_at),
        'causation', causation, 'facts', facts, 'private', private)
    ELSE json_build_object(
        'form', 1, 'position', position, 'workspace_id', workspace_id, 'stream_id', stream_id,
        'version', version, 'topic', topic, 'actor', actor,
        'occurred_at', projection.rfc3339(occurred_at), 'recorded_at', projection.rfc3339(recorded_at),
        'causation', causation, 'facts', facts)
    END::text, 'UTF8')
FROM ledger WHERE position > %(after)s AND position <= %(until)s
ORDER BY position;

-- name: head
SELECT position FROM ledger_head;
