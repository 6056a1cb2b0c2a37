-- What was answered to which Idempotency-Key, so that the same request gets the same answer.

-- name: create
CREATE SCHEMA IF NOT EXISTS idempotency;

-- status and body are null while the request is carried out, by the run of the program that `instance` names.
CREATE TABLE IF NOT EXISTS idempotency.answer (
    workspace_id text NOT NULL,
    token_id text NOT NULL,
    key text NOT NULL,
    request_digest text NOT NULL,
    instance integer NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    status integer,
    body text,
    PRIMARY KEY (workspace_id, token_id, key)
);
CREATE INDEX IF NOT EXISTS answer_begun ON idempotency.answer (begun_at);

CREATE TABLE IF NOT EXISTS idempotency.secret (
    secret bytea NOT NULL,
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);

-- name: keep_secret
INSERT INTO idempotency.secret (secret) VALUES (%(secret)s) ON CONFLICT DO NOTHING;

-- name: secret
SELECT secret FROM idempotency.secret;

-- name: live
-- Held by the session until it ends, however it ends.
SELECT pg_advisory_lock(%(lock)s, %(instance)s);

-- name: begin
-- A request that a run left unfinished, which lives no more, is taken over.
INSERT INTO idempotency.answer AS known (workspace_id, token_id, key, request_digest, instance)
VALUES (%(workspace_id)s, %(token_id)s, %(key)s, %(request_digest)s, %(instance)s)
ON CONFLICT (workspace_id, token_id, key) DO UPDATE
SET instance = excluded.instance, begun_at = excluded.begun_at
WHERE known.status IS NULL AND known.request_digest = excluded.request_digest
    AND (
        known.begun_at < clock_timestamp() - make_interval(secs => %(longest_s)s)
        OR NOT EXISTS (
            SELECT FROM pg_locks
            WHERE locktype = 'advisory' AND objsubid = 2 AND granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND classid = %(lock)s::oid AND objid = known.instance::oid
        )
    )
RETURNING true;

-- name: known
SELECT request_digest, status, body FROM idempotency.answer
WHERE workspace_id = %(workspace_id)s AND token_id = %(token_id)s AND key = %(key)s;

-- name: keep
-- Each answer that is kept takes a few old ones away.
WITH forgotten AS (
    DELETE FROM idempotency.answer
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM idempotency.answer
        WHERE begun_at < clock_timestamp() - make_interval(days => %(days)s)
        ORDER BY begun_at LIMIT 10
    ))
)
UPDATE idempotency.answer SET status = %(status)s, body = %(body)s
WHERE workspace_id = %(workspace_id)s AND token_id = %(token_id)s AND key = %(key)s
    AND instance = %(instance)s
RETURNING true;

-- name: forget
DELETE FROM idempotency.answer
WHERE workspace_id = %(workspace_id)s AND token_id = %(token_id)s AND key = %(key)s
    AND instance = %(instance)s AND status IS NULL
RETURNING true;

-- name: forget_quoting
-- Answers that may quote what was asked: refusals, also of an item. Whatever is sent again is safe to carry out.
DELETE FROM idempotency.answer
WHERE workspace_id = %(workspace_id)s AND (status >= 400 OR strpos(body, '"error":{') > 0);
