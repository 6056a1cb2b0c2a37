-- Readings that are to be recorded when a minute has passed since the last one, so that none is lost meanwhile.

-- name: create
CREATE SCHEMA IF NOT EXISTS late_readings;

CREATE TABLE IF NOT EXISTS late_readings.reading (
    workspace_id text NOT NULL,
    employee_id text NOT NULL,
    conversation_id text NOT NULL,
    chat_ids text[] NOT NULL,
    read_position bigint NOT NULL,
    causation text NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, employee_id, conversation_id)
);
CREATE INDEX IF NOT EXISTS reading_due ON late_readings.reading (due_at);

-- name: put_off
INSERT INTO late_readings.reading AS known
    (workspace_id, employee_id, conversation_id, chat_ids, read_position, causation, due_at)
VALUES (%(workspace_id)s, %(employee_id)s, %(conversation_id)s, %(chat_ids)s, %(read_position)s, %(causation)s,
        %(due_at)s)
ON CONFLICT (workspace_id, employee_id, conversation_id) DO UPDATE SET
    chat_ids = excluded.chat_ids, causation = excluded.causation, due_at = excluded.due_at,
    read_position = greatest(known.read_position, excluded.read_position);

-- name: due
-- What another process is recording just now is left to it.
DELETE FROM late_readings.reading
WHERE (workspace_id, employee_id, conversation_id) IN (
    SELECT workspace_id, employee_id, conversation_id FROM late_readings.reading
    WHERE due_at <= %(now)s ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING workspace_id, causation, employee_id, conversation_id, chat_ids, read_position;
