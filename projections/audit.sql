-- Who could see what, and why: questions of an auditor about any position. Nothing is kept for them; what is
-- asked is `visibility`, whose intervals begin and end at the very event that caused them, and the ledger.

-- name: who_saw
-- Who saw a chat, or any of those that stood in a conversation at a position, why, and since when without
-- a break.
WITH asked AS MATERIALIZED (
    SELECT coalesce(%(position)s::bigint, checkpoint.position) AS position, checkpoint.position AS known
    FROM projection.checkpoint WHERE name = 'visibility'
), named AS MATERIALIZED (
    SELECT chat_id FROM visibility.chat
    WHERE chat_id = %(chat_id)s::uuid AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT chat_id FROM visibility.chat
    WHERE conversation_id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s
), chat AS MATERIALIZED (
    SELECT chat_id FROM named WHERE %(chat_id)s::uuid IS NOT NULL
    UNION
    SELECT stood.chat_id FROM named, asked
    CROSS JOIN LATERAL inbox.stood(ARRAY[named.chat_id], asked.position) AS stood
    WHERE %(chat_id)s::uuid IS NULL
), seen AS MATERIALIZED (
    SELECT chat.chat_id, seer.*
    FROM chat
    CROSS JOIN LATERAL audit.seers(%(workspace_id)s, chat.chat_id) AS seer
), run AS (
    SELECT employee_id, lower(run) AS since
    FROM (SELECT employee_id, unnest(range_agg(during)) AS run FROM seen GROUP BY employee_id) AS runs, asked
    WHERE run @> asked.position
), held AS MATERIALIZED (
    SELECT seen.* FROM seen, asked WHERE during @> asked.position
), item AS (
    SELECT employee_id, since,
           (SELECT json_agg(visibility.reason(kind, contact_id, deal_id, principal, role)
                            ORDER BY kind, contact_id, deal_id, principal)
            FROM (SELECT DISTINCT kind, contact_id, deal_id, principal, role FROM held
                  WHERE held.employee_id = run.employee_id) AS reason) AS reasons,
           (SELECT json_agg(DISTINCT chat_id::text) FROM held
            WHERE held.employee_id = run.employee_id) AS chat_ids
    FROM run
)
SELECT asked.known AS position,
       CASE WHEN EXISTS (SELECT FROM named) THEN json_build_object('at', asked.position, 'items', coalesce((
           SELECT json_agg(json_build_object(
               'employee_id', employee_id,
               'name', (SELECT name FROM audit.employee_called(
                            %(workspace_id)s, employee_id, asked.position)),
               'role', (SELECT object FROM visibility.role
                        WHERE subject = employee_id AND workspace_id = %(workspace_id)s
                          AND during @> asked.position),
               'reasons', reasons,
               'chat_ids', chat_ids,
               'since', json_build_object('position', since, 'at', projection.rfc3339(begun.recorded_at))
           ) ORDER BY employee_id)
           FROM item
           CROSS JOIN LATERAL (
               SELECT recorded_at FROM ledger WHERE position = item.since OFFSET 0) AS begun
       ), '[]'::json))::text END AS body
FROM asked;
