-- The Merkle tree over the ledger, and the tree heads that were signed. No rebuild makes them anew: what was
-- signed has to be kept.
--
-- One process hashes and signs at a time, by an advisory lock; each lead has an epoch, and nothing is written
-- down for who lost it.

-- name: create
CREATE SCHEMA IF NOT EXISTS proof;

-- size: how many events were hashed. wanted_size: up to where somebody waits for a tree head. problem: why none
-- is signed. The row changes often; its page is kept mostly empty, so that it stays there.
CREATE TABLE IF NOT EXISTS proof.head (
    epoch       bigint NOT NULL,
    log_id      text   NOT NULL,
    size        bigint NOT NULL DEFAULT 0,
    wanted_size bigint NOT NULL DEFAULT 0,
    problem     text,
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row)
) WITH (fillfactor = 10);
INSERT INTO proof.head (epoch, log_id) VALUES (0, left(gen_random_uuid()::text, 8))
ON CONFLICT DO NOTHING;

-- Up to 256 hashes, one behind the other, as C2SP tlog-tiles has them; hashes are not worth an attempt to compress.
CREATE TABLE IF NOT EXISTS proof.tile (
    level  smallint NOT NULL,
    index  bigint   NOT NULL,
    hashes bytea STORAGE EXTERNAL NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (level, index)
);

CREATE TABLE IF NOT EXISTS proof.checkpoint (
    size      bigint      PRIMARY KEY,
    root_hash bytea       NOT NULL,
    note      text        NOT NULL,
    vkey      text        NOT NULL,
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How far a place outside the database is. tiles: full tiles of leaf hashes that it has.
CREATE TABLE IF NOT EXISTS proof.place (
    name    text        PRIMARY KEY,
    size    bigint      NOT NULL DEFAULT 0,
    tiles   bigint      NOT NULL DEFAULT 0,
    error   text,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- name: try_lock
SELECT pg_try_advisory_lock(%(lock)s);

-- name: log_id
SELECT log_id FROM proof.head;

-- name: take_lead
UPDATE proof.head SET epoch = epoch + 1 RETURNING epoch;

-- name: look
SELECT ledger_head.position, head.epoch, head.size, head.wanted_size FROM proof.head, ledger_head;

-- name: leaves
SELECT position, workspace_id, stream_id::text, version, topic, actor,
       projection.rfc3339(occurred_at) AS occurred_at, projection.rfc3339(recorded_at) AS recorded_at,
       causation, facts::text
FROM ledger WHERE position > %(after)s ORDER BY position LIMIT %(limit)s;

-- name: grow
-- First, so that who takes the lead away waits for this batch, or ends it before it begins.
UPDATE proof.head SET size = %(until)s WHERE epoch = %(epoch)s AND size = %(after)s;

-- name: keep_tiles
INSERT INTO proof.tile (level, index, hashes)
SELECT * FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[], %(hashes)s::bytea[])
ON CONFLICT (level, index) DO UPDATE SET hashes = excluded.hashes;

-- name: tiles
SELECT tile.level, tile.index, tile.hashes
FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS asked (level, index)
CROSS JOIN LATERAL (
    SELECT tile.* FROM proof.tile AS tile WHERE tile.level = asked.level AND tile.index = asked.index OFFSET 0
) AS tile;

-- name: full_tiles
SELECT index, hashes FROM proof.tile
WHERE level = 0 AND index >= %(first)s AND index < %(end)s ORDER BY index LIMIT %(limit)s;

-- name: mine
-- Whether the lead is still ours; who takes it away waits for the end of the transaction.
SELECT true FROM proof.head WHERE epoch = %(epoch)s FOR SHARE;

-- name: sign
INSERT INTO proof.checkpoint (size, root_hash, note, vkey)
VALUES (%(size)s, %(root_hash)s, %(note)s, %(vkey)s);

-- name: latest
SELECT size, root_hash, note, vkey, signed_at FROM proof.checkpoint ORDER BY size DESC LIMIT 1;

-- name: next_to_tell
SELECT size, note FROM proof.checkpoint WHERE size > %(after)s ORDER BY size LIMIT 1;

-- name: complain
UPDATE proof.head SET problem = %(problem)s
WHERE epoch = %(epoch)s AND problem IS DISTINCT FROM %(problem)s;

-- name: places
SELECT name, size, tiles FROM proof.place;

-- name: told
INSERT INTO proof.place (name, size, tiles, error) VALUES (%(name)s, %(size)s, %(tiles)s, %(error)s)
ON CONFLICT (name) DO UPDATE SET
    size = excluded.size, tiles = excluded.tiles, error = excluded.error, told_at = clock_timestamp();

-- name: status
-- lag_seconds: how old the first event is that no tree head is over.
SELECT head.size, coalesce(latest.size, 0) AS signed_size, head.problem,
       round(extract(epoch FROM clock_timestamp() - latest.signed_at), 3)::float8 AS signed_seconds_ago,
       ledger_head.position - coalesce(latest.size, 0) AS lag_events,
       coalesce(round(extract(epoch FROM clock_timestamp() - next.recorded_at), 3), 0)::float8 AS lag_seconds
FROM proof.head CROSS JOIN ledger_head
LEFT JOIN LATERAL (SELECT * FROM proof.checkpoint ORDER BY size DESC LIMIT 1) AS latest ON true
LEFT JOIN ledger AS next ON next.position = coalesce(latest.size, 0) + 1;

-- name: place_statuses
SELECT name, size, error FROM proof.place ORDER BY name LIMIT 1000;

-- name: want
-- Somebody waits for a tree head over so many events. What is not recorded yet would keep others waiting.
UPDATE proof.head SET wanted_size = %(size)s FROM ledger_head
WHERE wanted_size < %(size)s AND ledger_head.position >= %(size)s;

-- name: checkpoint
-- The latest, or the first of at least this size; and why there may be no other.
SELECT checkpoint.size, checkpoint.root_hash, checkpoint.note, checkpoint.vkey,
       projection.rfc3339(checkpoint.signed_at) AS signed_at, head.problem, ledger_head.position AS head,
       (SELECT max(size) FROM proof.checkpoint) AS signed_size
FROM proof.head CROSS JOIN ledger_head LEFT JOIN LATERAL (
    SELECT * FROM proof.checkpoint
    WHERE size >= coalesce(%(size)s::bigint, (SELECT max(size) FROM proof.checkpoint)) ORDER BY size LIMIT 1
) AS checkpoint ON true;

-- name: log
-- A stretch of the ledger: the events of a company whole, or of all, and of others what their leaf is made of.
SELECT position,
       CASE WHEN workspace_id = coalesce(%(workspace_id)s, workspace_id)
            THEN projection.event(ledger)::text END AS line,
       workspace_id, stream_id::text, version, topic, actor, projection.rfc3339(occurred_at) AS occurred_at,
       projection.rfc3339(recorded_at) AS recorded_at, causation,
       CASE WHEN workspace_id <> %(workspace_id)s THEN facts::text END AS facts
FROM ledger WHERE position > %(after)s AND position <= %(until)s ORDER BY position LIMIT %(limit)s;
