-- The history of who saw what, as stretches of positions, page by page.
--
-- A page is in the order in which the stretches began; those of somebody that began at once are in the order
-- in which the chats came into sight, to whomever. So one index has the order, and somebody who was hired to
-- oversee a million chats reads the first fifty as fast as somebody who has three. Then by chat and reason.

-- name: chat_history
-- Who has seen a chat between two positions.
WITH asked AS MATERIALIZED (
    SELECT position AS known FROM projection.checkpoint WHERE name = 'visibility'
), chat AS MATERIALIZED (
    SELECT chat_id FROM visibility.chat WHERE chat_id = %(chat_id)s::uuid AND workspace_id = %(workspace_id)s
), page AS MATERIALIZED (
    SELECT seen.*, row_number() OVER (
               ORDER BY begun, employee_id, opened, chat_id, kind, contact_id, deal_id) AS nth
    FROM (
        SELECT seer.*, chat.chat_id, lower(seer.during) AS begun, lower(seer.sight) AS opened
        FROM chat
        CROSS JOIN LATERAL audit.seers(%(workspace_id)s, chat.chat_id) AS seer
    ) AS seen
    WHERE during && int8range(%(since)s, %(until)s, '[]')
      AND (begun, employee_id, opened, chat_id, kind, contact_id, deal_id)
        > (%(begun)s, %(after)s, %(opened)s, %(beyond)s::uuid, %(kind)s, %(contact_id)s, %(deal_id)s)
    ORDER BY begun, employee_id, opened, chat_id, kind, contact_id, deal_id
    LIMIT %(limit)s::bigint + 1
)
SELECT asked.known AS position,
       CASE WHEN EXISTS (SELECT FROM chat) THEN json_build_object(
           'items', coalesce((
               SELECT json_agg(interval.item ORDER BY nth)
               FROM page
               CROSS JOIN LATERAL audit.interval(
                   %(workspace_id)s, employee_id, chat_id,
                   visibility.reason(kind, contact_id, deal_id, principal, role), during) AS interval
               WHERE nth <= %(limit)s), '[]'::json),
           'next_cursor', (
               SELECT json_build_array(begun, employee_id, opened, chat_id, kind, contact_id, deal_id)::text
               FROM page WHERE nth = %(limit)s AND (SELECT count(*) FROM page) > %(limit)s)
       )::text END AS body
FROM asked;

-- name: employee_history
-- Everything that an employee could see between two positions. He acted for principals in stretches, and of
-- each it is asked what it saw already when he began (met), and what came into its sight later. Where much came
-- into sight and little of it was there at the time in question, no more than `looked` sights of a stretch are
-- looked at for one page, which then ends early.
WITH asked AS MATERIALIZED (
    SELECT position AS known FROM projection.checkpoint WHERE name = 'visibility'
), stretch AS MATERIALIZED (
    SELECT acted.*, lower(acted.during) AS since, span.during AS span,
           coalesce(upper(acted.during), %(last)s::bigint) AS until
    FROM (SELECT int8range(%(since)s, %(until)s, '[]') AS during) AS span
    CROSS JOIN LATERAL audit.acted(%(workspace_id)s, %(employee_id)s) AS acted
    WHERE acted.during && span.during
), leg AS MATERIALIZED (
    -- goes_on: the page before ended within it.
    SELECT stretch.*, true AS met, 0 AS first, since AS before, since = %(begun)s::bigint AS goes_on
    FROM stretch WHERE since >= %(begun)s AND since <= %(until)s
    UNION ALL
    SELECT stretch.*, false, greatest(since, %(begun)s::bigint), least(until, %(until)s::bigint + 1),
           since <= %(begun)s AND %(opened)s::bigint = %(begun)s
    FROM stretch
), found AS (
    SELECT seen.*, leg.role, greatest(since, opened) AS begun, during * sight AS during
    FROM leg
    CROSS JOIN LATERAL (
        SELECT *, nth = %(looked)s AS is_last, sight * during && span AND (sight @> since OR NOT met) AS fits
        FROM audit.sights(
            %(workspace_id)s, leg.principal,
            CASE WHEN goes_on THEN %(opened)s ELSE leg.first END,
            CASE WHEN goes_on THEN %(beyond)s::uuid ELSE %(first)s::uuid END,
            CASE WHEN goes_on THEN %(kind)s ELSE '' END,
            CASE WHEN goes_on THEN %(contact_id)s ELSE '' END,
            CASE WHEN goes_on THEN %(deal_id)s ELSE '' END,
            before, %(looked)s) AS looked
        WHERE nth = %(looked)s OR sight * during && span AND (sight @> since OR NOT met)
        ORDER BY opened, chat_id, kind, contact_id, deal_id
        LIMIT %(limit)s::bigint + 1) AS seen
), page AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY begun, opened, chat_id, kind, contact_id, deal_id) AS place
    FROM found
    ORDER BY begun, opened, chat_id, kind, contact_id, deal_id
    LIMIT %(limit)s::bigint + 1
), ending AS (
    -- Behind this place there may be more, of which this page knows nothing.
    SELECT least(min(place) FILTER (WHERE is_last),
                 CASE WHEN count(*) > %(limit)s THEN %(limit)s END) AS place
    FROM page
)
SELECT asked.known AS position,
       CASE WHEN audit.registered(%(workspace_id)s, %(employee_id)s) IS NOT NULL THEN json_build_object(
           'items', coalesce((
               SELECT json_agg(interval.item ORDER BY page.place)
               FROM ending
               CROSS JOIN page
               CROSS JOIN LATERAL audit.interval(
                   %(workspace_id)s, %(employee_id)s, chat_id,
                   visibility.reason(kind, contact_id, deal_id, principal, role), during) AS interval
               WHERE fits AND page.place <= coalesce(ending.place, page.place)), '[]'::json),
           'next_cursor', (
               SELECT json_build_array(begun, '', opened, chat_id, kind, contact_id, deal_id)::text
               FROM page WHERE page.place = (SELECT ending.place FROM ending))
       )::text END AS body
FROM asked;
