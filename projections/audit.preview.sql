-- What a change would begin from, as of one moment: all that the rule has to know of the chats in its reach.

-- name: reach
-- How many chats there are in which clients whose owner would change take part, or an address that would be
-- linked, and those that stand together with them in a conversation.
WITH named AS MATERIALIZED (
    SELECT subject AS contact_id FROM visibility.responsible
    WHERE object = %(from_id)s AND workspace_id = %(workspace_id)s AND upper_inf(during)
    UNION
    SELECT contact.object
    FROM visibility.deal_owner
    CROSS JOIN LATERAL (
        SELECT object FROM visibility.deal_contact
        WHERE subject = deal_owner.subject AND workspace_id = %(workspace_id)s AND upper_inf(during)
        OFFSET 0) AS contact
    WHERE deal_owner.object = %(from_id)s AND deal_owner.workspace_id = %(workspace_id)s
      AND upper_inf(deal_owner.during)
    UNION
    SELECT object FROM visibility.deal_contact
    WHERE subject = %(deal_id)s AND workspace_id = %(workspace_id)s AND upper_inf(during)
    UNION
    SELECT %(contact_id)s WHERE %(contact_id)s::text IS NOT NULL
), near AS MATERIALIZED (
    SELECT presence.subject::uuid AS chat_id
    FROM (
        SELECT link.subject AS address_id
        FROM named
        CROSS JOIN LATERAL (
            SELECT subject FROM visibility.link
            WHERE object = named.contact_id AND workspace_id = %(workspace_id)s AND upper_inf(during)
            OFFSET 0) AS link
        UNION
        SELECT %(address_id)s WHERE %(address_id)s::text IS NOT NULL
    ) AS address
    CROSS JOIN LATERAL (
        SELECT subject FROM visibility.presence
        WHERE object = address.address_id AND workspace_id = %(workspace_id)s AND upper_inf(during)
        OFFSET 0) AS presence
), known AS MATERIALIZED (
    SELECT position FROM projection.checkpoint WHERE name = 'visibility'
), reached AS MATERIALIZED (
    SELECT chat_id FROM near
    UNION
    SELECT stood.chat_id FROM known
    CROSS JOIN LATERAL inbox.stood(ARRAY(SELECT chat_id FROM near), known.position) AS stood
    WHERE %(address_id)s::text IS NOT NULL
), counted AS MATERIALIZED (
    SELECT count(*) AS chats FROM reached
)
SELECT known.position, jsonb_build_object(
    'reached', counted.chats,
    'chats', CASE WHEN counted.chats <= %(limit)s THEN (
        SELECT coalesce(jsonb_agg(audit.chat_state(%(workspace_id)s, chat_id)), '[]') FROM reached) END,
    'client', CASE WHEN %(contact_id)s::text IS NOT NULL THEN
        audit.client(%(workspace_id)s, %(contact_id)s) END)::text AS body
FROM known, counted;

-- name: employees
-- Everybody who was ever an employee, as he stands now.
SELECT teammate.employee_id, role.object,
       coalesce('new_client' = ANY (acting.principals), false),
       coalesce('employee:' || teammate.employee_id = ANY (acting.principals), false),
       (SELECT name FROM audit.employee_called(
           %(workspace_id)s, teammate.employee_id, ledger_head.position))
FROM ledger_head
CROSS JOIN audit.employees(%(workspace_id)s) AS teammate
CROSS JOIN LATERAL (
    SELECT object FROM visibility.role
    WHERE subject = teammate.employee_id AND workspace_id = %(workspace_id)s AND upper_inf(during)
    OFFSET 0) AS role
CROSS JOIN LATERAL (
    SELECT array_agg(object) AS principals FROM visibility.principal
    WHERE subject = teammate.employee_id AND workspace_id = %(workspace_id)s AND upper_inf(during)
    OFFSET 0) AS acting;

-- name: deal
SELECT owner_id, status, ARRAY(
    SELECT contact_id FROM directory.deal_contact
    WHERE deal_id = %(deal_id)s AND deal_contact.workspace_id = %(workspace_id)s)
FROM directory.deal
WHERE deal_id = %(deal_id)s AND workspace_id = %(workspace_id)s;

-- name: contact
SELECT responsible_id FROM directory.contact
WHERE contact_id = %(contact_id)s AND workspace_id = %(workspace_id)s;

-- name: snapshot
-- What is asked after this is answered as of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
