-- What the inbox is written and read with: who belongs together, who sees how much, what counts how often, and
-- what a line shows.

-- name: functions
-- The chats that a range of the ledger may have joined or parted: those whose participants it names, and those
-- in which somebody takes part who has a contact with whom it names.
CREATE OR REPLACE FUNCTION inbox.near(after bigint, until bigint) RETURNS TABLE (chat_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH told AS MATERIALIZED (
        SELECT workspace_id, facts->>'chat_id' AS chat_id, facts->>'address_id' AS address_id,
               facts->>'contact_id' AS contact_id
        FROM ledger
        WHERE position > after AND position <= until
          AND topic IN ('contact.address_linked', 'contact.address_unlinked',
                        'chat.participant_joined', 'chat.participant_left')
    ), contact AS MATERIALIZED (
        SELECT workspace_id, contact_id FROM told WHERE contact_id IS NOT NULL
        UNION
        SELECT told.workspace_id, link.object FROM told CROSS JOIN LATERAL (
            SELECT object FROM visibility.link
            WHERE subject = told.address_id AND workspace_id = told.workspace_id AND during @> until
            OFFSET 0) AS link
    ), address AS MATERIALIZED (
        SELECT workspace_id, address_id FROM told WHERE contact_id IS NOT NULL
        UNION
        SELECT contact.workspace_id, link.subject FROM contact CROSS JOIN LATERAL (
            SELECT subject FROM visibility.link
            WHERE object = contact.contact_id AND workspace_id = contact.workspace_id AND during @> until
            OFFSET 0) AS link
    )
    SELECT chat_id::uuid FROM told WHERE chat_id IS NOT NULL
    UNION
    SELECT presence.subject::uuid FROM address CROSS JOIN LATERAL (
        SELECT subject FROM visibility.presence
        WHERE object = address.address_id AND workspace_id = address.workspace_id AND during @> until
        OFFSET 0) AS presence
$$;

-- Puts on record the chats that a range moves to another conversation, and to which. Direct chats are one
-- conversation where a contact's addresses take part in them; it is known by the oldest of these chats. From
-- the chats that the range may have joined or parted, the oldest is told from neighbour to neighbour until
-- nobody hears of an older one.
CREATE OR REPLACE FUNCTION inbox.find_moving(after bigint, until bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    INSERT INTO inbox.moving (chat_id, first)
    SELECT chat.chat_id, chat.position FROM inbox.near(after, until) AS near CROSS JOIN LATERAL (
        SELECT chat_id, position FROM visibility.chat
        WHERE chat_id = near.chat_id AND kind = 'direct' AND position <= until OFFSET 0) AS chat;
    LOOP
        WITH contact AS MATERIALIZED (
            SELECT chat.workspace_id, link.object AS contact_id, min(moving.first) AS first
            FROM inbox.moving
            CROSS JOIN LATERAL (
                SELECT workspace_id FROM visibility.chat WHERE chat_id = moving.chat_id OFFSET 0) AS chat
            CROSS JOIN LATERAL (
                SELECT object FROM visibility.presence
                WHERE subject = moving.chat_id::text AND workspace_id = chat.workspace_id AND during @> until
                OFFSET 0) AS presence
            CROSS JOIN LATERAL (
                SELECT object FROM visibility.link
                WHERE subject = presence.object AND workspace_id = chat.workspace_id AND during @> until
                OFFSET 0) AS link
            GROUP BY chat.workspace_id, link.object
        ), near AS (
            SELECT presence.subject::uuid AS chat_id, min(contact.first) AS first
            FROM contact
            CROSS JOIN LATERAL (
                SELECT subject FROM visibility.link
                WHERE object = contact.contact_id AND workspace_id = contact.workspace_id AND during @> until
                OFFSET 0) AS link
            CROSS JOIN LATERAL (
                SELECT subject FROM visibility.presence
                WHERE object = link.subject AND workspace_id = contact.workspace_id AND during @> until
                OFFSET 0) AS presence
            GROUP BY presence.subject
        )
        INSERT INTO inbox.moving (chat_id, first)
        SELECT near.chat_id, least(near.first, chat.position) FROM near CROSS JOIN LATERAL (
            SELECT position FROM visibility.chat
            WHERE chat_id = near.chat_id AND kind = 'direct' AND position <= until OFFSET 0) AS chat
        ON CONFLICT (chat_id) DO UPDATE SET first = excluded.first WHERE moving.first > excluded.first;
        GET DIAGNOSTICS changed = ROW_COUNT;
        EXIT WHEN changed = 0;
    END LOOP;
    UPDATE inbox.moving SET
        conversation_id = (SELECT conversation_id FROM visibility.chat WHERE position = moving.first),
        former_id = (SELECT conversation_id FROM inbox.chat WHERE chat_id = moving.chat_id);
    DELETE FROM inbox.moving WHERE conversation_id = coalesce(
        former_id, (SELECT conversation_id FROM visibility.chat WHERE chat_id = moving.chat_id));
END
$$;

-- What was read; the first version of the event named one chat.
CREATE OR REPLACE FUNCTION inbox.chats_read(facts jsonb) RETURNS SETOF uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_array_elements_text(coalesce(facts->'chat_ids', jsonb_build_array(facts->'chat_id')))::uuid
$$;

-- The chats in which a range of the ledger tells that an answer failed, or got there after all.
CREATE OR REPLACE FUNCTION inbox.failing(after bigint, until bigint) RETURNS TABLE (chat_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT DISTINCT message.chat_id
    FROM inbox.failure
    CROSS JOIN LATERAL (
        SELECT message.chat_id FROM timeline.message
        WHERE message.delivery_id = failure.delivery_id AND message.direction = 'out'
          AND message.position <= until OFFSET 0) AS message
    WHERE failure.position > after AND failure.position <= until
$$;

-- The conversations whose lines, or what is counted of them, a range of the ledger may change.
CREATE OR REPLACE FUNCTION inbox.touched(after bigint, until bigint) RETURNS TABLE (conversation_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT chat.conversation_id
    FROM (
        SELECT (facts->>'chat_id')::uuid AS chat_id FROM ledger
        WHERE position > after AND position <= until
          AND (topic IN ('message.received', 'message.queued') OR topic LIKE 'conversation.%')
        UNION
        SELECT inbox.chats_read(facts) FROM ledger
        WHERE position > after AND position <= until AND topic = 'reading.advanced'
        UNION
        SELECT failing.chat_id FROM inbox.failing(after, until) AS failing
        UNION
        SELECT chat_id FROM visibility.sight WHERE lower(during) > after AND lower(during) <= until
        UNION
        SELECT chat_id FROM visibility.sight
        WHERE NOT upper_inf(during) AND upper(during) > after AND upper(during) <= until
    ) AS touched
    CROSS JOIN LATERAL (
        SELECT conversation_id FROM inbox.chat WHERE chat_id = touched.chat_id OFFSET 0) AS chat
    UNION
    SELECT former_id FROM inbox.moving WHERE former_id IS NOT NULL
    UNION
    SELECT conversation_id FROM inbox.moving
$$;

-- The chats of which what is shown may change with a range: those that its events name, those in which
-- somebody takes part whom they name, those of which something was erased, those in which an answer failed, and
-- those that move to another conversation.
CREATE OR REPLACE FUNCTION inbox.changed(after bigint, until bigint) RETURNS TABLE (chat_id uuid)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH told AS MATERIALIZED (
        SELECT workspace_id, (facts->>'chat_id')::uuid AS chat_id, facts->>'address_id' AS address_id,
               facts->>'contact_id' AS contact_id, facts->'positions' AS erased
        FROM ledger
        WHERE position > after AND position <= until
          AND (topic LIKE 'chat.%' OR topic LIKE 'conversation.%' OR topic LIKE 'address.%' OR topic IN (
              'message.received', 'message.queued', 'message.edited', 'contact.registered', 'contact.renamed',
              'contact.address_linked', 'contact.address_unlinked', 'contact.erased'))
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
    SELECT failing.chat_id FROM inbox.failing(after, until) AS failing
    UNION
    SELECT (event.facts->>'chat_id')::uuid
    FROM told
    CROSS JOIN LATERAL jsonb_array_elements(told.erased) AS span
    CROSS JOIN LATERAL (
        SELECT facts FROM ledger
        WHERE position >= (span->>0)::bigint AND position <= (span->>1)::bigint AND facts ? 'chat_id'
        OFFSET 0) AS event
    UNION
    SELECT participant.chat_id
    FROM address
    CROSS JOIN LATERAL (
        SELECT chat_id FROM inbox.participant WHERE address_id = address.address_id OFFSET 0) AS participant
    UNION
    SELECT chat_id FROM inbox.moving
$$;

-- How much an audience sees of a conversation, beside the other audiences of one employee.
CREATE OR REPLACE FUNCTION inbox.rank(audience text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN starts_with(audience, 'team') THEN 1 WHEN audience = 'new_client' THEN 2
                WHEN starts_with(audience, 'employee:') THEN 3
                WHEN starts_with(audience, 'new_client+') THEN 4 ELSE 5 END
$$;

-- How often a line counts in the tally of an audience, so that the tallies of all of an employee's audiences
-- together count each conversation once, by the line that outranks the others.
CREATE OR REPLACE FUNCTION inbox.weight(tallied text, of_line text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN tallied = of_line THEN 1
                WHEN starts_with(of_line, 'team') THEN (ARRAY[0, -1, -1, 1, 0])[inbox.rank(tallied)]
                WHEN starts_with(tallied, 'new_client+') AND
                     (of_line = 'new_client' OR tallied = 'new_client+' || of_line) THEN -1
                ELSE 0 END
$$;

-- What these conversations contribute to the tallies, as the tables are now.
CREATE OR REPLACE FUNCTION inbox.tallied(after bigint, until bigint)
RETURNS TABLE (workspace_id text, audience text, reader text, kind text, folder text,
               lines bigint, waiting bigint, unread bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT tallied.workspace_id, tallied.audience, part.reader, tallied.kind, line.folder,
           sum(weight * part.lines), sum(weight * part.waiting), sum(weight * part.unread)
    FROM inbox.touched(after, until) AS touched
    CROSS JOIN LATERAL (
        SELECT * FROM inbox.line WHERE conversation_id = touched.conversation_id OFFSET 0) AS tallied
    CROSS JOIN LATERAL (
        SELECT chat_ids, folder, waiting, inbox.weight(tallied.audience, audience) AS weight FROM inbox.line
        WHERE conversation_id = touched.conversation_id
          AND (tallied.shared OR audience = tallied.audience) OFFSET 0) AS line
    CROSS JOIN LATERAL (
        SELECT count(*) AS count FROM inbox.chat
        WHERE chat_id = ANY (line.chat_ids) AND client_count > 0 OFFSET 0) AS written
    CROSS JOIN LATERAL (
        SELECT '' AS reader, 1 AS lines, line.waiting::integer AS waiting,
               (written.count > 0)::integer AS unread
        UNION ALL
        SELECT reading.employee_id, 0, 0, -1
        FROM inbox.reading
        CROSS JOIN LATERAL (
            SELECT client_count FROM inbox.chat WHERE chat_id = reading.chat_id OFFSET 0) AS chat
        WHERE reading.chat_id = ANY (line.chat_ids) AND chat.client_count BETWEEN 1 AND reading.read_count
          AND (inbox.rank(tallied.audience) IN (1, 2, 5) OR tallied.audience IN (
              'employee:' || reading.employee_id, 'new_client+employee:' || reading.employee_id))
        GROUP BY reading.employee_id
        HAVING count(*) = written.count
    ) AS part
    WHERE weight <> 0
    GROUP BY tallied.workspace_id, tallied.audience, part.reader, tallied.kind, line.folder
    HAVING (sum(weight * part.lines), sum(weight * part.waiting), sum(weight * part.unread)) <> (0, 0, 0)
$$;

-- Since when a client waits who writes in several chats: an answer in any of them answers all before it.
CREATE OR REPLACE FUNCTION inbox.waiting_in(of_chats uuid[], until bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(unanswered.sent_at)
    FROM (
        SELECT answered_at, answered_position FROM inbox.chat WHERE chat_id = ANY (of_chats)
        ORDER BY answered_at DESC, answered_position DESC LIMIT 1) AS answer
    CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = ANY (of_chats) OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT sent_at FROM timeline.message
        WHERE message.conversation_id = chat.own_id AND message.chat_id = chat.chat_id
          AND chat.client_position > chat.dismissed_position
          AND (message.sent_at, message.position) > (answer.answered_at, answer.answered_position)
          AND message.direction = 'in' AND message.position + 0 > chat.dismissed_position
          AND message.position + 0 <= until
        ORDER BY message.sent_at, message.position LIMIT 1) AS unanswered
$$;

-- What a line of one chat shows, but for its end.
CREATE OR REPLACE FUNCTION inbox.head(chat inbox.chat, title text, contact_ids text[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT left(json_build_object(
        'conversation_id', chat.conversation_id,
        'kind', chat.kind,
        'title', title,
        'chats', json_build_array(json_build_object(
            'chat_id', chat.chat_id, 'external_id', chat.external_id,
            'channel_id', chat.channel_id, 'kind', chat.kind)),
        'contact_ids', contact_ids,
        'folder', chat.folder,
        'holder_id', chat.holder_id,
        'snoozed_until', projection.rfc3339(chat.snoozed_until),
        'waiting_since', projection.rfc3339(chat.waiting_since)
    )::text, -1)
$$;

-- Where a conversation of these chats stands: in the most demanding of their folders.
CREATE OR REPLACE FUNCTION inbox.standing(chat_ids uuid[], until bigint)
RETURNS TABLE (folder text, waiting_since timestamptz, activity_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT folder, waiting_since, activity_at
    FROM inbox.chat WHERE cardinality(chat_ids) = 1 AND chat_id = chat_ids[1]
    UNION ALL
    SELECT (ARRAY['incoming', 'in_progress', 'snoozed', 'closed'])[min(
               array_position(ARRAY['incoming', 'in_progress', 'snoozed', 'closed'], folder))],
           inbox.waiting_in(chat_ids, until), max(activity_at)
    FROM inbox.chat WHERE chat_id = ANY (chat_ids)
    HAVING cardinality(chat_ids) > 1
$$;

-- Looks for the last answer anew in the chats where one failed, or got there after all, and tells since when the
-- client waits there. In plpgsql, so that a range without a failure costs one look.
CREATE OR REPLACE FUNCTION inbox.take_back_answers(after bigint, until bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    failing uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM inbox.failure WHERE position > after AND position <= until) THEN
        RETURN;
    END IF;
    failing := ARRAY(SELECT chat_id FROM inbox.failing(after, until));
    UPDATE inbox.chat
    SET answered_at = coalesce(answer.sent_at, '-infinity'), answered_position = coalesce(answer.position, 0)
    FROM inbox.chat AS known
    LEFT JOIN LATERAL (
        SELECT sent_at, message.position FROM timeline.message
        WHERE message.conversation_id = known.own_id AND message.chat_id = known.chat_id
          AND author_kind IN ('employee', 'external_staff') AND message.position + 0 <= until
          AND NOT EXISTS (SELECT FROM inbox.failure
                          WHERE delivery_id = message.delivery_id AND got_position IS NULL OFFSET 0)
        ORDER BY sent_at DESC, message.position DESC
        LIMIT 1
    ) AS answer ON true
    WHERE chat.chat_id = known.chat_id AND known.chat_id = ANY (failing);
    UPDATE inbox.chat SET waiting_since = inbox.waiting_in(ARRAY[chat_id], until)
    WHERE chat_id = ANY (failing);
    UPDATE inbox.card SET head = inbox.head(chat, card.title, card.contact_ids)
    FROM inbox.chat WHERE chat.chat_id = ANY (failing) AND card.chat_id = chat.chat_id;
    UPDATE inbox.line SET waiting_since = standing.waiting_since
    FROM inbox.chat
    CROSS JOIN LATERAL (
        SELECT conversation_id, audience, chat_ids FROM inbox.line
        WHERE conversation_id = chat.conversation_id OFFSET 0) AS known
    CROSS JOIN LATERAL inbox.standing(known.chat_ids, until) AS standing
    WHERE chat.chat_id = ANY (failing)
      AND line.conversation_id = known.conversation_id AND line.audience = known.audience;
END
$$;

-- Who holds a conversation of these chats; where several hold a part, it is whoever's is the liveliest.
CREATE OR REPLACE FUNCTION inbox.holder_of(of_chats uuid[]) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT holder_id FROM inbox.chat WHERE chat_id = ANY (of_chats) AND holder_id IS NOT NULL
    ORDER BY activity_at DESC, chat_id DESC LIMIT 1
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

-- What a line shows of its chats: the card of one, or the cards of several as one.
CREATE OR REPLACE FUNCTION inbox.shown(
    of_conversation uuid, chat_ids uuid[], of_kind text, of_folder text, waiting_since timestamptz
) RETURNS TABLE (title text, client_count bigint, head text, last_message text,
               author_kind text, author_id text, author_name text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT title, client_count, head, last_message, author_kind, author_id, author_name
    FROM inbox.card WHERE cardinality(chat_ids) = 1 AND chat_id = chat_ids[1]
    UNION ALL
    SELECT part.title, part.client_count, left(json_build_object(
               'conversation_id', of_conversation,
               'kind', of_kind,
               'title', part.title,
               'chats', part.chats,
               'contact_ids', (
                   SELECT coalesce(json_agg(DISTINCT contact_id), '[]')
                   FROM inbox.card CROSS JOIN LATERAL unnest(contact_ids) AS known (contact_id)
                   WHERE chat_id = ANY (chat_ids)),
               'folder', of_folder,
               'holder_id', inbox.holder_of(chat_ids),
               'snoozed_until', projection.rfc3339(part.snoozed_until),
               'waiting_since', projection.rfc3339(waiting_since)
           )::text, -1),
           last.last_message, last.author_kind, last.author_id, last.author_name
    FROM (
        SELECT string_agg(DISTINCT card.title, ', ') AS title, sum(card.client_count)::bigint AS client_count,
               min(chat.snoozed_until) FILTER (WHERE chat.folder = of_folder) AS snoozed_until,
               json_agg(json_build_object(
                   'chat_id', chat.chat_id, 'external_id', chat.external_id,
                   'channel_id', chat.channel_id, 'kind', chat.kind) ORDER BY chat.position) AS chats
        FROM inbox.chat
        CROSS JOIN LATERAL (SELECT * FROM inbox.card WHERE chat_id = chat.chat_id OFFSET 0) AS card
        WHERE chat.chat_id = ANY (chat_ids)
    ) AS part
    CROSS JOIN LATERAL (
        SELECT card.*
        FROM inbox.chat
        CROSS JOIN LATERAL (SELECT * FROM inbox.card WHERE chat_id = chat.chat_id OFFSET 0) AS card
        WHERE chat.chat_id = ANY (chat_ids)
        ORDER BY chat.last_at DESC NULLS LAST, chat.last_position DESC NULLS LAST LIMIT 1
    ) AS last
    WHERE cardinality(chat_ids) > 1
$$;

-- One item of a list. author_name: of who wrote last, if the company did.
CREATE OR REPLACE FUNCTION inbox.item(
    head text, last_message text, author_kind text, author_name text, unread bigint, reasons text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT head || ', "last_message": ' || last_message
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

-- Why who oversees sees what he sees: his role.
CREATE OR REPLACE FUNCTION inbox.oversight(of_workspace text, of_employee text)
RETURNS TABLE (reason text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT visibility.reason('oversight', '', '', '', role)::text FROM directory.employee
    WHERE workspace_id = of_workspace AND employee_id = of_employee
$$;

-- To which audiences an employee belongs, and by which his list goes: who oversees sees all that the others
-- see. `team:mixed` is the team where a conversation has other chats too, `team` where it has none.
CREATE OR REPLACE FUNCTION inbox.audiences(of_workspace text, of_employee text)
RETURNS TABLE (own text[], listed text[]) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT own, CASE WHEN 'oversight' = ANY (own) THEN ARRAY['oversight', 'team']
                     WHEN 'new_client' = ANY (own) THEN own || ('new_client+employee:' || of_employee)
                     ELSE own END
    FROM (
        SELECT CASE WHEN count(*) > 0 THEN array_agg(object) || '{team,team:mixed}' ELSE '{}' END AS own
        FROM visibility.principal
        WHERE subject = of_employee AND workspace_id = of_workspace AND upper_inf(during)
    ) AS acting
$$;

-- Why an employee of these audiences sees a conversation.
CREATE OR REPLACE FUNCTION inbox.reasons(of_conversation uuid, own text[], oversight text)
RETURNS TABLE (reasons text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT string_agg(reasons, ', ' ORDER BY reasons)
    FROM (SELECT CASE audience WHEN 'oversight' THEN oversight ELSE reasons END AS reasons FROM inbox.line
          WHERE conversation_id = of_conversation AND audience = ANY (own)) AS line
    WHERE reasons <> ''
$$;

-- The lines of an audience in a folder after a place in their order, of clients who wait or of the others.
CREATE OR REPLACE FUNCTION inbox.lines_in(
    of_folder text, of_waiting boolean, of_workspace text, of_audience text,
    at timestamptz, id uuid, folders text[], asked_waiting boolean
) RETURNS SETOF inbox.line LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM inbox.line
    WHERE workspace_id = of_workspace AND audience = of_audience
      AND folder = of_folder AND waiting = of_waiting AND (activity_at, conversation_id) < (at, id)
      AND of_folder = ANY (folders) AND of_waiting = coalesce(asked_waiting, of_waiting)
    ORDER BY activity_at DESC, conversation_id DESC
$$;

-- The lines of an audience after a place in their order: of these folders, and of who waits if that is asked.
-- All parts of the index are merged in its order, so that no more is read of them than is taken.
CREATE OR REPLACE FUNCTION inbox.lines_after(
    of_workspace text, of_audience text, at timestamptz, id uuid, folders text[], waiting boolean
) RETURNS SETOF inbox.line LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM inbox.lines_in('incoming', true, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('incoming', false, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('in_progress', true, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('in_progress', false, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('snoozed', true, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('snoozed', false, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('closed', true, of_workspace, of_audience, at, id, folders, waiting)
    UNION ALL
    SELECT * FROM inbox.lines_in('closed', false, of_workspace, of_audience, at, id, folders, waiting)
    ORDER BY activity_at DESC, conversation_id DESC
    OFFSET 0
$$;

-- The conversation in which each of these chats stood at a position, and the chats that stood there with it.
CREATE OR REPLACE FUNCTION inbox.stood(of_chats uuid[], at bigint)
RETURNS TABLE (chat_id uuid, conversation_id uuid) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH RECURSIVE near AS (
        SELECT chat.chat_id AS seed, chat.chat_id, chat.workspace_id, chat.kind, chat.position,
               chat.conversation_id
        FROM unnest(of_chats) AS asked (chat_id)
        CROSS JOIN LATERAL (
            SELECT * FROM visibility.chat WHERE chat_id = asked.chat_id AND position <= at OFFSET 0) AS chat
        UNION
        SELECT near.seed, chat.chat_id, chat.workspace_id, chat.kind, chat.position,
               chat.conversation_id
        FROM near
        CROSS JOIN LATERAL (
            SELECT object FROM visibility.presence
            WHERE subject = near.chat_id::text AND workspace_id = near.workspace_id AND during @> at
            OFFSET 0) AS presence
        CROSS JOIN LATERAL (
            SELECT object FROM visibility.link
            WHERE subject = presence.object AND workspace_id = near.workspace_id AND during @> at
            OFFSET 0) AS client
        CROSS JOIN LATERAL (
            SELECT subject FROM visibility.link
            WHERE object = client.object AND workspace_id = near.workspace_id AND during @> at
            OFFSET 0) AS address
        CROSS JOIN LATERAL (
            SELECT subject FROM visibility.presence
            WHERE object = address.subject AND workspace_id = near.workspace_id AND during @> at
            OFFSET 0) AS other
        CROSS JOIN LATERAL (
            SELECT * FROM visibility.chat
            WHERE chat_id = other.subject::uuid AND kind = 'direct' AND position <= at OFFSET 0) AS chat
        WHERE near.kind = 'direct'
    )
    SELECT DISTINCT near.chat_id,
           first_value(near.conversation_id) OVER (PARTITION BY near.seed ORDER BY near.position)
    FROM near
$$;

-- The chats of a conversation, by its id or by that of one of its chats alone.
CREATE OR REPLACE FUNCTION inbox.chats_of(of_workspace text, of_conversation uuid)
RETURNS SETOF inbox.chat LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT chat.*
    FROM inbox.chat AS asked
    CROSS JOIN LATERAL (
        SELECT * FROM inbox.chat WHERE conversation_id = asked.conversation_id OFFSET 0) AS chat
    WHERE asked.own_id = of_conversation AND asked.workspace_id = of_workspace
$$;

-- Those of them that an employee sees.
CREATE OR REPLACE FUNCTION inbox.chats_seen(
    of_workspace text, of_employee text, of_conversation uuid, kinds text[]
) RETURNS SETOF inbox.chat LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT chat.*
    FROM inbox.chats_of(of_workspace, of_conversation) AS chat
    WHERE chat.kind = ANY (kinds)
      AND visibility.sees(visibility.principals(of_workspace, of_employee), chat.chat_id)
$$;

-- The line that an employee of these audiences has of a conversation, if it is in his list, and the item that
-- it is there.
CREATE OR REPLACE FUNCTION inbox.listed(
    of_workspace text, of_employee text, own text[], listed text[], oversight text, of_conversation uuid
) RETURNS TABLE (conversation_id uuid, chat_ids uuid[], kind text, item text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT line.conversation_id, line.chat_ids, line.kind,
           inbox.item(shown.head, shown.last_message, shown.author_kind,
                      coalesce(colleague.name, shown.author_name),
                      shown.client_count - coalesce(reading.read_count, 0), why.reasons)
    FROM (
        SELECT * FROM inbox.line
        WHERE line.conversation_id = of_conversation AND audience = ANY (listed)
        ORDER BY inbox.rank(audience) DESC LIMIT 1) AS line
    CROSS JOIN LATERAL inbox.shown(
        line.conversation_id, line.chat_ids, line.kind, line.folder, line.waiting_since) AS shown
    LEFT JOIN LATERAL (
        SELECT sum(read_count)::bigint AS read_count FROM inbox.reading
        WHERE chat_id = ANY (line.chat_ids) AND employee_id = of_employee OFFSET 0) AS reading ON true
    LEFT JOIN LATERAL inbox.colleague(of_workspace, author_kind, author_id) ON true
    CROSS JOIN LATERAL inbox.reasons(line.conversation_id, own, oversight) AS why
    WHERE line.workspace_id = of_workspace
$$;

-- Everybody who takes part in these chats or did: since when in the first, and until when in the last.
CREATE OR REPLACE FUNCTION inbox.participants(of_chats uuid[])
RETURNS TABLE (address_id text, address text, name text, first_at timestamptz, left_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT address_id, (array_agg(address ORDER BY chat_id))[1],
           (array_agg(name ORDER BY named_at DESC, named_position DESC) FILTER (WHERE name IS NOT NULL))[1],
           min(first_at), CASE WHEN NOT bool_or(present) THEN max(at) END
    FROM inbox.participant
    CROSS JOIN LATERAL (
        SELECT first_at, at, present FROM visibility.membership
        WHERE chat_id = participant.chat_id AND address_id = participant.address_id OFFSET 0) AS membership
    WHERE chat_id = ANY (of_chats)
    GROUP BY address_id
$$;
