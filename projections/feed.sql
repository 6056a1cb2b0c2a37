-- What changed for some employees of one workspace in a range of the ledger. Nothing is kept for it: the
-- ledger says which chats a range touches, and `visibility` who saw them when.

-- name: snapshot
-- What is asked after this is answered as of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: position
SELECT position FROM projection.checkpoint WHERE name = 'inbox';

-- name: moved
-- Whose list may have become another one altogether, since it is about somebody else's chats now.
SELECT DISTINCT facts->>'employee_id'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND workspace_id = %(workspace_id)s
  AND topic IN ('employee.registered', 'employee.role_changed', 'employee.new_clients_switched',
                'employee.activated', 'employee.deactivated');

-- name: touched
-- The chats that a range touches, from one on in the order of their ids, with the conversation in which each
-- stands and those in which it stood; and of those who were asked for, who has seen each since `after`:
-- whether then, whether now, and whether his item may be another than before.
WITH asked AS MATERIALIZED (
    SELECT jsonb_object_agg(employee_id, true) AS employees
    FROM unnest(%(employee_ids)s::text[]) AS asked (employee_id)
), news AS MATERIALIZED (
    SELECT topic, stream_id, facts, position
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND workspace_id = %(workspace_id)s
      AND topic IN ('reading.advanced', 'message.deleted', 'delivery.reported', 'thread.replied',
                    'contact.address_linked', 'contact.address_unlinked',
                    'chat.participant_joined', 'chat.participant_left')
), moved_chat AS MATERIALIZED (
    -- The chats that stood together before or after an event that may have joined or parted some, and where.
    SELECT DISTINCT stood.chat_id, stood.conversation_id
    FROM news
    CROSS JOIN LATERAL (
        SELECT array_agg(chat_id) AS chat_ids
        FROM (
            SELECT (facts->>'chat_id')::uuid AS chat_id WHERE topic LIKE 'chat.%%'
            UNION ALL
            SELECT chat_id FROM inbox.participant
            WHERE topic LIKE 'contact.%%' AND address_id = facts->>'address_id') AS named
    ) AS near
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT chat_id) AS chat_ids
        FROM unnest(ARRAY[%(after)s::bigint, news.position]) AS at
        CROSS JOIN LATERAL inbox.stood(near.chat_ids, at)
    ) AS reached
    CROSS JOIN unnest(ARRAY[%(after)s::bigint, news.position]) AS at
    CROSS JOIN LATERAL inbox.stood(reached.chat_ids, at) AS stood
    WHERE topic LIKE 'contact.%%' OR topic LIKE 'chat.%%'
), told AS (
    SELECT chat_id, NULL::text AS employee_id, NULL::text AS principal, true AS shown, NULL::uuid AS former_id
    FROM inbox.changed(%(after)s, %(until)s)
    UNION ALL
    SELECT chat_id, NULL, NULL, true, conversation_id FROM moved_chat
    UNION ALL
    SELECT inbox.chats_read(facts), facts->>'employee_id', NULL, true, NULL
    FROM news WHERE topic = 'reading.advanced'
    UNION ALL
    SELECT (facts->>'chat_id')::uuid, NULL, NULL, false, NULL
    FROM news WHERE topic IN ('message.deleted', 'thread.replied')
    UNION ALL
    SELECT message.chat_id, NULL, NULL, false, NULL
    FROM news
    CROSS JOIN LATERAL (
        SELECT chat_id FROM timeline.message
        WHERE delivery_id = news.stream_id AND direction = 'out' OFFSET 0) AS message
    WHERE topic = 'delivery.reported'
    UNION ALL
    SELECT chat_id, NULL, principal, true, NULL FROM visibility.sight
    WHERE lower(during) > %(after)s AND lower(during) <= %(until)s AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT chat_id, NULL, principal, true, NULL FROM visibility.sight
    WHERE NOT upper_inf(during) AND upper(during) > %(after)s AND upper(during) <= %(until)s
      AND workspace_id = %(workspace_id)s
    UNION ALL
    -- What they see now, and what is seen no more since, but was when they moved.
    SELECT held.chat_id, moved.employee_id, NULL, true, NULL
    FROM unnest(%(moved)s::text[]) AS moved (employee_id)
    CROSS JOIN LATERAL (
        SELECT object AS principal FROM visibility.principal
        WHERE subject = moved.employee_id AND workspace_id = %(workspace_id)s
          AND during && int8range(%(after)s, NULL)
        UNION
        SELECT 'team:' || subject FROM visibility.policy
        WHERE object = 'whole_team' AND workspace_id = %(workspace_id)s
          AND during && int8range(%(after)s, NULL)) AS acted
    CROSS JOIN LATERAL (
        SELECT unnest(chat_ids) AS chat_id FROM inbox.line
        WHERE workspace_id = %(workspace_id)s
          AND audience = ANY (CASE WHEN starts_with(acted.principal, 'team:') THEN '{team,team:mixed}'
                                   ELSE ARRAY[acted.principal] END)
        UNION ALL
        SELECT chat_id FROM visibility.sight
        WHERE NOT upper_inf(during) AND upper(during) > %(until)s AND workspace_id = %(workspace_id)s
          AND principal = acted.principal
        OFFSET 0) AS held
), touched AS MATERIALIZED (
    SELECT chat_id, bool_or(shown AND employee_id IS NULL AND principal IS NULL) AS for_all,
           array_agg(DISTINCT former_id) FILTER (WHERE former_id IS NOT NULL) AS former_ids,
           array_agg(employee_id) FILTER (WHERE employee_id IS NOT NULL) AS employees,
           array_agg(principal) FILTER (WHERE principal IS NOT NULL) AS principals
    FROM told
    WHERE chat_id > %(beyond)s
    GROUP BY chat_id
    ORDER BY chat_id
    LIMIT %(limit)s
)
SELECT touched.chat_id::text, chat.conversation_id::text, coalesce(former_ids, '{}')::text[],
       employee_ids, saw, sees, shown
FROM touched
LEFT JOIN LATERAL (
    SELECT conversation_id FROM inbox.chat
    WHERE chat_id = touched.chat_id AND workspace_id = %(workspace_id)s OFFSET 0) AS chat ON true
LEFT JOIN LATERAL (
    SELECT array_agg(employee_id) AS employee_ids, array_agg(saw) AS saw, array_agg(sees) AS sees,
           array_agg(shown) AS shown
    FROM (
        SELECT seer.employee_id, bool_or(seer.during @> %(after)s::bigint) AS saw,
               bool_or(upper_inf(seer.during)) AS sees,
               touched.for_all OR coalesce(seer.employee_id = ANY (touched.employees), false)
                   OR coalesce(bool_or(sight.principal = ANY (touched.principals)), false) AS shown
        FROM (
            SELECT principal, during FROM visibility.sight
            WHERE chat_id = touched.chat_id AND workspace_id = %(workspace_id)s
              AND during && int8range(%(after)s, NULL) OFFSET 0) AS sight
        CROSS JOIN LATERAL (
            SELECT subject AS employee_id, during * sight.during AS during FROM visibility.principal
            WHERE object = sight.principal AND workspace_id = %(workspace_id)s AND during && sight.during
              AND (SELECT employees FROM asked) ? subject
            UNION ALL
            SELECT employee_id, principal.during * sight.during
            FROM unnest(%(employee_ids)s::text[]) AS teammate (employee_id)
            CROSS JOIN LATERAL (
                SELECT during FROM visibility.principal
                WHERE subject = teammate.employee_id AND workspace_id = %(workspace_id)s
                  AND object = 'employee:' || teammate.employee_id OFFSET 0) AS principal
            WHERE sight.principal LIKE 'team:%%' AND principal.during && sight.during) AS seer
        WHERE seer.during && int8range(%(after)s, NULL)
        GROUP BY seer.employee_id
    ) AS seers
) AS seers ON true
ORDER BY touched.chat_id;

-- name: items
-- The items of these conversations in the lists of these employees: employee → conversations; none where it
-- is not in his list. Those who would read the same are told together.
SELECT conversation_id::text, item, array_agg(asked.employee_id)
FROM jsonb_each(%(asked)s) AS asked (employee_id, conversation_ids)
CROSS JOIN LATERAL inbox.audiences(%(workspace_id)s, asked.employee_id) AS caller
LEFT JOIN LATERAL inbox.oversight(%(workspace_id)s, asked.employee_id) ON 'oversight' = ANY (own)
CROSS JOIN LATERAL jsonb_array_elements_text(conversation_ids) AS conversation (id)
CROSS JOIN LATERAL inbox.listed(
    %(workspace_id)s, asked.employee_id, own, listed, oversight.reason, conversation.id::uuid) AS shown
GROUP BY conversation_id, item;

-- name: messages
-- The messages that a range touches in the chats after one up to another, as they are now.
WITH news AS MATERIALIZED (
    SELECT topic, stream_id, facts->>'message_id' AS message_id FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND workspace_id = %(workspace_id)s
      AND topic IN ('message.received', 'message.queued', 'message.edited', 'message.deleted',
                    'delivery.reported', 'thread.replied')
), told AS (
    SELECT message_id::uuid AS message_id FROM news WHERE topic <> 'delivery.reported'
    UNION
    SELECT message.message_id
    FROM news
    CROSS JOIN LATERAL (
        SELECT message_id FROM timeline.message
        WHERE delivery_id = news.stream_id AND direction = 'out' OFFSET 0) AS message
    WHERE topic = 'delivery.reported'
    UNION
    SELECT stream_id FROM projection.erased(%(after)s, %(until)s)
    WHERE workspace_id = %(workspace_id)s AND topic LIKE 'message.%%'
)
SELECT chat_id::text,
       left(timeline.item(message)::text, -1) || ', "conversation_id" : "' || chat.conversation_id || '"}'
FROM told
CROSS JOIN LATERAL (
    SELECT message, chat_id, sent_at, position FROM timeline.message
    WHERE message_id = told.message_id AND position IS NOT NULL
      AND chat_id > %(beyond)s AND chat_id <= %(last)s OFFSET 0) AS message
CROSS JOIN LATERAL (
    SELECT conversation_id FROM inbox.chat WHERE chat_id = message.chat_id OFFSET 0) AS chat
ORDER BY sent_at, position;

-- name: notifications
-- Whom of these the messages of a range notify, in the chats after one up to another; each is made once, for
-- the employees who were to be notified. Whether they see the chat now is known of those who are told.
WITH asked AS MATERIALIZED (
    SELECT jsonb_object_agg(employee_id, true) AS employees
    FROM unnest(%(employee_ids)s::text[]) AS asked (employee_id)
)
SELECT chat_id::text, min(notifications.item(notice)::text), array_agg(DISTINCT employee_id)
FROM notifications.notice
CROSS JOIN LATERAL (
    SELECT subject AS employee_id FROM visibility.principal
    WHERE object = notice.principal AND workspace_id = %(workspace_id)s AND during @> notice.position
      AND (SELECT employees FROM asked) ? subject
    UNION ALL
    SELECT employee_id FROM unnest(%(employee_ids)s::text[]) AS teammate (employee_id)
    WHERE starts_with(notice.principal, 'team:')
      AND notifications.acted(%(workspace_id)s, employee_id, notice.principal, notice.position)
) AS notified
WHERE notice.workspace_id = %(workspace_id)s
  AND notice.position > %(after)s AND notice.position <= %(until)s
  AND chat_id > %(beyond)s AND chat_id <= %(last)s
  AND NOT notifications.muted(%(workspace_id)s, employee_id, notice.position, at)
GROUP BY chat_id, notice.position
ORDER BY notice.position;
