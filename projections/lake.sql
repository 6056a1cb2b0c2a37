-- What leaves the ledger for files and other engines: nothing private, and no names. Asked with PostgreSQL's
-- own plans, since these read long stretches.

-- name: standing
-- Up to where all of this can be said: the ledger, and what the read models have taken over of it; how far
-- the log was hashed.
SELECT ledger_head.position AS head,
       (SELECT min(position) FROM projection.checkpoint WHERE name IN ('visibility', 'inbox')) AS position,
       proof.head.log_id AS log_id, proof.head.size AS hashed
FROM ledger_head CROSS JOIN proof.head;

-- name: count
SELECT count(*) FROM ledger
WHERE position <= %(until)s AND workspace_id = coalesce(%(workspace_id)s, workspace_id);

-- name: events
-- A stretch of the ledger. A chat's number is where it was opened.
SELECT ledger.position, ledger.workspace_id, stream_id::text AS stream_id, version, topic, actor,
       projection.rfc3339(occurred_at) AS occurred_at, projection.rfc3339(recorded_at) AS recorded_at,
       (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_us,
       (extract(epoch FROM recorded_at) * 1000000)::bigint AS recorded_us,
       causation, facts::text AS facts, chat.position AS chat_number
FROM ledger
LEFT JOIN visibility.chat ON chat.chat_id = (facts->>'chat_id')::uuid
WHERE ledger.position > %(after)s AND ledger.position <= %(until)s
  AND ledger.workspace_id = coalesce(%(workspace_id)s, ledger.workspace_id)
ORDER BY ledger.position;

-- name: event
-- What waits are made of, without a file in between: the relation `event` of waiting.sql.
SELECT ledger.position, topic, actor, (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_us,
       chat.position AS chat_number, facts->>'direction' AS direction, facts->>'author_kind' AS author_kind,
       facts->>'author_id' AS author_id, facts->>'sender_id' AS sender_id,
       facts->>'delivery_id' AS delivery_id, facts->>'status' AS status,
       (facts->>'seen_position')::bigint AS seen_position, facts->>'holder_id' AS holder_id
FROM ledger
LEFT JOIN visibility.chat ON chat.chat_id = (facts->>'chat_id')::uuid
WHERE ledger.position <= %(until)s AND ledger.workspace_id = %(workspace_id)s
  AND topic IN ('message.received', 'message.queued', 'delivery.reported', 'conversation.claimed',
                'conversation.assigned', 'conversation.released', 'conversation.snoozed',
                'conversation.woken', 'conversation.closed', 'conversation.reopened',
                'conversation.dismissed');

-- name: configured
SELECT position, (extract(epoch FROM occurred_at) * 1000000)::bigint AS occurred_us, facts::text AS facts
FROM ledger
WHERE workspace_id = %(workspace_id)s AND position <= %(until)s AND topic = 'workspace.configured'
ORDER BY position;

-- name: chats
-- Each chat, and the conversation that it stands in now.
SELECT chat.workspace_id, chat.chat_id::text AS chat_id, chat.position AS number, chat.channel_id,
       chat.conversation_id::text AS conversation_id,
       min(chat.position) OVER (PARTITION BY chat.conversation_id) AS conversation_number
FROM inbox.chat
WHERE chat.workspace_id = coalesce(%(workspace_id)s, chat.workspace_id)
ORDER BY chat.position;

-- name: owners
-- Whose client an address was from when until when. Of the deals that are not lost the one whose owner came
-- last says it; without a deal it is the responsible employee of the first contact.
WITH reason AS MATERIALIZED (
    SELECT link.workspace_id, link.subject AS address_id, owner.object AS employee_id, 1 AS choice,
           lower(owner.during) AS since, owner.subject AS of_id,
           link.during * deal.during * owner.during AS during
    FROM visibility.link
    JOIN visibility.deal_contact AS deal
      ON deal.object = link.object AND deal.workspace_id = link.workspace_id
    JOIN visibility.deal_owner AS owner
      ON owner.subject = deal.subject AND owner.workspace_id = deal.workspace_id
    WHERE NOT isempty(link.during * deal.during * owner.during)
    UNION ALL
    SELECT link.workspace_id, link.subject, responsible.object, 2, 0, link.object,
           link.during * responsible.during
    FROM visibility.link
    JOIN visibility.responsible
      ON responsible.subject = link.object AND responsible.workspace_id = link.workspace_id
    WHERE NOT isempty(link.during * responsible.during)
), bound AS (
    SELECT workspace_id, address_id, lower(during) AS position FROM reason
    UNION
    SELECT workspace_id, address_id, upper(during) FROM reason WHERE NOT upper_inf(during)
), said AS (
    SELECT DISTINCT ON (bound.workspace_id, bound.address_id, bound.position)
           bound.workspace_id, bound.address_id, bound.position, employee_id
    FROM bound
    LEFT JOIN reason ON reason.workspace_id = bound.workspace_id AND reason.address_id = bound.address_id
                    AND reason.during @> bound.position
    ORDER BY bound.workspace_id, bound.address_id, bound.position, choice, since DESC,
             CASE WHEN choice = 1 THEN of_id END DESC, of_id
), changed AS (
    SELECT *, lag(employee_id) OVER of_address IS DISTINCT FROM employee_id AS is_news
    FROM said
    WINDOW of_address AS (PARTITION BY workspace_id, address_id ORDER BY position)
)
SELECT workspace_id, address_id, employee_id, from_position, until_position
FROM (
    SELECT workspace_id, address_id, employee_id, position AS from_position,
           lead(position) OVER (PARTITION BY workspace_id, address_id ORDER BY position) AS until_position
    FROM changed WHERE is_news
) AS owned
WHERE employee_id IS NOT NULL AND workspace_id = coalesce(%(workspace_id)s, workspace_id)
ORDER BY workspace_id, address_id, from_position;
