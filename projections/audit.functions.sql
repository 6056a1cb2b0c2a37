-- What the questions of an auditor are put together from. None of these has a table for an argument: a rebuild
-- puts another one in its place.

-- name: create
CREATE SCHEMA IF NOT EXISTS audit;

-- name: functions
-- Everybody who was ever an employee.
CREATE OR REPLACE FUNCTION audit.employees(of_workspace text) RETURNS TABLE (employee_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT DISTINCT subject FROM visibility.role
    WHERE object = ANY ('{seller,supervisor,quality_control}') AND workspace_id = of_workspace
$$;

-- Since when an employee is known, and as what; null where he never was.
CREATE OR REPLACE FUNCTION audit.registered(of_workspace text, of_employee text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT min(lower(during)) FROM visibility.role
    WHERE subject = of_employee AND workspace_id = of_workspace
$$;

-- Who has seen a chat by which sight, and when: one row for each stretch without a break.
-- OFFSET 0 keeps the order in which tables are asked: each by index, for what was found before.
CREATE OR REPLACE FUNCTION audit.seers(of_workspace text, of_chat uuid)
RETURNS TABLE (
    employee_id text, principal text, kind text, contact_id text, deal_id text, role text, sight int8range,
    during int8range
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT seer.employee_id, sight.principal, sight.kind, sight.contact_id, sight.deal_id, seer.role,
           sight.during, seer.during
    FROM (
        SELECT * FROM visibility.sight WHERE chat_id = of_chat AND workspace_id = of_workspace
        OFFSET 0) AS sight
    CROSS JOIN LATERAL (
        SELECT subject AS employee_id, NULL::text AS role, during * sight.during AS during
        FROM visibility.principal
        WHERE object = sight.principal AND workspace_id = of_workspace AND during && sight.during
          AND sight.principal <> 'oversight'
        UNION ALL
        SELECT overseer.subject, role.object, overseer.during * role.during * sight.during
        FROM visibility.principal AS overseer
        CROSS JOIN LATERAL (
            SELECT object, during FROM visibility.role
            WHERE subject = overseer.subject AND workspace_id = of_workspace AND during && overseer.during
            OFFSET 0) AS role
        WHERE overseer.object = sight.principal AND overseer.workspace_id = of_workspace
          AND overseer.during && sight.during AND sight.principal = 'oversight'
          AND NOT isempty(overseer.during * role.during * sight.during)
        UNION ALL
        SELECT teammate.employee_id, NULL, active.during * sight.during
        FROM audit.employees(of_workspace) AS teammate
        CROSS JOIN LATERAL (
            SELECT during FROM visibility.principal
            WHERE subject = teammate.employee_id AND workspace_id = of_workspace
              AND object = 'employee:' || teammate.employee_id AND during && sight.during
            OFFSET 0) AS active
        WHERE starts_with(sight.principal, 'team:')
    ) AS seer
$$;

-- For whom an employee has acted, and when; what he oversaw he did in a role.
CREATE OR REPLACE FUNCTION audit.acted(of_workspace text, of_employee text)
RETURNS TABLE (principal text, role text, during int8range) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT object, NULL::text, during FROM visibility.principal
    WHERE subject = of_employee AND workspace_id = of_workspace AND object <> 'oversight'
    UNION ALL
    SELECT overseer.object, role.object, overseer.during * role.during
    FROM visibility.principal AS overseer
    CROSS JOIN LATERAL (
        SELECT object, during FROM visibility.role
        WHERE subject = of_employee AND workspace_id = of_workspace AND during && overseer.during
        OFFSET 0) AS role
    WHERE overseer.subject = of_employee AND overseer.workspace_id = of_workspace
      AND overseer.object = 'oversight'
    UNION ALL
    SELECT 'team:' || shared.channel_id, NULL, active.during
    FROM visibility.principal AS active
    CROSS JOIN LATERAL (
        SELECT DISTINCT subject AS channel_id FROM visibility.policy
        WHERE object = 'whole_team' AND workspace_id = of_workspace
        OFFSET 0) AS shared
    WHERE active.subject = of_employee AND active.workspace_id = of_workspace
      AND active.object = 'employee:' || of_employee
$$;

-- How somebody or something was called at a position: the last name by then in the stream of an event that is
-- his. A name that was erased is null. A table of one row, as such a function becomes a part of the question.
CREATE OR REPLACE FUNCTION audit.called(of_event bigint, at bigint) RETURNS TABLE (name text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(named.private->>'name', named.private->>'title', named.facts->>'title')
    FROM ledger AS one
    CROSS JOIN LATERAL (
        SELECT facts, private FROM ledger
        WHERE stream_id = one.stream_id AND position <= at
          AND topic IN ('employee.registered', 'employee.renamed', 'contact.registered', 'contact.renamed',
                        'deal.opened', 'deal.renamed', 'channel.connected', 'channel.renamed')
        ORDER BY version DESC
        LIMIT 1) AS named
    WHERE one.position = of_event
$$;

CREATE OR REPLACE FUNCTION audit.employee_called(of_workspace text, of_employee text, at bigint)
RETURNS TABLE (name text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT called.name
    FROM (
        SELECT lower(during) AS position FROM visibility.role
        WHERE subject = of_employee AND workspace_id = of_workspace
        LIMIT 1) AS his
    CROSS JOIN LATERAL audit.called(his.position, at) AS called
$$;

-- A place in the ledger, as the API shows it.
CREATE OR REPLACE FUNCTION audit.place(of_position bigint) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object('position', position, 'at', projection.rfc3339(recorded_at))
    FROM ledger WHERE position = of_position
$$;

-- The same with the event that stands there.
CREATE OR REPLACE FUNCTION audit.turn(of_position bigint) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'position', position, 'at', projection.rfc3339(recorded_at), 'event', projection.event(ledger))
    FROM ledger WHERE position = of_position
$$;

CREATE OR REPLACE FUNCTION audit.events(positions bigint[]) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_agg(event ORDER BY position), '[]'::json)
    FROM (SELECT DISTINCT position FROM unnest(positions) AS wanted (position)) AS wanted
    CROSS JOIN LATERAL (
        SELECT projection.event(ledger) AS event FROM ledger WHERE position = wanted.position OFFSET 0) AS told
$$;

-- An object with these fields at its end.
CREATE OR REPLACE FUNCTION audit.joined(object json, more json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE object::text WHEN '{}' THEN more
                             ELSE (left(object::text, -1) || ', ' || substr(more::text, 2))::json END
$$;

-- The sights of a principal behind one, in the order in which they began, and the how manieth each is; at most
-- so many.
CREATE OR REPLACE FUNCTION audit.sights(
    of_workspace text, of_principal text, after_opened bigint, after_chat uuid, after_kind text,
    after_contact text, after_deal text, before bigint, looked_at bigint
) RETURNS TABLE (
    chat_id uuid, principal text, kind text, contact_id text, deal_id text, sight int8range, opened bigint,
    nth bigint
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sight.chat_id, sight.principal, sight.kind, sight.contact_id, sight.deal_id, during,
           lower(during) + 0, row_number() OVER (
               ORDER BY lower(during) + 0, sight.chat_id, sight.kind, sight.contact_id, sight.deal_id)
    FROM visibility.sight
    WHERE workspace_id = of_workspace AND sight.principal = of_principal AND lower(during) + 0 < before
      AND (lower(during) + 0, sight.chat_id, sight.kind, sight.contact_id, sight.deal_id)
        > (after_opened, after_chat, after_kind, after_contact, after_deal)
    ORDER BY lower(during) + 0, sight.chat_id, sight.kind, sight.contact_id, sight.deal_id
    LIMIT looked_at
$$;

-- One stretch in which somebody saw a chat, with the events that began and ended it.
CREATE OR REPLACE FUNCTION audit.interval(
    of_workspace text, of_employee text, of_chat uuid, reason json, during int8range
) RETURNS TABLE (item json) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'employee_id', of_employee,
        'name', (SELECT name FROM audit.employee_called(of_workspace, of_employee, begun.position)),
        'chat_id', of_chat,
        'conversation_id', coalesce(
            (SELECT conversation_id FROM inbox.chat WHERE chat_id = of_chat),
            (SELECT conversation_id FROM visibility.chat WHERE chat_id = of_chat)),
        'reason', reason,
        'from', json_build_object(
            'position', begun.position, 'at', projection.rfc3339(begun.recorded_at),
            'event', projection.event(begun)),
        'to', CASE WHEN ended.position IS NOT NULL THEN json_build_object(
            'position', ended.position, 'at', projection.rfc3339(ended.recorded_at),
            'event', projection.event(ended)) END)
    FROM ledger AS begun
    LEFT JOIN ledger AS ended ON ended.position = upper(during)
    WHERE begun.position = lower(during)
$$;

-- What a reason rests on at a position: facts of the world, and since when each was so.
CREATE OR REPLACE FUNCTION audit.grounds(
    of_workspace text, of_chat uuid, of_channel text, opened bigint, of_employee text, of_reason text,
    of_contact text, of_deal text, sight int8range, at bigint
) RETURNS TABLE (ground text, during int8range) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT client.ground, client.during
    FROM visibility.presence
    CROSS JOIN LATERAL (
        SELECT during FROM visibility.link
        WHERE subject = presence.object AND object = of_contact AND workspace_id = of_workspace
          AND link.during @> at
        OFFSET 0) AS link
    CROSS JOIN LATERAL (
        VALUES ('presence', presence.during), ('link', link.during)) AS client (ground, during)
    WHERE presence.subject = of_chat::text AND presence.workspace_id = of_workspace
      AND presence.during @> at AND of_reason IN ('responsible_for_contact', 'owns_deal')
    UNION ALL
    SELECT 'responsible', during FROM visibility.responsible
    WHERE subject = of_contact AND object = of_employee AND workspace_id = of_workspace AND during @> at
      AND of_reason = 'responsible_for_contact'
    UNION ALL
    SELECT 'deal_contact', during FROM visibility.deal_contact
    WHERE subject = of_deal AND object = of_contact AND workspace_id = of_workspace AND during @> at
      AND of_reason = 'owns_deal'
    UNION ALL
    SELECT 'deal_owner', during FROM visibility.deal_owner
    WHERE subject = of_deal AND object = of_employee AND workspace_id = of_workspace AND during @> at
      AND of_reason = 'owns_deal'
    UNION ALL
    SELECT fact.kind, during FROM visibility.fact
    WHERE kind IN ('helped', 'helper') AND subject = of_contact || ':' || of_employee
      AND object = ANY (ARRAY[of_chat::text, of_employee]) AND workspace_id = of_workspace
      AND during @> at AND of_reason = 'thread_helper'
    UNION ALL
    SELECT 'role', during FROM visibility.role
    WHERE subject = of_employee AND workspace_id = of_workspace AND during @> at AND of_reason = 'oversight'
    UNION ALL
    SELECT 'receives_new_clients', during FROM visibility.principal
    WHERE subject = of_employee AND object = 'new_client' AND workspace_id = of_workspace AND during @> at
      AND of_reason = 'new_client'
    UNION ALL
    SELECT 'nobody_answers', sight WHERE of_reason = 'new_client'
    UNION ALL
    SELECT 'policy', during FROM visibility.policy
    WHERE subject = of_channel AND object = 'whole_team' AND workspace_id = of_workspace
      AND during @> at AND of_reason = 'whole_team'
    UNION ALL
    SELECT 'chat', int8range(opened, NULL) WHERE of_reason IN ('oversight', 'whole_team')
$$;

-- What else has to hold for every reason of this kind; worth a word only where it came last, or ended.
CREATE OR REPLACE FUNCTION audit.conditions(
    of_workspace text, of_channel text, chat_kind text, of_employee text, of_reason text, at bigint
) RETURNS TABLE (ground text, during int8range) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'active', during FROM visibility.principal
    WHERE subject = of_employee AND object = 'employee:' || of_employee AND workspace_id = of_workspace
      AND during @> at
    UNION ALL
    SELECT 'policy', during FROM visibility.policy
    WHERE subject = of_channel AND object = 'client_owners' AND workspace_id = of_workspace
      AND during @> at AND chat_kind = 'direct' AND of_reason NOT IN ('whole_team', 'thread_helper')
$$;

-- Why somebody does not see a chat at a position, as far as he has never seen it.
CREATE OR REPLACE FUNCTION audit.obstacles(
    of_workspace text, of_chat uuid, of_channel text, chat_kind text, opened bigint, of_employee text,
    at bigint
) RETURNS TABLE (code text, more json, positions bigint[]) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH standing AS MATERIALIZED (
        SELECT registered, registered <= at AS is_known, EXISTS (
                   SELECT FROM visibility.principal
                   WHERE subject = of_employee AND object = 'employee:' || of_employee
                     AND workspace_id = of_workspace AND during @> at) AS is_active,
               (SELECT max(upper(during)) FROM visibility.principal
                WHERE subject = of_employee AND object = 'employee:' || of_employee
                  AND workspace_id = of_workspace AND upper(during) <= at) AS deactivated,
               (SELECT max(upper(during)) FROM visibility.principal
                WHERE subject = of_employee AND object = 'new_client' AND workspace_id = of_workspace
                  AND upper(during) <= at) AS switched
        FROM audit.registered(of_workspace, of_employee) AS registered
    ), answer AS MATERIALIZED (
        SELECT DISTINCT substr(principal, length('employee:') + 1) AS employee_id, contact_id,
               lower(during) AS since
        FROM visibility.sight
        WHERE chat_id = of_chat AND kind IN ('responsible_for_contact', 'owns_deal')
          AND during @> at
    )
    SELECT 'not_registered', NULL::json, ARRAY[registered] FROM standing WHERE NOT is_known
    UNION ALL
    SELECT 'inactive', NULL, ARRAY[coalesce(deactivated, registered)] FROM standing
    WHERE is_known AND NOT is_active
    UNION ALL
    SELECT 'chat_not_open_yet', NULL, ARRAY[opened] WHERE opened > at
    UNION ALL
    SELECT 'channel_not_shared', json_build_object('channel_id', of_channel), ARRAY[lower(during)]
    FROM standing, visibility.policy
    WHERE is_active AND opened <= at AND chat_kind = 'direct'
      AND subject = of_channel AND object = 'client_owners' AND workspace_id = of_workspace
      AND during @> at
    UNION ALL
    SELECT 'answers_for_nobody_in_it',
           json_build_object('answering', coalesce((
               SELECT json_agg(json_build_object('employee_id', employee_id, 'contact_id', contact_id)
                               ORDER BY employee_id, contact_id)
               FROM (SELECT DISTINCT employee_id, contact_id FROM answer) AS answering), '[]'::json)),
           ARRAY(SELECT since FROM answer)
    FROM standing WHERE is_active AND opened <= at
    UNION ALL
    SELECT 'not_receiving_new_clients', NULL, ARRAY[coalesce(switched, registered)] FROM standing
    WHERE is_active AND opened <= at AND NOT EXISTS (SELECT FROM answer)
$$;

-- How everybody and everything in an explanation was called then: id → name. Of several with one id the first
-- kind counts.
CREATE OR REPLACE FUNCTION audit.names(
    of_workspace text, employees text[], contacts text[], deals text[], channels text[], at bigint
) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(json_object_agg(noun || ':' || id, name ORDER BY noun, id), '{}'::json)
    FROM (
        SELECT DISTINCT noun, id, (SELECT called.name FROM audit.called(event, at) AS called) AS name
        FROM (
            SELECT 'employee' AS noun, id, audit.registered(of_workspace, id) AS event
            FROM unnest(employees) AS employee (id)
            UNION ALL
            SELECT 'contact', id, (SELECT min(lower(during)) FROM visibility.link
                           WHERE object = id AND workspace_id = of_workspace)
            FROM unnest(contacts) AS contact (id)
            UNION ALL
            SELECT 'deal', id, (SELECT min(lower(during)) FROM visibility.deal_contact
                           WHERE subject = id AND workspace_id = of_workspace)
            FROM unnest(deals) AS deal (id)
            UNION ALL
            SELECT 'channel', id, (SELECT min(lower(during)) FROM visibility.policy
                           WHERE subject = id AND workspace_id = of_workspace)
            FROM unnest(channels) AS channel (id)
        ) AS known
        WHERE id <> ''
    ) AS named
$$;

-- What the rule has to know of a client at the end of the ledger.
CREATE OR REPLACE FUNCTION audit.client(of_workspace text, of_contact text) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object(
        'contact_id', of_contact,
        'responsible_id', (
            SELECT object FROM visibility.responsible
            WHERE subject = of_contact AND workspace_id = of_workspace AND upper_inf(during)),
        'deals', (
            SELECT coalesce(jsonb_object_agg(deal_contact.subject, owner.employee_id), '{}')
            FROM visibility.deal_contact
            CROSS JOIN LATERAL (
                SELECT object AS employee_id FROM visibility.deal_owner
                WHERE subject = deal_contact.subject AND workspace_id = of_workspace AND upper_inf(during)
                OFFSET 0) AS owner
            WHERE deal_contact.object = of_contact AND deal_contact.workspace_id = of_workspace
              AND upper_inf(deal_contact.during)))
$$;

-- What the rule has to know of a chat at the end of the ledger, and who helps there with which chats.
CREATE OR REPLACE FUNCTION audit.chat_state(of_workspace text, of_chat uuid) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT jsonb_build_object(
        'chat_id', chat.chat_id, 'kind', chat.kind, 'channel_id', chat.channel_id,
        'conversation_id', coalesce((
            SELECT standing.conversation_id FROM inbox.chat AS standing
            WHERE standing.chat_id = of_chat), chat.conversation_id),
        'visibility', (
            SELECT object FROM visibility.policy
            WHERE subject = chat.channel_id AND workspace_id = of_workspace AND upper_inf(during)),
        'participants', ARRAY(
            SELECT object FROM visibility.presence
            WHERE subject = of_chat::text AND workspace_id = of_workspace AND upper_inf(during)),
        'clients', (
            SELECT coalesce(jsonb_agg(audit.client(of_workspace, contact_id)
                                      || jsonb_build_object('address_ids', address_ids)), '[]')
            FROM (
                SELECT link.contact_id, array_agg(presence.object) AS address_ids
                FROM visibility.presence
                CROSS JOIN LATERAL (
                    SELECT object AS contact_id FROM visibility.link
                    WHERE subject = presence.object AND workspace_id = of_workspace AND upper_inf(during)
                    OFFSET 0) AS link
                WHERE presence.subject = of_chat::text AND presence.workspace_id = of_workspace
                  AND upper_inf(presence.during)
                GROUP BY link.contact_id) AS client),
        'helps', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'employee_id', helper.employee_id, 'message_id', added.facts->'message_id',
                'chat_id', added.facts->'chat_id', 'chat_ids', added.facts->'chat_ids')), '[]')
            FROM visibility.helped
            CROSS JOIN LATERAL (
                SELECT object AS employee_id, lower(during) AS position FROM visibility.helper
                WHERE subject = helped.subject AND workspace_id = of_workspace AND upper_inf(during)
                OFFSET 0) AS helper
            CROSS JOIN LATERAL (
                SELECT facts FROM ledger WHERE position = helper.position OFFSET 0) AS added
            WHERE helped.object = of_chat::text AND helped.workspace_id = of_workspace
              AND upper_inf(helped.during)))
    FROM visibility.chat WHERE chat.chat_id = of_chat
$$;
