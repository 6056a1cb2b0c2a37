-- The ledger: every event of Chatledger in one order without gaps. Run at each start; safe to run again.

CREATE TABLE IF NOT EXISTS ledger (
    position     bigint      PRIMARY KEY,
    workspace_id text        NOT NULL,
    stream_id    uuid        NOT NULL,
    version      integer     NOT NULL,
    topic        text        NOT NULL,
    actor        text        NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    causation    text        NOT NULL,
    facts        jsonb       NOT NULL,
    private      jsonb,
    CONSTRAINT ledger_stream_version UNIQUE (stream_id, version)
);

-- Whatever this lets pass within an erasure is held against its event by `ledger_erase_only`.
CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('chatledger.erasing', true) <> '' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% of % is refused: what happened stays as it was written', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

-- Of a row nothing changes but that its private part is gone; and only of rows that are named by the event of
-- the erasure, which stands in the ledger since this transaction. The setting alone lets nobody do anything.
CREATE OR REPLACE FUNCTION ledger_erase_only() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    named int8multirange := (
        SELECT range_agg(int8range((span->>0)::bigint, (span->>1)::bigint, '[]'))
        FROM ledger CROSS JOIN LATERAL jsonb_array_elements(facts->'positions') AS span
        WHERE position = nullif(current_setting('chatledger.erasing', true), '')::bigint
          AND topic = 'contact.erased' AND ledger.xmin = pg_current_xact_id()::xid);
BEGIN
    IF EXISTS (
        SELECT FROM former FULL JOIN latter USING (position)
        WHERE (former.private IS NOT NULL AND latter.private IS NULL AND named @> position
               AND to_jsonb(former) - 'private' = to_jsonb(latter) - 'private') IS NOT TRUE
    ) THEN
        RAISE EXCEPTION 'UPDATE of ledger is refused: what happened stays as it was written'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

-- Only where they are missing: to replace them would wait for those who use them, and hold up all others.
DO $$
BEGIN
    IF to_regclass('ledger_head') IS NULL THEN
        -- The position of the last event, 0 where there is none.
        CREATE VIEW ledger_head AS SELECT coalesce(max(position), 0) AS position FROM ledger;

        CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
        -- ALWAYS: also where session_replication_role silences triggers.
        ALTER TABLE ledger ENABLE ALWAYS TRIGGER refuse_change;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'ledger'::regclass AND tgname = 'erase_only') THEN
        CREATE TRIGGER erase_only AFTER UPDATE ON ledger REFERENCING OLD TABLE AS former NEW TABLE AS latter
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_erase_only();
        ALTER TABLE ledger ENABLE ALWAYS TRIGGER erase_only;
    END IF;
END
$$;

-- Wait until nobody else appends, keep others from it until the end of the transaction, and return the head.
-- So positions are given in the order in which they become visible, and one that is rolled back is given
-- again. Not a row that is updated: while an old snapshot is held, each of its versions slows every append.
CREATE OR REPLACE FUNCTION ledger_lock() RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(0x6C6564676572);  -- "ledger"; advisory locks are known by a number
    RETURN (SELECT position FROM ledger_head);  -- a statement of its own: it sees the commit waited for
END
$$;

-- Write events after a position, if no guarded stream has moved and each follows its predecessor.
-- The caller holds the lock, so nothing changes between the checks and the insert.
-- Refuses with 23M01 (a guarded stream moved; values in the detail), 23M02 (an event's predecessor is
-- not there) or a unique violation of ledger_stream_version (another event has its place).
CREATE OR REPLACE FUNCTION ledger_write(
    after bigint,
    stream_ids uuid[], versions integer[], topics text[], states jsonb[],
    guard_ids uuid[], guard_versions integer[]
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    refused record;
    -- Recorded times never fall, also where the server's clock is set back: a moment has one position.
    recorded timestamptz :=
        greatest(clock_timestamp(), (SELECT recorded_at FROM ledger WHERE position = after));
BEGIN
    IF cardinality(guard_ids) > 0 THEN
        SELECT guard.stream_id, guard.version AS expected, actual.version AS found INTO refused
        FROM (SELECT DISTINCT * FROM unnest(guard_ids, guard_versions)) AS guard (stream_id, version)
        CROSS JOIN LATERAL (
            SELECT coalesce(max(ledger.version), 0) AS version FROM ledger
            WHERE ledger.stream_id = guard.stream_id
        ) AS actual
        WHERE actual.version <> guard.version
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'stream % moved from version % to %',
                refused.stream_id, refused.expected, refused.found
                USING ERRCODE = '23M01', DETAIL = row_to_json(refused);
        END IF;
    END IF;

    INSERT INTO ledger (
        position, workspace_id, stream_id, version, topic, actor, occurred_at, recorded_at, causation,
        facts, private
    )
    SELECT
        after + event.nth, event.state ->> 'workspace_id', event.stream_id, event.version, event.topic,
        event.state ->> 'actor', (event.state ->> 'occurred_at')::timestamptz, recorded,
        event.state ->> 'causation', event.state -> 'facts', nullif(event.state -> 'private', 'null')
    FROM unnest(stream_ids, versions, topics, states)
        WITH ORDINALITY AS event (stream_id, version, topic, state, nth);

    IF 1 < ANY (versions) THEN
        SELECT event.stream_id, event.version INTO refused
        FROM unnest(stream_ids, versions) WITH ORDINALITY AS event (stream_id, version, nth)
        WHERE event.version > 1 AND NOT EXISTS (
            SELECT FROM ledger AS previous
            WHERE previous.stream_id = event.stream_id AND previous.version = event.version - 1
                AND previous.position < after + event.nth
        )
        LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'stream % has no version % for version % to follow',
                refused.stream_id, refused.version - 1, refused.version
                USING ERRCODE = '23M02', DETAIL = row_to_json(refused);
        END IF;
    END IF;
END
$$;

-- Append the events of one or many requests in one transaction: all events of a request or none, each
-- request judged by itself in the order given, seeing those before it. Request i has the events up to
-- event_ends[i] and the guards up to guard_ends[i].
-- A single request that is refused raises. Of several, refusals tells which were refused and why, and
-- the others have dense positions from first_position on.
-- The plans must not depend on statistics, which a ledger that grows from nothing does not have yet.
CREATE OR REPLACE FUNCTION ledger_append(
    stream_ids uuid[], versions integer[], topics text[], states jsonb[], event_ends integer[],
    guard_ids uuid[], guard_versions integer[], guard_ends integer[],
    OUT first_position bigint, OUT refusals jsonb
)
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    head bigint := ledger_lock();
    first_event integer := 1;
    first_guard integer := 1;
    code text;
    reason text;
    detail text;
BEGIN
    first_position := head + 1;

    IF cardinality(event_ends) = 1 THEN
        PERFORM ledger_write(head, stream_ids, versions, topics, states, guard_ids, guard_versions);
        RETURN;
    END IF;

    BEGIN
        PERFORM ledger_write(head, stream_ids, versions, topics, states, guard_ids, guard_versions);
        RETURN;
    EXCEPTION WHEN integrity_constraint_violation THEN
        refusals := '[]';
    END;

    FOR i IN 1 .. cardinality(event_ends) LOOP
        BEGIN
            PERFORM ledger_write(
                head,
                stream_ids[first_event:event_ends[i]], versions[first_event:event_ends[i]],
                topics[first_event:event_ends[i]], states[first_event:event_ends[i]],
                guard_ids[first_guard:guard_ends[i]], guard_versions[first_guard:guard_ends[i]]
            );
            head := head + event_ends[i] - first_event + 1;
        EXCEPTION WHEN integrity_constraint_violation THEN
            GET STACKED DIAGNOSTICS
                code = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            refusals := refusals || jsonb_build_object(
                'request', i - 1, 'code', code, 'reason', reason, 'detail', detail
            );
        END;
        first_event := event_ends[i] + 1;
        first_guard := guard_ends[i] + 1;
    END LOOP;
END
$$;

-- Append the event of an erasure, and remove the private part of exactly the rows at these positions, in the
-- caller's transaction: both or neither. Each of them must have one, and the event must name it.
-- Everybody who keeps private things in memory is told to forget them.
CREATE OR REPLACE FUNCTION ledger_erase(
    positions bigint[],
    stream_id uuid, version integer, topic text, state jsonb, guard_ids uuid[], guard_versions integer[]
) RETURNS bigint
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
    head bigint := ledger_lock();
    erased bigint;
BEGIN
    PERFORM ledger_write(
        head, ARRAY[stream_id], ARRAY[version], ARRAY[topic], ARRAY[state], guard_ids, guard_versions);
    PERFORM set_config('chatledger.erasing', (head + 1)::text, true);
    UPDATE ledger SET private = NULL WHERE position = ANY (positions);
    GET DIAGNOSTICS erased = ROW_COUNT;
    PERFORM set_config('chatledger.erasing', '', true);
    IF erased <> cardinality(positions) THEN
        RAISE EXCEPTION 'of % positions % are in the ledger', cardinality(positions), erased
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    PERFORM pg_notify('chatledger_erased', '');
    RETURN head + 1;
END
$$;
