-- What is private of a client, by the rule of docs/erasure.md, and where in the ledger it stands. Everything is
-- asked by index: it costs what he left behind, whatever others did.

-- name: behind
-- A read model that has not taken over all up to a position, if there is one.
SELECT name, coalesce(state, 'following')
FROM unnest(%(names)s::text[]) AS name LEFT JOIN projection.checkpoint USING (name)
WHERE coalesce(position, 0) < %(position)s
ORDER BY state DESC
LIMIT 1;

-- name: contact
SELECT name FROM directory.contact WHERE workspace_id = %(workspace_id)s AND contact_id = %(contact_id)s;

-- name: addresses
-- Every address that was ever linked to him; `whose` it is: his, or else it and all that came from it stays.
-- An employee who unlinks an address says that it never was his (P3), a CRM that it is so no longer.
SELECT linked.address_id, linked.kind, linked.address,
       CASE WHEN linked.undone THEN 'nobody' WHEN colleague.id IS NOT NULL THEN 'colleague'
            WHEN other.id IS NOT NULL THEN 'shared' ELSE 'his' END AS whose,
       CASE WHEN NOT linked.undone THEN coalesce(colleague.id, other.id) END AS with_id
FROM (
    SELECT facts->>'address_id' AS address_id,
           (array_agg(facts->>'kind' ORDER BY version DESC) FILTER (WHERE facts ? 'kind'))[1] AS kind,
           (array_agg(private->>'address' ORDER BY version DESC) FILTER (WHERE private ? 'address'))[1]
               AS address,
           (array_agg(topic = 'contact.address_unlinked' AND starts_with(actor, 'employee:')
                      ORDER BY version DESC))[1] AS undone
    FROM ledger
    WHERE stream_id = %(stream_id)s AND topic IN ('contact.address_linked', 'contact.address_unlinked')
    GROUP BY 1
) AS linked
LEFT JOIN LATERAL (
    SELECT person_id AS id FROM directory.person_address
    WHERE workspace_id = %(workspace_id)s AND address_id = linked.address_id OFFSET 0) AS colleague ON true
LEFT JOIN LATERAL (
    SELECT object AS id FROM visibility.link
    WHERE subject = linked.address_id AND workspace_id = %(workspace_id)s AND object <> %(contact_id)s
      AND upper_inf(during)
    ORDER BY object LIMIT 1) AS other ON true
ORDER BY linked.address_id;

-- name: found
-- The positions at which something private of him stands, by topic. A direct chat is his as a whole, unless
-- another client takes or took part in it: then, as in a group, what he wrote and his coming and going is.
WITH place AS MATERIALIZED (
    SELECT chat.chat_id, chat.own_id, chat.kind = 'direct' AND NOT EXISTS (
        SELECT
        FROM inbox.participant AS other
        CROSS JOIN LATERAL (
            SELECT FROM visibility.link
            WHERE subject = other.address_id AND workspace_id = %(workspace_id)s
              AND object <> %(contact_id)s AND upper_inf(during) OFFSET 0) AS link
        WHERE other.chat_id = chat.chat_id) AS whole
    FROM (
        SELECT DISTINCT participant.chat_id
        FROM unnest(%(address_ids)s::text[]) AS his (address_id)
        CROSS JOIN LATERAL (
            SELECT chat_id FROM inbox.participant WHERE address_id = his.address_id OFFSET 0) AS participant
    ) AS near
    CROSS JOIN LATERAL (
        SELECT chat_id, own_id, kind FROM inbox.chat WHERE chat_id = near.chat_id OFFSET 0) AS chat
), message AS MATERIALIZED (
    SELECT written.*
    FROM place
    CROSS JOIN LATERAL (
        SELECT message_id, delivery_id FROM timeline.message
        WHERE conversation_id = place.own_id AND chat_id = place.chat_id AND position IS NOT NULL
          AND (place.whole OR sender_id = ANY (%(address_ids)s)) OFFSET 0) AS written
    UNION ALL
    -- Edits of messages that have not come yet; in a group nobody knows whose they are.
    SELECT told.message_id, NULL
    FROM place
    CROSS JOIN LATERAL (
        SELECT message_id FROM timeline.message
        WHERE place.whole AND chat_id = place.chat_id AND position IS NULL OFFSET 0) AS told
), deal AS MATERIALIZED (
    -- Those that no other client takes or took part in, by the event that added him.
    SELECT added.stream_id
    FROM (
        SELECT subject AS deal_id, min(lower(during)) AS position FROM visibility.deal_contact
        WHERE object = %(contact_id)s AND workspace_id = %(workspace_id)s GROUP BY subject OFFSET 0) AS his
    CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM visibility.deal_contact
        WHERE subject = his.deal_id AND workspace_id = %(workspace_id)s AND object <> %(contact_id)s) AS others
    CROSS JOIN LATERAL (SELECT stream_id FROM ledger WHERE position = his.position OFFSET 0) AS added
    WHERE others.count = 0
), stream AS MATERIALIZED (
    SELECT %(stream_id)s::uuid AS stream_id
    UNION
    SELECT address_id::uuid FROM unnest(%(address_ids)s::text[]) AS his (address_id)
    UNION
    SELECT chat_id FROM place WHERE whole
    UNION
    SELECT message_id FROM message
    UNION
    SELECT delivery_id FROM message WHERE delivery_id IS NOT NULL
    UNION
    SELECT task.task_id
    FROM place
    CROSS JOIN LATERAL (SELECT task_id FROM tasks.task WHERE chat_id = place.chat_id OFFSET 0) AS task
    WHERE place.whole
    UNION
    SELECT stream_id FROM deal
), event AS (
    SELECT event.*
    FROM stream
    CROSS JOIN LATERAL (
        SELECT position, topic FROM ledger
        WHERE stream_id = stream.stream_id AND private IS NOT NULL OFFSET 0) AS event
    UNION ALL
    SELECT event.*
    FROM place
    CROSS JOIN LATERAL (
        SELECT position, topic FROM ledger
        WHERE stream_id = place.chat_id AND private IS NOT NULL
          AND topic IN ('chat.participant_joined', 'chat.participant_left')
          AND facts->>'address_id' = ANY (%(address_ids)s) OFFSET 0) AS event
    WHERE NOT place.whole
    UNION ALL
    SELECT event.*
    FROM message
    CROSS JOIN LATERAL (
        SELECT position FROM threads.reply WHERE message_id = message.message_id OFFSET 0) AS reply
    CROSS JOIN LATERAL (
        SELECT position, topic FROM ledger
        WHERE position = reply.position AND private IS NOT NULL OFFSET 0) AS event
    UNION ALL
    SELECT event.*
    FROM unnest(%(address_ids)s::text[]) AS his (address_id)
    CROSS JOIN LATERAL (
        SELECT position FROM subjects.mention
        WHERE subject = subjects.number(%(workspace_id)s, 'question about', his.address_id) OFFSET 0) AS question
    CROSS JOIN LATERAL (
        SELECT position, topic FROM ledger
        WHERE position = question.position AND private IS NOT NULL AND topic = 'audit.asked'
          AND facts->'asked'->>'address_id' = his.address_id OFFSET 0) AS event
)
-- Why an earlier erasure was made stays.
SELECT topic, array_agg(position ORDER BY position) FROM event
WHERE topic <> 'contact.erased' GROUP BY topic ORDER BY topic;

-- name: known_as
-- What he is or was called, and how he was reached.
SELECT DISTINCT name
FROM (
    SELECT coalesce(private->>'name', private->>'address') AS name FROM ledger
    WHERE stream_id = %(stream_id)s
      AND topic IN ('contact.registered', 'contact.renamed', 'contact.address_linked')
    UNION ALL
    SELECT unnest(ARRAY[participant.name, participant.address])
    FROM unnest(%(address_ids)s::text[]) AS his (address_id)
    CROSS JOIN LATERAL (
        SELECT name, address FROM inbox.participant WHERE address_id = his.address_id OFFSET 0) AS participant
) AS known
WHERE name <> '';
