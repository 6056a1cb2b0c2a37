-- What a transcript is put together with.

-- name: functions
-- What was known of a stream at a position, of that what had happened by a time.
CREATE OR REPLACE FUNCTION transcript.known(of_stream uuid, as_of bigint, happened_by timestamptz)
RETURNS SETOF ledger LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT * FROM ledger WHERE stream_id = of_stream AND position <= as_of AND occurred_at <= happened_by
$$;

-- A chat as it was, and where it stood in the inbox; a wake by message keeps the snooze to show it.
CREATE OR REPLACE FUNCTION transcript.chat(of_chat uuid, as_of bigint, happened_by timestamptz)
RETURNS TABLE (item json, folder text, holder_id text, snoozed_until timestamptz, active_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
               'chat_id', of_chat,
               'external_id', opened.external_id,
               'channel_id', chat.channel_id,
               'kind', chat.kind,
               'title', (
                   SELECT private->>'title' FROM transcript.known(of_chat, as_of, happened_by)
                   WHERE topic = 'chat.renamed'
                      OR topic = 'chat.opened' AND private->>'title' IS NOT NULL
                   ORDER BY occurred_at DESC, position DESC LIMIT 1),
               'folder', stands.folder,
               'holder_id', stands.holder_id,
               'snoozed_until', projection.rfc3339(stands.snoozed_until)),
           stands.folder, stands.holder_id, stands.snoozed_until,
           greatest(opened.occurred_at, (
               SELECT sent_at FROM timeline.message
               WHERE message.conversation_id = chat.conversation_id AND message.chat_id = of_chat
                 AND sent_at <= happened_by AND message.position <= as_of
               ORDER BY sent_at DESC, message.position DESC LIMIT 1))
    FROM (SELECT * FROM visibility.chat WHERE chat_id = of_chat OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT private->>'external_id' AS external_id, occurred_at FROM ledger
        WHERE position = chat.position OFFSET 0) AS opened
    LEFT JOIN LATERAL (
        SELECT topic, facts FROM transcript.known(chat.conversation_id, as_of, happened_by)
        WHERE topic <> 'conversation.dismissed'
        ORDER BY version DESC LIMIT 1) AS moved ON true
    CROSS JOIN LATERAL (
        SELECT CASE moved.topic
                   WHEN 'conversation.claimed' THEN 'in_progress'
                   WHEN 'conversation.assigned' THEN 'in_progress'
                   WHEN 'conversation.snoozed' THEN 'snoozed'
                   WHEN 'conversation.closed' THEN 'closed'
                   ELSE 'incoming' END AS folder,
               CASE WHEN moved.topic IN ('conversation.claimed', 'conversation.assigned')
                    THEN moved.facts->>'holder_id' END AS holder_id,
               CASE WHEN moved.topic = 'conversation.snoozed' OR moved.facts->>'cause' = 'message'
                    THEN (moved.facts->>'until')::timestamptz END AS snoozed_until
    ) AS stands
$$;

-- Who takes part in a chat: since when, until when if he is not in it, and what he was called there. The
-- latest of joining, leaving and writing decides, ties by arrival. Messages are only looked through where
-- `membership`, which knows of all that ever came, says that there is one to be found.
CREATE OR REPLACE FUNCTION transcript.members(of_chat uuid, as_of bigint, happened_by timestamptz)
RETURNS TABLE (address_id text, address text, name text, named_at timestamptz, named_position bigint,
               joined_at timestamptz, left_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT told.address_id, told.address, told.name, told.named_at, told.named_position,
           least(told.joined_at, wrote_first.sent_at),
           CASE WHEN NOT told.present AND wrote_after.position IS NULL THEN told.at END
    FROM (
        SELECT address_id, (array_agg(address ORDER BY position))[1] AS address,
               (array_agg(name ORDER BY at DESC, position DESC)
                   FILTER (WHERE happened AND name IS NOT NULL))[1] AS name,
               max(at) FILTER (WHERE happened AND name IS NOT NULL) AS named_at,
               (array_agg(position ORDER BY at DESC, position DESC)
                   FILTER (WHERE happened AND name IS NOT NULL))[1] AS named_position,
               min(at) FILTER (WHERE happened AND present) AS joined_at,
               (array_agg(present ORDER BY at DESC, position DESC) FILTER (WHERE happened))[1] AS present,
               (array_agg(position ORDER BY at DESC, position DESC) FILTER (WHERE happened))[1] AS position,
               max(at) FILTER (WHERE happened) AS at
        FROM (
            SELECT facts->>'address_id' AS address_id, private->>'address' AS address,
                   private->>'name' AS name, position, occurred_at AS at,
                   occurred_at <= happened_by AS happened,
                   topic = 'chat.participant_joined' AS present
            FROM transcript.known(of_chat, as_of, 'infinity')
            WHERE topic IN ('chat.participant_joined', 'chat.participant_left')
        ) AS event
        GROUP BY address_id
    ) AS told
    CROSS JOIN LATERAL (
        SELECT conversation_id AS own_id FROM visibility.chat WHERE chat_id = of_chat OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT * FROM visibility.membership
        WHERE chat_id = of_chat AND address_id = told.address_id OFFSET 0) AS membership
    LEFT JOIN LATERAL (
        SELECT sent_at FROM timeline.message
        WHERE membership.first_at < coalesce(told.joined_at, 'infinity')
          AND conversation_id = chat.own_id AND chat_id = of_chat
          AND sent_at <= happened_by AND message.position <= as_of AND sender_id = told.address_id
        ORDER BY sent_at, message.position LIMIT 1) AS wrote_first ON true
    LEFT JOIN LATERAL (
        SELECT message.position FROM timeline.message
        WHERE NOT told.present AND (membership.at, membership.position) > (told.at, told.position)
          AND conversation_id = chat.own_id AND chat_id = of_chat
          AND (sent_at, message.position) > (told.at, told.position)
          AND sent_at <= happened_by AND message.position <= as_of AND sender_id = told.address_id
        LIMIT 1) AS wrote_after ON true
    WHERE told.present IS NOT NULL OR wrote_first.sent_at IS NOT NULL
$$;

-- Whose client wrote from an address, as was known at a position; of several the first by id.
CREATE OR REPLACE FUNCTION transcript.client_of(of_workspace text, of_address text, as_of bigint)
RETURNS TABLE (contact_id text, name text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT link.object, subjects.name_of(of_workspace, 'contact', link.object, as_of)
    FROM visibility.link
    WHERE link.subject = of_address AND link.workspace_id = of_workspace AND link.during @> as_of
    ORDER BY link.object LIMIT 1
$$;

-- Everybody who takes part in these chats or did, and who that was, as was known at the position.
CREATE OR REPLACE FUNCTION transcript.participants(
    of_workspace text, of_chats uuid[], as_of bigint, happened_by timestamptz
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(json_build_object(
        'address', participant.address,
        'name', coalesce(
            subjects.name_of(of_workspace, person.kind, person.id, as_of), client.name, participant.name),
        'kind', CASE WHEN person.kind = 'staff' THEN 'external_staff'
                     WHEN person.kind = 'employee' THEN 'employee'
                     WHEN client.contact_id IS NOT NULL THEN 'client' ELSE 'unknown' END,
        'contact_id', client.contact_id,
        'employee_id', CASE WHEN person.kind = 'employee' THEN person.id END,
        'staff_id', CASE WHEN person.kind = 'staff' THEN person.id END,
        'joined_at', projection.rfc3339(participant.joined_at),
        'left_at', projection.rfc3339(participant.left_at)
    ) ORDER BY participant.joined_at, participant.address_id), '[]')
    FROM (
        SELECT address_id, (array_agg(address ORDER BY chat_id))[1] AS address,
               (array_agg(name ORDER BY named_at DESC, named_position DESC)
                   FILTER (WHERE name IS NOT NULL))[1] AS name,
               min(joined_at) AS joined_at,
               CASE WHEN bool_and(left_at IS NOT NULL) THEN max(left_at) END AS left_at
        FROM unnest(of_chats) AS asked (chat_id)
        CROSS JOIN LATERAL transcript.members(chat_id, as_of, happened_by)
        GROUP BY address_id
    ) AS participant
    LEFT JOIN LATERAL (
        SELECT CASE facts->>'person_kind' WHEN 'external_staff' THEN 'staff' ELSE 'employee' END AS kind,
               facts->>'person_id' AS id
        FROM (SELECT topic, facts FROM ledger
              WHERE stream_id = participant.address_id::uuid AND position <= as_of
              ORDER BY version DESC LIMIT 1) AS stated
        WHERE stated.topic = 'address.assigned') AS person ON true
    LEFT JOIN LATERAL transcript.client_of(of_workspace, participant.address_id, as_of) AS client ON true
$$;

-- Who wrote a message: one of the company, as it was known when it came; or whose client it was.
CREATE OR REPLACE FUNCTION transcript.author(
    of_workspace text, author_kind text, author_id text, sender_id text, sender_name text, as_of bigint
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'kind', CASE WHEN ours.kind IS NOT NULL OR automatic THEN author_kind
                     WHEN client.contact_id IS NOT NULL THEN 'client' ELSE 'unknown' END,
        'id', coalesce(client.contact_id, author_id),
        'name', coalesce(
            client.name, subjects.name_of(of_workspace, ours.kind, author_id, as_of), sender_name))
    FROM (SELECT CASE author_kind WHEN 'employee' THEN 'employee'
                                  WHEN 'external_staff' THEN 'staff' END AS kind,
                 author_kind = 'automatic' AS automatic) AS ours
    LEFT JOIN LATERAL transcript.client_of(of_workspace, sender_id, as_of) AS client
        ON ours.kind IS NULL AND NOT automatic
$$;

-- How far an outgoing message had got; null for a client's. One that was not written here was sent elsewhere.
CREATE OR REPLACE FUNCTION transcript.delivery(
    direction text, queued boolean, delivery_id uuid, as_of bigint, happened_by timestamptz
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT status
    FROM (
        SELECT CASE WHEN queued THEN 'queued' ELSE 'sent' END AS status
        UNION ALL
        SELECT facts->>'status' FROM transcript.known(delivery_id, as_of, happened_by)
    ) AS told
    WHERE direction = 'out'
    ORDER BY timeline.delivery_rank(status) DESC LIMIT 1
$$;

-- The texts that a message had, the last of them as its text. An edit counts whenever the message came.
CREATE OR REPLACE FUNCTION transcript.texts(of_message uuid, as_of bigint, happened_by timestamptz)
RETURNS TABLE (edited boolean, text text, erased boolean, at timestamptz, told_at bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT topic = 'message.edited', private->>'text', private IS NULL, occurred_at, position
    FROM transcript.known(of_message, as_of, happened_by)
    WHERE topic IN ('message.received', 'message.queued', 'message.edited')
$$;

-- Which employees had read a message: with the event that first said so. Nobody has read what comes later
-- than the event, whatever it says.
CREATE OR REPLACE FUNCTION transcript.read_by(
    of_workspace text, of_chat uuid, message_position bigint, as_of bigint, happened_by timestamptz
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(json_build_object(
        'employee_id', reader.employee_id,
        'name', subjects.name_of(of_workspace, 'employee', reader.employee_id, as_of),
        'position', first.position,
        'at', projection.rfc3339(first.occurred_at)
    ) ORDER BY first.position, reader.employee_id), '[]')
    FROM inbox.reading AS reader
    CROSS JOIN LATERAL (SELECT of_chat || ' by ' || reader.employee_id AS id) AS reading
    CROSS JOIN LATERAL (
        SELECT mention.position, event.occurred_at
        FROM subjects.mention
        CROSS JOIN LATERAL (
            SELECT occurred_at FROM ledger
            WHERE ledger.position = mention.position AND occurred_at <= happened_by
              AND subjects.is_about(ledger, of_workspace, 'reading', reading.id)
              AND (facts->>'read_position')::bigint >= message_position OFFSET 0) AS event
        WHERE mention.subject = subjects.number(of_workspace, 'reading', reading.id)
          AND mention.position > message_position AND mention.position <= as_of
        ORDER BY mention.position LIMIT 1) AS first
    WHERE reader.chat_id = of_chat
$$;

-- What employees had written under a message.
CREATE OR REPLACE FUNCTION transcript.thread(
    of_workspace text, of_message uuid, as_of bigint, happened_by timestamptz
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(json_build_object(
        'reply_id', reply_id,
        'author', json_build_object(
            'kind', 'employee', 'id', author_id,
            'name', subjects.name_of(of_workspace, 'employee', author_id, as_of)),
        'text', reply.text,
        'erased', reply.text IS NULL,
        'at', projection.rfc3339(reply.at),
        'position', reply.position
    ) ORDER BY reply.position), '[]')
    FROM threads.reply
    WHERE message_id = of_message AND reply.position <= as_of AND reply.at <= happened_by
$$;

-- Who helped under a message: whom the last event about him let in.
CREATE OR REPLACE FUNCTION transcript.helpers(
    of_workspace text, of_message uuid, as_of bigint, happened_by timestamptz
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(json_build_object(
        'employee_id', facts->>'employee_id',
        'name', subjects.name_of(of_workspace, 'employee', facts->>'employee_id', as_of),
        'added_by', facts->>'by_id',
        'added_at', projection.rfc3339(occurred_at),
        'position', position
    ) ORDER BY position), '[]')
    FROM (
        SELECT DISTINCT ON (event.facts->>'employee_id') event.*
        FROM subjects.mention
        CROSS JOIN LATERAL (
            SELECT * FROM ledger
            WHERE ledger.position = mention.position AND occurred_at <= happened_by
              AND subjects.is_about(ledger, of_workspace, 'help', of_message::text)
            OFFSET 0) AS event
        WHERE mention.subject = subjects.number(of_workspace, 'help', of_message::text)
          AND mention.position <= as_of
        ORDER BY event.facts->>'employee_id', event.position DESC
    ) AS last
    WHERE topic = 'thread.helper_added'
$$;

-- A message as it looked. What was deleted keeps its text, and says when it was deleted.
CREATE OR REPLACE FUNCTION transcript.item(of_message uuid, as_of bigint, happened_by timestamptz)
RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'message_id', of_message,
        'chat_id', message.chat_id,
        'channel_id', message.channel_id,
        'external_id', message.external_id,
        'direction', message.direction,
        'author', transcript.author(
            message.workspace_id, author_kind, author_id, sender_id, sender_name, as_of),
        'text', shown.text,
        'erased', shown.erased,
        'attachments', message.attachments,
        'reply_to', message.reply_to,
        'sent_at', projection.rfc3339(message.sent_at),
        'edited_at', projection.rfc3339(CASE WHEN shown.edited THEN shown.at END),
        'deleted_at', (
            SELECT projection.rfc3339(min(occurred_at))
            FROM transcript.known(of_message, as_of, happened_by) WHERE topic = 'message.deleted'),
        'delivery', transcript.delivery(direction, queued, delivery_id, as_of, happened_by),
        'position', message.position,
        'versions', (
            SELECT json_agg(json_build_object(
                'text', version.text, 'erased', version.erased, 'at', projection.rfc3339(version.at),
                'position', version.told_at
            ) ORDER BY version.edited, version.at, version.told_at)
            FROM transcript.texts(of_message, as_of, happened_by) AS version),
        'read_by', transcript.read_by(
            message.workspace_id, message.chat_id, message.position, as_of, happened_by),
        'thread', transcript.thread(message.workspace_id, of_message, as_of, happened_by),
        'helpers', transcript.helpers(message.workspace_id, of_message, as_of, happened_by))
    FROM (SELECT * FROM timeline.message WHERE message_id = of_message OFFSET 0) AS message
    CROSS JOIN LATERAL (
        SELECT * FROM transcript.texts(of_message, as_of, happened_by)
        ORDER BY edited DESC, at DESC, told_at DESC LIMIT 1) AS shown
$$;
