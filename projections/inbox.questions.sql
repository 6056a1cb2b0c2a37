-- What employees ask: pages, counts, one conversation, and what a command has to know of it.

-- name: page
-- As many lines of each audience as may be among the first of all of them; each conversation once.
WITH caller AS MATERIALIZED (
    SELECT own, listed, oversight.reason, oversight.reason IS NOT NULL AND EXISTS (
               SELECT FROM inbox.line WHERE workspace_id = %(workspace_id)s
                                        AND audience = 'employee:' || %(employee_id)s) AS has_clients
    FROM inbox.audiences(%(workspace_id)s, %(employee_id)s)
    LEFT JOIN LATERAL inbox.oversight(%(workspace_id)s, %(employee_id)s) ON 'oversight' = ANY (own)
), page AS MATERIALIZED (
    SELECT near.*
    FROM caller
    CROSS JOIN LATERAL unnest(listed) AS of (audience)
    CROSS JOIN LATERAL (
        SELECT line.*
        FROM inbox.lines_after(
            %(workspace_id)s, of.audience, %(at)s, %(conversation_id)s, %(folders)s, %(waiting)s) AS line
        WHERE line.kind = ANY (%(kinds)s)
          AND NOT (line.shared AND EXISTS (
              SELECT FROM inbox.line AS other
              WHERE other.conversation_id = line.conversation_id AND other.audience = ANY (listed)
                AND inbox.rank(other.audience) > inbox.rank(line.audience)))
          AND (NOT %(narrowed)s OR (
              (%(channel_id)s::text IS NULL OR EXISTS (
                  SELECT FROM inbox.chat
                  WHERE chat_id = ANY (line.chat_ids) AND channel_id = %(channel_id)s))
              AND (%(holder_id)s::text IS NULL OR inbox.holder_of(line.chat_ids) = %(holder_id)s)
              AND (%(q)s::text IS NULL OR EXISTS (
                  SELECT FROM inbox.card WHERE chat_id = ANY (line.chat_ids) AND title ILIKE %(q)s))))
        ORDER BY line.activity_at DESC, line.conversation_id DESC
        LIMIT %(limit)s + 1
    ) AS near
    ORDER BY near.activity_at DESC, near.conversation_id DESC
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, '{"items": [' || coalesce((
    SELECT string_agg(inbox.item(
               shown.head, shown.last_message, shown.author_kind, coalesce(colleague.name, shown.author_name),
               shown.client_count - coalesce(reading.read_count, 0), coalesce(why.reasons, page.reasons)),
           ', ' ORDER BY activity_at DESC, page.conversation_id DESC)
    FROM caller
    CROSS JOIN (SELECT * FROM page ORDER BY activity_at DESC, conversation_id DESC LIMIT %(limit)s) AS page
    CROSS JOIN LATERAL inbox.shown(
        page.conversation_id, page.chat_ids, page.kind, page.folder, page.waiting_since) AS shown
    LEFT JOIN LATERAL (
        SELECT sum(read_count)::bigint AS read_count FROM inbox.reading
        WHERE chat_id = ANY (page.chat_ids) AND employee_id = %(employee_id)s OFFSET 0) AS reading ON true
    LEFT JOIN LATERAL inbox.reasons(page.conversation_id, own, caller.reason) AS why
        ON page.shared OR has_clients OR page.audience = 'oversight'
    LEFT JOIN LATERAL inbox.colleague(%(workspace_id)s, author_kind, author_id) ON true
), '') || '], "next_cursor": ' || coalesce((
    SELECT to_json(projection.rfc3339(activity_at) || '~' || conversation_id)::text
    FROM (SELECT * FROM page ORDER BY activity_at, conversation_id OFFSET 1 LIMIT 1) AS last
    WHERE (SELECT count(*) FROM page) > %(limit)s
), 'null') || '}' AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: counts
SELECT checkpoint.position, (
    SELECT json_build_object(
        'incoming', coalesce(sum(lines) FILTER (WHERE folder = 'incoming'), 0),
        'in_progress', coalesce(sum(lines) FILTER (WHERE folder = 'in_progress'), 0),
        'snoozed', coalesce(sum(lines) FILTER (WHERE folder = 'snoozed'), 0),
        'closed', coalesce(sum(lines) FILTER (WHERE folder = 'closed'), 0),
        'waiting', coalesce(sum(waiting), 0),
        'unread', coalesce(sum(unread), 0))
    FROM inbox.audiences(%(workspace_id)s, %(employee_id)s)
    CROSS JOIN LATERAL unnest(listed) AS counted (audience)
    CROSS JOIN unnest(ARRAY['', %(employee_id)s]) AS counted_for (reader)
    CROSS JOIN LATERAL (
        SELECT * FROM inbox.tally
        WHERE workspace_id = %(workspace_id)s AND audience = counted.audience
          AND reader = counted_for.reader AND kind = ANY (%(kinds)s::text[]) OFFSET 0) AS tally
)::text AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: conversation
SELECT checkpoint.position, (
    SELECT left(listed.item, -1) || ', "participants": ' || (
        SELECT coalesce(json_agg(json_build_object(
            'address', participant.address,
            'name', coalesce(employee.name, staff.name, client.name, participant.name),
            'kind', coalesce(person.person_kind,
                             CASE WHEN client.contact_id IS NOT NULL THEN 'client' ELSE 'unknown' END),
            'contact_id', client.contact_id,
            'employee_id', employee.employee_id,
            'staff_id', staff.staff_id,
            'joined_at', projection.rfc3339(participant.first_at),
            'left_at', projection.rfc3339(participant.left_at)
        ) ORDER BY participant.first_at, participant.address_id), '[]')::text
        FROM inbox.participants(listed.chat_ids) AS participant
        LEFT JOIN directory.person_address AS person
            ON person.workspace_id = %(workspace_id)s AND person.address_id = participant.address_id
        LEFT JOIN directory.employee ON person.person_kind = 'employee'
            AND employee.workspace_id = %(workspace_id)s AND employee.employee_id = person.person_id
        LEFT JOIN directory.staff ON person.person_kind = 'external_staff'
            AND staff.workspace_id = %(workspace_id)s AND staff.staff_id = person.person_id
        LEFT JOIN LATERAL inbox.client_of(%(workspace_id)s, participant.address_id) AS client ON true
    ) || '}'
    FROM (
        SELECT conversation_id FROM inbox.chat
        WHERE own_id = %(conversation_id)s AND workspace_id = %(workspace_id)s OFFSET 0) AS asked
    CROSS JOIN LATERAL inbox.audiences(%(workspace_id)s, %(employee_id)s) AS caller
    LEFT JOIN LATERAL inbox.oversight(%(workspace_id)s, %(employee_id)s) ON 'oversight' = ANY (own)
    CROSS JOIN LATERAL inbox.listed(
        %(workspace_id)s, %(employee_id)s, own, caller.listed, oversight.reason, asked.conversation_id)
        AS listed
    WHERE listed.kind = ANY (%(kinds)s::text[])
) AS body
FROM projection.checkpoint WHERE name = 'inbox';

-- name: glance
-- The chats that an employee sees of a conversation, the one first that the client wrote in last.
SELECT chat.conversation_id::text, chat_id::text, client_position, activity_at
FROM inbox.chats_seen(
    %(workspace_id)s, %(employee_id)s, %(conversation_id)s, ARRAY['direct', 'group']) AS chat
LEFT JOIN LATERAL (
    SELECT sent_at, position FROM timeline.message
    WHERE conversation_id = chat.own_id AND chat_id = chat.chat_id AND direction = 'in'
      AND position IS NOT NULL
    ORDER BY sent_at DESC, position DESC LIMIT 1) AS written ON true
ORDER BY written.sent_at DESC NULLS LAST, written.position DESC, chat.activity_at DESC, chat_id;

-- name: participant
SELECT coalesce(participant.name, participant.address, '') AS name
FROM inbox.chats_seen(
    %(workspace_id)s, %(employee_id)s, %(conversation_id)s, ARRAY['direct', 'group']) AS chat
CROSS JOIN LATERAL (
    SELECT name, address FROM inbox.participant
    WHERE chat_id = chat.chat_id AND address_id = %(address_id)s OFFSET 0) AS participant
LIMIT 1;
