-- What workspaces have stated of themselves, asked of the ledger; nothing is kept for it.

-- name: configurations
-- What was stated of the hours of one, in the order in which it was; nothing of what did not touch them.
SELECT occurred_at, facts->'timezone', facts->'business_hours', facts->'holidays'
FROM ledger
WHERE stream_id = %(stream_id)s AND topic = 'workspace.configured'
  AND num_nonnulls(facts->>'timezone', facts->>'business_hours', facts->>'holidays') > 0
ORDER BY version DESC
LIMIT %(limit)s;
