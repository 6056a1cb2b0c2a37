-- How far rebuilds are: a row for each read model that has next tables, or former ones that are kept.

-- name: create
CREATE TABLE IF NOT EXISTS projection.rebuild (
    name       text        PRIMARY KEY,
    step       text        NOT NULL CHECK (step IN ('replay', 'index', 'kept')),
    position   bigint      NOT NULL DEFAULT 0,
    epoch      bigint      NOT NULL,
    definition text        NOT NULL,
    beside     text[]      NOT NULL,
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON COLUMN projection.rebuild.step IS 'what was begun last; kept: the former tables are still there';
COMMENT ON COLUMN projection.rebuild.epoch IS 'rows and position move only for who knows it';
COMMENT ON COLUMN projection.rebuild.definition IS 'digest of the SQL that the tables were made with';
COMMENT ON COLUMN projection.rebuild.beside IS 'what is rebuilt together: rows are read from next tables of these';

-- name: try_lock
SELECT pg_try_advisory_lock(%(lock)s);

-- name: lock_holder
-- Who holds a session's advisory lock in this database.
SELECT pid, application_name, backend_start
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock' AND objsubid = 1
  AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (classid::bigint << 32) + objid::bigint = %(lock)s
LIMIT 1;

-- name: next_epoch
SELECT nextval('projection.epoch');

-- name: look
SELECT name, step, position, definition, beside FROM projection.rebuild WHERE name = ANY (%(names)s);

-- name: live
-- Where the live tables are; one that nobody ever led is at the beginning.
SELECT name, coalesce(checkpoint.position, 0)
FROM unnest(%(names)s::text[]) AS name LEFT JOIN projection.checkpoint USING (name);

-- name: begin
INSERT INTO projection.rebuild (name, step, epoch, definition, beside)
VALUES (%(name)s, 'replay', %(epoch)s, %(definition)s, %(names)s);

-- name: go_on
UPDATE projection.rebuild SET epoch = %(epoch)s WHERE name = ANY (%(names)s);

-- name: advance
UPDATE projection.rebuild SET position = %(until)s
WHERE name = %(name)s AND epoch = %(epoch)s AND position = %(after)s;

-- name: step
UPDATE projection.rebuild SET step = %(step)s WHERE name = ANY (%(names)s) AND epoch = %(epoch)s;

-- name: forget
DELETE FROM projection.rebuild WHERE name = ANY (%(names)s);

-- name: stop_following
-- Until the transaction ends no checkpoint moves; reading them goes on.
LOCK TABLE projection.checkpoint IN EXCLUSIVE MODE;

-- name: written_by
SELECT pg_current_xact_id()::xid::text;

-- name: older_readers
-- Whoever still reads as of a time before this transaction ended; who waits for us only follows.
SELECT count(*) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
  AND age(backend_xmin) >= age(%(transaction)s::xid)
  AND NOT pg_backend_pid() = ANY (pg_blocking_pids(pid));

-- name: look_again
-- Within a transaction PostgreSQL shows who does what as it was when first asked.
SELECT pg_stat_clear_snapshot();

-- name: put_into_place
-- The tables' definitions change places with them. A read model that was parked goes on: what stopped it is
-- not in the tables that take over.
WITH former AS MATERIALIZED (
    SELECT name, definition FROM projection.checkpoint WHERE name = ANY (%(names)s)
), placed AS (
    UPDATE projection.checkpoint
    SET state = 'following', error = NULL, definition = rebuild.definition, updated_at = clock_timestamp()
    FROM projection.rebuild
    WHERE rebuild.name = split_part(checkpoint.name, '#', 1) AND rebuild.name = ANY (%(names)s)
)
UPDATE projection.rebuild SET step = 'kept', definition = coalesce(former.definition, '')
FROM unnest(%(names)s::text[]) AS chosen (name) LEFT JOIN former USING (name)
WHERE rebuild.name = chosen.name AND rebuild.epoch = %(epoch)s;

-- name: tables
-- The tables of two schemas by name, with their keys and the columns of each; null where it has no such table.
SELECT name, max(key) AS key, max(columns) FILTER (WHERE of_live), max(columns) FILTER (WHERE NOT of_live)
FROM (
    SELECT relname AS name, nspname = %(live)s AS of_live,
           ARRAY(SELECT attname::text
                 FROM pg_index CROSS JOIN unnest(indkey) AS number
                 JOIN pg_attribute ON attrelid = indrelid AND attnum = number
                 WHERE indrelid = pg_class.oid AND indisprimary) AS key,
           (SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped) AS columns
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname IN (%(live)s, %(next)s) AND relkind IN ('r', 'p') AND NOT relispartition
) AS known
GROUP BY name
ORDER BY name;
