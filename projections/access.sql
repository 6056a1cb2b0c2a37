-- Who is let in: tokens, by the digest that the ledger has of them.

-- name: create
CREATE SCHEMA IF NOT EXISTS access;

CREATE TABLE IF NOT EXISTS access.token (
    token_id     text    NOT NULL,
    workspace_id text    NOT NULL,
    position     bigint  NOT NULL,
    scopes       text[]  NOT NULL,
    label        text    NOT NULL,
    digest       text    NOT NULL,
    revoked      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (token_id, workspace_id)
);

-- name: token_issued
-- on: token.issued
INSERT INTO access.token (token_id, workspace_id, position, scopes, label, digest)
SELECT DISTINCT ON (stream_id)
       facts->>'token_id', workspace_id, min(position) OVER (PARTITION BY stream_id),
       ARRAY(SELECT jsonb_array_elements_text(facts->'scopes')), facts->>'label', facts->>'digest'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'token.issued'
ORDER BY stream_id, ledger.position DESC
ON CONFLICT (token_id, workspace_id) DO UPDATE
SET scopes = excluded.scopes, label = excluded.label, digest = excluded.digest, revoked = false;

-- name: token_revoked
-- on: token.revoked
UPDATE access.token SET revoked = true
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'token_id' AS token_id, topic
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic IN ('token.issued', 'token.revoked')
    ORDER BY stream_id, position DESC
) AS news
WHERE news.topic = 'token.revoked'
  AND token.token_id = news.token_id AND token.workspace_id = news.workspace_id;

-- name: token
-- An id that two workspaces use belongs to the one that used it first.
SELECT workspace_id, token_id, scopes, digest, revoked
FROM access.token
WHERE token_id = %(token_id)s
ORDER BY position
LIMIT 1;

-- name: in_force
-- Which of these tokens still open what they opened: not revoked, and not issued anew with another secret;
-- and whether who has it is still in the company. Each is known by its number.
SELECT asked.number, coalesce(employee.active, true)
FROM unnest(%(token_ids)s::text[], %(digests)s::text[], %(workspace_ids)s::text[], %(employee_ids)s::text[])
     WITH ORDINALITY AS asked (token_id, digest, workspace_id, employee_id, number)
CROSS JOIN LATERAL (
    SELECT digest, revoked FROM access.token
    WHERE token_id = asked.token_id ORDER BY position LIMIT 1) AS token
LEFT JOIN LATERAL (
    SELECT active FROM directory.employee
    WHERE workspace_id = asked.workspace_id AND employee_id = asked.employee_id OFFSET 0) AS employee ON true
WHERE token.digest = asked.digest AND NOT token.revoked;
