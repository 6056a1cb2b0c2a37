-- The shared inbox: a line for each chat and each principal who sees it, in the order in which it is read.
--
-- A line exists exactly while `visibility` has an open sight, and moves with it in one transaction. What it
-- shows to whoever sees it is a card, made anew when anything in it may have changed; what there is to count
-- is a tally. So a page costs what a page costs, and counts are a few rows, whatever the inbox holds.

-- name: create
CREATE SCHEMA IF NOT EXISTS inbox;

-- What a chat's events say. Pages have room, so that a row that changes stays in its page (HOT).
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
    seen_position bigint NOT NULL DEFAULT 0,
    overlooked boolean GENERATED ALWAYS AS
        (folder IN ('closed', 'snoozed') AND client_position > seen_position) STORED
) WITH (fillfactor = 75);

-- What a line shows of a chat to everybody who sees it. Of the company only ids: its people are few, their
-- names are looked up for the page that is read, and a new name is not copied into all that they ever wrote.
CREATE TABLE IF NOT EXISTS inbox.card (
    chat_id uuid PRIMARY KEY,
    title text,
    client_count bigint NOT NULL,
    shown text NOT NULL,
    author_kind text,
    author_id text,
    author_name text
) WITH (fillfactor = 75);
COMMENT ON COLUMN inbox.card.shown IS 'a JSON object up to its last brace, or up to the name of a colleague';
COMMENT ON COLUMN inbox.card.author_kind IS 'of a colleague who wrote last; null where a client did';
COMMENT ON COLUMN inbox.card.author_name IS 'what he was called in the messenger';

CREATE TABLE IF NOT EXISTS inbox.line (
    workspace_id text NOT NULL,
    principal text NOT NULL,
    chat_id uuid NOT NULL,
    kind text NOT NULL,
    folder text NOT NULL,
    waiting boolean NOT NULL,
    activity_at timestamptz NOT NULL,
    reasons text NOT NULL,
    PRIMARY KEY (chat_id, principal)
);
COMMENT ON COLUMN inbox.line.reasons IS 'of this principal: the elements of a JSON array';

-- How many lines a principal has, so that nobody has to count them. What a reader has read to the end is not
-- unread for him: that is taken away in rows of his own.
CREATE TABLE IF NOT EXISTS inbox.tally (
    workspace_id text NOT NULL,
    principal text NOT NULL,
    reader text NOT NULL,
    kind text NOT NULL,
    folder text NOT NULL,
    lines bigint NOT NULL,
    waiting bigint NOT NULL,
    unread bigint NOT NULL,
    PRIMARY KEY (workspace_id, principal, reader, kind, folder)
) WITH (fillfactor = 25);
COMMENT ON COLUMN inbox.tally.reader IS 'an employee who has read; empty for what is the same for everybody';

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
CREATE INDEX IF NOT EXISTS participant_of_address ON inbox.participant (address_id);

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
CREATE INDEX IF NOT EXISTS chat_overlooked ON inbox.chat (chat_id) WHERE overlooked;
CREATE INDEX IF NOT EXISTS line_in_order
    ON inbox.line (workspace_id, principal, folder, waiting, activity_at DESC, chat_id DESC);

-- name: functions
-- The chats whose lines, or what is counted of them, a range of the ledger may change.
CREATE OR REPLACE FUNCTION inbox.touched(after bigint, until bigint) RETURNS TABLE (chat_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (facts->>'chat_id')::uuid FROM ledger
    WHERE position > after AND position <= until
      AND (topic IN ('message.received', 'message.queued', 'reading.advanced') OR topic LIKE 'conversation.%')
    UNION
    SELECT chat_id FROM visibility.sight WHERE lower(during) > after AND lower(during) <= until
    UNION
    SELECT chat_id FROM visibility.sight
    WHERE NOT upper_inf(during) AND upper(during) > after AND upper(during) <= until
$$;

-- The chats whose cards a range of the ledger may change: those that its events name, and those in which
-- somebody takes part whom they name.
CREATE OR REPLACE FUNCTION inbox.changed(after bigint, until bigint) RETURNS TABLE (chat_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH told AS MATERIALIZED (
        SELECT workspace_id, (facts->>'chat_id')::uuid AS chat_id, facts->>'address_id' AS address_id,
               facts->>'contact_id' AS contact_id
        FROM ledger
        WHERE position > after AND position <= until
          AND (topic LIKE 'chat.%' OR topic LIKE 'conversation.%' OR topic LIKE 'address.%' OR topic IN (
              'message.received', 'message.queued', 'message.edited', 'contact.registered', 'contact.renamed',
              'contact.address_linked', 'contact.address_unlinked'))
    ), address AS (
        SELECT address_id FROM told WHERE chat_id IS NULL AND address_id IS NOT NULL
        UNION
        SELECT link.address_id
        FROM told
        CROSS JOIN LATERAL (
            SELECT address_id FROM directory.contact_address
            WHERE workspace_id = told.workspace_id AND contact_id = told.contact_id OFFSET 0) AS link
        WHERE told.address_id IS NULL
    )
    SELECT chat_id FROM told WHERE chat_id IS NOT NULL
    UNION
    SELECT participant.chat_id
    FROM address
    CROSS JOIN LATERAL (
        SELECT chat_id FROM inbox.participant WHERE address_id = address.address_id OFFSET 0) AS participant
$$;

-- What these chats contribute to the tallies, as the tables are now.
CREATE OR REPLACE FUNCTION inbox.tallied(after bigint, until bigint)
RETURNS TABLE (workspace_id text, principal text, reader text, kind text, folder text,
               lines bigint, waiting bigint, unread bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT line.workspace_id, line.principal, part.reader, line.kind, line.folder,
           sum(part.lines), sum(part.waiting), sum(part.unread)
    FROM inbox.touched(after, until) AS touched
    CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = touched.chat_id OFFSET 0) AS chat
    CROSS JOIN LATERAL (SELECT * FROM inbox.line WHERE chat_id = touched.chat_id OFFSET 0) AS line
    CROSS JOIN LATERAL (
        SELECT '' AS reader, 1 AS lines, line.waiting::integer AS waiting,
               (chat.client_count > 0)::integer AS unread
        UNION ALL
        SELECT employee_id, 0, 0, -1 FROM inbox.reading
        WHERE chat_id = touched.chat_id AND chat.client_count BETWEEN 1 AND read_count
          AND (line.principal NOT LIKE 'employee:%' OR line.principal = 'employee:' || employee_id)
    ) AS part
    GROUP BY line.workspace_id, line.principal, part.reader, line.kind, line.folder
$$;

-- Whose client writes from an address; of several the first by id.
CREATE OR REPLACE FUNCTION inbox.client_of(of_workspace text, of_address text)
RETURNS TABLE (contact_id text, name text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT contact.contact_id, contact.name
    FROM directory.contact_address AS link
    CROSS JOIN LATERAL (
        SELECT contact_id, name FROM directory.contact
        WHERE workspace_id = of_workspace AND contact_id = link.contact_id OFFSET 0) AS contact
    WHERE link.workspace_id = of_workspace AND link.address_id = of_address
    ORDER BY link.contact_id LIMIT 1
$$;

-- One item of a list. author_name: of the colleague who wrote last, if one did.
CREATE OR REPLACE FUNCTION inbox.item(
    shown text, author_kind text, author_name text, unread bigint, reasons text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT shown
        || CASE WHEN author_kind IS NULL THEN '' ELSE coalesce(to_json(author_name)::text, 'null') || '}}' END
        || ', "unread": ' || unread || ', "reasons": [' || reasons || ']}'
$$;

-- How one of the company is called. It answers with rows, as PostgreSQL takes such functions apart into the
-- query that asks; one that answers with a value and looks something up is called for each row.
CREATE OR REPLACE FUNCTION inbox.colleague(of_workspace text, of_kind text, of_id text)
RETURNS TABLE (name text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT name FROM directory.employee
    WHERE of_kind = 'employee' AND workspace_id = of_workspace AND employee_id = of_id
    UNION ALL
    SELECT name FROM directory.staff
    WHERE of_kind = 'external_staff' AND workspace_id = of_workspace AND staff_id = of_id
$$;

-- The lines of a principal in a folder after a place in their order, of clients who wait or of the others.
CREATE OR REPLACE FUNCTION inbox.lines_in(
    of_folder text, of_waiting boolean, of_workspace text, of_principal text,
    at timestamptz, chat uuid, folders text[], asked_waiting boolean
) RETURNS SETOF inbox.line LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM inbox.line
    WHERE workspace_id = of_workspace AND principal = of_principal
      AND folder = of_folder AND waiting = of_waiting AND (activity_at, chat_id) < (at, chat)
      AND of_folder = ANY (folders) AND of_waiting = coalesce(asked_waiting, of_waiting)
    ORDER BY activity_at DESC, chat_id DESC
$$;

-- The lines of a principal after a place in their order: of these folders, and of who waits if that is asked.
-- All parts of the index are merged in its order, so that no more is read of them than is taken.
CREATE OR REPLACE FUNCTION inbox.lines_after(
    of_workspace text, of_principal text, at timestamptz, chat uuid, folders text[], waiting boolean
) RETURNS SETOF inbox.line LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM inbox.lines_in('incoming', true, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('incoming', false, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('in_progress', true, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('in_progress', false, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('snoozed', true, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('snoozed', false, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('closed', true, of_workspace, of_principal, at, chat, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('closed', false, of_workspace, of_principal, at, chat, folders, waiting)
    ORDER BY activity_at DESC, chat_id DESC
    OFFSET 0
$$;

-- Why who oversees sees what he sees: his role.
CREATE OR REPLACE FUNCTION inbox.oversight(of_workspace text, of_employee text)
RETURNS TABLE (reason text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT visibility.reason('oversight', '', '', '', role)::text FROM directory.employee
    WHERE workspace_id = of_workspace AND employee_id = of_employee
$$;

-- name: clear
-- What is made for readers, so that it can be made of the whole.
TRUNCATE inbox.card, inbox.line, inbox.tally;

-- name: tally_without
-- on: *
-- for: readers, while following
-- A range is tallied by taking out the chats that it touches as they were, here, and putting them in as they
-- are then, in `tally_with`.
MERGE INTO inbox.tally AS tally
USING inbox.tallied(%(after)s, %(until)s) AS former
    ON tally.workspace_id = former.workspace_id AND tally.principal = former.principal
   AND tally.reader = former.reader AND tally.kind = former.kind AND tally.folder = former.folder
WHEN MATCHED AND (tally.lines, tally.unread) = (former.lines, former.unread) THEN DELETE
WHEN MATCHED THEN UPDATE SET
    lines = tally.lines - former.lines, waiting = tally.waiting - former.waiting,
    unread = tally.unread - former.unread;

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
-- on: conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed
-- on: conversation.woken, conversation.closed, conversation.reopened
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
CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = news.chat_id OFFSET 0) AS known
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

-- name: card_changed
-- on: chat.opened, chat.renamed, chat.participant_joined, chat.participant_left
-- on: message.received, message.queued, message.edited
-- on: conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed
-- on: conversation.woken, conversation.closed, conversation.reopened, conversation.dismissed
-- on: contact.registered, contact.renamed, contact.address_linked, contact.address_unlinked
-- on: address.assigned, address.unassigned
-- for: readers, to show
INSERT INTO inbox.card AS card
    (chat_id, title, client_count, shown, author_kind, author_id, author_name)
SELECT chat.chat_id, headed.title, chat.client_count,
       left(json_build_object(
           'conversation_id', chat.conversation_id,
           'kind', chat.kind,
           'title', headed.title,
           'chats', json_build_array(json_build_object(
               'chat_id', chat.chat_id, 'external_id', chat.external_id,
               'channel_id', chat.channel_id, 'kind', chat.kind)),
           'contact_ids', client.contact_ids,
           'folder', chat.folder,
           'holder_id', chat.holder_id,
           'snoozed_until', projection.rfc3339(chat.snoozed_until),
           'waiting_since', projection.rfc3339(chat.waiting_since)
       )::text, -1) || ', "last_message": ' || coalesce(last.shown, 'null'),
       last.author_kind, last.author_id, last.author_name
FROM inbox.changed(%(after)s, %(until)s) AS changed
CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = changed.chat_id OFFSET 0) AS chat
CROSS JOIN LATERAL (
    -- A group's title, else the names of those who are not the company's.
    SELECT coalesce(
        CASE chat.kind WHEN 'group' THEN chat.title END,
        string_agg(coalesce(client.name, outsider.name, address), ', ' ORDER BY first_at, address_id),
        chat.title, chat.external_id) AS title
    FROM (
        SELECT address_id, name, address, first_at
        FROM inbox.participant
        CROSS JOIN LATERAL (
            SELECT first_at FROM visibility.membership
            WHERE chat_id = chat.chat_id AND address_id = participant.address_id OFFSET 0) AS membership
        WHERE participant.chat_id = chat.chat_id AND (chat.kind = 'direct' OR chat.title IS NULL)
          AND NOT EXISTS (SELECT FROM directory.person_address AS person
                          WHERE person.workspace_id = chat.workspace_id
                            AND person.address_id = participant.address_id OFFSET 0)
        ORDER BY first_at, address_id LIMIT 5) AS outsider
    LEFT JOIN LATERAL inbox.client_of(chat.workspace_id, outsider.address_id) AS client ON true
) AS headed
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(DISTINCT link.contact_id), '[]') AS contact_ids
    FROM visibility.presence
    CROSS JOIN LATERAL (
        SELECT object AS contact_id FROM visibility.link
        WHERE subject = presence.object AND workspace_id = chat.workspace_id AND upper_inf(during)
        OFFSET 0) AS link
    WHERE presence.subject = chat.chat_id::text AND presence.workspace_id = chat.workspace_id
      AND upper_inf(presence.during)
) AS client
LEFT JOIN LATERAL (
    -- Somebody of the company as he was known then; of the clients, as is known now.
    SELECT CASE WHEN of_company THEN author_kind END AS author_kind,
           CASE WHEN of_company THEN author_id END AS author_id,
           CASE WHEN of_company THEN sender_name END AS author_name,
           CASE WHEN of_company THEN left(whole, -length('null}}')) ELSE whole END AS shown
    FROM (
        SELECT *, author_kind IN ('employee', 'external_staff') AS of_company
        FROM timeline.message WHERE message_id = chat.last_message_id OFFSET 0) AS message
    LEFT JOIN LATERAL inbox.client_of(
        chat.workspace_id, CASE WHEN NOT of_company THEN sender_id END) AS client ON true
    CROSS JOIN LATERAL (
        SELECT CASE WHEN of_company
            THEN json_build_object('kind', author_kind, 'id', author_id, 'name', NULL)
            ELSE json_build_object(
                'kind', CASE WHEN client.contact_id IS NULL THEN 'unknown' ELSE 'client' END,
                'id', client.contact_id, 'name', coalesce(client.name, sender_name))
            END AS author) AS author
    CROSS JOIN LATERAL (
        SELECT json_build_object(
            'message_id', message_id, 'at', projection.rfc3339(sent_at), 'direction', direction,
            'text', text, 'author', author)::text AS whole) AS message_shown
) AS last ON true
ON CONFLICT (chat_id) DO UPDATE SET
    title = excluded.title, client_count = excluded.client_count, shown = excluded.shown,
    author_kind = excluded.author_kind, author_id = excluded.author_id, author_name = excluded.author_name;

-- name: line_taken_away
-- on: *
-- for: readers, while following
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
-- for: readers
-- To whoever sees the chat now, with all of his reasons.
INSERT INTO inbox.line AS line
    (workspace_id, principal, chat_id, kind, folder, waiting, activity_at, reasons)
SELECT chat.workspace_id, sighted.principal, chat.chat_id, chat.kind, chat.folder,
       chat.waiting_since IS NOT NULL, chat.activity_at, reasons
FROM (
    SELECT chat_id, principal FROM visibility.sight
    WHERE lower(during) > %(after)s AND lower(during) <= %(until)s
    UNION
    SELECT chat_id, principal FROM visibility.sight
    WHERE NOT upper_inf(during) AND upper(during) > %(after)s AND upper(during) <= %(until)s
) AS sighted
CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = sighted.chat_id OFFSET 0) AS chat
CROSS JOIN LATERAL (
    SELECT string_agg(visibility.reason(kind, contact_id, deal_id, principal, NULL)::text, ', '
                      ORDER BY kind, contact_id, deal_id) AS reasons
    FROM visibility.sight
    WHERE chat_id = sighted.chat_id AND principal = sighted.principal AND during @> %(until)s::bigint
) AS why
WHERE reasons IS NOT NULL
ON CONFLICT (chat_id, principal) DO UPDATE SET reasons = excluded.reasons;

-- name: line_moved
-- on: message.received, message.queued, conversation.claimed, conversation.assigned, conversation.released
-- on: conversation.snoozed, conversation.woken, conversation.closed, conversation.reopened
-- on: conversation.dismissed
-- for: readers, while following
UPDATE inbox.line
SET folder = chat.folder, waiting = chat.waiting_since IS NOT NULL, activity_at = chat.activity_at
FROM (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND (topic IN ('message.received', 'message.queued') OR topic LIKE 'conversation.%%')
) AS news
CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = news.chat_id OFFSET 0) AS chat
WHERE line.chat_id = news.chat_id
  AND (line.folder, line.waiting, line.activity_at)
      IS DISTINCT FROM (chat.folder, chat.waiting_since IS NOT NULL, chat.activity_at);

-- name: tally_with
-- on: *
-- for: readers
INSERT INTO inbox.tally AS tally
SELECT * FROM inbox.tallied(%(after)s, %(until)s)
ON CONFLICT (workspace_id, principal, reader, kind, folder) DO UPDATE SET
    lines = tally.lines + excluded.lines, waiting = tally.waiting + excluded.waiting,
    unread = tally.unread + excluded.unread;

-- name: page
-- As many lines of each principal as may be among the first of all of them.
WITH oversight AS MATERIALIZED (
    SELECT reason FROM inbox.oversight(%(workspace_id)s, %(employee_id)s)
), page AS MATERIALIZED (
    SELECT near.activity_at, near.chat_id, string_agg(near.reasons, ', ' ORDER BY near.reasons) AS reasons
    FROM visibility.acting_for(%(workspace_id)s, %(employee_id)s) AS of
    CROSS JOIN LATERAL (
        SELECT activity_at, chat_id,
               CASE line.principal WHEN 'oversight' THEN (SELECT reason FROM oversight)
                                   ELSE line.reasons END AS reasons
        FROM inbox.lines_after(%(workspace_id)s, of.principal, %(at)s, %(chat_id)s, %(folders)s, %(waiting)s)
            AS line
        WHERE line.kind = ANY (%(kinds)s)
          AND (NOT %(narrowed)s OR (
              SELECT (%(channel_id)s::text IS NULL OR channel_id = %(channel_id)s)
                 AND (%(holder_id)s::text IS NULL OR holder_id = %(holder_id)s)
                 AND (%(q)s::text IS NULL OR card.title ILIKE %(q)s)
              FROM inbox.chat JOIN inbox.card USING (chat_id) WHERE chat_id = line.chat_id))
        ORDER BY line.activity_at DESC, line.chat_id DESC
        LIMIT %(limit)s + 1
    ) AS near
    GROUP BY near.activity_at, near.chat_id
    ORDER BY near.activity_at DESC, near.chat_id DESC
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, '{"items": [' || coalesce((
    SELECT string_agg(
        inbox.item(shown, author_kind, coalesce(colleague.name, author_name),
                   client_count - coalesce(read_count, 0), reasons),
        ', ' ORDER BY activity_at DESC, page.chat_id DESC)
    FROM (SELECT * FROM page ORDER BY activity_at DESC, chat_id DESC LIMIT %(limit)s) AS page
    CROSS JOIN LATERAL (SELECT * FROM inbox.card WHERE chat_id = page.chat_id OFFSET 0) AS card
    LEFT JOIN LATERAL (
        SELECT read_count FROM inbox.reading
        WHERE chat_id = page.chat_id AND employee_id = %(employee_id)s OFFSET 0) AS reading ON true
    LEFT JOIN LATERAL inbox.colleague(%(workspace_id)s, author_kind, author_id) ON true
), '') || '], "next_cursor": ' || coalesce((
    SELECT to_json(projection.rfc3339(activity_at) || '~' || chat_id)::text
    FROM (SELECT * FROM page ORDER BY activity_at, chat_id OFFSET 1 LIMIT 1) AS last
    WHERE (SELECT count(*) FROM page) > %(limit)s
), 'null') || '}' AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: counts
-- Who oversees sees the chats of his own clients among all others, so there they count once.
WITH caller AS MATERIALIZED (
    SELECT visibility.principals(%(workspace_id)s, %(employee_id)s) AS principals
), tally AS (
    SELECT tally.*
    FROM caller
    CROSS JOIN LATERAL unnest(principals) AS counted (principal)
    CROSS JOIN unnest(ARRAY['', %(employee_id)s]) AS counted_for (reader)
    CROSS JOIN LATERAL (
        SELECT * FROM inbox.tally
        WHERE workspace_id = %(workspace_id)s AND principal = counted.principal
          AND reader = counted_for.reader AND kind = ANY (%(kinds)s::text[]) OFFSET 0) AS tally
    WHERE counted.principal NOT LIKE 'employee:%%' OR NOT 'oversight' = ANY (principals)
)
SELECT checkpoint.position, (
    SELECT json_build_object(
        'incoming', coalesce(sum(lines) FILTER (WHERE folder = 'incoming'), 0),
        'in_progress', coalesce(sum(lines) FILTER (WHERE folder = 'in_progress'), 0),
        'snoozed', coalesce(sum(lines) FILTER (WHERE folder = 'snoozed'), 0),
        'closed', coalesce(sum(lines) FILTER (WHERE folder = 'closed'), 0),
        'waiting', coalesce(sum(waiting), 0),
        'unread', coalesce(sum(unread), 0))
    FROM tally
)::text AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: conversation
SELECT checkpoint.position, (
    SELECT left(inbox.item(
            shown, author_kind, coalesce(colleague.name, author_name),
            card.client_count - coalesce(read_count, 0), reasons), -1)
        || ', "participants": ' || (
        SELECT coalesce(json_agg(json_build_object(
            'address', participant.address,
            'name', coalesce(employee.name, staff.name, client.name, participant.name),
            'kind', coalesce(person.person_kind,
                             CASE WHEN client.contact_id IS NOT NULL THEN 'client' ELSE 'unknown' END),
            'contact_id', client.contact_id,
            'employee_id', employee.employee_id,
            'staff_id', staff.staff_id,
            'joined_at', projection.rfc3339(membership.first_at),
            'left_at', CASE WHEN NOT membership.present THEN projection.rfc3339(membership.at) END
        ) ORDER BY membership.first_at, participant.address_id), '[]')::text
        FROM inbox.participant
        JOIN visibility.membership USING (chat_id, address_id)
        LEFT JOIN directory.person_address AS person
            ON person.workspace_id = chat.workspace_id AND person.address_id = participant.address_id
        LEFT JOIN directory.employee ON person.person_kind = 'employee'
            AND employee.workspace_id = chat.workspace_id AND employee.employee_id = person.person_id
        LEFT JOIN directory.staff ON person.person_kind = 'external_staff'
            AND staff.workspace_id = chat.workspace_id AND staff.staff_id = person.person_id
        LEFT JOIN LATERAL inbox.client_of(chat.workspace_id, participant.address_id) AS client ON true
        WHERE participant.chat_id = chat.chat_id
    ) || '}'
    FROM inbox.chat
    CROSS JOIN LATERAL (SELECT * FROM inbox.card WHERE chat_id = chat.chat_id OFFSET 0) AS card
    LEFT JOIN inbox.reading ON reading.chat_id = chat.chat_id AND reading.employee_id = %(employee_id)s
    LEFT JOIN LATERAL inbox.colleague(chat.workspace_id, author_kind, author_id) ON true
    CROSS JOIN LATERAL (
        SELECT string_agg(told.reasons, ', ' ORDER BY told.reasons) AS reasons
        FROM visibility.acting_for(%(workspace_id)s, %(employee_id)s) AS principal
        CROSS JOIN LATERAL (
            SELECT CASE line.principal WHEN 'oversight'
                   THEN (SELECT reason FROM inbox.oversight(%(workspace_id)s, %(employee_id)s))
                   ELSE line.reasons END AS reasons
            FROM inbox.line WHERE chat_id = chat.chat_id AND principal = principal.principal OFFSET 0) AS told
    ) AS seen
    WHERE chat.workspace_id = %(workspace_id)s AND chat.conversation_id = %(conversation_id)s
      AND chat.kind = ANY (%(kinds)s::text[]) AND seen.reasons IS NOT NULL
) AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: glance
SELECT chat_id::text, folder, holder_id, client_position, activity_at
FROM inbox.chat
WHERE workspace_id = %(workspace_id)s AND conversation_id = %(conversation_id)s
  AND visibility.sees(visibility.principals(%(workspace_id)s, %(employee_id)s), chat_id);

-- name: participant
SELECT coalesce(name, address) AS name
FROM inbox.chat
CROSS JOIN LATERAL (
    SELECT name, address FROM inbox.participant
    WHERE chat_id = chat.chat_id AND address_id = %(address_id)s OFFSET 0) AS participant
WHERE conversation_id = %(conversation_id)s;
