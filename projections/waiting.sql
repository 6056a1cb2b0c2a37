-- The waits of all conversations, by the rule of domain/wait.py, in SQL that PostgreSQL, DuckDB and ClickHouse
-- read alike. What it reads are relations of one workspace that each engine makes of its own:
--
--     message    what clients wrote, and what humans of the company wrote: position, chat_id, sent_us, asks (1: a
--                client's), author_kind, author_id, sender_id
--     failed     position of what was not delivered
--     dismissal  what was closed or needs no answer: position, chat_id, dismissed_us, seen_position, by_kind, by_id
--     chat       chat_id, number, channel_id, conversation_id, conversation_number; a number stands for an id
--     holding    who held a chat from a position on: chat_id, position, holder_id (null: nobody)
--     owning     whose client an address was, from a position until before another: address_id, employee_id,
--                from_position, until_position
--
-- Moments are microseconds since 1970. In an order of moments a `part` is 0 an answer, 1 a client's message,
-- 2 a dismissal.

-- name: waited
-- Two ways, as one sort is most of the work. Where a dismissal means just what was sent before it, runs begin and
-- end where a message has a neighbour of another kind. Other conversations go the long way: those of several chats
-- in which one was dismissed, and those in which clocks, or what came late, put a dismissal elsewhere.
WITH waved AS (
    SELECT chat.conversation_number AS conversation_number, chat.number AS chat_number,
           dismissal.position AS position, dismissal.dismissed_us AS moment_us,
           dismissal.seen_position AS seen_position, dismissal.by_kind AS by_kind, dismissal.by_id AS by_id
    FROM dismissal
    JOIN chat ON chat.number = dismissal.chat_number
), unclear AS (
    SELECT waved.conversation_number AS conversation_number
    FROM message
    JOIN waved ON waved.chat_number = message.chat_number
    WHERE message.asks = 1
      AND (CASE WHEN message.position <= waved.seen_position THEN 1 ELSE 0 END)
       <> (CASE WHEN message.sent_us < waved.moment_us THEN 1
                WHEN message.sent_us = waved.moment_us AND message.position < waved.position THEN 1 ELSE 0 END)
    UNION ALL
    SELECT conversation_number
    FROM (SELECT conversation_number, moment_us,
                 max(moment_us) OVER (PARTITION BY chat_number ORDER BY position
                                      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS latest_us
          FROM waved) AS in_order
    WHERE moment_us < latest_us
    UNION ALL
    SELECT chat.conversation_number AS conversation_number
    FROM chat
    WHERE chat.number <> chat.conversation_number
      AND chat.conversation_number IN (SELECT conversation_number FROM waved)
), moment AS (
    SELECT chat.conversation_number AS conversation_number, chat.number AS chat_number,
           message.position AS position, message.sent_us AS moment_us, message.asks AS part,
           message.author_kind AS by_kind, message.author_id AS by_id, message.sender_id AS sender_id
    FROM message
    JOIN chat ON chat.number = message.chat_number
    WHERE message.position NOT IN (SELECT position FROM failed)
    UNION ALL
    SELECT conversation_number, chat_number, position, moment_us, 2 AS part, by_kind, by_id, by_id AS sender_id
    FROM waved
), neighboured AS (
    SELECT *, lag(part, 1, 9) OVER beside AS part_before, lead(part, 1, 9) OVER beside AS part_after,
           lag(moment_us) OVER beside AS us_before, lag(position) OVER beside AS position_before
    FROM moment
    WHERE conversation_number NOT IN (SELECT conversation_number FROM unclear)
    WINDOW beside AS (PARTITION BY conversation_number ORDER BY moment_us, position)
), edge AS (
    SELECT * FROM neighboured
    WHERE (part = 1 AND (part_before <> 1 OR part_after = 9)) OR (part <> 1 AND part_before = 1)
), paired AS (
    SELECT *, lead(part, 1, 9) OVER beside AS next_part, lead(moment_us) OVER beside AS next_us,
           lead(position) OVER beside AS next_position, lead(us_before) OVER beside AS next_us_before,
           lead(position_before) OVER beside AS next_position_before,
           lead(by_kind) OVER beside AS next_by_kind, lead(by_id) OVER beside AS next_by_id
    FROM edge
    WINDOW beside AS (PARTITION BY conversation_number ORDER BY moment_us, position)
), said AS (
    SELECT chat.conversation_number AS conversation_number, chat.number AS chat_number,
           message.position AS position, message.sent_us AS moment_us, message.asks AS part,
           message.author_kind AS by_kind, message.author_id AS by_id, message.sender_id AS sender_id
    FROM message
    JOIN chat ON chat.number = message.chat_number
    WHERE chat.conversation_number IN (SELECT conversation_number FROM unclear)
      AND message.position NOT IN (SELECT position FROM failed)
), spoken AS (
    SELECT *, sum(1 - part) OVER in_order AS answers, row_number() OVER in_order AS nth
    FROM said
    WINDOW in_order AS (PARTITION BY conversation_number ORDER BY moment_us, position
                        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
), first_waved AS (
    SELECT spoken.position AS position, min(waved.position) AS waved_position
    FROM spoken
    JOIN waved ON waved.chat_number = spoken.chat_number
    WHERE spoken.part = 1 AND spoken.position <= waved.seen_position
    GROUP BY spoken.position
), asked AS (
    SELECT spoken.conversation_number AS conversation_number, spoken.chat_number AS chat_number,
           spoken.position AS position, spoken.moment_us AS moment_us, spoken.sender_id AS sender_id,
           spoken.answers AS run, spoken.nth AS nth, answer.moment_us AS answer_us,
           answer.position AS answer_position, answer.by_kind AS answer_by_kind, answer.by_id AS answer_by_id,
           waved.position AS waved_position, waved.by_kind AS waved_by_kind, waved.by_id AS waved_by_id,
           CASE WHEN waved.moment_us > spoken.moment_us THEN waved.moment_us
                WHEN waved.moment_us IS NOT NULL THEN spoken.moment_us END AS waved_us
    FROM spoken
    LEFT JOIN (SELECT * FROM spoken WHERE part = 0) AS answer
           ON answer.conversation_number = spoken.conversation_number AND answer.answers = spoken.answers + 1
    LEFT JOIN first_waved ON first_waved.position = spoken.position
    LEFT JOIN waved ON waved.position = first_waved.waved_position
    WHERE spoken.part = 1
), judged AS (
    SELECT *, CASE WHEN waved_us IS NULL THEN 0
                   WHEN answer_us IS NULL OR waved_us < answer_us THEN 1
                   WHEN waved_us = answer_us AND waved_position < answer_position THEN 1 ELSE 0 END AS is_waved
    FROM asked
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
SELECT conversation_number, chat_number, position AS opened_position, moment_us AS opened_us,
       CASE next_part WHEN 9 THEN moment_us WHEN 1 THEN next_us ELSE next_us_before END AS last_us,
       CASE next_part WHEN 9 THEN position WHEN 1 THEN next_position ELSE next_position_before END
           AS last_position,
       CASE next_part WHEN 0 THEN 'answered' WHEN 2 THEN 'dismissed' ELSE 'open' END AS outcome,
       CASE WHEN next_part IN (0, 2) THEN next_us END AS closed_us,
       CASE WHEN next_part IN (0, 2) THEN next_position END AS closed_position,
       CASE WHEN next_part IN (0, 2) THEN next_by_kind END AS closed_kind,
       CASE WHEN next_part IN (0, 2) THEN next_by_id END AS closed_by,
       sender_id
FROM paired
WHERE part = 1 AND part_before <> 1
UNION ALL
SELECT opening.conversation_number, opening.chat_number, opening.position, opening.moment_us,
       latest.moment_us, latest.position,
       CASE WHEN opening.is_waved = 1 THEN 'dismissed' WHEN opening.answer_us IS NULL THEN 'open'
            ELSE 'answered' END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_us ELSE opening.answer_us END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_position ELSE opening.answer_position END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_by_kind ELSE opening.answer_by_kind END,
       CASE WHEN opening.is_waved = 1 THEN opening.waved_by_id ELSE opening.answer_by_id END,
       opening.sender_id
FROM gathered
JOIN judged AS opening ON opening.conversation_number = gathered.conversation_number
                      AND opening.nth = gathered.first_nth
JOIN judged AS latest ON latest.conversation_number = gathered.conversation_number
                     AND latest.nth = gathered.last_nth;
