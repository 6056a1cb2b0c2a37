-- Who owned what: the events of the few streams that tell it, as far as they were known at a position.

-- name: told
-- The events of some streams in the order of the ledger.
WITH asked AS MATERIALIZED (
    SELECT position AS known, coalesce(%(position)s::bigint, position) AS at
    FROM projection.checkpoint WHERE name = 'visibility'
)
SELECT asked.known, asked.at, told.*
FROM asked
LEFT JOIN LATERAL (
    SELECT position, topic, occurred_at, facts, projection.event(ledger) AS event
    FROM ledger
    WHERE stream_id = ANY (%(stream_ids)s::uuid[]) AND workspace_id = %(workspace_id)s
      AND position <= greatest(asked.known, asked.at)
    ORDER BY position) AS told ON true
ORDER BY told.position;

-- name: deals_of_contact
-- The deals that ever had this client.
SELECT DISTINCT subject FROM visibility.deal_contact
WHERE object = %(contact_id)s AND workspace_id = %(workspace_id)s;

-- name: chats_of
-- A chat, or those that stood in a conversation at a position, each with the stream of its turns.
WITH named AS MATERIALIZED (
    SELECT chat_id FROM visibility.chat
    WHERE chat_id = %(chat_id)s::uuid AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT chat_id FROM visibility.chat
    WHERE conversation_id = %(conversation_id)s::uuid AND workspace_id = %(workspace_id)s
), asked AS MATERIALIZED (
    SELECT coalesce(%(position)s::bigint, position) AS at
    FROM projection.checkpoint WHERE name = 'visibility'
), together AS (
    SELECT chat_id FROM named
    UNION
    SELECT stood.chat_id FROM named, asked
    CROSS JOIN LATERAL inbox.stood(ARRAY[named.chat_id], asked.at) AS stood
    WHERE %(chat_id)s::uuid IS NULL
)
SELECT chat.chat_id::text, chat.conversation_id::text
FROM together
CROSS JOIN LATERAL (
    SELECT chat_id, conversation_id FROM visibility.chat WHERE chat_id = together.chat_id OFFSET 0) AS chat;

-- name: names
SELECT employee_id, (SELECT name FROM audit.employee_called(%(workspace_id)s, employee_id, %(position)s))
FROM unnest(%(employee_ids)s::text[]) AS employee (employee_id);
