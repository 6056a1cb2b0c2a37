-- The shared inbox: a line for each chat and each principal who sees it, in the order in which it is read.
--
-- A line exists exactly while `visibility` has an open sight, and moves with it in one transaction. What a
-- line shows is looked up for the page that is read, so a name or an edit never has to be copied.

-- name: create
CREATE SCHEMA IF NOT EXISTS inbox;

CREATE TABLE IF NOT EXISTS inbox.chat (
    chat_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    workspace_id text NOT NULL,
    channel_id text NOT NULL,
    kind text NOT NULL,
    external_id text,
    title text,
    titled_at timestamptz NOT NULL,
    activity_at timestamptz NOT NULL,
    last_message_id uuid,
    last_at timestamptz,
    last_position bigint,
    answered_at timestamptz NOT NULL DEFAULT '-infinity',
    answered_position bigint NOT NULL DEFAULT 0,
    dismissed_position bigint NOT NULL DEFAULT 0,
    waiting_since timestamptz,
    client_count bigint NOT NULL DEFAULT 0,
    client_position bigint NOT NULL DEFAULT 0,
    folder text NOT NULL DEFAULT 'incoming',
    holder_id text,
    snoozed_until timestamptz,
    seen_position bigint NOT NULL DEFAULT 0
);

CREATE TABLE IF NOT EXISTS inbox.line (
    workspace_id text NOT NULL,
    principal text NOT NULL,
    chat_id uuid NOT NULL,
    folder text NOT NULL,
    activity_at timestamptz NOT NULL,
    PRIMARY KEY (chat_id, principal)
);

CREATE TABLE IF NOT EXISTS inbox.participant (
    chat_id uuid NOT NULL,
    address_id text NOT NULL,
    kind text NOT NULL,
    address text,
    name text,
    named_at timestamptz NOT NULL,
    named_position bigint NOT NULL,
    PRIMARY KEY (chat_id, address_id)
);

CREATE TABLE IF NOT EXISTS inbox.reading (
    chat_id uuid NOT NULL,
    employee_id text NOT NULL,
    read_position bigint NOT NULL,
    read_count bigint NOT NULL,
    PRIMARY KEY (chat_id, employee_id)
);

-- name: index
CREATE INDEX IF NOT EXISTS chat_of_conversation ON inbox.chat (conversation_id);
CREATE INDEX IF NOT EXISTS chat_held ON inbox.chat (workspace_id, holder_id) WHERE holder_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_snoozed ON inbox.chat (snoozed_until) WHERE folder = 'snoozed';
CREATE INDEX IF NOT EXISTS chat_overlooked ON inbox.chat (chat_id)
    WHERE folder IN ('closed', 'snoozed') AND client_position > seen_position;
CREATE INDEX IF NOT EXISTS line_in_order
    ON inbox.line (workspace_id, principal, folder, activity_at DESC, chat_id DESC);

-- name: functions
-- How a client or one of the company's people in a chat is called.
CREATE OR REPLACE FUNCTION inbox.name_of(of_workspace text, of_address text, told_name text, address text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT contact.name
         FROM visibility.link JOIN directory.contact
              ON contact.workspace_id = link.workspace_id AND contact.contact_id = link.object
         WHERE link.workspace_id = of_workspace AND link.subject = of_address AND upper_inf(link.during)
         ORDER BY contact.contact_id LIMIT 1),
        told_name, address)
$$;

-- What an inbox line is headed with: a group's title, else the names of those who are not the company's.
CREATE OR REPLACE FUNCTION inbox.title_of(chat inbox.chat) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        CASE chat.kind WHEN 'group' THEN chat.title END,
        (SELECT string_agg(name, ', ' ORDER BY first_at, address_id)
         FROM (SELECT inbox.name_of(chat.workspace_id, address_id, participant.name, address) AS name,
                      address_id, first_at
               FROM inbox.participant JOIN visibility.membership USING (chat_id, address_id)
               WHERE participant.chat_id = chat.chat_id
                 AND NOT EXISTS (SELECT FROM directory.person_address AS person
                                 WHERE person.workspace_id = chat.workspace_id
                                   AND person.address_id = participant.address_id)
               ORDER BY first_at, address_id LIMIT 5) AS outsider),
        chat.title, chat.external_id)
$$;

-- What one line of the inbox shows to an employee, and why he sees it; principals: whom he acts for.
CREATE OR REPLACE FUNCTION inbox.item(chat inbox.chat, of_employee text, principals text[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'conversation_id', chat.conversation_id,
        'kind', chat.kind,
        'title', inbox.title_of(chat),
        'chats', jsonb_build_array(jsonb_build_object(
            'chat_id', chat.chat_id, 'external_id', chat.external_id,
            'channel_id', chat.channel_id, 'kind', chat.kind)),
        'contact_ids', (
            SELECT coalesce(jsonb_agg(DISTINCT link.object), '[]')
            FROM visibility.presence
            JOIN visibility.link ON link.workspace_id = presence.workspace_id AND link.subject = presence.object
            WHERE presence.workspace_id = chat.workspace_id AND presence.subject = chat.chat_id::text
              AND upper_inf(presence.during) AND upper_inf(link.during)),
        'folder', chat.folder,
        'holder_id', chat.holder_id,
        'snoozed_until', projection.rfc3339(chat.snoozed_until),
        'waiting_since', projection.rfc3339(chat.waiting_since),
        'unread', chat.client_count - coalesce((
            SELECT read_count FROM inbox.reading
            WHERE reading.chat_id = chat.chat_id AND reading.employee_id = of_employee), 0),
        'last_message', (
            SELECT jsonb_build_object(
                'message_id', message_id, 'at', projection.rfc3339(sent_at), 'direction', direction,
                'author', timeline.author(message), 'text', text)
            FROM timeline.message WHERE message.message_id = chat.last_message_id),
        'reasons', (
            SELECT jsonb_agg(visibility.reason(sight.kind, contact_id, deal_id, principal, employee.role)
                             ORDER BY sight.kind, contact_id, deal_id)
            FROM visibility.sight
            LEFT JOIN directory.employee ON employee.workspace_id = chat.workspace_id
                                        AND employee.employee_id = of_employee
            WHERE sight.chat_id = chat.chat_id AND principal = ANY (principals) AND upper_inf(during)))
$$;

-- name: chat_opened
-- on: chat.opened
INSERT INTO inbox.chat
    (chat_id, conversation_id, workspace_id, channel_id, kind, external_id, title, titled_at, activity_at)
SELECT (facts->>'chat_id')::uuid, (facts->>'conversation_id')::uuid, workspace_id, facts->>'channel_id',
       facts->>'kind', private->>'external_id', private->>'title',
       CASE WHEN private->>'title' IS NULL THEN '-infinity' ELSE occurred_at END, occurred_at
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.opened';

-- name: chat_renamed
-- on: chat.renamed
UPDATE inbox.chat SET title = news.title, titled_at = news.titled_at
FROM (
    SELECT DISTINCT ON (facts->>'chat_id') (facts->>'chat_id')::uuid AS chat_id,
           private->>'title' AS title, occurred_at AS titled_at
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.renamed'
    ORDER BY facts->>'chat_id', occurred_at DESC, position DESC
) AS news
WHERE chat.chat_id = news.chat_id AND news.titled_at >= chat.titled_at;

-- name: participant_named
-- on: chat.participant_joined, chat.participant_left
-- The address is spelled as it was told first; of the names, the latest by time counts, ties by arrival.
MERGE INTO inbox.participant AS participant
USING (
    SELECT chat_id, address_id, (array_agg(kind ORDER BY position))[1] AS kind,
           (array_agg(address ORDER BY position))[1] AS address,
           (array_agg(name ORDER BY at DESC, position DESC) FILTER (WHERE name IS NOT NULL))[1] AS name,
           coalesce(max(at) FILTER (WHERE name IS NOT NULL), '-infinity') AS named_at,
           coalesce((array_agg(position ORDER BY at DESC, position DESC) FILTER (WHERE name IS NOT NULL))[1], 0)
               AS named_position
    FROM (
        SELECT (facts->>'chat_id')::uuid AS chat_id, facts->>'address_id' AS address_id,
               facts->>'kind' AS kind, private->>'address' AS address, private->>'name' AS name,
               occurred_at AS at, position
        FROM ledger
        WHERE position > %(after)s AND position <= %(until)s
          AND topic IN ('chat.participant_joined', 'chat.participant_left')
    ) AS told
    GROUP BY chat_id, address_id
) AS news ON participant.chat_id = news.chat_id AND participant.address_id = news.address_id
WHEN MATCHED AND (news.named_at, news.named_position) > (participant.named_at, participant.named_position) THEN
    UPDATE SET name = news.name, named_at = news.named_at, named_position = news.named_position
WHEN NOT MATCHED THEN
    INSERT (chat_id, address_id, kind, address, name, named_at, named_position)
    VALUES (news.chat_id, news.address_id, news.kind, news.address, news.name, news.named_at,
            news.named_position);

-- name: message_written
-- on: message.received, message.queued
UPDATE inbox.chat SET
    activity_at = greatest(chat.activity_at, news.last_at),
    last_message_id = CASE WHEN newer THEN news.last_message_id ELSE chat.last_message_id END,
    last_at = CASE WHEN newer THEN news.last_at ELSE chat.last_at END,
    last_position = CASE WHEN newer THEN news.last_position ELSE chat.last_position END,
    answered_at = CASE WHEN answers THEN news.answered_at ELSE chat.answered_at END,
    answered_position = CASE WHEN answers THEN news.answered_position ELSE chat.answered_position END,
    client_count = chat.client_count + news.client_count,
    client_position = greatest(chat.client_position, news.client_position)
FROM (
    SELECT chat_id, count(*) FILTER (WHERE incoming) AS client_count,
           max(position) FILTER (WHERE incoming) AS client_position,
           (array_agg(message_id ORDER BY at DESC, position DESC))[1] AS last_message_id,
           max(at) AS last_at,
           (array_agg(position ORDER BY at DESC, position DESC))[1] AS last_position,
           max(at) FILTER (WHERE NOT incoming) AS answered_at,
           (array_agg(position ORDER BY at DESC, position DESC) FILTER (WHERE NOT incoming))[1]
               AS answered_position
    FROM (
        SELECT (facts->>'chat_id')::uuid AS chat_id, (facts->>'message_id')::uuid AS message_id,
               occurred_at AS at, position, facts->>'direction' = 'in' AS incoming
        FROM ledger
        WHERE position > %(after)s AND position <= %(until)s
          AND topic IN ('message.received', 'message.queued')
    ) AS message
    GROUP BY chat_id
) AS news
CROSS JOIN LATERAL (
    SELECT known.last_at IS NULL OR (news.last_at, news.last_position) > (known.last_at, known.last_position)
               AS newer,
           news.answered_at IS NOT NULL
               AND (news.answered_at, news.answered_position) > (known.answered_at, known.answered_position)
               AS answers
    FROM inbox.chat AS known WHERE known.chat_id = news.chat_id
) AS compared
WHERE chat.chat_id = news.chat_id;

-- name: conversation_moved
-- on: conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed, conversation.woken, conversation.closed, conversation.reopened
-- The last event of a range says where the conversation is. A wake by message keeps the snooze to show it.
UPDATE inbox.chat SET
    folder = CASE news.topic
        WHEN 'conversation.claimed' THEN 'in_progress'
        WHEN 'conversation.assigned' THEN 'in_progress'
        WHEN 'conversation.snoozed' THEN 'snoozed'
        WHEN 'conversation.closed' THEN 'closed'
        ELSE 'incoming' END,
    holder_id = CASE WHEN news.topic IN ('conversation.claimed', 'conversation.assigned')
        THEN news.facts->>'holder_id' END,
    snoozed_until = CASE
        WHEN news.topic = 'conversation.snoozed' THEN (news.facts->>'until')::timestamptz
        WHEN news.topic = 'conversation.woken' AND news.facts->>'cause' = 'message'
            THEN (news.facts->>'until')::timestamptz END,
    seen_position = CASE WHEN news.topic IN ('conversation.snoozed', 'conversation.closed')
        THEN (news.facts->>'seen_position')::bigint ELSE 0 END
FROM (
    SELECT DISTINCT ON (stream_id) topic, facts
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic LIKE 'conversation.%%' AND topic <> 'conversation.dismissed'
    ORDER BY stream_id, position DESC
) AS news
WHERE chat.chat_id = (news.facts->>'chat_id')::uuid;

-- name: answer_not_needed
-- on: conversation.dismissed, conversation.closed
UPDATE inbox.chat SET dismissed_position = greatest(chat.dismissed_position, news.seen_position)
FROM (
    SELECT (facts->>'chat_id')::uuid AS chat_id, max((facts->>'seen_position')::bigint) AS seen_position
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('conversation.dismissed', 'conversation.closed')
    GROUP BY 1
) AS news
WHERE chat.chat_id = news.chat_id;

-- name: wait_moved
-- on: message.received, message.queued, conversation.dismissed, conversation.closed
-- A client waits since his first message after the company's last word, unless no answer was needed to it.
-- Walked in time order from there, which finds it at once; "+ 0" keeps from the index by position, in which it
-- would have to be sorted out of all that the client ever wrote.
UPDATE inbox.chat SET waiting_since = unanswered.since
FROM (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('message.received', 'message.queued', 'conversation.dismissed', 'conversation.closed')
) AS news
JOIN inbox.chat AS known USING (chat_id)
LEFT JOIN LATERAL (
    SELECT sent_at AS since
    FROM timeline.message
    WHERE message.conversation_id = known.conversation_id AND message.chat_id = known.chat_id
      AND known.client_position > known.dismissed_position
      AND (message.sent_at, message.position) > (known.answered_at, known.answered_position)
      AND message.direction = 'in' AND message.position + 0 > known.dismissed_position
      AND message.position + 0 <= %(until)s
    ORDER BY message.sent_at, message.position
    LIMIT 1
) AS unanswered ON true
WHERE chat.chat_id = news.chat_id AND chat.waiting_since IS DISTINCT FROM unanswered.since;

-- name: reading_advanced
-- on: reading.advanced
-- How many of the client's messages an employee has read, so that what is unread is a subtraction.
MERGE INTO inbox.reading AS reading
USING (
    SELECT news.*, coalesce(known.read_count, 0) + (
               SELECT count(*) FROM timeline.message
               WHERE message.conversation_id = news.conversation_id AND message.chat_id = news.chat_id
                 AND message.direction = 'in' AND message.position > coalesce(known.read_position, 0)
                 AND message.position <= news.read_position) AS read_count
    FROM (
        SELECT (facts->>'conversation_id')::uuid AS conversation_id, (facts->>'chat_id')::uuid AS chat_id,
               facts->>'employee_id' AS employee_id,
               max(least((facts->>'read_position')::bigint, position)) AS read_position
        FROM ledger
        WHERE position > %(after)s AND position <= %(until)s AND topic = 'reading.advanced'
        GROUP BY 1, 2, 3
    ) AS news
    LEFT JOIN inbox.reading AS known USING (chat_id, employee_id)
) AS news ON reading.chat_id = news.chat_id AND reading.employee_id = news.employee_id
WHEN MATCHED AND news.read_position > reading.read_position THEN
    UPDATE SET read_position = news.read_position, read_count = news.read_count
WHEN NOT MATCHED THEN
    INSERT (chat_id, employee_id, read_position, read_count)
    VALUES (news.chat_id, news.employee_id, news.read_position, news.read_count);

-- name: line_taken_away
-- on: *
DELETE FROM inbox.line
USING visibility.sight AS ended
WHERE NOT upper_inf(ended.during) AND upper(ended.during) > %(after)s AND upper(ended.during) <= %(until)s
  AND line.chat_id = ended.chat_id AND line.principal = ended.principal
  AND NOT EXISTS (
      SELECT FROM visibility.sight AS other
      WHERE other.chat_id = ended.chat_id AND other.principal = ended.principal
        AND other.during @> %(until)s::bigint
  );

-- name: line_given
-- on: *
INSERT INTO inbox.line (workspace_id, principal, chat_id, folder, activity_at)
SELECT DISTINCT chat.workspace_id, begun.principal, chat.chat_id, chat.folder, chat.activity_at
FROM visibility.sight AS begun
JOIN inbox.chat USING (chat_id)
WHERE lower(begun.during) > %(after)s AND lower(begun.during) <= %(until)s
  AND begun.during @> %(until)s::bigint
  AND NOT EXISTS (
      SELECT FROM inbox.line WHERE line.chat_id = chat.chat_id AND line.principal = begun.principal
  );

-- name: line_moved
-- on: message.received, message.queued, conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed, conversation.woken, conversation.closed, conversation.reopened
UPDATE inbox.line SET folder = chat.folder, activity_at = chat.activity_at
FROM (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND (topic IN ('message.received', 'message.queued') OR topic LIKE 'conversation.%%')
) AS news
JOIN inbox.chat USING (chat_id)
WHERE line.chat_id = chat.chat_id
  AND (line.folder, line.activity_at) IS DISTINCT FROM (chat.folder, chat.activity_at);

-- name: page
WITH caller AS MATERIALIZED (
    SELECT visibility.principals(%(workspace_id)s, %(employee_id)s) AS principals
), line AS (
    SELECT DISTINCT near.activity_at, near.chat_id
    FROM caller
    CROSS JOIN LATERAL unnest(caller.principals) AS principal
    CROSS JOIN LATERAL unnest(%(folders)s::text[]) AS folder
    CROSS JOIN LATERAL (
        SELECT line.activity_at, line.chat_id
        FROM inbox.line
        JOIN inbox.chat USING (chat_id)
        WHERE line.workspace_id = %(workspace_id)s AND line.principal = principal.principal
          AND line.folder = folder.folder
          AND (line.activity_at, line.chat_id) < (%(activity_at)s::timestamptz, %(chat_id)s::uuid)
          AND chat.kind = ANY (%(kinds)s::text[])
          AND (%(channel_id)s::text IS NULL OR chat.channel_id = %(channel_id)s)
          AND (%(holder_id)s::text IS NULL OR chat.holder_id = %(holder_id)s)
          AND (%(waiting)s::boolean IS NULL OR (chat.waiting_since IS NOT NULL) = %(waiting)s)
          AND (%(q)s::text IS NULL OR inbox.title_of(chat) ILIKE %(q)s)
        ORDER BY line.activity_at DESC, line.chat_id DESC
        LIMIT %(limit)s + 1
    ) AS near
    ORDER BY near.activity_at DESC, near.chat_id DESC
    LIMIT %(limit)s + 1
), page AS (
    SELECT *, row_number() OVER (ORDER BY activity_at DESC, chat_id DESC) AS place FROM line
)
SELECT checkpoint.position, jsonb_build_object(
    'items', coalesce((
        SELECT jsonb_agg(inbox.item(chat, %(employee_id)s, principals) ORDER BY place)
        FROM page JOIN inbox.chat USING (chat_id), caller WHERE place <= %(limit)s), '[]'),
    'next_cursor', (
        SELECT projection.rfc3339(activity_at) || '~' || chat_id FROM page
        WHERE place = %(limit)s AND EXISTS (SELECT FROM page WHERE place > %(limit)s))
)::text AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: counts
WITH seen AS (
    SELECT DISTINCT chat_id
    FROM unnest(visibility.principals(%(workspace_id)s, %(employee_id)s)) AS principal
    JOIN inbox.line ON line.workspace_id = %(workspace_id)s AND line.principal = principal.principal
)
SELECT checkpoint.position, (
    SELECT json_build_object(
        'incoming', count(*) FILTER (WHERE folder = 'incoming'),
        'in_progress', count(*) FILTER (WHERE folder = 'in_progress'),
        'snoozed', count(*) FILTER (WHERE folder = 'snoozed'),
        'closed', count(*) FILTER (WHERE folder = 'closed'),
        'waiting', count(waiting_since),
        'unread', count(*) FILTER (WHERE client_count > coalesce(read_count, 0)))
    FROM seen
    JOIN inbox.chat USING (chat_id)
    LEFT JOIN inbox.reading ON reading.chat_id = chat.chat_id AND reading.employee_id = %(employee_id)s
    WHERE chat.kind = ANY (%(kinds)s::text[])
)::text AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: conversation
SELECT checkpoint.position, (
    SELECT inbox.item(chat, %(employee_id)s, principals) || jsonb_build_object('participants', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'address', participant.address,
            'name', coalesce(employee.name, staff.name, client.name, participant.name),
            'kind', coalesce(person.person_kind,
                             CASE WHEN client.contact_id IS NOT NULL THEN 'client' ELSE 'unknown' END),
            'contact_id', client.contact_id,
            'employee_id', employee.employee_id,
            'staff_id', staff.staff_id,
            'joined_at', projection.rfc3339(membership.first_at),
            'left_at', CASE WHEN NOT membership.present THEN projection.rfc3339(membership.at) END
        ) ORDER BY membership.first_at, participant.address_id), '[]')
        FROM inbox.participant
        JOIN visibility.membership USING (chat_id, address_id)
        LEFT JOIN directory.person_address AS person
            ON person.workspace_id = chat.workspace_id AND person.address_id = participant.address_id
        LEFT JOIN directory.employee ON person.person_kind = 'employee'
            AND employee.workspace_id = chat.workspace_id AND employee.employee_id = person.person_id
        LEFT JOIN directory.staff ON person.person_kind = 'external_staff'
            AND staff.workspace_id = chat.workspace_id AND staff.staff_id = person.person_id
        LEFT JOIN LATERAL (
            SELECT contact.contact_id, contact.name
            FROM visibility.link
            JOIN directory.contact ON contact.workspace_id = link.workspace_id
                                  AND contact.contact_id = link.object
            WHERE link.workspace_id = chat.workspace_id AND link.subject = participant.address_id
              AND upper_inf(link.during)
            ORDER BY contact.contact_id LIMIT 1
        ) AS client ON true
        WHERE participant.chat_id = chat.chat_id))
    FROM inbox.chat
    CROSS JOIN visibility.principals(%(workspace_id)s, %(employee_id)s) AS principals
    WHERE chat.workspace_id = %(workspace_id)s AND chat.conversation_id = %(conversation_id)s
      AND chat.kind = ANY (%(kinds)s::text[])
      AND visibility.sees(principals, chat.chat_id)
)::text AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: glance
SELECT chat_id::text, folder, holder_id, client_position, activity_at
FROM inbox.chat
WHERE workspace_id = %(workspace_id)s AND conversation_id = %(conversation_id)s
  AND visibility.sees(visibility.principals(%(workspace_id)s, %(employee_id)s), chat_id);

-- name: participant
SELECT coalesce(name, address) AS name
FROM inbox.participant JOIN inbox.chat USING (chat_id)
WHERE conversation_id = %(conversation_id)s AND address_id = %(address_id)s;

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
WHERE folder IN ('closed', 'snoozed') AND client_position > seen_position
LIMIT 1000;

-- name: snooze_due
SELECT workspace_id, chat_id::text
FROM inbox.chat
WHERE folder = 'snoozed' AND snoozed_until <= %(now)s
ORDER BY snoozed_until
LIMIT 1000;

-- name: next_snooze
SELECT min(snoozed_until) AS due FROM inbox.chat WHERE folder = 'snoozed';
