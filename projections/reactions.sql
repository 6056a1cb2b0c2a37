-- What has to follow, as the rows of the inbox tell, so that a restart forgets nothing.

-- name: holder_lost_sight
-- Holders who may have lost sight in this range (a sight or a standing ended, or they just got it), and have.
SELECT chat.workspace_id, chat.chat_id::text, chat.holder_id
FROM (
    SELECT chat_id FROM visibility.sight
    WHERE NOT upper_inf(during) AND upper(during) > %(after)s
    UNION
    SELECT held.chat_id
    FROM visibility.principal
    JOIN inbox.chat AS held ON held.workspace_id = principal.workspace_id AND held.holder_id = principal.subject
    WHERE NOT upper_inf(principal.during) AND upper(principal.during) > %(after)s
    UNION
    SELECT (facts->>'chat_id')::uuid FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('conversation.claimed', 'conversation.assigned')
) AS moved
JOIN inbox.chat USING (chat_id)
WHERE chat.holder_id IS NOT NULL
  AND NOT visibility.sees(visibility.principals(chat.workspace_id, chat.holder_id), chat.chat_id)
LIMIT 1000;

-- name: client_overlooked
SELECT workspace_id, chat_id::text, client_position
FROM inbox.chat
WHERE overlooked
LIMIT 1000;

-- name: snooze_due
SELECT workspace_id, chat_id::text
FROM inbox.chat
WHERE folder = 'snoozed' AND snoozed_until <= %(now)s
ORDER BY snoozed_until
LIMIT 1000;

-- name: next_snooze
SELECT min(snoozed_until) AS due FROM inbox.chat WHERE folder = 'snoozed';
