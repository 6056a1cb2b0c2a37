-- Tasks on conversations, and a line for each task and each principal who sees its chat.
--
-- A line exists exactly while `visibility` has an open sight of the chat, as it does in the inbox. So a list
-- goes by the one predicate, and a page costs what a page costs, whatever tasks others have.

-- name: create
CREATE SCHEMA IF NOT EXISTS tasks;

CREATE TABLE IF NOT EXISTS tasks.task (
    task_id      uuid        PRIMARY KEY,
    workspace_id text        NOT NULL,
    chat_id      uuid        NOT NULL,
    position     bigint      NOT NULL,
    text         text,
    assignee_id  text        NOT NULL,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    due_at       timestamptz,
    done_at      timestamptz,
    done_by      text,
    done         boolean     GENERATED ALWAYS AS (done_at IS NOT NULL) STORED,
    due_order    timestamptz GENERATED ALWAYS AS (coalesce(due_at, 'infinity')) STORED
) WITH (fillfactor = 75);
COMMENT ON COLUMN tasks.task.position IS 'where it was created';
COMMENT ON COLUMN tasks.task.due_order IS 'what is without a time to be done comes last';
CREATE INDEX IF NOT EXISTS task_of_chat ON tasks.task (chat_id, done, due_order, position);

CREATE TABLE IF NOT EXISTS tasks.line (
    chat_id      uuid        NOT NULL,
    principal    text        NOT NULL,
    task_id      uuid        NOT NULL,
    workspace_id text        NOT NULL,
    assignee_id  text        NOT NULL,
    done         boolean     NOT NULL,
    due_order    timestamptz NOT NULL,
    position     bigint      NOT NULL,
    PRIMARY KEY (chat_id, principal, task_id)
) WITH (fillfactor = 75);

-- name: index
CREATE INDEX IF NOT EXISTS line_in_order ON tasks.line (workspace_id, principal, done, due_order, position);
CREATE INDEX IF NOT EXISTS line_of_assignee
    ON tasks.line (workspace_id, principal, assignee_id, done, due_order, position);

-- name: functions
-- One task as the API shows it; now: who asks decides what is overdue. It answers with a row, as PostgreSQL
-- takes such functions apart into the query that asks.
CREATE OR REPLACE FUNCTION tasks.shown(of_task uuid, now timestamptz) RETURNS TABLE (item json)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT json_build_object(
        'task_id', task.task_id,
        'conversation_id', chat.conversation_id,
        'title', card.title,
        'text', task.text,
        'assignee_id', task.assignee_id,
        'assignee_name', assignee.name,
        'created_by', task.created_by,
        'created_at', projection.rfc3339(task.created_at),
        'due_at', projection.rfc3339(task.due_at),
        'overdue', task.due_order < now AND NOT task.done,
        'done_at', projection.rfc3339(task.done_at),
        'done_by', task.done_by,
        'position', task.position)
    FROM tasks.task
    LEFT JOIN inbox.chat ON chat.chat_id = task.chat_id
    LEFT JOIN inbox.card ON card.chat_id = task.chat_id
    LEFT JOIN directory.employee AS assignee
        ON assignee.workspace_id = task.workspace_id AND assignee.employee_id = task.assignee_id
    WHERE task.task_id = of_task
$$;

-- name: task_erased
-- on: contact.erased
-- Before what the range tells.
UPDATE tasks.task SET text = NULL
FROM (
    SELECT DISTINCT stream_id FROM projection.erased(%(after)s, %(until)s)
    WHERE topic IN ('task.created', 'task.reworded')
) AS gone
WHERE task.task_id = gone.stream_id;

-- name: task_created
-- on: task.created
INSERT INTO tasks.task
    (task_id, workspace_id, chat_id, position, text, assignee_id, created_by, created_at, due_at)
SELECT stream_id, workspace_id, (facts->>'chat_id')::uuid, position, private->>'text', facts->>'assignee_id',
       facts->>'by_id', occurred_at, (facts->>'due_at')::timestamptz
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'task.created';

-- name: task_changed
-- on: task.reworded, task.reassigned, task.rescheduled, task.done, task.reopened
-- Each kind of event says something of its own, and the last of a range counts; it may say that there is no
-- time, or no text any more.
UPDATE tasks.task SET
    text = CASE WHEN news.reworded THEN news.text ELSE task.text END,
    assignee_id = coalesce(news.assignee_id, task.assignee_id),
    due_at = CASE WHEN news.rescheduled THEN news.due_at ELSE task.due_at END,
    done_at = CASE WHEN news.turned THEN news.done_at ELSE task.done_at END,
    done_by = CASE WHEN news.turned THEN news.done_by ELSE task.done_by END
FROM (
    SELECT stream_id,
           bool_or(topic = 'task.reworded') AS reworded,
           bool_or(topic = 'task.rescheduled') AS rescheduled,
           bool_or(topic IN ('task.done', 'task.reopened')) AS turned,
           (array_agg(private->>'text' ORDER BY position DESC) FILTER (WHERE topic = 'task.reworded'))[1]
               AS text,
           (array_agg(facts->>'to_id' ORDER BY position DESC) FILTER (WHERE topic = 'task.reassigned'))[1]
               AS assignee_id,
           (array_agg((facts->>'due_at')::timestamptz ORDER BY position DESC)
               FILTER (WHERE topic = 'task.rescheduled'))[1] AS due_at,
           (array_agg(CASE topic WHEN 'task.done' THEN occurred_at END ORDER BY position DESC)
               FILTER (WHERE topic IN ('task.done', 'task.reopened')))[1] AS done_at,
           (array_agg(CASE topic WHEN 'task.done' THEN facts->>'by_id' END ORDER BY position DESC)
               FILTER (WHERE topic IN ('task.done', 'task.reopened')))[1] AS done_by
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('task.reworded', 'task.reassigned', 'task.rescheduled', 'task.done', 'task.reopened')
    GROUP BY stream_id
) AS news
WHERE task.task_id = news.stream_id;

-- name: line_taken_away
-- on: *
DELETE FROM tasks.line
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
-- Of every task in a chat that is seen anew, and of every task that is new or has changed.
INSERT INTO tasks.line AS line
    (chat_id, principal, task_id, workspace_id, assignee_id, done, due_order, position)
SELECT given.chat_id, given.principal, task.task_id, task.workspace_id, task.assignee_id, task.done,
       task.due_order, task.position
FROM (
    SELECT begun.chat_id, begun.principal, task.task_id
    FROM visibility.sight AS begun
    CROSS JOIN LATERAL (SELECT task_id FROM tasks.task WHERE chat_id = begun.chat_id OFFSET 0) AS task
    WHERE lower(begun.during) > %(after)s AND lower(begun.during) <= %(until)s
    UNION
    SELECT seeing.chat_id, seeing.principal, ledger.stream_id
    FROM ledger
    CROSS JOIN LATERAL (
        SELECT chat_id, principal FROM visibility.sight
        WHERE chat_id = (facts->>'chat_id')::uuid OFFSET 0) AS seeing
    WHERE ledger.position > %(after)s AND ledger.position <= %(until)s AND ledger.topic LIKE 'task.%%'
) AS given
CROSS JOIN LATERAL (SELECT * FROM tasks.task WHERE task_id = given.task_id OFFSET 0) AS task
WHERE EXISTS (
    SELECT FROM visibility.sight
    WHERE sight.chat_id = given.chat_id AND sight.principal = given.principal
      AND sight.during @> %(until)s::bigint
)
ON CONFLICT (chat_id, principal, task_id) DO UPDATE SET
    assignee_id = excluded.assignee_id, done = excluded.done, due_order = excluded.due_order;

-- name: page
-- As many lines of each principal as may be among the first of all of them. That he still sees the chat is
-- looked up, so that nothing is shown to who lost it while these lines are behind, or parked.
WITH page AS MATERIALIZED (
    SELECT near.due_order, near.position, near.task_id
    FROM visibility.acting_for(%(workspace_id)s, %(employee_id)s) AS of
    CROSS JOIN LATERAL (
        (SELECT due_order, position, task_id FROM tasks.line
         WHERE %(assignee_id)s::text IS NULL
           AND workspace_id = %(workspace_id)s AND line.principal = of.principal AND done = %(done)s
           AND due_order >= %(due_from)s AND due_order <= %(due_until)s
           AND (due_order, position) > (%(due_order)s::timestamptz, %(position)s)
           AND EXISTS (SELECT FROM visibility.chat WHERE chat_id = line.chat_id AND kind = ANY (%(kinds)s))
           AND visibility.sees(ARRAY[line.principal], line.chat_id)
         ORDER BY due_order, position
         LIMIT %(limit)s + 1)
        UNION ALL
        (SELECT due_order, position, task_id FROM tasks.line
         WHERE workspace_id = %(workspace_id)s AND line.principal = of.principal
           AND assignee_id = %(assignee_id)s::text AND done = %(done)s
           AND due_order >= %(due_from)s AND due_order <= %(due_until)s
           AND (due_order, position) > (%(due_order)s::timestamptz, %(position)s)
           AND EXISTS (SELECT FROM visibility.chat WHERE chat_id = line.chat_id AND kind = ANY (%(kinds)s))
           AND visibility.sees(ARRAY[line.principal], line.chat_id)
         ORDER BY due_order, position
         LIMIT %(limit)s + 1)
    ) AS near
    GROUP BY near.due_order, near.position, near.task_id
    ORDER BY near.due_order, near.position
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, json_build_object(
    'items', (
        SELECT coalesce(json_agg(item ORDER BY due_order, position), '[]')
        FROM (SELECT * FROM page ORDER BY due_order, position LIMIT %(limit)s) AS page
        CROSS JOIN LATERAL tasks.shown(page.task_id, %(now)s)),
    'next_cursor', (
        SELECT CASE due_order WHEN 'infinity' THEN 'infinity' ELSE projection.rfc3339(due_order) END
               || '~' || position
        FROM page
        WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY due_order, position OFFSET %(limit)s - 1 LIMIT 1)
)::text AS body
FROM projection.checkpoint WHERE name = 'tasks';

-- name: of_conversation
-- Those that are to be done first, in their order, and then those that are done.
WITH seen AS MATERIALIZED (
    SELECT array_agg(chat_id) AS chat_ids
    FROM inbox.chats_seen(%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(kinds)s)
), page AS MATERIALIZED (
    SELECT near.*
    FROM seen
    CROSS JOIN LATERAL unnest(chat_ids) AS chat (chat_id)
    CROSS JOIN LATERAL (
        SELECT done, due_order, position, task_id FROM tasks.task
        WHERE task.chat_id = chat.chat_id
          AND (done, due_order, position) > (%(done)s, %(due_order)s::timestamptz, %(position)s)
        ORDER BY done, due_order, position
        LIMIT %(limit)s + 1
    ) AS near
    ORDER BY near.done, near.due_order, near.position
    LIMIT %(limit)s + 1
)
SELECT checkpoint.position, CASE WHEN cardinality(seen.chat_ids) > 0 THEN json_build_object(
    'items', (
        SELECT coalesce(json_agg(item ORDER BY done, due_order, position), '[]')
        FROM (SELECT * FROM page ORDER BY done, due_order, position LIMIT %(limit)s) AS page
        CROSS JOIN LATERAL tasks.shown(page.task_id, %(now)s)),
    'next_cursor', (
        SELECT done || '~' || CASE due_order WHEN 'infinity' THEN 'infinity'
                                             ELSE projection.rfc3339(due_order) END || '~' || position
        FROM page
        WHERE (SELECT count(*) FROM page) > %(limit)s
        ORDER BY done, due_order, position OFFSET %(limit)s - 1 LIMIT 1)
)::text END AS body
FROM projection.checkpoint, seen
WHERE name = 'tasks';

-- name: latest_chat
-- Of the chats that the employee sees of a conversation, the one with the newest activity.
SELECT chat_id::text
FROM inbox.chats_seen(%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(kinds)s)
ORDER BY activity_at DESC, chat_id DESC
LIMIT 1;

-- name: chat_of_task
-- Whose task it is, if the employee sees it.
SELECT chat_id::text FROM tasks.task
WHERE task_id = %(task_id)s AND workspace_id = %(workspace_id)s
  AND visibility.sees(visibility.principals(%(workspace_id)s, %(employee_id)s), chat_id);

-- name: sees
SELECT visibility.sees(visibility.principals(%(workspace_id)s, %(employee_id)s), %(chat_id)s::uuid) AS sees;
