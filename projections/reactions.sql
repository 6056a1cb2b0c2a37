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

-- name: help_astray
-- Helpers who see other chats than those that stand in one conversation with the message, since some moved.
SELECT helper.workspace_id, helper.message_id::text, helper.employee_id, together.chat_ids::text[]
FROM threads.helper
CROSS JOIN LATERAL (
    SELECT chat_id FROM timeline.message WHERE message_id = helper.message_id OFFSET 0) AS message
CROSS JOIN LATERAL (
    SELECT conversation_id FROM inbox.chat WHERE chat_id = message.chat_id OFFSET 0) AS home
CROSS JOIN LATERAL (
    SELECT array_agg(chat_id ORDER BY chat_id) AS chat_ids FROM inbox.chat
    WHERE chat_id = ANY (helper.chat_ids) AND conversation_id = home.conversation_id OFFSET 0) AS together
WHERE cardinality(helper.chat_ids) > 1
  AND EXISTS (
      SELECT FROM ledger
      WHERE position > %(after)s AND position <= %(until)s
        AND topic IN ('contact.address_linked', 'contact.address_unlinked', 'chat.participant_joined',
                      'chat.participant_left', 'thread.helper_added'))
  AND together.chat_ids <> ARRAY(
      SELECT object::uuid FROM visibility.helped
      WHERE subject = helper.message_id || ':' || helper.employee_id
        AND workspace_id = helper.workspace_id AND upper_inf(during)
      ORDER BY object::uuid)
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
LIMIT 100;

-- name: next_snooze
SELECT min(snoozed_until) AS due FROM inbox.chat WHERE folder = 'snoozed';
