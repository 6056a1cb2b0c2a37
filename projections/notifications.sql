-- Who is to be notified of which message, by the rule of domain/notification.py, exact at its position.
--
-- What is stated (whose turn it is, which hours are muted, in which time zone) is kept with the position from
-- which it holds, and a notice is made once and never changes: for the holder, or for each principal who saw
-- the chat. So nothing depends on how ranges are cut, and a message costs the same with two colleagues or two
-- hundred. Who a principal stood for then, whose hours were muted and who sees the chat now is worked out
-- when somebody reads.

-- name: create
CREATE SCHEMA IF NOT EXISTS notifications;

-- Who holds the conversation of a chat from an event on; null: nobody.
CREATE TABLE IF NOT EXISTS notifications.turn (
    chat_id   uuid   NOT NULL,
    position  bigint NOT NULL,
    holder_id text,
    PRIMARY KEY (chat_id, position)
);

CREATE TABLE IF NOT EXISTS notifications.muted_hours (
    workspace_id text   NOT NULL,
    employee_id  text   NOT NULL,
    position     bigint NOT NULL,
    muted_hours  jsonb  NOT NULL,
    PRIMARY KEY (employee_id, workspace_id, position)
);

CREATE TABLE IF NOT EXISTS notifications.timezone (
    workspace_id text   NOT NULL,
    position     bigint NOT NULL,
    timezone     text   NOT NULL,
    PRIMARY KEY (workspace_id, position)
);

CREATE TABLE IF NOT EXISTS notifications.notice (
    workspace_id text        NOT NULL,
    principal    text        NOT NULL,
    position     bigint      NOT NULL,
    chat_id      uuid        NOT NULL,
    message_id   uuid        NOT NULL,
    channel_id   text        NOT NULL,
    at           timestamptz NOT NULL
);
COMMENT ON COLUMN notifications.notice.at IS 'when it was recorded: then somebody would be disturbed';

-- name: index
CREATE UNIQUE INDEX IF NOT EXISTS notice_of_principal
    ON notifications.notice (principal, workspace_id, position);
CREATE INDEX IF NOT EXISTS notice_in_order ON notifications.notice (workspace_id, position);

-- name: functions
-- Whether an employee acted for a principal at a position; the team of a channel is everybody who is active.
CREATE OR REPLACE FUNCTION notifications.acted(
    of_workspace text, of_employee text, of_principal text, at_position bigint
) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM visibility.principal
        WHERE subject = of_employee AND workspace_id = of_workspace
          AND object = CASE WHEN starts_with(of_principal, 'team:') THEN 'employee:' || of_employee
                            ELSE of_principal END
          AND during @> at_position
    )
$$;

-- Everybody who acted for a principal at a position. Each employee has a role: so the team is found.
CREATE OR REPLACE FUNCTION notifications.members(of_workspace text, of_principal text, at_position bigint)
RETURNS TABLE (employee_id text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT subject FROM visibility.principal
    WHERE object = of_principal AND workspace_id = of_workspace AND during @> at_position
    UNION ALL
    SELECT employee.subject
    FROM (SELECT DISTINCT subject FROM visibility.role
          WHERE starts_with(of_principal, 'team:') AND workspace_id = of_workspace
            AND object = ANY ('{seller,supervisor,quality_control}')) AS employee
    WHERE notifications.acted(of_workspace, employee.subject, of_principal, at_position)
$$;

-- What the clock on the wall shows. A time zone that this PostgreSQL has not heard of is taken for UTC.
CREATE OR REPLACE FUNCTION notifications.wall(at timestamptz, zone text) RETURNS timestamp
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN at AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN at AT TIME ZONE 'UTC';
END
$$;

-- As domain/muted_hours.py: on these days from one time to another, or over midnight where it ends first.
CREATE OR REPLACE FUNCTION notifications.covers(muted_hours jsonb, wall timestamp) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT
        FROM jsonb_array_elements(muted_hours) AS one,
             LATERAL (SELECT to_char(wall, 'HH24:MI') COLLATE "C" AS clock, to_char(wall, 'dy') AS today,
                             to_char(wall - interval '1 day', 'dy') AS yesterday) AS now
        WHERE CASE WHEN one->>'from' < one->>'to' COLLATE "C"
                   THEN one->'days' ? today AND clock >= one->>'from' AND clock < one->>'to'
                   ELSE one->'days' ? today AND clock >= one->>'from'
                        OR one->'days' ? yesterday AND clock < one->>'to' END
    )
$$;

-- Whether an employee's hours were muted at a position, which was recorded at this time.
CREATE OR REPLACE FUNCTION notifications.muted(
    of_workspace text, of_employee text, at_position bigint, at timestamptz
) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT
        FROM (SELECT muted_hours FROM notifications.muted_hours
              WHERE employee_id = of_employee AND workspace_id = of_workspace AND position <= at_position
              ORDER BY position DESC LIMIT 1) AS stated
        WHERE stated.muted_hours <> '[]'
          AND notifications.covers(stated.muted_hours, notifications.wall(at, coalesce((
              SELECT timezone FROM notifications.timezone
              WHERE workspace_id = of_workspace AND position <= at_position
              ORDER BY position DESC LIMIT 1), 'UTC')))
    )
$$;

-- The conversation that a chat belongs to now.
CREATE OR REPLACE FUNCTION notifications.conversation(of_chat uuid) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce((SELECT conversation_id FROM inbox.chat WHERE chat_id = of_chat),
                    (SELECT conversation_id FROM visibility.chat WHERE chat_id = of_chat))
$$;

CREATE OR REPLACE FUNCTION notifications.item(notice notifications.notice) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'position', notice.position,
        'conversation_id', notifications.conversation(notice.chat_id),
        'chat_id', notice.chat_id,
        'message_id', notice.message_id,
        'at', projection.rfc3339(notice.at))
$$;

-- name: turn_taken
-- on: conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed
-- on: conversation.woken, conversation.closed, conversation.reopened
INSERT INTO notifications.turn (chat_id, position, holder_id)
SELECT (facts->>'chat_id')::uuid, position,
       CASE WHEN topic IN ('conversation.claimed', 'conversation.assigned') THEN facts->>'holder_id' END
FROM ledger
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('conversation.claimed', 'conversation.assigned', 'conversation.released',
                'conversation.snoozed', 'conversation.woken', 'conversation.closed', 'conversation.reopened');

-- name: hours_muted
-- on: employee.hours_muted
INSERT INTO notifications.muted_hours (workspace_id, employee_id, position, muted_hours)
SELECT workspace_id, facts->>'employee_id', position, facts->'muted_hours'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'employee.hours_muted';

-- name: timezone_configured
-- on: workspace.configured
INSERT INTO notifications.timezone (workspace_id, position, timezone)
SELECT workspace_id, position, facts->>'timezone'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'workspace.configured'
  AND facts->>'timezone' IS NOT NULL;

-- name: client_wrote
-- on: message.received
-- For the holder if he saw the chat, otherwise for everybody who did. What the company writes tells nobody.
INSERT INTO notifications.notice (workspace_id, principal, position, chat_id, message_id, channel_id, at)
SELECT workspace_id, concerned.principal, position, message.chat_id, stream_id, facts->>'channel_id',
       recorded_at
FROM ledger
CROSS JOIN LATERAL (SELECT (facts->>'chat_id')::uuid AS chat_id OFFSET 0) AS message
LEFT JOIN LATERAL (
    SELECT 'employee:' || holder_id AS principal
    FROM (SELECT holder_id FROM notifications.turn
          WHERE chat_id = message.chat_id AND position < ledger.position
          ORDER BY position DESC LIMIT 1) AS turn
    WHERE EXISTS (
        SELECT FROM visibility.sight
        WHERE chat_id = message.chat_id AND during @> ledger.position
          AND notifications.acted(workspace_id, turn.holder_id, sight.principal, ledger.position))
    OFFSET 0) AS holding ON true
CROSS JOIN LATERAL (
    SELECT holding.principal WHERE holding.principal IS NOT NULL
    UNION
    SELECT sight.principal FROM visibility.sight
    WHERE holding.principal IS NULL AND chat_id = message.chat_id AND during @> ledger.position
    OFFSET 0) AS concerned
WHERE position > %(after)s AND position <= %(until)s AND topic = 'message.received'
  AND facts->>'direction' = 'in';

-- name: page
-- An employee's notifications after a position, of chats that he still sees, whatever he acted for then.
WITH acting AS MATERIALIZED (
    SELECT object AS principal, during FROM visibility.principal
    WHERE subject = %(employee_id)s AND workspace_id = %(workspace_id)s
    UNION ALL
    SELECT 'team:' || policy.subject, employee.during * policy.during
    FROM visibility.principal AS employee
    CROSS JOIN LATERAL (
        SELECT subject, during FROM visibility.policy
        WHERE object = 'whole_team' AND workspace_id = %(workspace_id)s AND policy.during && employee.during
        OFFSET 0) AS policy
    WHERE employee.subject = %(employee_id)s AND employee.workspace_id = %(workspace_id)s
      AND employee.object = 'employee:' || %(employee_id)s
), now AS MATERIALIZED (
    SELECT visibility.principals(%(workspace_id)s, %(employee_id)s) AS principals
), near AS (
    SELECT DISTINCT ON (position) notice, position
    FROM acting, now
    CROSS JOIN LATERAL (
        SELECT notice, position FROM notifications.notice
        WHERE principal = acting.principal AND workspace_id = %(workspace_id)s
          AND position > %(after)s AND position >= lower(acting.during)
          AND position < coalesce(upper(acting.during), %(last)s)
          AND visibility.sees(now.principals, chat_id)
          AND NOT notifications.muted(%(workspace_id)s, %(employee_id)s, position, at)
        ORDER BY position
        LIMIT %(limit)s + 1) AS found
    ORDER BY position
    LIMIT %(limit)s + 1
), page AS (
    SELECT notice, position, row_number() OVER (ORDER BY position) AS nth FROM near
)
SELECT checkpoint.position, json_build_object(
    'items', coalesce((
        SELECT json_agg(notifications.item(notice) ORDER BY position)
        FROM page WHERE nth <= %(limit)s), '[]'),
    'next_cursor', (
        SELECT position::text FROM page
        WHERE nth = %(limit)s AND EXISTS (SELECT FROM page WHERE nth > %(limit)s))
)::text AS body
FROM projection.checkpoint
WHERE name = 'notifications';

-- name: next_messages
-- The next messages that somebody was to be notified of, with those who still see their chats.
SELECT notice.position, notifications.conversation(chat_id)::text, chat_id::text, message_id::text,
       channel_id, projection.rfc3339(at), ARRAY(
           SELECT DISTINCT employee_id
           FROM (SELECT principal FROM notifications.notice AS same
                 WHERE same.workspace_id = %(workspace_id)s AND same.position = notice.position
                 OFFSET 0) AS concerned
           CROSS JOIN LATERAL notifications.members(%(workspace_id)s, principal, notice.position)
           WHERE NOT notifications.muted(%(workspace_id)s, employee_id, notice.position, at)
             AND visibility.sees(visibility.principals(%(workspace_id)s, employee_id), chat_id)
           ORDER BY employee_id)
FROM (
    SELECT DISTINCT ON (position) * FROM notifications.notice
    WHERE workspace_id = %(workspace_id)s AND position > %(after)s
    ORDER BY position
    LIMIT %(limit)s
) AS notice
ORDER BY notice.position;

-- name: muted_hours
SELECT checkpoint.position, json_build_object('muted_hours', coalesce((
    SELECT muted_hours::json FROM notifications.muted_hours
    WHERE employee_id = %(employee_id)s AND workspace_id = %(workspace_id)s
    ORDER BY position DESC
    LIMIT 1), '[]'))::text AS body
FROM projection.checkpoint
WHERE name = 'notifications';
