-- The waits of all conversations, by the rule of domain/wait.py, in SQL that PostgreSQL, DuckDB and
-- ClickHouse read alike. An engine makes these relations of one workspace, of files or of the ledger itself:
--
--     event   the ledger's rows: position, topic, actor, occurred_us (microseconds since 1970), and of the
--             facts chat_number, direction, author_kind, author_id, sender_id, delivery_id, status,
--             seen_position, holder_id. A chat's number is the position of its `chat.opened`.
--     chat    the chats as they stand together now: number, channel_id, conversation_number (the lowest of a
--             conversation's numbers)
--     owning  whose client an address was, from a position until before another, or null: address_id,
--             employee_id, from_position, until_position
--
-- and of these, one after the other, those that are named below: views or tables, as it likes, but what is
-- small and read often is better a table. `credited` is one of the `credited_to_...`.
-- The last is `wait`, which figures.sql asks; conversations and chats are numbers in it. In an order of
-- moments a `part` is 0 an answer, 1 a client's message, 2 a dismissal, 3 nothing.

-- name: message
-- What clients wrote, and what humans of the company wrote. Only what was written has an author.
SELECT position, chat_number, occurred_us AS sent_us,
       CASE WHEN author_kind = 'client' THEN 1 ELSE 0 END AS asks, author_kind, author_id, sender_id
FROM event
WHERE author_kind IN ('client', 'employee', 'external_staff');

-- name: failure
-- What was ever said to have failed; nothing but a delivery has this status.
SELECT DISTINCT delivery_id FROM event WHERE status = 'failed';

-- name: failed
-- What was not delivered: no messenger said that it got further. What a client wrote did arrive.
SELECT position
FROM event
WHERE direction = 'out' AND delivery_id IN (
    SELECT delivery_id FROM failure
    WHERE delivery_id NOT IN (
        SELECT delivery_id FROM event
        WHERE status IN ('delivered', 'read') AND delivery_id IN (SELECT delivery_id FROM failure)));

-- name: dismissal
-- Up to where somebody said that what the client wrote needs no answer.
SELECT position, chat_number, occurred_us AS dismissed_us, seen_position
FROM event
WHERE seen_position IS NOT NULL AND topic IN ('conversation.closed', 'conversation.dismissed');

-- name: holding
-- Who held a chat from a position on; null: nobody.
SELECT position, chat_number,
       CASE WHEN topic IN ('conversation.claimed', 'conversation.assigned') THEN holder_id END AS holder_id
FROM event
WHERE topic IN ('conversation.claimed', 'conversation.assigned', 'conversation.released',
                'conversation.snoozed', 'conversation.woken', 'conversation.closed', 'conversation.reopened');

-- name: author
-- Who wrote what the company said, and who dismissed.
SELECT position, author_kind, author_id FROM message WHERE asks = 0
UNION ALL
SELECT position, CASE WHEN actor LIKE 'employee:%' THEN 'employee' ELSE 'system' END AS author_kind,
       CASE WHEN actor LIKE 'employee:%' THEN substring(actor, 10) END AS author_id
FROM event
WHERE topic IN ('conversation.closed', 'conversation.dismissed');

-- name: moved
-- The chats that stand in the conversation of an older one: of all others it is their own number.
SELECT number, conversation_number FROM chat WHERE number <> conversation_number;

-- name: said
-- The messages that matter, in their conversations: nothing but numbers, as they are sorted.
SELECT coalesce(moved.conversation_number, message.chat_number) AS conversation_number,
       message.chat_number AS chat_number, message.position AS position, message.sent_us AS moment_us,
       message.asks AS part
FROM message
LEFT JOIN moved ON moved.number = message.chat_number
WHERE message.position NOT IN (SELECT position FROM failed);

-- name: waved
-- The dismissals, in their conversations.
SELECT coalesce(moved.conversation_number, dismissal.chat_number) AS conversation_number,
       dismissal.chat_number AS chat_number, dismissal.position AS position,
       dismissal.dismissed_us AS moment_us, dismissal.seen_position AS seen_position
FROM dismissal
LEFT JOIN moved ON moved.number = dismissal.chat_number;

-- name: unclear
-- Conversations in which a dismissal does not mean just what was sent before it: those of several chats in
-- which one was dismissed, and those in which clocks, or what came late, put it elsewhere.
SELECT waved.conversation_number AS conversation_number
FROM said
JOIN waved ON waved.chat_number = said.chat_number
WHERE said.part = 1
  AND (CASE WHEN said.position <= waved.seen_position THEN 1 ELSE 0 END)
   <> (CASE WHEN said.moment_us < waved.moment_us THEN 1
            WHEN said.moment_us = waved.moment_us AND said.position < waved.position THEN 1
            ELSE 0 END)
UNION ALL
SELECT conversation_number
FROM (SELECT conversation_number, moment_us,
             max(moment_us) OVER (PARTITION BY chat_number ORDER BY position
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS latest_us
      FROM waved) AS in_order
WHERE moment_us < latest_us
UNION ALL
SELECT moved.conversation_number AS conversation_number
FROM moved
WHERE moved.conversation_number IN (SELECT conversation_number FROM waved);

-- name: spoken
-- What was said in those, with the number of answers up to there.
SELECT *, sum(1 - part) OVER in_order AS answers, row_number() OVER in_order AS nth
FROM said
WHERE conversation_number IN (SELECT conversation_number FROM unclear)
WINDOW in_order AS (PARTITION BY conversation_number ORDER BY moment_us, position
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);

-- name: judged
-- Each client's message of those: the answer to its run, and whether it was dismissed before.
WITH first_waved AS (
    SELECT spoken.position AS position, min(waved.position) AS waved_position
    FROM spoken
    JOIN waved ON waved.chat_number = spoken.chat_number
    WHERE spoken.part = 1 AND spoken.position <= waved.seen_position
    GROUP BY spoken.position
), questioned AS (
    SELECT spoken.conversation_number AS conversation_number, spoken.chat_number AS chat_number,
           spoken.position AS position, spoken.moment_us AS moment_us, spoken.answers AS run,
           spoken.nth AS nth, answer.moment_us AS answer_us, answer.position AS answer_position,
           waved.position AS waved_position,
           CASE WHEN waved.moment_us > spoken.moment_us THEN waved.moment_us
                WHEN waved.moment_us IS NOT NULL THEN spoken.moment_us END AS waved_us
    FROM spoken
    LEFT JOIN (SELECT * FROM spoken WHERE part = 0) AS answer
           ON answer.conversation_number = spoken.conversation_number AND answer.answers = spoken.answers + 1
    LEFT JOIN first_waved ON first_waved.position = spoken.position
    LEFT JOIN waved ON waved.position = first_waved.waved_position
    WHERE spoken.part = 1
)
SELECT *, CASE WHEN waved_us IS NULL THEN 0
               WHEN answer_us IS NULL OR waved_us < answer_us THEN 1
               WHEN waved_us = answer_us AND waved_position < answer_position THEN 1
               ELSE 0 END AS is_waved
FROM questioned;

-- name: waited
-- Two ways, as one sort is most of the work. Where a dismissal means just what was sent before it, a run goes
-- from a first message to a last one, and what comes behind that ends it. The others go the long way: there a
-- message opens a wait if it outlasts all dismissals of those before it in its run. A `code` is a position and
-- a part in one number, since each column that is carried through the sort takes as long as the other.
WITH moment AS (
    SELECT conversation_number, moment_us, 4 * position + part AS code FROM said
    UNION ALL
    SELECT conversation_number, moment_us, 4 * position + 2 AS code FROM waved
), neighboured AS (
    SELECT conversation_number, moment_us, code, lag(code, 1, 3) OVER beside AS code_before,
           lead(code, 1, 3) OVER beside AS code_after, lead(moment_us) OVER beside AS us_after
    FROM moment
    WHERE conversation_number NOT IN (SELECT conversation_number FROM unclear)
    WINDOW beside AS (PARTITION BY conversation_number ORDER BY moment_us, code)
), edge AS (
    SELECT * FROM neighboured WHERE code % 4 = 1 AND (code_before % 4 <> 1 OR code_after % 4 <> 1)
), paired AS (
    SELECT conversation_number, moment_us, code, code_before, code_after, us_after,
           lead(moment_us) OVER beside AS next_us, lead(code) OVER beside AS next_code,
           lead(code_after) OVER beside AS next_code_after, lead(us_after) OVER beside AS next_us_after
    FROM edge
    WINDOW beside AS (PARTITION BY conversation_number ORDER BY moment_us, code)
), whole AS (
    SELECT conversation_number, moment_us AS opened_us, code AS opened_code,
           CASE WHEN code_after % 4 = 1 THEN next_us ELSE moment_us END AS last_us,
           CASE WHEN code_after % 4 = 1 THEN next_code ELSE code END AS last_code,
           CASE WHEN code_after % 4 = 1 THEN next_us_after ELSE us_after END AS closed_us,
           CASE WHEN code_after % 4 = 1 THEN next_code_after ELSE code_after END AS closed_code
    FROM paired
    WHERE code_before % 4 <> 1
), ranked AS (
    SELECT *, rank() OVER (PARTITION BY conversation_number, run
                           ORDER BY 1 - is_waved,
                                    CASE WHEN is_waved = 1 THEN waved_us ELSE 0 END,
                                    CASE WHEN is_waved = 1 THEN waved_position ELSE 0 END) AS patience
    FROM judged
), outlasting AS (
    SELECT *, max(patience) OVER (PARTITION BY conversation_number, run ORDER BY nth
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS longest
    FROM ranked
), gathered AS (
    SELECT conversation_number, run, longest, min(nth) AS first_nth, max(nth) AS last_nth
    FROM outlasting
    GROUP BY conversation_number, run, longest
)
SELECT conversation_number,
       CAST(floor(CAST(opened_code AS DOUBLE PRECISION) / 4.0) AS BIGINT) AS opened_position, opened_us,
       last_us, CAST(floor(CAST(last_code AS DOUBLE PRECISION) / 4.0) AS BIGINT) AS last_position,
       CASE closed_code % 4 WHEN 0 THEN 'answered' WHEN 2 THEN 'dismissed' ELSE 'open' END AS outcome,
       CASE WHEN closed_code % 4 <> 3 THEN closed_us END AS closed_us,
       CASE WHEN closed_code % 4 <> 3
            THEN CAST(floor(CAST(closed_code AS DOUBLE PRECISION) / 4.0) AS BIGINT) END AS closed_position
FROM whole
UNION ALL
SELECT opening.conversation_number, opening.position, opening.moment_us,
       latest.moment_us, latest.position,
       CASE WHEN opening.is_waved = 1 THEN 'dismissed' WHEN opening.answer_us IS NULL THEN 'open'
            ELSE 'answered' END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_us ELSE opening.answer_us END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_position ELSE opening.answer_position END
FROM gathered
JOIN judged AS opening ON opening.conversation_number = gathered.conversation_number
                      AND opening.nth = gathered.first_nth
JOIN judged AS latest ON latest.conversation_number = gathered.conversation_number
                     AND latest.nth = gathered.last_nth;

-- name: opened
-- The waits, with where and by whom each was opened.
SELECT waited.opened_position AS opened_position, waited.opened_us AS opened_us, waited.last_us AS last_us,
       waited.closed_us AS closed_us, waited.closed_position AS closed_position, waited.outcome AS outcome,
       waited.conversation_number AS conversation_number, message.chat_number AS chat_number,
       message.sender_id AS sender_id
FROM waited
JOIN message ON message.position = waited.opened_position;

-- name: credited_to_replier
-- Who answered, or dismissed; of those that are open, who holds the chat.
WITH holding_now AS (
    SELECT holding.chat_number AS chat_number, holding.holder_id AS holder_id
    FROM holding
    JOIN (SELECT chat_number, max(position) AS position FROM holding GROUP BY chat_number) AS latest
      ON latest.position = holding.position
)
SELECT opened.opened_position AS opened_position,
       CASE WHEN opened.outcome <> 'open' THEN author.author_kind
            WHEN holding_now.holder_id IS NOT NULL THEN 'employee' END AS credited_kind,
       CASE WHEN opened.outcome <> 'open' THEN author.author_id ELSE holding_now.holder_id END AS credited_id
FROM opened
LEFT JOIN author ON author.position = opened.closed_position
LEFT JOIN holding_now ON holding_now.chat_number = opened.chat_number;

-- name: credited_to_holder
-- Who held the chat when the wait was closed, that event included; of those that are open, who holds it now.
WITH placed AS (
    SELECT opened_position, is_wait,
           max(held_position) OVER (PARTITION BY chat_number ORDER BY place, is_wait
                                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS held
    FROM (
        SELECT chat_number, opened_position, 1 AS is_wait, 0 AS held_position,
               CASE WHEN closed_position IS NULL THEN 9223372036854775807 ELSE closed_position END AS place
        FROM opened
        UNION ALL
        SELECT chat_number, 0 AS opened_position, 0 AS is_wait, position AS held_position, position AS place
        FROM holding
    ) AS in_order
)
SELECT placed.opened_position AS opened_position,
       CASE WHEN holding.holder_id IS NOT NULL THEN 'employee' END AS credited_kind,
       holding.holder_id AS credited_id
FROM placed
LEFT JOIN holding ON holding.position = placed.held
WHERE placed.is_wait = 1;

-- name: credited_to_owner
-- Whose client he was who opened the wait, when it was closed; of those that are open, whose he is now.
WITH placed AS (
    SELECT opened_position, place, is_wait, sender_id,
           max(owned_from) OVER (PARTITION BY sender_id ORDER BY place, is_wait
                                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS owned_from
    FROM (
        SELECT sender_id, opened_position, 1 AS is_wait, -1 AS owned_from,
               CASE WHEN closed_position IS NULL THEN 9223372036854775807 ELSE closed_position END AS place
        FROM opened
        UNION ALL
        SELECT address_id AS sender_id, 0 AS opened_position, 0 AS is_wait, from_position AS owned_from,
               from_position AS place
        FROM owning
    ) AS in_order
), owned AS (
    SELECT placed.opened_position AS opened_position,
           CASE WHEN owning.until_position IS NULL OR placed.place < owning.until_position
                THEN owning.employee_id END AS employee_id
    FROM placed
    LEFT JOIN owning ON owning.address_id = placed.sender_id AND owning.from_position = placed.owned_from
    WHERE placed.is_wait = 1
)
SELECT opened_position, CASE WHEN employee_id IS NOT NULL THEN 'employee' END AS credited_kind,
       employee_id AS credited_id
FROM owned;

-- name: wait
SELECT opened.conversation_number AS conversation_id, opened.chat_number AS chat_id,
       chat.channel_id AS channel_id, opened.opened_position AS opened_position,
       opened.opened_us AS opened_us, opened.last_us AS last_us, opened.closed_us AS closed_us,
       opened.outcome AS outcome, credited.credited_kind AS credited_kind, credited.credited_id AS credited_id
FROM opened
JOIN chat ON chat.number = opened.chat_number
LEFT JOIN credited ON credited.opened_position = opened.opened_position;

-- name: nameless_wait
-- For figures that name neither a channel nor anybody.
SELECT conversation_number AS conversation_id, 0 AS chat_id, '' AS channel_id, opened_position, opened_us,
       last_us, closed_us, outcome, '' AS credited_kind, '' AS credited_id
FROM waited;
