-- The shared inbox: a line for each conversation and each audience, in the order in which it is read.
--
-- A conversation is a group chat, or the direct chats of one client: all that are linked by contacts. An
-- audience is who sees the same chats of a conversation: the whole team, those who oversee, who receive new
-- clients, or one employee. Of an employee's audiences the one that sees most of a conversation outranks the
-- others there, so that he has one line of it, with all the chats that he sees and nothing of the others.
--
-- Lines exist exactly while `visibility` has open sights, and move with them in one transaction. What a line
-- shows is a card, made anew when anything in it may have changed; what there is to count is a tally. So a
-- page costs what a page costs, and counts are a few rows, whatever the inbox holds.

-- name: create
CREATE SCHEMA IF NOT EXISTS inbox;

-- What a chat's events say. Pages have room, so that a row that changes stays in its page (HOT).
CREATE TABLE IF NOT EXISTS inbox.chat (
    chat_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    own_id uuid NOT NULL,
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
COMMENT ON COLUMN inbox.chat.own_id IS 'the conversation that it is by itself';
COMMENT ON COLUMN inbox.chat.conversation_id IS 'the one that it stands in: the own one of its oldest chat';

CREATE INDEX IF NOT EXISTS chat_of_conversation ON inbox.chat (conversation_id);

-- Chats that a range of the ledger moves to another conversation, until they are there.
CREATE UNLOGGED TABLE IF NOT EXISTS inbox.moving (
    chat_id uuid PRIMARY KEY,
    first bigint NOT NULL,
    former_id uuid,
    conversation_id uuid
);
COMMENT ON COLUMN inbox.moving.first IS 'at which position the oldest of the client''s chats was opened';

-- Deliveries that failed: the message answers nobody, unless a report, earlier or later, says that it was got.
CREATE TABLE IF NOT EXISTS inbox.failure (
    delivery_id uuid PRIMARY KEY,
    failed_position bigint NOT NULL,
    got_position bigint,
    position bigint GENERATED ALWAYS AS (greatest(failed_position, got_position)) STORED
);
COMMENT ON COLUMN inbox.failure.got_position IS 'of the first report that the message was delivered or read';
COMMENT ON COLUMN inbox.failure.position IS 'since when it is as it is';

CREATE INDEX IF NOT EXISTS failure_in_order ON inbox.failure (position);

-- What a line shows of a chat to everybody who sees it. Of the company only ids: its people are few, their
-- names are looked up for the page that is read, and a new name is not copied into all that they ever wrote.
CREATE TABLE IF NOT EXISTS inbox.card (
    chat_id uuid PRIMARY KEY,
    title text,
    contact_ids text[] NOT NULL,
    client_count bigint NOT NULL,
    head text NOT NULL,
    last_message text NOT NULL,
    author_kind text,
    author_id text,
    author_name text
) WITH (fillfactor = 75);
COMMENT ON COLUMN inbox.card.head IS 'a JSON object without its last brace, for a line of this chat alone';
COMMENT ON COLUMN inbox.card.last_message IS 'a JSON value, up to the name where the company wrote it';
COMMENT ON COLUMN inbox.card.author_kind IS 'of who wrote last for the company; null where a client did';
COMMENT ON COLUMN inbox.card.author_name IS 'what he was called in the messenger';

CREATE TABLE IF NOT EXISTS inbox.line (
    workspace_id text NOT NULL,
    audience text NOT NULL,
    conversation_id uuid NOT NULL,
    chat_ids uuid[] NOT NULL,
    kind text NOT NULL,
    folder text NOT NULL,
    waiting_since timestamptz,
    waiting boolean GENERATED ALWAYS AS (waiting_since IS NOT NULL) STORED,
    activity_at timestamptz NOT NULL,
    shared boolean NOT NULL,
    reasons text NOT NULL,
    PRIMARY KEY (conversation_id, audience)
);
COMMENT ON COLUMN inbox.line.chat_ids IS 'what the audience sees of the conversation, oldest first';
COMMENT ON COLUMN inbox.line.shared IS 'whoever reads it may have other lines of the conversation';
COMMENT ON COLUMN inbox.line.reasons IS 'of this audience and no other: the elements of a JSON array';

-- How many lines an audience has, so that nobody has to count them; less those that are outranked. What a
-- reader has read to the end is not unread for him: that is taken away in rows of his own.
CREATE TABLE IF NOT EXISTS inbox.tally (
    workspace_id text NOT NULL,
    audience text NOT NULL,
    reader text NOT NULL,
    kind text NOT NULL,
    folder text NOT NULL,
    lines bigint NOT NULL,
    waiting bigint NOT NULL,
    unread bigint NOT NULL,
    PRIMARY KEY (workspace_id, audience, reader, kind, folder)
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
CREATE INDEX IF NOT EXISTS chat_of_own ON inbox.chat (own_id);
CREATE INDEX IF NOT EXISTS chat_held ON inbox.chat (workspace_id, holder_id) WHERE holder_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS chat_snoozed ON inbox.chat (snoozed_until) WHERE folder = 'snoozed';
CREATE INDEX IF NOT EXISTS chat_overlooked ON inbox.chat (chat_id) WHERE overlooked;
CREATE INDEX IF NOT EXISTS line_in_order
    ON inbox.line (workspace_id, audience, folder, waiting, activity_at DESC, conversation_id DESC);

-- name: clear
-- What is made for readers, so that it can be made of the whole.
TRUNCATE inbox.card, inbox.line, inbox.tally;

-- name: chat_moving
-- on: chat.participant_joined, chat.participant_left, contact.address_linked, contact.address_unlinked
-- for: readers
SELECT inbox.find_moving(%(after)s, %(until)s);

-- name: delivery_failed
-- on: delivery.reported
-- Nearly all reports tell of no failure, and cost a look at a small table at most.
MERGE INTO inbox.failure AS failure
USING (
    SELECT news.stream_id, report.*
    FROM (
        SELECT DISTINCT stream_id FROM ledger
        WHERE position > %(after)s AND position <= %(until)s AND topic = 'delivery.reported'
          AND (facts->>'status' = 'failed' OR facts->>'status' IN ('delivered', 'read') AND EXISTS (
              SELECT FROM inbox.failure
              WHERE delivery_id = ledger.stream_id AND got_position IS NULL))
    ) AS news
    CROSS JOIN LATERAL (
        SELECT min(position) FILTER (WHERE facts->>'status' = 'failed') AS failed_position,
               min(position) FILTER (WHERE facts->>'status' IN ('delivered', 'read')) AS got_position
        FROM ledger WHERE stream_id = news.stream_id AND position <= %(until)s
    ) AS report
) AS news ON failure.delivery_id = news.stream_id
WHEN MATCHED AND failure.got_position IS NULL AND news.got_position IS NOT NULL THEN
    UPDATE SET got_position = news.got_position
WHEN NOT MATCHED THEN
    INSERT (delivery_id, failed_position, got_position)
    VALUES (news.stream_id, news.failed_position, news.got_position);

-- name: tally_without
-- on: *
-- for: readers, while following
-- A range is tallied by taking out the conversations that it touches as they were, here, and putting them in
-- as they are then, in `tally_with`.
MERGE INTO inbox.tally AS tally
USING inbox.tallied(%(after)s, %(until)s) AS former
    ON tally.workspace_id = former.workspace_id AND tally.audience = former.audience
   AND tally.reader = former.reader AND tally.kind = former.kind AND tally.folder = former.folder
WHEN MATCHED AND (tally.lines, tally.waiting, tally.unread) = (former.lines, former.waiting, former.unread)
THEN DELETE
WHEN MATCHED THEN UPDATE SET
    lines = tally.lines - former.lines, waiting = tally.waiting - former.waiting,
    unread = tally.unread - former.unread
WHEN NOT MATCHED THEN
    INSERT (workspace_id, audience, reader, kind, folder, lines, waiting, unread)
    VALUES (former.workspace_id, former.audience, former.reader, former.kind, former.folder,
            -former.lines, -former.waiting, -former.unread);

-- name: chat_erased
-- on: contact.erased
-- Before what the range tells. When the title was told stays in the ledger, but not that a first one was.
UPDATE inbox.chat SET external_id = NULL, title = NULL, titled_at = told.at
FROM (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id
    FROM projection.erased(%(after)s, %(until)s)
    WHERE topic IN ('chat.opened', 'chat.recognised', 'chat.renamed')
) AS gone
CROSS JOIN LATERAL (
    SELECT coalesce(max(occurred_at), '-infinity') AS at FROM ledger
    WHERE stream_id = gone.chat_id AND topic = 'chat.renamed' AND position <= %(after)s) AS told
WHERE chat.chat_id = gone.chat_id;

-- name: participant_erased
-- on: contact.erased
UPDATE inbox.participant SET address = NULL, name = NULL, named_at = '-infinity', named_position = 0
FROM (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id, facts->>'address_id' AS address_id
    FROM projection.erased(%(after)s, %(until)s)
    WHERE topic IN ('chat.participant_joined', 'chat.participant_left')
) AS gone
WHERE participant.chat_id = gone.chat_id AND participant.address_id = gone.address_id;

-- name: chat_opened
-- on: chat.opened
INSERT INTO inbox.chat
    (chat_id, position, own_id, conversation_id, workspace_id, channel_id, kind, external_id, title,
     titled_at, activity_at)
SELECT (facts->>'chat_id')::uuid, position, (facts->>'conversation_id')::uuid,
       (facts->>'conversation_id')::uuid, workspace_id, facts->>'channel_id', facts->>'kind',
       private->>'external_id', private->>'title',
       CASE WHEN private->>'title' IS NULL THEN '-infinity' ELSE occurred_at END, occurred_at
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.opened';

-- name: chat_recognised
-- on: chat.recognised
UPDATE inbox.chat SET external_id = news.external_id
FROM (
    SELECT DISTINCT ON (stream_id) (facts->>'chat_id')::uuid AS chat_id, private->>'external_id' AS external_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.recognised'
    ORDER BY stream_id, position DESC
) AS news
WHERE chat.chat_id = news.chat_id;

-- name: chat_moved
-- on: chat.participant_joined, chat.participant_left, contact.address_linked, contact.address_unlinked
-- for: readers
UPDATE inbox.chat SET conversation_id = moving.conversation_id
FROM (SELECT * FROM inbox.moving OFFSET 0) AS moving WHERE chat.chat_id = moving.chat_id;

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
-- The address is spelled as it was told first and not erased; of the names, the latest by time counts, ties by
-- arrival.
MERGE INTO inbox.participant AS participant
USING (
    SELECT chat_id, address_id, (array_agg(kind ORDER BY position))[1] AS kind,
           (array_agg(address ORDER BY position) FILTER (WHERE address IS NOT NULL))[1] AS address,
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
    UPDATE SET address = coalesce(participant.address, news.address), name = news.name,
               named_at = news.named_at, named_position = news.named_position
WHEN MATCHED AND participant.address IS NULL THEN UPDATE SET address = news.address
WHEN NOT MATCHED THEN
    INSERT (chat_id, address_id, kind, address, name, named_at, named_position)
    VALUES (news.chat_id, news.address_id, news.kind, news.address, news.name, news.named_at,
            news.named_position);

-- name: message_written
-- on: message.received, message.queued
-- Whatever the company wrote answers the client, but what a machine wrote, or what nobody got.
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
           max(at) FILTER (WHERE answers) AS answered_at,
           (array_agg(position ORDER BY at DESC, position DESC) FILTER (WHERE answers))[1]
               AS answered_position
    FROM (
        SELECT (facts->>'chat_id')::uuid AS chat_id, (facts->>'message_id')::uuid AS message_id,
               occurred_at AS at, position, facts->>'direction' = 'in' AS incoming,
               facts->>'author_kind' IN ('employee', 'external_staff') AND NOT EXISTS (
                   SELECT FROM inbox.failure
                   WHERE delivery_id = (facts->>'delivery_id')::uuid AND got_position IS NULL) AS answers
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
    WHERE message.conversation_id = known.own_id AND message.chat_id = known.chat_id
      AND known.client_position > known.dismissed_position
      AND (message.sent_at, message.position) > (known.answered_at, known.answered_position)
      AND message.direction = 'in' AND message.position + 0 > known.dismissed_position
      AND message.position + 0 <= %(until)s
    ORDER BY message.sent_at, message.position
    LIMIT 1
) AS unanswered ON true
WHERE chat.chat_id = news.chat_id AND chat.waiting_since IS DISTINCT FROM unanswered.since;

-- name: answer_failed
-- on: delivery.reported
-- for: readers
SELECT inbox.take_back_answers(%(after)s, %(until)s);

-- name: reading_advanced
-- on: reading.advanced
-- How many of the client's messages an employee has read, so that what is unread is a subtraction.
MERGE INTO inbox.reading AS reading
USING (
    SELECT news.*, coalesce(known.read_count, 0) + count AS read_count
    FROM (
        SELECT chat_id, facts->>'employee_id' AS employee_id,
               max(least((facts->>'read_position')::bigint, position)) AS read_position
        FROM ledger
        CROSS JOIN LATERAL inbox.chats_read(facts) AS chat_id
        WHERE position > %(after)s AND position <= %(until)s AND topic = 'reading.advanced'
        GROUP BY 1, 2
    ) AS news
    CROSS JOIN LATERAL (SELECT own_id FROM inbox.chat WHERE chat_id = news.chat_id OFFSET 0) AS chat
    LEFT JOIN inbox.reading AS known USING (chat_id, employee_id)
    CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM timeline.message
        WHERE message.conversation_id = chat.own_id AND message.chat_id = news.chat_id
          AND message.direction = 'in' AND message.position > coalesce(known.read_position, 0)
          AND message.position <= news.read_position) AS message
) AS news ON reading.chat_id = news.chat_id AND reading.employee_id = news.employee_id
WHEN MATCHED AND news.read_position > reading.read_position THEN
    UPDATE SET read_position = news.read_position, read_count = news.read_count
WHEN NOT MATCHED THEN
    INSERT (chat_id, employee_id, read_position, read_count)
    VALUES (news.chat_id, news.employee_id, news.read_position, news.read_count);

-- name: card_changed
-- on: chat.opened, chat.recognised, chat.renamed, chat.participant_joined, chat.participant_left
-- on: message.received, message.queued, message.edited
-- on: conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed
-- on: conversation.woken, conversation.closed, conversation.reopened, conversation.dismissed
-- on: contact.registered, contact.renamed, contact.address_linked, contact.address_unlinked
-- on: address.assigned, address.unassigned, contact.erased
-- for: readers, to show
INSERT INTO inbox.card AS card
    (chat_id, title, contact_ids, client_count, head, last_message, author_kind, author_id, author_name)
SELECT chat.chat_id, headed.title, client.contact_ids, chat.client_count,
       inbox.head(chat, headed.title, client.contact_ids),
       coalesce(last.shown, 'null'), last.author_kind, last.author_id, last.author_name
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
    SELECT coalesce(array_agg(DISTINCT link.contact_id), '{}') AS contact_ids
    FROM visibility.presence
    CROSS JOIN LATERAL (
        SELECT object AS contact_id FROM visibility.link
        WHERE subject = presence.object AND workspace_id = chat.workspace_id AND upper_inf(during)
        OFFSET 0) AS link
    WHERE presence.subject = chat.chat_id::text AND presence.workspace_id = chat.workspace_id
      AND upper_inf(presence.during)
) AS client
LEFT JOIN LATERAL (
    -- Who wrote for the company as he was known then; of the clients, as is known now.
    SELECT CASE WHEN of_company THEN author_kind END AS author_kind,
           CASE WHEN of_company THEN author_id END AS author_id,
           CASE WHEN of_company THEN sender_name END AS author_name,
           CASE WHEN of_company THEN left(whole, -length('null}}')) ELSE whole END AS shown
    FROM (
        SELECT *, author_kind <> 'client' AS of_company
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
    title = excluded.title, contact_ids = excluded.contact_ids, client_count = excluded.client_count,
    head = excluded.head, last_message = excluded.last_message, author_kind = excluded.author_kind,
    author_id = excluded.author_id, author_name = excluded.author_name;

-- name: line_given
-- on: *
-- for: readers
-- The lines of the conversations of which somebody sees another part now, or whose chats moved; who sees
-- nothing any more loses his.
WITH touched AS MATERIALIZED (
    SELECT chat.conversation_id
    FROM (
        SELECT chat_id FROM visibility.sight
        WHERE lower(during) > %(after)s AND lower(during) <= %(until)s
        UNION
        SELECT chat_id FROM visibility.sight
        WHERE NOT upper_inf(during) AND upper(during) > %(after)s AND upper(during) <= %(until)s
    ) AS sighted
    CROSS JOIN LATERAL (
        SELECT conversation_id FROM inbox.chat WHERE chat_id = sighted.chat_id OFFSET 0) AS chat
    UNION
    SELECT former_id FROM inbox.moving WHERE former_id IS NOT NULL
    UNION
    SELECT conversation_id FROM inbox.moving
), conversation AS MATERIALIZED (
    -- All that is seen of each, as parallel arrays: chats, by whom, and why.
    SELECT touched.conversation_id, min(workspace_id) AS workspace_id, min(kind) AS kind,
           array_remove(array_agg(chat_id ORDER BY position), NULL) AS chat_ids,
           array_remove(array_agg(audience ORDER BY position), NULL) AS audiences,
           array_agg(reason ORDER BY position) AS reasons
    FROM touched
    LEFT JOIN LATERAL (
        SELECT chat.workspace_id, chat.kind, chat.chat_id, chat.position, audience, reason
        FROM (SELECT * FROM inbox.chat WHERE conversation_id = touched.conversation_id OFFSET 0) AS chat
        CROSS JOIN LATERAL (
            SELECT CASE WHEN starts_with(principal, 'team:') THEN 'team' ELSE principal END AS audience,
                   CASE WHEN kind <> 'oversight' THEN
                       visibility.reason(kind, contact_id, deal_id, principal, NULL)::text END AS reason
            FROM visibility.sight
            WHERE chat_id = chat.chat_id AND during @> %(until)s::bigint OFFSET 0) AS sight
    ) AS seen ON true
    GROUP BY touched.conversation_id
), line AS MATERIALIZED (
    SELECT conversation.conversation_id, workspace_id, kind, drawn.audience, part.chat_ids, shared,
           coalesce(why.reasons, '') AS reasons
    FROM conversation
    CROSS JOIN LATERAL (
        SELECT 'team' = ANY (audiences) AS by_team, 'oversight' = ANY (audiences) AS by_oversight,
               'new_client' = ANY (audiences) AS by_new_client,
               EXISTS (SELECT FROM unnest(audiences) AS each
                       WHERE starts_with(each, 'employee:')) AS by_employee
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT DISTINCT base,
               CASE WHEN base = 'team' AND by_oversight THEN 'team:mixed' ELSE base END AS audience,
               ARRAY[base, 'team'] AS bases,
               CASE base WHEN 'team' THEN by_oversight OR by_new_client OR by_employee
                         WHEN 'oversight' THEN by_team
                         WHEN 'new_client' THEN by_team OR by_employee
                         ELSE by_team OR by_new_client END AS shared
        FROM unnest(audiences) AS base
        UNION ALL
        SELECT DISTINCT NULL, 'new_client+' || base, ARRAY[base, 'new_client', 'team'], true
        FROM unnest(audiences) AS base
        WHERE by_new_client AND starts_with(base, 'employee:')
    ) AS drawn
    CROSS JOIN LATERAL (
        SELECT array_agg(chat_id ORDER BY nth) AS chat_ids
        FROM (SELECT chat_id, min(nth) AS nth
              FROM unnest(chat_ids, audiences) WITH ORDINALITY AS part (chat_id, audience, nth)
              WHERE audience = ANY (bases) GROUP BY chat_id) AS chat
    ) AS part
    CROSS JOIN LATERAL (
        SELECT string_agg(DISTINCT reason, ', ' ORDER BY reason) AS reasons
        FROM unnest(audiences, conversation.reasons) AS known (audience, reason) WHERE audience = base
    ) AS why
), taken_away AS (
    DELETE FROM inbox.line USING (
        SELECT conversation.conversation_id, audience.drawn
        FROM conversation
        CROSS JOIN LATERAL (
            SELECT ARRAY(
                SELECT CASE WHEN each = 'team' AND 'oversight' = ANY (audiences) THEN 'team:mixed'
                            ELSE each END
                FROM unnest(audiences) AS each
                UNION ALL
                SELECT 'new_client+' || each FROM unnest(audiences) AS each
                WHERE 'new_client' = ANY (audiences) AND starts_with(each, 'employee:')) AS drawn
        ) AS audience
    ) AS known
    WHERE line.conversation_id = known.conversation_id AND line.audience <> ALL (known.drawn)
)
INSERT INTO inbox.line AS known
    (workspace_id, audience, conversation_id, chat_ids, kind, folder, waiting_since, activity_at, shared,
     reasons)
SELECT workspace_id, audience, conversation_id, chat_ids, kind, folder, waiting_since, activity_at, shared,
       reasons
FROM line
CROSS JOIN LATERAL inbox.standing(chat_ids, %(until)s)
ON CONFLICT (conversation_id, audience) DO UPDATE SET
    chat_ids = excluded.chat_ids, folder = excluded.folder, waiting_since = excluded.waiting_since,
    activity_at = excluded.activity_at, shared = excluded.shared, reasons = excluded.reasons;

-- name: line_moved
-- on: message.received, message.queued, conversation.claimed, conversation.assigned, conversation.released
-- on: conversation.snoozed, conversation.woken, conversation.closed, conversation.reopened
-- on: conversation.dismissed
-- for: readers, while following
UPDATE inbox.line
SET folder = standing.folder, waiting_since = standing.waiting_since, activity_at = standing.activity_at
FROM (
    SELECT DISTINCT chat.conversation_id
    FROM (
        SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id
        FROM ledger
        WHERE position > %(after)s AND position <= %(until)s
          AND (topic IN ('message.received', 'message.queued') OR topic LIKE 'conversation.%%')
    ) AS news
    CROSS JOIN LATERAL (SELECT conversation_id FROM inbox.chat WHERE chat_id = news.chat_id OFFSET 0) AS chat
) AS news
CROSS JOIN LATERAL (
    SELECT conversation_id, audience, chat_ids FROM inbox.line
    WHERE conversation_id = news.conversation_id OFFSET 0) AS known
CROSS JOIN LATERAL inbox.standing(known.chat_ids, %(until)s) AS standing
WHERE line.conversation_id = known.conversation_id AND line.audience = known.audience
  AND (line.folder, line.waiting_since, line.activity_at)
      IS DISTINCT FROM (standing.folder, standing.waiting_since, standing.activity_at);

-- name: tally_with
-- on: *
-- for: readers
MERGE INTO inbox.tally AS tally
USING inbox.tallied(%(after)s, %(until)s) AS news
    ON tally.workspace_id = news.workspace_id AND tally.audience = news.audience
   AND tally.reader = news.reader AND tally.kind = news.kind AND tally.folder = news.folder
WHEN MATCHED AND (tally.lines, tally.waiting, tally.unread) = (-news.lines, -news.waiting, -news.unread)
THEN DELETE
WHEN MATCHED THEN UPDATE SET
    lines = tally.lines + news.lines, waiting = tally.waiting + news.waiting,
    unread = tally.unread + news.unread
WHEN NOT MATCHED THEN
    INSERT (workspace_id, audience, reader, kind, folder, lines, waiting, unread)
    VALUES (news.workspace_id, news.audience, news.reader, news.kind, news.folder,
            news.lines, news.waiting, news.unread);

-- name: moving_done
-- on: chat.participant_joined, chat.participant_left, contact.address_linked, contact.address_unlinked
-- for: readers
DELETE FROM inbox.moving;
