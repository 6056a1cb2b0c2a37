-- How the whole system is, beside what its parts tell by themselves.

-- name: settings
-- The questions are asked by index, whatever statistics say; see PLAN_SETTINGS.
SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;

-- name: leads
-- Who has which session's advisory lock. Where it is: the address that it came from, and PostgreSQL's process.
SELECT asked.lock, coalesce(host(client_addr), 'local') || ' #' || pid AS leader
FROM unnest(%(locks)s::bigint[]) AS asked (lock)
JOIN pg_locks ON locktype = 'advisory' AND objsubid = 1 AND granted
    AND classid::bigint << 32 | objid::bigint = asked.lock
JOIN pg_database ON pg_database.oid = pg_locks.database AND datname = current_database()
JOIN pg_stat_activity USING (pid);

-- name: webhooks
-- waiting: webhooks that were not told everything; failing: those of them whose last attempt failed;
-- waiting_seconds: how old the oldest message is that one was not told.
SELECT count(*) AS active, count(next.at) AS waiting, count(next.at) FILTER (WHERE place.attempts > 0) AS failing,
       coalesce(round(extract(epoch FROM clock_timestamp() - min(next.at)), 3), 0)::float8 AS waiting_seconds
FROM webhooks.webhook
JOIN delivering.secret USING (workspace_id, webhook_id, digest)
LEFT JOIN delivering.cursor USING (workspace_id, webhook_id, begun_position)
CROSS JOIN LATERAL (
    SELECT coalesce(cursor.position, webhook.after_position) AS position,
           coalesce(cursor.attempts, 0) AS attempts) AS place
LEFT JOIN LATERAL (
    SELECT notice.at FROM notifications.notice
    WHERE notice.workspace_id = webhook.workspace_id AND notice.position > place.position
    ORDER BY notice.position LIMIT 1
) AS next ON true
WHERE webhook.begun_position > 0 AND webhook.events @> '["notification"]';

-- name: reports
SELECT count(*) AS companies FROM directory.workspace WHERE daily_report IS NOT NULL;

-- name: relayed
SELECT to_regclass('relay.checkpoint') IS NOT NULL AS is_there;

-- name: relay
-- Each stream that the ledger was ever published to.
SELECT stream, told.position, ledger_head.position - told.position AS lag_events,
       coalesce(round(extract(epoch FROM clock_timestamp() - next.recorded_at), 3), 0)::float8 AS lag_seconds,
       session.leader AS led_by
FROM relay.checkpoint AS told CROSS JOIN ledger_head
LEFT JOIN ledger AS next ON next.position = told.position + 1
LEFT JOIN LATERAL (
    SELECT coalesce(host(client_addr), 'local') || ' #' || pid AS leader
    FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND datname = current_database()
      AND classid = x'72656C61'::integer::oid AND objid = hashtext(stream)::oid
) AS session ON true
ORDER BY stream LIMIT 100;

-- name: database
SELECT current_setting('server_version') AS version, pg_database_size(current_database()) AS size_bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_setting('max_connections')::integer AS max_connections, pg_is_in_recovery() AS standby,
       ledger_head.position AS head
FROM ledger_head;
