-- What is told to webhooks: how far each is, the log, and the secrets, which are nowhere else.
--
-- Beside the read models, since no rebuild may forget what was delivered. One process delivers at a time, by an
-- advisory lock; each lead has an epoch, and nothing is written down for who lost it.

-- name: create
CREATE SCHEMA IF NOT EXISTS delivering;

CREATE TABLE IF NOT EXISTS delivering.lead (
    epoch bigint NOT NULL,
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
INSERT INTO delivering.lead (epoch) VALUES (0) ON CONFLICT DO NOTHING;

-- A secret is kept before the ledger has its digest, and forgotten when the ledger has had another for a while.
CREATE TABLE IF NOT EXISTS delivering.secret (
    workspace_id text        NOT NULL,
    webhook_id   text        NOT NULL,
    digest       text        NOT NULL,
    secret       text        NOT NULL,
    kept_at      timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, webhook_id, digest)
);

-- Up to which position a webhook was told, since it was switched on or replayed at begun_position.
CREATE TABLE IF NOT EXISTS delivering.cursor (
    workspace_id    text    NOT NULL,
    webhook_id      text    NOT NULL,
    begun_position  bigint  NOT NULL,
    position        bigint  NOT NULL,
    attempts        integer NOT NULL,
    next_attempt_at timestamptz,
    PRIMARY KEY (workspace_id, webhook_id)
);

CREATE TABLE IF NOT EXISTS delivering.delivery (
    workspace_id     text        NOT NULL,
    webhook_id       text        NOT NULL,
    position         bigint      NOT NULL,
    delivery_id      uuid        NOT NULL,
    status           text        NOT NULL,
    attempts         integer     NOT NULL,
    next_attempt_at  timestamptz,
    last_status_code integer,
    last_error       text,
    delivered_at     timestamptz,
    at               timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, webhook_id, position)
);
CREATE INDEX IF NOT EXISTS delivery_at ON delivering.delivery (at);

-- name: keep_secret
INSERT INTO delivering.secret AS known (workspace_id, webhook_id, digest, secret, kept_at)
VALUES (%(workspace_id)s, %(webhook_id)s, %(digest)s, %(secret)s, clock_timestamp())
ON CONFLICT (workspace_id, webhook_id, digest) DO UPDATE SET kept_at = excluded.kept_at
RETURNING true;

-- name: try_lock
SELECT pg_try_advisory_lock(%(lock)s);

-- name: take_lead
UPDATE delivering.lead SET epoch = epoch + 1 RETURNING epoch;

-- name: leads
SELECT epoch = %(epoch)s FROM delivering.lead;

-- name: due
-- The webhooks that have something to be told now. Replayed or switched on anew, one begins anew.
SELECT workspace_id, webhook_id, url, secret, webhook.begun_position, place.position, place.attempts
FROM webhooks.webhook
JOIN delivering.secret USING (workspace_id, webhook_id, digest)
LEFT JOIN delivering.cursor USING (workspace_id, webhook_id, begun_position)
CROSS JOIN LATERAL (
    SELECT coalesce(cursor.position, webhook.after_position) AS position,
           coalesce(cursor.attempts, 0) AS attempts) AS place
WHERE webhook.begun_position > 0 AND webhook.events @> '["notification"]'
  AND (cursor.next_attempt_at IS NULL OR cursor.next_attempt_at <= clock_timestamp())
  AND EXISTS (SELECT FROM notifications.notice
              WHERE notice.workspace_id = webhook.workspace_id AND notice.position > place.position)
ORDER BY cursor.next_attempt_at NULLS FIRST, place.position
LIMIT %(limit)s;

-- name: pass
-- Of what comes up to this position there is nothing to tell.
INSERT INTO delivering.cursor AS cursor (workspace_id, webhook_id, begun_position, position, attempts)
SELECT %(workspace_id)s, %(webhook_id)s, %(begun_position)s, %(position)s, 0
FROM (SELECT FROM delivering.lead WHERE epoch = %(epoch)s FOR SHARE) AS mine
ON CONFLICT (workspace_id, webhook_id) DO UPDATE
SET begun_position = excluded.begun_position, position = excluded.position, attempts = 0, next_attempt_at = NULL
RETURNING true;

-- name: record
-- What came of an attempt. cursor_position: up to where the webhook is done now.
WITH mine AS MATERIALIZED (
    SELECT clock_timestamp() AS now,
           clock_timestamp() + make_interval(secs => %(retry_after_s)s::float8) AS next_attempt_at
    FROM delivering.lead WHERE epoch = %(epoch)s FOR SHARE
), moved AS (
    INSERT INTO delivering.cursor AS cursor
        (workspace_id, webhook_id, begun_position, position, attempts, next_attempt_at)
    SELECT %(workspace_id)s, %(webhook_id)s, %(begun_position)s, %(cursor_position)s,
           CASE WHEN next_attempt_at IS NULL THEN 0 ELSE %(attempts)s END, next_attempt_at
    FROM mine
    ON CONFLICT (workspace_id, webhook_id) DO UPDATE
    SET begun_position = excluded.begun_position, position = excluded.position,
        attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at
)
INSERT INTO delivering.delivery AS delivery
    (workspace_id, webhook_id, position, delivery_id, status, attempts, next_attempt_at, last_status_code,
     last_error, delivered_at, at)
SELECT %(workspace_id)s, %(webhook_id)s, %(position)s, %(delivery_id)s, %(status)s, %(attempts)s, next_attempt_at,
       %(status_code)s, %(error)s, CASE WHEN %(status)s = 'delivered' THEN now END, now
FROM mine
ON CONFLICT (workspace_id, webhook_id, position) DO UPDATE
SET status = excluded.status, attempts = excluded.attempts, next_attempt_at = excluded.next_attempt_at,
    last_status_code = excluded.last_status_code, last_error = excluded.last_error,
    delivered_at = coalesce(excluded.delivered_at, delivery.delivered_at), at = excluded.at
RETURNING true;

-- name: deliveries
-- The log of a webhook, the newest message first; no body where there is no such webhook.
WITH near AS MATERIALIZED (
    SELECT found.*, row_number() OVER (ORDER BY position DESC) AS nth
    FROM (SELECT * FROM delivering.delivery
          WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s AND position < %(before)s
            AND status = coalesce(%(status)s, status)
          ORDER BY position DESC
          LIMIT %(limit)s + 1) AS found
)
SELECT checkpoint.position, CASE WHEN EXISTS (
    SELECT FROM webhooks.webhook WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s
) THEN json_build_object(
    'items', coalesce((
        SELECT json_agg(json_build_object(
            'delivery_id', delivery_id,
            'position', near.position,
            'status', status,
            'attempts', attempts,
            'next_attempt_at', projection.rfc3339(next_attempt_at),
            'last_status_code', last_status_code,
            'last_error', last_error,
            'delivered_at', projection.rfc3339(delivered_at)
        ) ORDER BY nth)
        FROM near WHERE nth <= %(limit)s), '[]'),
    'next_cursor', (
        SELECT position::text FROM near
        WHERE nth = %(limit)s AND EXISTS (SELECT FROM near WHERE nth > %(limit)s))
)::text END AS body
FROM projection.checkpoint
WHERE name = 'webhooks';

-- name: forget
-- Old lines of the log; secrets that no webhook has any more; places of webhooks that are there no more.
WITH lines AS (
    DELETE FROM delivering.delivery
    WHERE at < clock_timestamp() - make_interval(days => %(days)s) AND status <> 'pending'
), secrets AS (
    DELETE FROM delivering.secret
    WHERE kept_at < clock_timestamp() - make_interval(secs => %(secret_kept_s)s::float8)
      AND NOT EXISTS (SELECT FROM webhooks.webhook
                      WHERE webhook.workspace_id = secret.workspace_id
                        AND webhook.webhook_id = secret.webhook_id AND webhook.digest = secret.digest)
)
DELETE FROM delivering.cursor
WHERE NOT EXISTS (SELECT FROM webhooks.webhook
                  WHERE webhook.workspace_id = cursor.workspace_id AND webhook.webhook_id = cursor.webhook_id);
