-- What the waits are worked out with: what matters of a conversation, between which places, and by what rule.

-- name: functions
-- Who held a chat at a position.
CREATE OR REPLACE FUNCTION waits.holder_at(of_chat uuid, of_position bigint) RETURNS TABLE (holder_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT holder_id FROM waits.stage
    WHERE chat_id = of_chat AND position <= of_position
    ORDER BY position DESC LIMIT 1
$$;

-- Who owned the client of an address at a position: of his deals that are not lost the one that was given to
-- its owner last says it, and without a deal it is his responsible employee.
CREATE OR REPLACE FUNCTION waits.owner_at(of_workspace text, of_address text, of_position bigint)
RETURNS TABLE (employee_id text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH contact AS MATERIALIZED (
        SELECT object AS contact_id FROM visibility.link
        WHERE subject = of_address AND workspace_id = of_workspace AND during @> of_position
    )
    SELECT employee_id
    FROM (
        (SELECT 1 AS choice, owner.object AS employee_id
         FROM contact
         CROSS JOIN LATERAL (
             SELECT subject AS deal_id FROM visibility.deal_contact
             WHERE object = contact.contact_id AND workspace_id = of_workspace AND during @> of_position
             OFFSET 0) AS deal
         CROSS JOIN LATERAL (
             SELECT object, lower(during) AS since FROM visibility.deal_owner
             WHERE subject = deal.deal_id AND workspace_id = of_workspace AND during @> of_position
             OFFSET 0) AS owner
         ORDER BY owner.since DESC, deal.deal_id DESC LIMIT 1)
        UNION ALL
        (SELECT 2, responsible.object
         FROM contact
         CROSS JOIN LATERAL (
             SELECT object FROM visibility.responsible
             WHERE subject = contact.contact_id AND workspace_id = of_workspace AND during @> of_position
             OFFSET 0) AS responsible
         ORDER BY contact.contact_id LIMIT 1)
    ) AS known
    ORDER BY choice LIMIT 1
$$;

-- What of a conversation matters to its waits from one time on, up to a place: what its clients wrote, and what
-- the company's people answered; not what failed to be delivered, nor what a machine wrote.
CREATE OR REPLACE FUNCTION waits.spoken(
    of_conversation uuid, since timestamptz, since_position bigint,
    until timestamptz, until_position bigint, of_position bigint
) RETURNS TABLE (at timestamptz, place bigint, asks boolean, chat_id uuid, channel_id text, sender_id text,
                 author_kind text, author_id text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT message.sent_at, message.position, message.direction = 'in', message.chat_id, message.channel_id,
           message.sender_id, message.author_kind, message.author_id
    FROM (SELECT * FROM waits.chat WHERE conversation_id = of_conversation OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT * FROM timeline.message
        WHERE conversation_id = chat.own_id AND position IS NOT NULL
          AND (sent_at, position) >= (since, since_position)
          AND (sent_at, position) <= (until, until_position)
        ORDER BY sent_at, position OFFSET 0) AS message
    WHERE message.chat_id = chat.chat_id AND message.position <= of_position
      AND (message.direction = 'in' OR message.author_kind IN ('employee', 'external_staff'))
      AND (message.direction = 'in' OR NOT EXISTS (
          SELECT FROM timeline.delivery WHERE delivery_id = message.delivery_id AND status = 'failed'))
$$;

-- Where the first answer behind a time stands, or a client's last message before it.
CREATE OR REPLACE FUNCTION waits.first_answer(of_conversation uuid, since timestamptz, of_position bigint)
RETURNS TABLE (at timestamptz, place bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT answer.at, answer.position
    FROM (SELECT * FROM waits.chat WHERE conversation_id = of_conversation OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT sent_at AS at, position FROM timeline.message
        WHERE conversation_id = chat.own_id AND position IS NOT NULL AND sent_at > since
          AND chat_id = chat.chat_id AND position <= of_position
          AND author_kind IN ('employee', 'external_staff') AND NOT EXISTS (
              SELECT FROM timeline.delivery WHERE delivery_id = message.delivery_id AND status = 'failed')
        ORDER BY sent_at, position LIMIT 1) AS answer
    ORDER BY answer.at, answer.position LIMIT 1
$$;

CREATE OR REPLACE FUNCTION waits.last_question(of_conversation uuid, until timestamptz, of_position bigint)
RETURNS TABLE (at timestamptz, place bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT question.at, question.position
    FROM (SELECT * FROM waits.chat WHERE conversation_id = of_conversation OFFSET 0) AS chat
    CROSS JOIN LATERAL (
        SELECT sent_at AS at, position FROM timeline.message
        WHERE conversation_id = chat.own_id AND position IS NOT NULL AND sent_at < until
          AND chat_id = chat.chat_id AND position <= of_position AND direction = 'in'
        ORDER BY sent_at DESC, position DESC LIMIT 1) AS question
    ORDER BY question.at DESC, question.position DESC LIMIT 1
$$;

-- Between which places the waits of the touched conversations may have changed: a run ends with an answer, so
-- nothing does behind the first answer after what was touched. A wait that goes on over the beginning is seen
-- again from its opening if somebody dismissed it, and else carried along.
CREATE OR REPLACE FUNCTION waits.spans(of_position bigint)
RETURNS TABLE (conversation_id uuid, since timestamptz, since_position bigint,
               until timestamptz, until_position bigint, carried bigint)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT touched.conversation_id,
           CASE WHEN begun.dismissed THEN begun.opened_at ELSE touched.since END,
           CASE WHEN begun.dismissed THEN begun.opened_position ELSE 0 END,
           coalesce(answer.at, 'infinity'), coalesce(answer.place, 9223372036854775807),
           CASE WHEN NOT begun.dismissed THEN begun.opened_position END
    FROM (SELECT conversation_id, min(since) AS since, max(until) AS until
          FROM waits.touched GROUP BY conversation_id) AS touched
    LEFT JOIN LATERAL (
        SELECT opened_at, opened_position,
               EXISTS (SELECT FROM waits.dismissal
                       WHERE chat_id = wait.chat_id AND seen_position >= opened_position) AS dismissed
        FROM (
            SELECT * FROM waits.wait
            WHERE wait.conversation_id = touched.conversation_id
              AND coalesce(closed_at, 'infinity') >= touched.since
            ORDER BY coalesce(closed_at, 'infinity'), opened_at, opened_position LIMIT 1) AS wait
        WHERE opened_at < touched.since) AS begun ON true
    LEFT JOIN LATERAL waits.first_answer(touched.conversation_id, touched.until, of_position) AS answer
        ON touched.until < 'infinity'
$$;

-- Works out the waits that a range has touched. A dismissal counts from when it was said, or from the message
-- that it is about if that is later by the provider's clock. A message opens a wait if it outlives all
-- dismissals of those before it in its run.
CREATE OR REPLACE FUNCTION waits.work_out(of_position bigint) RETURNS void LANGUAGE sql AS $$
    WITH span AS MATERIALIZED (
        SELECT * FROM waits.spans(of_position)
    ), spoken AS (
        SELECT span.conversation_id, message.*, message.at AS last_at, message.place AS last_place
        FROM span
        CROSS JOIN LATERAL waits.spoken(
            span.conversation_id, since, since_position, until, until_position, of_position) AS message
        UNION ALL
        SELECT span.conversation_id, opened_at, opened_position, true, chat_id, channel_id, sender_id,
               NULL, NULL, last.at, last.place
        FROM span
        CROSS JOIN LATERAL (SELECT * FROM waits.wait WHERE opened_position = span.carried OFFSET 0) AS wait
        CROSS JOIN LATERAL (
            SELECT last_at AS at, last_position AS place WHERE last_at < since
            UNION ALL
            SELECT * FROM waits.last_question(span.conversation_id, since, of_position) WHERE last_at >= since
        ) AS last
    ), told AS (
        SELECT spoken.*, dismissal.at AS dismissed_at, dismissal.position AS dismissed_position,
               dismissal.kind AS dismissed_kind, by_id,
               count(*) FILTER (WHERE NOT asks) OVER (
                   PARTITION BY conversation_id ORDER BY spoken.at, spoken.place
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS run
        FROM spoken
        LEFT JOIN LATERAL (
            SELECT greatest(spoken.at, at) AS at, position, kind, by_id FROM waits.dismissal
            WHERE asks AND chat_id = spoken.chat_id AND seen_position >= spoken.place
            ORDER BY seen_position LIMIT 1) AS dismissal ON true
    ), answered AS (
        SELECT *, max(at) FILTER (WHERE NOT asks) OVER whole AS answer_at,
               max(place) FILTER (WHERE NOT asks) OVER whole AS answer_position,
               max(author_kind) FILTER (WHERE NOT asks) OVER whole AS answer_kind,
               max(author_id) FILTER (WHERE NOT asks) OVER whole AS answer_by
        FROM told
        WINDOW whole AS (PARTITION BY conversation_id, run)
    ), ending AS (
        SELECT *, CASE WHEN (dismissed_at, dismissed_position)
                            < (coalesce(answer_at, 'infinity'), coalesce(answer_position, 0))
                       THEN dismissed_at ELSE 'infinity' END AS ends_at
        FROM answered WHERE asks
    ), opening AS (
        SELECT *, ends_at > coalesce(max(ends_at) OVER (
                   PARTITION BY conversation_id, run ORDER BY at, place
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), '-infinity') AS opens
        FROM ending
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE opens) OVER (
                   PARTITION BY conversation_id, run ORDER BY at, place ROWS UNBOUNDED PRECEDING) AS nth
        FROM opening
    ), fresh AS MATERIALIZED (
        SELECT conversation_id, place AS opened_position, chat_id, channel_id, sender_id, at AS opened_at,
               until_last_at AS last_at, until_last_place AS last_position, ended.*
        FROM (
            SELECT *, last_value(last_at) OVER whole AS until_last_at,
                   last_value(last_place) OVER whole AS until_last_place
            FROM numbered
            WINDOW whole AS (PARTITION BY conversation_id, run, nth ORDER BY at, place
                             ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ) AS member
        CROSS JOIN LATERAL (
            SELECT 'dismissed' AS outcome, ends_at AS closed_at, dismissed_position AS closed_position,
                   dismissed_kind AS closed_kind, by_id AS closed_by WHERE ends_at < 'infinity'
            UNION ALL
            SELECT CASE WHEN answer_at IS NULL THEN 'open' ELSE 'answered' END, answer_at, answer_position,
                   answer_kind, answer_by WHERE ends_at = 'infinity'
        ) AS ended
        WHERE opens
    ), gone AS (
        DELETE FROM waits.wait USING (
            SELECT former.opened_position
            FROM span
            CROSS JOIN LATERAL (
                SELECT opened_position FROM waits.wait
                WHERE conversation_id = span.conversation_id
                  AND (opened_at, opened_position) >= (since, since_position)
                  AND (opened_at, opened_position) < (until, until_position)
                OFFSET 0) AS former
            WHERE former.opened_position NOT IN (SELECT opened_position FROM fresh)
            OFFSET 0
        ) AS former
        WHERE wait.opened_position = former.opened_position
    ), done AS (
        DELETE FROM waits.touched
    )
    INSERT INTO waits.wait AS wait
        (opened_position, workspace_id, conversation_id, chat_id, channel_id, sender_id, opened_at, last_at,
         last_position, outcome, closed_at, closed_position, closed_kind, closed_by,
         holder_at_opening, owner_at_opening, holder_at_closing, owner_at_closing)
    SELECT fresh.opened_position, chat.workspace_id, fresh.conversation_id, fresh.chat_id, fresh.channel_id,
           fresh.sender_id, fresh.opened_at, fresh.last_at, fresh.last_position, fresh.outcome,
           fresh.closed_at, fresh.closed_position, fresh.closed_kind, fresh.closed_by,
           CASE WHEN known.opened_position IS NULL
                THEN (SELECT holder_id FROM waits.holder_at(fresh.chat_id, fresh.opened_position))
                ELSE known.holder_at_opening END,
           CASE WHEN known.opened_position IS NULL
                THEN (SELECT employee_id FROM waits.owner_at(
                          chat.workspace_id, fresh.sender_id, fresh.opened_position))
                ELSE known.owner_at_opening END,
           (SELECT holder_id FROM waits.holder_at(fresh.chat_id, fresh.closed_position)),
           (SELECT employee_id FROM waits.owner_at(
                chat.workspace_id, fresh.sender_id, fresh.closed_position))
    FROM fresh
    CROSS JOIN LATERAL (SELECT workspace_id FROM waits.chat WHERE chat_id = fresh.chat_id OFFSET 0) AS chat
    LEFT JOIN LATERAL (
        SELECT * FROM waits.wait WHERE opened_position = fresh.opened_position OFFSET 0) AS known ON true
    WHERE (known.conversation_id, known.last_at, known.last_position, known.outcome, known.closed_at,
           known.closed_position)
          IS DISTINCT FROM (fresh.conversation_id, fresh.last_at, fresh.last_position, fresh.outcome,
                            fresh.closed_at, fresh.closed_position)
    ON CONFLICT (opened_position) DO UPDATE SET
        conversation_id = excluded.conversation_id, last_at = excluded.last_at,
        last_position = excluded.last_position, outcome = excluded.outcome, closed_at = excluded.closed_at,
        closed_position = excluded.closed_position, closed_kind = excluded.closed_kind,
        closed_by = excluded.closed_by, holder_at_closing = excluded.holder_at_closing,
        owner_at_closing = excluded.owner_at_closing
$$;

-- Takes over which chats stand together now. A chat that moves takes its messages from one conversation to
-- another, so waits change in both, near the times of these.
CREATE OR REPLACE FUNCTION waits.move_chats(after bigint, until bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH near AS MATERIALIZED (
        SELECT known.chat_id, known.conversation_id AS former_id, chat.conversation_id
        FROM inbox.near(after, until)
        CROSS JOIN LATERAL (
            SELECT chat_id, conversation_id FROM waits.chat WHERE chat_id = near.chat_id OFFSET 0) AS known
        CROSS JOIN LATERAL (
            SELECT conversation_id FROM inbox.chat WHERE chat_id = near.chat_id OFFSET 0) AS chat
    ), candidate AS (
        SELECT chat.chat_id
        FROM (SELECT DISTINCT former_id FROM near) AS former
        CROSS JOIN LATERAL (
            SELECT chat_id FROM waits.chat WHERE conversation_id = former.former_id OFFSET 0) AS chat
        UNION
        SELECT chat.chat_id
        FROM (SELECT DISTINCT conversation_id FROM near) AS present
        CROSS JOIN LATERAL (
            SELECT chat_id FROM inbox.chat WHERE conversation_id = present.conversation_id OFFSET 0) AS chat
    ), moved AS (
        UPDATE waits.chat SET conversation_id = moving.conversation_id
        FROM (
            SELECT known.chat_id, known.conversation_id AS former_id, chat.conversation_id
            FROM candidate
            CROSS JOIN LATERAL (SELECT * FROM waits.chat WHERE chat_id = candidate.chat_id OFFSET 0) AS known
            CROSS JOIN LATERAL (
                SELECT conversation_id FROM inbox.chat WHERE chat_id = candidate.chat_id OFFSET 0) AS chat
            WHERE known.conversation_id <> chat.conversation_id
            OFFSET 0
        ) AS moving
        WHERE chat.chat_id = moving.chat_id
        RETURNING chat.own_id, moving.former_id, moving.conversation_id
    )
    INSERT INTO waits.touched (conversation_id, since, until)
    SELECT unnest(ARRAY[former_id, moved.conversation_id]), first.sent_at, last.sent_at
    FROM moved
    CROSS JOIN LATERAL (
        SELECT sent_at FROM timeline.message
        WHERE conversation_id = moved.own_id AND position IS NOT NULL
        ORDER BY sent_at, position LIMIT 1) AS first
    CROSS JOIN LATERAL (
        SELECT sent_at FROM timeline.message
        WHERE conversation_id = moved.own_id AND position IS NOT NULL
        ORDER BY sent_at DESC, position DESC LIMIT 1) AS last;
    IF FOUND THEN
        PERFORM waits.work_out(until);
    END IF;
END
$$;
