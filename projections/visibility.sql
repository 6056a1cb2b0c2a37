-- Who sees which chat, exactly: every interval begins and ends at the very event that caused it.
--
-- Facts of the world (who is in a chat, whose client an address is, who owns a deal …) are intervals of
-- ledger positions. A reason to see a chat is an intersection of such facts, and "new client" is what is
-- left when everybody who answers is taken away. So history is interval algebra: a range of the ledger is
-- applied in a handful of set-based statements, however many events it holds, and however it is cut.

-- name: create
CREATE SCHEMA IF NOT EXISTS visibility;

CREATE TABLE IF NOT EXISTS visibility.fact (
    kind text NOT NULL,
    workspace_id text NOT NULL,
    subject text NOT NULL,
    object text NOT NULL,
    during int8range NOT NULL
) PARTITION BY LIST (kind);
CREATE TABLE IF NOT EXISTS visibility.presence PARTITION OF visibility.fact FOR VALUES IN ('presence');
CREATE TABLE IF NOT EXISTS visibility.link PARTITION OF visibility.fact FOR VALUES IN ('link');
CREATE TABLE IF NOT EXISTS visibility.responsible PARTITION OF visibility.fact FOR VALUES IN ('responsible');
CREATE TABLE IF NOT EXISTS visibility.deal_contact PARTITION OF visibility.fact FOR VALUES IN ('deal_contact');
CREATE TABLE IF NOT EXISTS visibility.deal_owner PARTITION OF visibility.fact FOR VALUES IN ('deal_owner');
CREATE TABLE IF NOT EXISTS visibility.principal PARTITION OF visibility.fact FOR VALUES IN ('principal');
CREATE TABLE IF NOT EXISTS visibility.role PARTITION OF visibility.fact FOR VALUES IN ('role');
CREATE TABLE IF NOT EXISTS visibility.policy PARTITION OF visibility.fact FOR VALUES IN ('policy');
CREATE TABLE IF NOT EXISTS visibility.helper PARTITION OF visibility.fact FOR VALUES IN ('helper');
CREATE TABLE IF NOT EXISTS visibility.helped PARTITION OF visibility.fact FOR VALUES IN ('helped');
COMMENT ON TABLE visibility.presence IS 'chat → address that takes part in it';
COMMENT ON TABLE visibility.link IS 'address → contact whose it is';
COMMENT ON TABLE visibility.responsible IS 'contact → employee responsible for it';
COMMENT ON TABLE visibility.deal_contact IS 'deal → contact that belongs to it';
COMMENT ON TABLE visibility.deal_owner IS 'deal that is not lost → employee who owns it';
COMMENT ON TABLE visibility.principal IS 'active employee → principal that he acts for';
COMMENT ON TABLE visibility.role IS 'employee → role';
COMMENT ON TABLE visibility.policy IS 'channel → who sees its direct chats';
COMMENT ON TABLE visibility.helper IS 'help (the id of the message, and of who helps under it) → employee who gives it';
COMMENT ON TABLE visibility.helped IS 'help → chat that is seen because of it';
CREATE UNIQUE INDEX IF NOT EXISTS fact_of_subject
    ON visibility.fact (subject, workspace_id, object, kind, (lower(during)));
CREATE INDEX IF NOT EXISTS fact_of_object ON visibility.fact (object, workspace_id, subject);

-- What a range of the ledger says about the facts, until the facts have it.
CREATE UNLOGGED TABLE IF NOT EXISTS visibility.change (
    kind text NOT NULL,
    workspace_id text NOT NULL,
    subject text NOT NULL,
    object text NOT NULL,
    position bigint NOT NULL,
    holds boolean NOT NULL
);

CREATE TABLE IF NOT EXISTS visibility.chat (
    chat_id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL,
    workspace_id text NOT NULL,
    channel_id text NOT NULL,
    kind text NOT NULL,
    position bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS chat_of_channel ON visibility.chat (workspace_id, channel_id) WHERE kind = 'direct';
CREATE INDEX IF NOT EXISTS chat_opened ON visibility.chat (position);

-- The latest that is known of an address in a chat, by the provider's time and then by arrival.
CREATE TABLE IF NOT EXISTS visibility.membership (
    chat_id uuid NOT NULL,
    address_id text NOT NULL,
    first_at timestamptz,
    at timestamptz NOT NULL,
    position bigint NOT NULL,
    present boolean NOT NULL,
    PRIMARY KEY (chat_id, address_id)
);

CREATE TABLE IF NOT EXISTS visibility.sight (
    workspace_id text NOT NULL,
    chat_id uuid NOT NULL,
    principal text NOT NULL,
    kind text NOT NULL,
    contact_id text NOT NULL,
    deal_id text NOT NULL,
    during int8range NOT NULL
);
COMMENT ON COLUMN visibility.sight.contact_id IS 'whom the reason is about; of a thread_helper the message';
CREATE UNIQUE INDEX IF NOT EXISTS sight_once
    ON visibility.sight (chat_id, principal, kind, contact_id, deal_id, (lower(during)));
CREATE INDEX IF NOT EXISTS sight_begun ON visibility.sight ((lower(during)));
CREATE INDEX IF NOT EXISTS sight_ended ON visibility.sight ((upper(during))) WHERE NOT upper_inf(during);

-- name: index
CREATE INDEX IF NOT EXISTS principal_ended ON visibility.principal ((upper(during))) WHERE NOT upper_inf(during);
CREATE INDEX IF NOT EXISTS chat_of_conversation ON visibility.chat (conversation_id);
CREATE INDEX IF NOT EXISTS sight_of_principal ON visibility.sight (workspace_id, principal) INCLUDE (chat_id)
    WHERE upper_inf(during);
-- For an auditor: what a principal has seen, in the order in which it came into its sight. "+ 0" keeps from the
-- index by position, in which that of a principal is far apart.
CREATE INDEX IF NOT EXISTS sight_of_principal_begun
    ON visibility.sight (workspace_id, principal, (lower(during) + 0), chat_id);

-- name: functions
-- Whom an employee acts for now. An employee who is not active acts for nobody.
CREATE OR REPLACE FUNCTION visibility.acting_for(of_workspace text, of_employee text)
RETURNS TABLE (principal text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT object FROM visibility.principal
    WHERE subject = of_employee AND workspace_id = of_workspace AND upper_inf(during)
    UNION ALL
    SELECT 'team:' || policy.subject
    FROM visibility.principal
    JOIN visibility.policy ON policy.object = 'whole_team' AND policy.workspace_id = of_workspace
                          AND upper_inf(policy.during)
    WHERE principal.subject = of_employee AND principal.object = 'employee:' || of_employee
      AND principal.workspace_id = of_workspace AND upper_inf(principal.during)
$$;

CREATE OR REPLACE FUNCTION visibility.principals(of_workspace text, of_employee text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT principal FROM visibility.acting_for(of_workspace, of_employee))
$$;

-- The one predicate: whether somebody who acts for these principals sees the chat now.
CREATE OR REPLACE FUNCTION visibility.sees(principals text[], of_chat uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM visibility.sight
        WHERE chat_id = of_chat AND principal = ANY (principals) AND upper_inf(during)
    )
$$;

CREATE OR REPLACE FUNCTION visibility.reason(
    kind text, contact_id text, deal_id text, principal text, role text
) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT json_strip_nulls(json_build_object(
        'kind', kind,
        'contact_id', CASE WHEN kind <> 'thread_helper' THEN nullif(contact_id, '') END,
        'deal_id', nullif(deal_id, ''),
        'message_id', CASE kind WHEN 'thread_helper' THEN contact_id END,
        'role', CASE kind WHEN 'oversight' THEN role END,
        'channel_id', CASE kind WHEN 'whole_team' THEN substr(principal, length('team:') + 1) END
    ))
$$;

-- name: chat_opened
-- on: chat.opened
INSERT INTO visibility.chat (chat_id, conversation_id, workspace_id, channel_id, kind, position)
SELECT (facts->>'chat_id')::uuid, (facts->>'conversation_id')::uuid, workspace_id,
       facts->>'channel_id', facts->>'kind', position
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.opened';

-- name: membership_told
-- on: chat.participant_joined, chat.participant_left, message.received
-- Joining, leaving and writing tell who is in a chat; the latest by time decides, ties by arrival.
WITH told AS MATERIALIZED (
    SELECT workspace_id, (facts->>'chat_id')::uuid AS chat_id,
           coalesce(facts->>'address_id', facts->>'sender_id') AS address_id,
           occurred_at AS at, position, topic <> 'chat.participant_left' AS present
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('chat.participant_joined', 'chat.participant_left', 'message.received')
      AND coalesce(facts->>'address_id', facts->>'sender_id') IS NOT NULL
), known AS (
    SELECT membership.*
    FROM (SELECT DISTINCT chat_id, address_id FROM told) AS member
    JOIN visibility.membership USING (chat_id, address_id)
), ranked AS (
    SELECT workspace_id, chat_id, address_id, position,
           max(ARRAY[(extract(epoch FROM at) * 1000000)::bigint, position, present::int])
               OVER (PARTITION BY chat_id, address_id ORDER BY position) AS latest
    FROM (
        SELECT NULL AS workspace_id, chat_id, address_id, at, position, present FROM known
        UNION ALL
        SELECT workspace_id, chat_id, address_id, at, position, present FROM told
    ) AS everything
), flip AS (
    SELECT *, latest[3] = 1 AS present,
           lag(latest[3] = 1, 1, false) OVER (PARTITION BY chat_id, address_id ORDER BY position) AS was_present
    FROM ranked
), noted AS (
    INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
    SELECT 'presence', workspace_id, chat_id::text, address_id, position, present
    FROM flip
    WHERE workspace_id IS NOT NULL AND present <> was_present
)
MERGE INTO visibility.membership AS membership
USING (
    SELECT chat_id, address_id, min(at) FILTER (WHERE present) AS first_at,
           (array_agg(at ORDER BY at DESC, position DESC))[1] AS at,
           (array_agg(position ORDER BY at DESC, position DESC))[1] AS position,
           (array_agg(present ORDER BY at DESC, position DESC))[1] AS present
    FROM told
    GROUP BY chat_id, address_id
) AS news ON membership.chat_id = news.chat_id AND membership.address_id = news.address_id
WHEN MATCHED AND (news.at, news.position) > (membership.at, membership.position) THEN
    UPDATE SET first_at = least(membership.first_at, news.first_at),
               at = news.at, position = news.position, present = news.present
WHEN MATCHED AND news.first_at < coalesce(membership.first_at, 'infinity') THEN
    UPDATE SET first_at = news.first_at
WHEN NOT MATCHED THEN
    INSERT (chat_id, address_id, first_at, at, position, present)
    VALUES (news.chat_id, news.address_id, news.first_at, news.at, news.position, news.present);

-- name: address_linked_or_unlinked
-- on: contact.address_linked, contact.address_unlinked
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'link', workspace_id, facts->>'address_id', facts->>'contact_id', position,
       topic = 'contact.address_linked'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('contact.address_linked', 'contact.address_unlinked');

-- name: responsible_changed
-- on: contact.registered, contact.responsible_changed
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'responsible', workspace_id, facts->>'contact_id', employee_id, position, holds
FROM ledger
CROSS JOIN LATERAL (
    VALUES (facts->>'responsible_id', true), (facts->>'from_id', false), (facts->>'to_id', true)
) AS turn (employee_id, holds)
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('contact.registered', 'contact.responsible_changed') AND employee_id IS NOT NULL;

-- name: deal_contact_added_or_removed
-- on: deal.contact_added, deal.contact_removed
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'deal_contact', workspace_id, facts->>'deal_id', facts->>'contact_id', position,
       topic = 'deal.contact_added'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('deal.contact_added', 'deal.contact_removed');

-- name: deal_owner_changed
-- on: deal.opened, deal.reassigned, deal.status_changed
-- The owner of a lost deal answers for nobody, so a deal that is lost has no owner here.
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'deal_owner', workspace_id, facts->>'deal_id', employee_id, position, holds
FROM ledger
CROSS JOIN LATERAL (
    VALUES (facts->>'owner_id', topic = 'deal.opened' AND facts->>'status' <> 'lost'
                                OR topic = 'deal.status_changed' AND facts->>'to_status' <> 'lost'),
           (CASE WHEN facts->>'status' <> 'lost' THEN facts->>'from_id' END, false),
           (CASE WHEN facts->>'status' <> 'lost' THEN facts->>'to_id' END, true)
) AS turn (employee_id, holds)
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('deal.opened', 'deal.reassigned', 'deal.status_changed') AND employee_id IS NOT NULL;

-- name: helper_added_or_removed
-- on: thread.helper_added, thread.helper_removed
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT turn.kind, workspace_id, facts->>'message_id' || ':' || (facts->>'employee_id'), turn.object, position,
       topic = 'thread.helper_added'
FROM ledger
CROSS JOIN LATERAL (
    SELECT 'helper' AS kind, facts->>'employee_id' AS object
    UNION ALL
    SELECT 'helped', chat_id FROM jsonb_array_elements_text(facts->'chat_ids') AS chat_id
) AS turn
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('thread.helper_added', 'thread.helper_removed');

-- name: help_moved
-- on: thread.help_moved
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'helped', workspace_id, facts->>'message_id' || ':' || (facts->>'employee_id'), chat_id, position,
       facts->'chat_ids' ? chat_id
FROM ledger
CROSS JOIN LATERAL (
    SELECT jsonb_array_elements_text(facts->'chat_ids') AS chat_id
    UNION
    SELECT jsonb_array_elements_text(facts->'former_chat_ids')
) AS chat
WHERE position > %(after)s AND position <= %(until)s AND topic = 'thread.help_moved';

-- name: standing_stated
-- on: employee.registered, employee.role_changed, employee.new_clients_switched, employee.activated, employee.deactivated
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT turn.kind, workspace_id, standing.employee_id, turn.object, position, turn.holds
FROM ledger
CROSS JOIN LATERAL (
    SELECT facts->>'employee_id' AS employee_id, facts->>'role' AS role,
           (facts->>'active')::boolean AS active,
           (facts->>'receives_new_clients')::boolean AS receives_new_clients
) AS standing
CROSS JOIN LATERAL (
    VALUES ('principal', 'employee:' || employee_id, active),
           ('principal', 'oversight', active AND role IN ('supervisor', 'quality_control')),
           ('principal', 'new_client', active AND role = 'seller' AND receives_new_clients),
           ('role', 'seller', role = 'seller'),
           ('role', 'supervisor', role = 'supervisor'),
           ('role', 'quality_control', role = 'quality_control')
) AS turn (kind, object, holds)
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('employee.registered', 'employee.role_changed', 'employee.new_clients_switched',
                'employee.activated', 'employee.deactivated');

-- name: channel_visibility_changed
-- on: channel.connected, channel.visibility_changed
INSERT INTO visibility.change (kind, workspace_id, subject, object, position, holds)
SELECT 'policy', workspace_id, facts->>'channel_id', visibility, position,
       visibility = coalesce(facts->>'to_visibility', facts->>'visibility')
FROM ledger
CROSS JOIN LATERAL (VALUES ('client_owners'), ('whole_team')) AS policy (visibility)
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('channel.connected', 'channel.visibility_changed');

-- name: fact_turned
-- on: *
-- A fact begins where it was not true before, and ends at the next change that says so.
WITH flip AS MATERIALIZED (
    SELECT kind, workspace_id, subject, object, position, holds,
           lag(position) OVER (PARTITION BY kind, workspace_id, subject, object ORDER BY position) IS NULL AS first,
           lead(position) OVER (PARTITION BY kind, workspace_id, subject, object ORDER BY position) AS next_position
    FROM (
        SELECT *, lag(holds) OVER (PARTITION BY kind, workspace_id, subject, object ORDER BY position) AS held_before
        FROM visibility.change
    ) AS change
    LEFT JOIN LATERAL (
        SELECT true AS holding FROM visibility.fact
        WHERE fact.kind = change.kind AND fact.workspace_id = change.workspace_id
          AND fact.subject = change.subject AND fact.object = change.object AND upper_inf(fact.during)
        LIMIT 1
    ) AS known ON change.held_before IS NULL
    WHERE holds <> coalesce(held_before, known.holding, false)
), ended AS (
    UPDATE visibility.fact SET during = int8range(lower(fact.during), flip.position)
    FROM flip
    WHERE flip.first AND NOT flip.holds
      AND fact.kind = flip.kind AND fact.workspace_id = flip.workspace_id
      AND fact.subject = flip.subject AND fact.object = flip.object AND upper_inf(fact.during)
)
INSERT INTO visibility.fact (kind, workspace_id, subject, object, during)
SELECT kind, workspace_id, subject, object, int8range(position, next_position)
FROM flip
WHERE holds;

-- name: sight_moved
-- on: *
-- The sights of every chat that a change reaches, from `after` on, by the rule of domain/visibility.py.
-- A piece that begins at `after` goes on from before, and at most ends; the others begin in this range.
-- OFFSET 0 keeps the order in which tables are asked: each by index, for what was found before.
WITH span AS (
    SELECT int8range(%(after)s, NULL) AS since
), moved_employee AS (
    SELECT workspace_id, subject AS employee_id
    FROM visibility.change WHERE kind = 'principal' AND object LIKE 'employee:%%'
), moved_deal AS (
    SELECT workspace_id, subject AS deal_id FROM visibility.change WHERE kind = 'deal_owner'
    UNION
    SELECT workspace_id, deal_id FROM moved_employee, span
    CROSS JOIN LATERAL (
        SELECT subject AS deal_id FROM visibility.deal_owner
        WHERE object = employee_id AND workspace_id = moved_employee.workspace_id AND during && since
        OFFSET 0) AS deal_owner
), contact AS MATERIALIZED (
    SELECT workspace_id, CASE kind WHEN 'responsible' THEN subject ELSE object END AS contact_id
    FROM visibility.change WHERE kind IN ('link', 'responsible', 'deal_contact')
    UNION
    SELECT workspace_id, contact_id FROM moved_deal, span
    CROSS JOIN LATERAL (
        SELECT object AS contact_id FROM visibility.deal_contact
        WHERE subject = deal_id AND workspace_id = moved_deal.workspace_id AND during && since
        OFFSET 0) AS deal_contact
    UNION
    SELECT workspace_id, contact_id FROM moved_employee, span
    CROSS JOIN LATERAL (
        SELECT subject AS contact_id FROM visibility.responsible
        WHERE object = employee_id AND workspace_id = moved_employee.workspace_id AND during && since
        OFFSET 0) AS responsible
), reached AS MATERIALIZED (
    SELECT subject::uuid AS chat_id FROM visibility.change WHERE kind = 'presence'
    UNION
    SELECT object::uuid FROM visibility.change WHERE kind = 'helped'
    UNION
    SELECT helped.object::uuid FROM moved_employee, span
    CROSS JOIN LATERAL (
        SELECT subject FROM visibility.helper
        WHERE object = employee_id AND workspace_id = moved_employee.workspace_id AND during && since
        OFFSET 0) AS helper
    CROSS JOIN LATERAL (
        SELECT object FROM visibility.helped
        WHERE subject = helper.subject AND workspace_id = moved_employee.workspace_id AND during && since
        OFFSET 0) AS helped
    UNION
    SELECT presence.subject::uuid FROM contact, span
    CROSS JOIN LATERAL (
        SELECT subject FROM visibility.link
        WHERE object = contact_id AND workspace_id = contact.workspace_id AND during && since
        OFFSET 0) AS link
    CROSS JOIN LATERAL (
        SELECT subject FROM visibility.presence
        WHERE object = link.subject AND workspace_id = contact.workspace_id AND during && since
        OFFSET 0) AS presence
    UNION
    SELECT chat.chat_id FROM visibility.change
    CROSS JOIN LATERAL (
        SELECT chat_id FROM visibility.chat
        WHERE workspace_id = change.workspace_id AND channel_id = change.subject AND kind = 'direct'
        OFFSET 0) AS chat
    WHERE change.kind = 'policy'
    UNION
    SELECT chat_id FROM visibility.chat WHERE position > %(after)s
), followed AS MATERIALIZED (
    -- During which positions the chat is seen by the client's owners, and during which by the whole team.
    SELECT chat.chat_id, chat.workspace_id, chat.channel_id,
           CASE WHEN chat.kind = 'group' THEN int8multirange(life)
                ELSE coalesce(policy.owners, '{}') * int8multirange(life) END AS owners,
           CASE WHEN chat.kind = 'group' THEN '{}'
                ELSE coalesce(policy.team, '{}') * int8multirange(life) END AS team
    FROM reached
    CROSS JOIN LATERAL (SELECT * FROM visibility.chat WHERE chat_id = reached.chat_id OFFSET 0) AS chat
    CROSS JOIN LATERAL (SELECT int8range(greatest(chat.position, %(after)s), NULL) AS life) AS existing
    CROSS JOIN LATERAL (
        SELECT range_agg(during) FILTER (WHERE object = 'client_owners') AS owners,
               range_agg(during) FILTER (WHERE object = 'whole_team') AS team
        FROM visibility.policy
        WHERE policy.workspace_id = chat.workspace_id AND policy.subject = chat.channel_id
    ) AS policy
), client AS MATERIALIZED (
    SELECT chat_id, workspace_id, owners, link.object AS contact_id, link.during
    FROM followed, span
    CROSS JOIN LATERAL (
        SELECT object, during * since AS during FROM visibility.presence
        WHERE subject = chat_id::text AND workspace_id = followed.workspace_id AND during && since
        OFFSET 0) AS presence
    CROSS JOIN LATERAL (
        SELECT object, during * presence.during AS during FROM visibility.link
        WHERE subject = presence.object AND workspace_id = followed.workspace_id AND during && presence.during
        OFFSET 0) AS link
), claim AS (
    SELECT chat_id, workspace_id, owners, employee_id, 'responsible_for_contact' AS kind, contact_id,
           '' AS deal_id, responsible.during
    FROM client
    CROSS JOIN LATERAL (
        SELECT object AS employee_id, during * client.during AS during FROM visibility.responsible
        WHERE subject = contact_id AND workspace_id = client.workspace_id AND during && client.during
        OFFSET 0) AS responsible
    UNION ALL
    SELECT chat_id, workspace_id, owners, employee_id, 'owns_deal', contact_id, deal_id, deal_owner.during
    FROM client
    CROSS JOIN LATERAL (
        SELECT subject AS deal_id, during * client.during AS during FROM visibility.deal_contact
        WHERE object = contact_id AND workspace_id = client.workspace_id AND during && client.during
        OFFSET 0) AS deal_contact
    CROSS JOIN LATERAL (
        SELECT object AS employee_id, during * deal_contact.during AS during FROM visibility.deal_owner
        WHERE subject = deal_id AND workspace_id = client.workspace_id AND during && deal_contact.during
        OFFSET 0) AS deal_owner
), answer AS MATERIALIZED (
    SELECT chat_id, workspace_id, owners, 'employee:' || employee_id AS principal, kind, contact_id, deal_id,
           range_agg(principal.during) * owners AS during
    FROM claim
    CROSS JOIN LATERAL (
        SELECT during * claim.during AS during FROM visibility.principal
        WHERE subject = employee_id AND object = 'employee:' || employee_id
          AND workspace_id = claim.workspace_id AND during && claim.during
        OFFSET 0) AS principal
    GROUP BY chat_id, workspace_id, owners, employee_id, kind, contact_id, deal_id
), help AS (
    SELECT chat_id, followed.workspace_id, 'employee:' || employee_id AS principal,
           left(helped.subject, 36) AS message_id, range_agg(principal.during) AS during
    FROM followed, span
    CROSS JOIN LATERAL (
        SELECT subject, during * since AS during FROM visibility.helped
        WHERE object = chat_id::text AND workspace_id = followed.workspace_id AND during && since
        OFFSET 0) AS helped
    CROSS JOIN LATERAL (
        SELECT object AS employee_id, during * helped.during AS during FROM visibility.helper
        WHERE subject = helped.subject AND workspace_id = followed.workspace_id AND during && helped.during
        OFFSET 0) AS helper
    CROSS JOIN LATERAL (
        SELECT during * helper.during AS during FROM visibility.principal
        WHERE subject = employee_id AND object = 'employee:' || employee_id
          AND workspace_id = followed.workspace_id AND during && helper.during
        OFFSET 0) AS principal
    GROUP BY chat_id, followed.workspace_id, employee_id, helped.subject
), piece AS MATERIALIZED (
    SELECT workspace_id, chat_id, principal, kind, contact_id, deal_id, unnest(during) AS during FROM answer
    UNION ALL
    SELECT workspace_id, chat_id, principal, 'thread_helper', message_id, '', unnest(during) FROM help
    UNION ALL
    SELECT workspace_id, chat_id, 'oversight', 'oversight', '', '', unnest(owners) FROM followed
    UNION ALL
    SELECT workspace_id, chat_id, 'new_client', 'new_client', '', '',
           unnest(owners - coalesce(range_agg(answered), '{}'))
    FROM (SELECT workspace_id, chat_id, owners, NULL::int8multirange AS answered FROM followed
          UNION ALL
          SELECT workspace_id, chat_id, owners, during FROM answer) AS chat
    GROUP BY workspace_id, chat_id, owners
    UNION ALL
    SELECT workspace_id, chat_id, 'team:' || channel_id, 'whole_team', '', '', unnest(team) FROM followed
), ended AS (
    UPDATE visibility.sight SET during = int8range(lower(sight.during), upper(piece.during))
    FROM piece
    WHERE lower(piece.during) = %(after)s AND NOT upper_inf(piece.during)
      AND sight.chat_id = piece.chat_id AND sight.principal = piece.principal AND sight.kind = piece.kind
      AND sight.contact_id = piece.contact_id AND sight.deal_id = piece.deal_id
      AND upper_inf(sight.during)
)
INSERT INTO visibility.sight (workspace_id, chat_id, principal, kind, contact_id, deal_id, during)
SELECT workspace_id, chat_id, principal, kind, contact_id, deal_id, during
FROM piece
WHERE lower(during) > %(after)s;

-- name: changes_taken_over
-- on: *
DELETE FROM visibility.change;

-- name: position_at
-- The last position that was recorded by a time. Recorded times grow with positions, so halving finds it.
WITH RECURSIVE halving (low, high) AS (
    SELECT 0::bigint, position FROM ledger_head
    UNION ALL
    SELECT CASE WHEN recorded_at <= %(at)s THEN middle ELSE low END,
           CASE WHEN recorded_at <= %(at)s THEN high ELSE middle - 1 END
    FROM halving
    CROSS JOIN LATERAL (SELECT (low + high + 1) / 2 AS middle) AS half
    JOIN ledger ON ledger.position = middle
    WHERE low < high
)
SELECT low AS position FROM halving WHERE low = high;
