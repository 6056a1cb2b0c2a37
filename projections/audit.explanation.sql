-- Why somebody sees a chat, why he sees it no more, or why he has never seen it.

-- name: explanation
-- Why an employee sees a chat at a position; where he does not, why he saw it last and what ended that; and
-- where he never did, what keeps him from it. Both are told as of the moment when he saw it.
WITH asked AS MATERIALIZED (
    SELECT coalesce(%(position)s::bigint, checkpoint.position) AS at, checkpoint.position AS known
    FROM projection.checkpoint WHERE name = 'visibility'
), chat AS MATERIALIZED (
    SELECT * FROM visibility.chat
    WHERE chat_id = %(chat_id)s::uuid AND workspace_id = %(workspace_id)s
      AND audit.registered(%(workspace_id)s, %(employee_id)s) IS NOT NULL
), seen AS MATERIALIZED (
    SELECT seer.* FROM chat, asked
    CROSS JOIN LATERAL audit.seers(%(workspace_id)s, chat.chat_id) AS seer
    WHERE employee_id = %(employee_id)s AND lower(seer.during) <= asked.at
), moment AS MATERIALIZED (
    SELECT asked.at, visible, CASE WHEN NOT visible THEN ended END AS lost,
           CASE WHEN visible THEN asked.at ELSE ended - 1 END AS told
    FROM asked
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(run @> asked.at), false) AS visible, max(upper(run)) AS ended
        FROM (SELECT unnest(range_agg(during)) AS run FROM seen) AS runs) AS history
), reason AS MATERIALIZED (
    SELECT seen.*, moment.lost, row_number() OVER (ORDER BY kind, contact_id, deal_id) AS nth
    FROM seen, moment WHERE during @> moment.told
), ground AS MATERIALIZED (
    SELECT nth, ground, resting.during, is_condition
    FROM reason, chat, moment
    CROSS JOIN LATERAL (
        SELECT *, false AS is_condition FROM audit.grounds(
            %(workspace_id)s, chat.chat_id, chat.channel_id, chat.position, %(employee_id)s, reason.kind,
            contact_id, deal_id, sight, moment.told)
        UNION ALL
        SELECT *, true FROM audit.conditions(
            %(workspace_id)s, chat.channel_id, chat.kind, %(employee_id)s, reason.kind, moment.told)
    ) AS resting
), told AS (
    SELECT nth, audit.joined(
        visibility.reason(kind, contact_id, deal_id, principal, role),
        json_build_object(
            'since', audit.place(lower(during)), 'until', audit.place(lost),
            'ended', ARRAY(SELECT DISTINCT ground FROM ground
                           WHERE ground.nth = reason.nth AND upper(ground.during) = lost),
            'events', audit.events(lower(during) || ARRAY(
                SELECT lower(ground.during) FROM ground
                WHERE ground.nth = reason.nth AND NOT is_condition)))) AS body
    FROM reason
), obstacle AS MATERIALIZED (
    SELECT obstacle.* FROM chat, moment
    CROSS JOIN LATERAL audit.obstacles(
        %(workspace_id)s, chat.chat_id, chat.channel_id, chat.kind, chat.position, %(employee_id)s, moment.at
    ) AS obstacle
    WHERE moment.told IS NULL
)
SELECT asked.known AS position,
       (SELECT json_build_object(
           'at', moment.at, 'employee_id', %(employee_id)s::text, 'chat_id', %(chat_id)s::uuid,
           'visible', visible,
           'reasons', CASE WHEN visible THEN (SELECT json_agg(body ORDER BY nth) FROM told)
                           ELSE '[]'::json END,
           'lost', CASE WHEN lost IS NOT NULL THEN audit.joined(
               audit.turn(lost),
               json_build_object('reasons', (SELECT json_agg(body ORDER BY nth) FROM told))) END,
           'never', CASE WHEN told IS NULL THEN json_build_object('because', (
               SELECT json_agg(audit.joined(json_build_object('code', code), audit.joined(
                   coalesce(more, '{}'::json), json_build_object('events', audit.events(positions)))) ORDER BY code)
               FROM obstacle)) END,
           'names', audit.names(
               %(workspace_id)s,
               %(employee_id)s::text || ARRAY(
                   SELECT answering->>'employee_id'
                   FROM obstacle CROSS JOIN LATERAL json_array_elements(more->'answering') AS answering),
               ARRAY(SELECT contact_id FROM reason WHERE kind <> 'thread_helper') || ARRAY(
                   SELECT answering->>'contact_id'
                   FROM obstacle CROSS JOIN LATERAL json_array_elements(more->'answering') AS answering),
               ARRAY(SELECT deal_id FROM reason),
               ARRAY[chat.channel_id], moment.at))::text
        FROM chat, moment) AS body
FROM asked;
