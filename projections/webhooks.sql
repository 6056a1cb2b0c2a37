-- Where a company's own systems want to be told, as was stated last; without the secrets, which nobody reads.

-- name: create
CREATE SCHEMA IF NOT EXISTS webhooks;

CREATE TABLE IF NOT EXISTS webhooks.webhook (
    workspace_id   text   NOT NULL,
    webhook_id     text   NOT NULL,
    url            text,
    label          text   NOT NULL,
    events         jsonb  NOT NULL,
    digest         text   NOT NULL,
    begun_position bigint,
    after_position bigint,
    PRIMARY KEY (workspace_id, webhook_id)
);
COMMENT ON COLUMN webhooks.webhook.begun_position IS
    'of its activation, or of the last replay since; null while it is off';
COMMENT ON COLUMN webhooks.webhook.after_position IS 'what is recorded after it is told';

-- name: index
CREATE INDEX IF NOT EXISTS webhook_told ON webhooks.webhook (begun_position) WHERE begun_position IS NOT NULL;

-- name: functions
CREATE OR REPLACE FUNCTION webhooks.item(webhook webhooks.webhook) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'webhook_id', webhook.webhook_id,
        'url', webhook.url,
        'label', webhook.label,
        'events', webhook.events,
        'active', webhook.begun_position IS NOT NULL)
$$;

-- name: webhook_removed
-- on: webhook.removed
DELETE FROM webhooks.webhook
USING (
    SELECT DISTINCT workspace_id, facts->>'webhook_id' AS webhook_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'webhook.removed'
) AS news
WHERE webhook.workspace_id = news.workspace_id AND webhook.webhook_id = news.webhook_id;

-- name: webhook_configured
-- on: webhook.configured
INSERT INTO webhooks.webhook AS webhook (workspace_id, webhook_id, url, label, events, digest)
SELECT workspace_id, facts->>'webhook_id', private->>'url', facts->>'label', facts->'events', facts->>'digest'
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, topic, facts, private
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('webhook.configured', 'webhook.removed')
    ORDER BY stream_id, position DESC
) AS news
WHERE topic = 'webhook.configured'
ON CONFLICT (workspace_id, webhook_id) DO UPDATE
SET url = excluded.url, label = excluded.label, events = excluded.events, digest = excluded.digest;

-- name: webhook_turned
-- on: webhook.activated, webhook.deactivated, webhook.replayed, webhook.removed
UPDATE webhooks.webhook
SET begun_position = CASE WHEN told THEN news.position END,
    after_position = CASE WHEN told THEN least(news.position, from_position - 1) END
FROM (
    SELECT DISTINCT ON (stream_id)
           workspace_id, facts->>'webhook_id' AS webhook_id, position,
           topic IN ('webhook.activated', 'webhook.replayed') AS told,
           (facts->>'from_position')::bigint AS from_position
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('webhook.activated', 'webhook.deactivated', 'webhook.replayed', 'webhook.removed')
    ORDER BY stream_id, position DESC
) AS news
WHERE webhook.workspace_id = news.workspace_id AND webhook.webhook_id = news.webhook_id;

-- name: page
WITH near AS MATERIALIZED (
    SELECT webhook, webhook_id, row_number() OVER (ORDER BY webhook_id) AS nth
    FROM (SELECT webhook, webhook_id FROM webhooks.webhook
          WHERE workspace_id = %(workspace_id)s AND webhook_id > %(cursor)s
          ORDER BY webhook_id
          LIMIT %(limit)s + 1) AS found
)
SELECT checkpoint.position, json_build_object(
    'items', coalesce((
        SELECT json_agg(webhooks.item(webhook) ORDER BY nth) FROM near WHERE nth <= %(limit)s), '[]'),
    'next_cursor', (
        SELECT webhook_id FROM near WHERE nth = %(limit)s AND EXISTS (SELECT FROM near WHERE nth > %(limit)s))
)::text AS body
FROM projection.checkpoint
WHERE name = 'webhooks';

-- name: webhook
SELECT checkpoint.position, (
    SELECT webhooks.item(webhook)::text FROM webhooks.webhook
    WHERE workspace_id = %(workspace_id)s AND webhook_id = %(webhook_id)s) AS body
FROM projection.checkpoint
WHERE name = 'webhooks';
