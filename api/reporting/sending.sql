-- Where daily reports go, and what was sent; asked of the read models for who wants them, and of the ledger
-- for since when and whether.

-- name: try_lock
SELECT pg_try_advisory_lock(%(lock)s);

-- name: leads
-- The lock is the session's, so whoever is answered here has it.
SELECT true;

-- name: wanted
-- Workspaces that want reports, with the webhooks to which they could go.
SELECT workspace_id, timezone, daily_report, coalesce((
    SELECT json_agg(json_build_array(webhook_id, url, secret) ORDER BY webhook_id)
    FROM webhooks.webhook JOIN delivering.secret USING (workspace_id, webhook_id, digest)
    WHERE webhook.workspace_id = workspace.workspace_id AND begun_position > 0 AND url IS NOT NULL
      AND events @> '["daily_report"]' AND workspace.daily_report @> '{"webhook": true}'), '[]')
FROM directory.workspace
WHERE daily_report IS NOT NULL AND workspace_id > %(cursor)s
ORDER BY workspace_id
LIMIT %(limit)s;

-- name: stated
-- What a workspace stated that matters to its report, the latest first.
SELECT occurred_at, facts->'timezone', facts->'daily_report'
FROM ledger
WHERE stream_id = %(stream_id)s AND topic = 'workspace.configured'
  AND num_nonnulls(facts->>'timezone', facts->>'daily_report') > 0
ORDER BY version DESC
LIMIT %(limit)s;

-- name: told_of_webhook
-- What a webhook wanted, and when it was switched on and off, the latest first.
SELECT occurred_at, topic, facts->'events'
FROM ledger
WHERE stream_id = %(stream_id)s
ORDER BY version DESC
LIMIT %(limit)s;

-- name: sent
SELECT stream_id FROM ledger WHERE stream_id = ANY (%(stream_ids)s) AND version = 1
LIMIT %(limit)s;
