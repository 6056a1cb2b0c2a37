-- How long each client waited for an answer, by the rule of domain/wait.py.
--
-- A wait is a row. What a range tells changes only waits near the times that it names: from the wait that was
-- open then, to the first answer after them. So that is all that is worked out anew, in sets; a message behind
-- all others reads a few rows, however long its conversation is.

-- name: create
CREATE SCHEMA IF NOT EXISTS waits;

CREATE TABLE IF NOT EXISTS waits.chat (
    chat_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    own_id uuid NOT NULL,
    conversation_id uuid NOT NULL
);
COMMENT ON COLUMN waits.chat.own_id IS 'the conversation that it is by itself';
COMMENT ON COLUMN waits.chat.conversation_id IS 'the one that it stands in, as its waits have it';
CREATE INDEX IF NOT EXISTS chat_of_conversation ON waits.chat (conversation_id);

CREATE TABLE IF NOT EXISTS waits.wait (
    opened_position bigint PRIMARY KEY,
    workspace_id text NOT NULL,
    conversation_id uuid NOT NULL,
    chat_id uuid NOT NULL,
    channel_id text NOT NULL,
    sender_id text,
    opened_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    last_position bigint NOT NULL,
    outcome text NOT NULL,
    closed_at timestamptz,
    closed_position bigint,
    closed_kind text,
    closed_by text,
    holder_at_opening text,
    holder_at_closing text,
    owner_at_opening text,
    owner_at_closing text
) WITH (fillfactor = 75);
COMMENT ON COLUMN waits.wait.chat_id IS 'where it was opened, as are channel_id and sender_id';
COMMENT ON COLUMN waits.wait.last_at IS 'of the last of the client''s messages that belong to it';
COMMENT ON COLUMN waits.wait.outcome IS 'open, answered or dismissed';
COMMENT ON COLUMN waits.wait.closed_kind IS 'employee, external_staff or system';
COMMENT ON COLUMN waits.wait.closed_by IS 'null where nobody knows which of them';
CREATE INDEX IF NOT EXISTS wait_in_order ON waits.wait (conversation_id, opened_at, opened_position);
CREATE INDEX IF NOT EXISTS wait_until
    ON waits.wait (conversation_id, coalesce(closed_at, 'infinity'), opened_at, opened_position);

-- Where each chat stood, and who held it, from each move on.
CREATE TABLE IF NOT EXISTS waits.stage (
    chat_id uuid NOT NULL,
    position bigint NOT NULL,
    workspace_id text NOT NULL,
    at timestamptz NOT NULL,
    folder text NOT NULL,
    holder_id text,
    PRIMARY KEY (chat_id, position)
);

-- Up to where somebody said that a client's messages need no answer; each says more than those before it.
CREATE TABLE IF NOT EXISTS waits.dismissal (
    chat_id uuid NOT NULL,
    seen_position bigint NOT NULL,
    at timestamptz NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL,
    by_id text,
    PRIMARY KEY (chat_id, seen_position)
);

-- Deliveries that were ever said to have failed; some got there later all the same.
CREATE TABLE IF NOT EXISTS waits.failure (delivery_id uuid PRIMARY KEY);

-- Between which times the waits of a conversation may change with a range of the ledger, until they have.
CREATE UNLOGGED TABLE IF NOT EXISTS waits.touched (
    conversation_id uuid NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL
);

-- name: index
CREATE INDEX IF NOT EXISTS wait_of_workspace ON waits.wait (workspace_id, opened_at, opened_position);
CREATE INDEX IF NOT EXISTS wait_closed ON waits.wait (workspace_id, closed_at);
CREATE INDEX IF NOT EXISTS wait_open ON waits.wait (workspace_id, opened_at) WHERE outcome = 'open';
CREATE INDEX IF NOT EXISTS stage_of_workspace ON waits.stage (workspace_id, at);

-- name: chat_opened
-- on: chat.opened
INSERT INTO waits.chat (chat_id, workspace_id, own_id, conversation_id)
SELECT (facts->>'chat_id')::uuid, workspace_id, (facts->>'conversation_id')::uuid,
       (facts->>'conversation_id')::uuid
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'chat.opened';

-- name: conversation_moved
-- on: chat.opened, conversation.claimed, conversation.assigned, conversation.released, conversation.snoozed
-- on: conversation.woken, conversation.closed, conversation.reopened
INSERT INTO waits.stage (chat_id, position, workspace_id, at, folder, holder_id)
SELECT (facts->>'chat_id')::uuid, position, workspace_id, occurred_at,
       CASE topic WHEN 'conversation.claimed' THEN 'in_progress' WHEN 'conversation.assigned' THEN 'in_progress'
                  WHEN 'conversation.snoozed' THEN 'snoozed' WHEN 'conversation.closed' THEN 'closed'
                  ELSE 'incoming' END,
       CASE WHEN topic IN ('conversation.claimed', 'conversation.assigned') THEN facts->>'holder_id' END
FROM ledger
WHERE position > %(after)s AND position <= %(until)s
  AND topic IN ('chat.opened', 'conversation.claimed', 'conversation.assigned', 'conversation.released',
                'conversation.snoozed', 'conversation.woken', 'conversation.closed', 'conversation.reopened');

-- name: answer_not_needed
-- on: conversation.dismissed, conversation.closed
WITH told AS (
    SELECT (facts->>'chat_id')::uuid AS chat_id, (facts->>'seen_position')::bigint AS seen_position,
           occurred_at AS at, position, actor
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('conversation.dismissed', 'conversation.closed')
), said AS (
    SELECT *, max(seen_position) OVER (
               PARTITION BY chat_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM told
), dismissal AS (
    INSERT INTO waits.dismissal (chat_id, seen_position, at, position, kind, by_id)
    SELECT said.chat_id, said.seen_position, said.at, said.position,
           CASE WHEN starts_with(actor, 'employee:') THEN 'employee' ELSE 'system' END,
           CASE WHEN starts_with(actor, 'employee:') THEN substr(actor, length('employee:') + 1) END
    FROM said
    CROSS JOIN LATERAL (
        SELECT max(seen_position) AS seen_position FROM waits.dismissal WHERE chat_id = said.chat_id OFFSET 0
    ) AS known
    WHERE said.seen_position > greatest(said.before, known.seen_position, 0)
    RETURNING chat_id, at
)
INSERT INTO waits.touched (conversation_id, since, until)
SELECT chat.conversation_id, min(dismissal.at), 'infinity'
FROM dismissal
CROSS JOIN LATERAL (SELECT conversation_id FROM waits.chat WHERE chat_id = dismissal.chat_id OFFSET 0) AS chat
GROUP BY chat.conversation_id;

-- name: delivery_failed
-- on: delivery.reported
-- What failed answers nobody, unless it is told later that it got there after all.
WITH told AS MATERIALIZED (
    SELECT stream_id AS delivery_id, bool_or(facts->>'status' = 'failed') AS failed
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'delivery.reported'
    GROUP BY stream_id
), failure AS (
    INSERT INTO waits.failure (delivery_id) SELECT delivery_id FROM told WHERE failed
    ON CONFLICT (delivery_id) DO NOTHING
)
INSERT INTO waits.touched (conversation_id, since, until)
SELECT chat.conversation_id, min(message.sent_at), max(message.sent_at)
FROM told
CROSS JOIN LATERAL (
    SELECT chat_id, sent_at FROM timeline.message
    WHERE delivery_id = told.delivery_id AND direction = 'out' AND position <= %(until)s OFFSET 0) AS message
CROSS JOIN LATERAL (SELECT conversation_id FROM waits.chat WHERE chat_id = message.chat_id OFFSET 0) AS chat
WHERE told.failed OR EXISTS (SELECT FROM waits.failure WHERE delivery_id = told.delivery_id)
GROUP BY chat.conversation_id;

-- name: message_written
-- on: message.received, message.queued
INSERT INTO waits.touched (conversation_id, since, until)
SELECT chat.conversation_id, min(message.since), max(message.until)
FROM (
    SELECT (facts->>'chat_id')::uuid AS chat_id, min(occurred_at) AS since, max(occurred_at) AS until
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic IN ('message.received', 'message.queued')
      AND facts->>'author_kind' <> 'automatic'
    GROUP BY 1
) AS message
CROSS JOIN LATERAL (SELECT conversation_id FROM waits.chat WHERE chat_id = message.chat_id OFFSET 0) AS chat
GROUP BY chat.conversation_id;

-- name: wait_changed
-- on: message.received, message.queued, conversation.dismissed, conversation.closed, delivery.reported
SELECT waits.work_out(%(until)s);

-- name: chat_moved
-- on: chat.participant_joined, chat.participant_left, contact.address_linked, contact.address_unlinked
-- for: readers
SELECT waits.move_chats(%(after)s, %(until)s);
