-- What can be found: the words of each message as it is now, and the names of who takes part.
--
-- One GIN index answers everything. Beside its words a message has marks in the same vector: the span of time
-- in which it was sent, small and large, its chat and its channel. So a question goes back in time span by
-- span until its page is full, and the index itself joins the words with the spans, or with the caller's chats
-- if they are few. Marks only preselect: who sees what is decided by `visibility.sees`, for what was found.

-- name: create
CREATE SCHEMA IF NOT EXISTS search;

CREATE TABLE IF NOT EXISTS search.message (
    message_id   uuid        PRIMARY KEY,
    chat_id      uuid        NOT NULL,
    workspace_id text        NOT NULL,
    channel_id   text        NOT NULL,
    direction    text        NOT NULL,
    sent_at      timestamptz NOT NULL,
    position     bigint      NOT NULL,
    words        tsvector    NOT NULL
);
COMMENT ON COLUMN search.message.words IS 'of the text, with marks; the text itself is in timeline.message';

-- How many messages there are in each span of time, so that a question knows how far a step may go.
CREATE TABLE IF NOT EXISTS search.span (
    workspace_id text   NOT NULL,
    number       bigint NOT NULL,
    messages     bigint NOT NULL,
    PRIMARY KEY (workspace_id, number)
) WITH (fillfactor = 50);

-- What a chat is called, where the address is empty, and those who take part in it.
CREATE TABLE IF NOT EXISTS search.chat_name (
    chat_id      uuid     NOT NULL,
    address_id   text     NOT NULL,
    kind         text     NOT NULL,
    workspace_id text     NOT NULL,
    text         text     NOT NULL,
    words        tsvector NOT NULL,
    at           timestamptz NOT NULL,
    position     bigint   NOT NULL,
    PRIMARY KEY (chat_id, address_id, kind)
);
COMMENT ON COLUMN search.chat_name.kind IS 'title, name, phone, or handle for any other address';

-- What the company and its clients are called, in whichever chats.
CREATE TABLE IF NOT EXISTS search.person_name (
    workspace_id text     NOT NULL,
    person_kind  text     NOT NULL,
    person_id    text     NOT NULL,
    text         text     NOT NULL,
    words        tsvector NOT NULL,
    PRIMARY KEY (workspace_id, person_kind, person_id)
);

-- name: index
-- What waits in an index is read through by each step of a question, so little may wait.
CREATE INDEX IF NOT EXISTS message_words ON search.message USING gin (words)
    WITH (gin_pending_list_limit = 256);
CREATE INDEX IF NOT EXISTS message_of_chat ON search.message (chat_id, sent_at);
CREATE INDEX IF NOT EXISTS chat_name_words ON search.chat_name USING gin (words)
    WITH (gin_pending_list_limit = 256);
CREATE INDEX IF NOT EXISTS chat_name_of_address ON search.chat_name (address_id) WHERE address_id <> '';
CREATE INDEX IF NOT EXISTS person_name_words ON search.person_name USING gin (words)
    WITH (gin_pending_list_limit = 256);

-- name: functions
-- A text as it is compared: in small letters, without ё, and with nothing in it that is taken for markup or
-- for a sign before a number. Each character stays in its place. The collation is named, so that it is the
-- same in whichever database.
CREATE OR REPLACE FUNCTION search.plain(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(
        translate(lower(written COLLATE pg_c_utf8), 'ё<+' || chr(1) || chr(2), 'е    '),
        '-(?=[0-9])', ' ', 'g')
$$;

-- A question as it is compared: there a minus before a word, or a number, means "without".
CREATE OR REPLACE FUNCTION search.asked(q text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT websearch_to_tsquery('russian', regexp_replace(
        translate(lower(q COLLATE pg_c_utf8), 'ё<+' || chr(1) || chr(2), 'е    '),
        '(?<=[0-9])-(?=[0-9])', ' ', 'g'))
$$;

-- The words of a name, or of a question for one.
CREATE OR REPLACE FUNCTION search.name_parts(written text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT part), '{}')
    FROM regexp_split_to_table(search.plain(written), '[^[:alnum:]]+' COLLATE pg_c_utf8) AS part
    WHERE part <> ''
$$;

-- A phone by the ends of its digits, so that every stretch of them is the beginning of one.
CREATE OR REPLACE FUNCTION search.phone_parts(address text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT substr(digits, start)), '{}')
    FROM (SELECT regexp_replace(address, '[^0-9]', '', 'g') AS digits) AS phone
    CROSS JOIN LATERAL generate_series(1, length(digits) - 2) AS start
$$;

-- Spans are of some four and a half hours, and 32 of them, six days, are a large one.
CREATE OR REPLACE FUNCTION search.span_number(at timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT floor(extract(epoch FROM at) / 16384)::bigint
$$;

-- No word begins like a mark. Two things may have one mark: then more is preselected.
CREATE OR REPLACE FUNCTION search.mark(kind text, of_thing text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '#' || kind || left(md5(of_thing), 10)
$$;

-- Any of these marks.
CREATE OR REPLACE FUNCTION search.any_of(marks text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_string(marks, '|')::tsquery
$$;

-- Whether it says what there must be, and not only what there must not be.
CREATE OR REPLACE FUNCTION search.is_askable(asked tsquery) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT querytree(asked) NOT IN ('', 'T')
$$;

-- Names with words that begin so; null for a question that is too short for a name.
CREATE OR REPLACE FUNCTION search.names_asked(q text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN max(length(part)) > 1 THEN string_agg(part || ':*', '&')::tsquery END
    FROM unnest(search.name_parts(regexp_replace(q, '(^|\s)-("[^"]*"?|\S+)', ' ', 'g'))) AS part
$$;

-- Phones with these digits in them; null for what is no part of a phone. A whole number of Russia is found by
-- its last ten, as it may begin with 7 or with 8.
CREATE OR REPLACE FUNCTION search.phone_asked(q text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN q ~ '^[+(0-9"][-+(). 0-9"]*$' AND length(digits) > 2
                THEN (regexp_replace(digits, '^[78](?=\d{10}$)', '') || ':*')::tsquery END
    FROM regexp_replace(q, '[^0-9]', '', 'g') AS digits
$$;

-- What of a text to show for a question, and where in it the words are that were found: pairs of places
-- between its characters. The text is shown as it was written.
CREATE OR REPLACE FUNCTION search.fragment(written text, asked tsquery) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH cut AS (
        SELECT string_to_array(replace(ts_headline('russian', plain, asked,
            'StartSel="' || chr(1) || '", StopSel="' || chr(2) || '", HighlightAll='
                || (length(plain) <= 240)::text), chr(2), chr(1)), chr(1)) AS pieces
        FROM search.plain(written) AS plain
    ), piece AS (
        SELECT nth % 2 = 0 AS found, sum(length(text)) OVER (ORDER BY nth) AS ends, length(text) AS length
        FROM cut CROSS JOIN LATERAL unnest(pieces) WITH ORDINALITY AS piece (text, nth)
    )
    SELECT json_build_object(
        'text', (SELECT substr(written, strpos(search.plain(written), shown), length(shown))
                 FROM cut CROSS JOIN LATERAL array_to_string(pieces, '') AS shown),
        'highlights', (SELECT coalesce(json_agg(json_build_array(ends - length, ends) ORDER BY ends), '[]')
                       FROM piece WHERE found))
$$;

-- The chats that somebody sees who acts for these principals, if there are no more than so many reasons to;
-- else null.
CREATE OR REPLACE FUNCTION search.chats_of(of_workspace text, principals text[], at_most integer)
RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN count(*) <= at_most THEN coalesce(array_agg(DISTINCT chat_id), '{}') END
    FROM (
        SELECT chat_id FROM visibility.sight
        WHERE workspace_id = of_workspace AND principal = ANY (principals) AND upper_inf(during)
        LIMIT at_most + 1
    ) AS seen
$$;

-- How far back the next step goes: spans before one, until they hold so many messages.
CREATE OR REPLACE FUNCTION search.step(
    of_workspace text, before bigint, since bigint, wanted bigint, OUT numbers bigint[], OUT messages bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    span record;
BEGIN
    messages := 0;
    FOR span IN SELECT s.number, s.messages FROM search.span AS s
                WHERE s.workspace_id = of_workspace AND s.number < before AND s.number >= since
                ORDER BY s.number DESC
    LOOP
        numbers := numbers || span.number;
        messages := messages + span.messages;
        EXIT WHEN messages >= wanted;
    END LOOP;
END
$$;

-- When a span begins.
CREATE OR REPLACE FUNCTION search.span_begin(number bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_timestamp(number * 16384)
$$;

CREATE OR REPLACE FUNCTION search.all_messages(of_workspace text) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(messages), 0)::bigint FROM search.span WHERE workspace_id = of_workspace
$$;

-- How many messages of these chats were sent in a stretch of time.
CREATE OR REPLACE FUNCTION search.written_between(chats uuid[], began timestamptz, ended timestamptz)
RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT count(*) FROM unnest(chats) AS chat
    CROSS JOIN LATERAL (
        SELECT FROM search.message WHERE chat_id = chat AND sent_at >= began AND sent_at < ended OFFSET 0) AS message
$$;

-- The marks of these spans, which are the last ones before another; of a large one its own, if all of it is.
CREATE OR REPLACE FUNCTION search.span_marks(of_workspace text, numbers bigint[], before bigint)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT CASE
        WHEN number / 32 * 32 >= numbers[cardinality(numbers)] AND number / 32 * 32 + 32 <= before
        THEN search.mark('l', of_workspace || number / 32) ELSE search.mark('s', of_workspace || number) END)
    FROM unnest(numbers) AS number
$$;

-- The question with the marks that preselect: one for each chat, or one for all where these are not known.
CREATE OR REPLACE FUNCTION search.marked(asked tsquery, of_workspace text, of_channel text, chats uuid[])
RETURNS tsquery[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN chats IS NULL THEN ARRAY[narrowed]
                ELSE ARRAY(SELECT DISTINCT narrowed && search.mark('c', chat::text)::tsquery
                           FROM unnest(chats) AS chat) END
    FROM coalesce(asked && search.mark('n', of_workspace || of_channel)::tsquery, asked) AS narrowed
$$;

-- Whether a message of this chat may be told: the one predicate, and the kinds of chats that are asked for.
CREATE OR REPLACE FUNCTION search.is_shown(principals text[], kinds text[], of_chat uuid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT visibility.sees(principals, of_chat)
       AND (cardinality(kinds) = 2 OR EXISTS (
           SELECT FROM visibility.chat WHERE chat_id = of_chat AND kind = ANY (kinds)))
$$;

-- So many messages that somebody sees, newest first, before a place in their order and not before a time.
-- Each step goes as far back as it takes to fill the page, if words are as frequent there as up to it. After
-- the first ones it is known how frequent the words are, and how often the caller's few chats are written in.
-- What is so rare that all of it costs less than to go on is found at once. Where the words are more frequent
-- than his messages, the steps walk through his chats instead of the words. A list of chats otherwise only
-- spares asking `sees` about most of the others.
CREATE OR REPLACE FUNCTION search.found(
    of_workspace text, of_employee text, kinds text[], asked tsquery, of_channel text, of_conversation uuid,
    of_direction text, since timestamptz, before_at timestamptz, before_position bigint, wanted integer
) RETURNS TABLE (message_id uuid, chat_id uuid, sent_at timestamptz, place bigint)
LANGUAGE plpgsql STABLE SET enable_bitmapscan = on AS $$
#variable_conflict use_column
DECLARE
    principals text[] := visibility.principals(of_workspace, of_employee);
    chats uuid[] := CASE WHEN of_conversation IS NULL THEN search.chats_of(of_workspace, principals, 10000)
                         ELSE ARRAY(SELECT chat_id FROM inbox.chats_seen(
                             of_workspace, of_employee, of_conversation, kinds)) END;
    by_chat boolean := coalesce(cardinality(chats) <= 8, false);
    questions tsquery[] := search.marked(asked, of_workspace, of_channel, CASE WHEN by_chat THEN chats END);
    before bigint := search.span_number(before_at) + 1;
    reach bigint := 4096;
    at_once boolean := false;
    walking boolean := false;
    step record;
    began timestamptz;
    ended timestamptz;
    marks tsquery;
    few uuid[] := CASE WHEN cardinality(chats) <= 1000 THEN chats END;
    matches bigint := 0;
    own bigint := 0;
    found bigint;
    rare uuid[];
    total bigint := search.all_messages(of_workspace);
    went bigint := 0;
    taken integer := 0;
    got integer;
BEGIN
    WHILE taken < wanted AND search.is_askable(asked) AND questions <> '{}' LOOP
        step := search.step(of_workspace, before, search.span_number(since), reach);
        EXIT WHEN step.numbers IS NULL;
        marks := search.any_of(search.span_marks(of_workspace, step.numbers, before));
        began := search.span_begin(step.numbers[cardinality(step.numbers)]);
        ended := search.span_begin(before);
        RETURN QUERY
        SELECT candidate.*
        FROM (
            SELECT message.message_id, message.chat_id, message.sent_at, message.position
            FROM (
                SELECT message.*
                FROM unnest(questions) AS question
                CROSS JOIN LATERAL (
                    SELECT * FROM search.message WHERE words @@ (question && marks) OFFSET 0) AS message
                WHERE NOT walking
                UNION ALL
                SELECT message.*
                FROM unnest(chats) AS chat
                CROSS JOIN LATERAL (
                    SELECT * FROM search.message
                    WHERE chat_id = chat AND sent_at >= began AND sent_at < ended OFFSET 0) AS message
                WHERE walking AND words @@ asked) AS message
            WHERE workspace_id = of_workspace AND channel_id = coalesce(of_channel, channel_id)
              AND direction = coalesce(of_direction, direction)
              AND (chats IS NULL OR chat_id IN (SELECT unnest(chats)))
              AND sent_at >= greatest(since, began) AND sent_at < ended
              AND (sent_at, position) < (before_at, before_position)
            ORDER BY sent_at DESC, position DESC OFFSET 0) AS candidate
        WHERE search.is_shown(principals, kinds, candidate.chat_id)
        LIMIT wanted - taken;
        GET DIAGNOSTICS got = ROW_COUNT;
        taken := taken + got;
        EXIT WHEN taken >= wanted;
        before := step.numbers[cardinality(step.numbers)];
        went := went + step.messages;
        EXIT WHEN went >= total;
        IF NOT by_chat AND NOT walking AND went < 131072 THEN
            matches := matches + (SELECT count(*) FROM search.message WHERE words @@ (questions[1] && marks));
            own := own + search.written_between(few, began, ended);
            IF (matches + 1) * total <= went * (CASE
                WHEN few IS NULL THEN 2000
                ELSE least(10000, search.written_between(few, '-infinity', 'infinity') / 2 + 1000) END) THEN
                SELECT count(*), array_agg(message_id ORDER BY sent_at DESC, position DESC) FILTER (
                    WHERE workspace_id = of_workspace AND channel_id = coalesce(of_channel, channel_id)
                      AND direction = coalesce(of_direction, direction)
                      AND (chats IS NULL OR chat_id IN (SELECT unnest(chats)))
                      AND sent_at >= since AND sent_at < began)
                INTO found, rare
                FROM (SELECT * FROM search.message WHERE words @@ questions[1] LIMIT 10001) AS message;
                at_once := found <= 10000;
            END IF;
            walking := few IS NOT NULL AND (found > 10000 OR matches * 2 > own);
        END IF;
        IF at_once THEN
            RETURN QUERY
            SELECT message.message_id, message.chat_id, message.sent_at, message.position
            FROM unnest(rare) WITH ORDINALITY AS found (id, nth)
            CROSS JOIN LATERAL (SELECT * FROM search.message WHERE message_id = found.id OFFSET 0) AS message
            WHERE search.is_shown(principals, kinds, message.chat_id)
            LIMIT wanted - taken;
            RETURN;
        END IF;
        reach := CASE WHEN taken = 0 THEN reach * 16
                      ELSE greatest(reach, (wanted - taken) * went * 3 / (2 * taken)) END;
        reach := least(reach, CASE WHEN walking THEN 4194304 ELSE 262144 END);
    END LOOP;
END
$$;

-- The chats that are called so, or in which somebody takes part who is, with what they are found by. Of each
-- kind so many are looked at.
CREATE OR REPLACE FUNCTION search.named(of_workspace text, names tsquery, phone tsquery)
RETURNS TABLE (chat_id uuid, kind text, text text) LANGUAGE sql STABLE SET enable_bitmapscan = on AS $$
    (SELECT chat_id, kind, text FROM search.chat_name
     WHERE words @@ names AND kind <> 'phone' AND workspace_id = of_workspace LIMIT 2000)
    UNION ALL
    (SELECT chat_id, kind, text FROM search.chat_name
     WHERE words @@ phone AND kind = 'phone' AND workspace_id = of_workspace LIMIT 2000)
    UNION ALL
    (SELECT place.chat_id, 'name', person.text
     FROM (SELECT * FROM search.person_name
           WHERE words @@ names AND workspace_id = of_workspace LIMIT 2000) AS person
     CROSS JOIN LATERAL (
         SELECT address_id FROM directory.contact_address
         WHERE person.person_kind = 'contact' AND workspace_id = of_workspace
           AND contact_id = person.person_id
         UNION ALL
         SELECT unnest(address_ids) FROM directory.employee
         WHERE person.person_kind = 'employee' AND workspace_id = of_workspace
           AND employee_id = person.person_id
         UNION ALL
         SELECT unnest(address_ids) FROM directory.staff
         WHERE person.person_kind = 'external_staff' AND workspace_id = of_workspace
           AND staff_id = person.person_id) AS address
     CROSS JOIN LATERAL (
         SELECT chat_id FROM search.chat_name
         WHERE address_id = address.address_id AND address_id <> '' OFFSET 0) AS place
     LIMIT 2000)
$$;

-- The same among few chats: whoever sees few finds all that he sees, however many others are called so.
CREATE OR REPLACE FUNCTION search.named_among(of_workspace text, chats uuid[], names tsquery, phone tsquery)
RETURNS TABLE (chat_id uuid, kind text, text text) LANGUAGE sql STABLE AS $$
    SELECT name.chat_id, name.kind, name.text
    FROM (SELECT DISTINCT unnest(chats) AS chat) AS seen
    CROSS JOIN LATERAL (SELECT * FROM search.chat_name WHERE chat_id = chat OFFSET 0) AS name
    WHERE CASE name.kind WHEN 'phone' THEN name.words @@ phone ELSE name.words @@ names END
    UNION ALL
    SELECT place.chat_id, 'name', name.text
    FROM unnest(chats) AS chat
    CROSS JOIN LATERAL (
        SELECT DISTINCT chat_id, address_id FROM search.chat_name
        WHERE chat_id = chat AND address_id <> '' OFFSET 0) AS place
    CROSS JOIN LATERAL (
        SELECT 'contact' AS person_kind, contact_id AS person_id FROM directory.contact_address
        WHERE workspace_id = of_workspace AND address_id = place.address_id
        UNION ALL
        SELECT person_kind, person_id FROM directory.person_address
        WHERE workspace_id = of_workspace AND address_id = place.address_id) AS person
    CROSS JOIN LATERAL (
        SELECT text, words FROM search.person_name
        WHERE workspace_id = of_workspace AND person_kind = person.person_kind
          AND person_id = person.person_id OFFSET 0) AS name
    WHERE name.words @@ names
$$;

-- The conversations with these names that somebody sees, newest activity first.
CREATE OR REPLACE FUNCTION search.conversations(
    of_workspace text, of_employee text, kinds text[], names tsquery, phone tsquery, of_channel text,
    of_conversation uuid, wanted integer
) RETURNS TABLE (item json) LANGUAGE plpgsql STABLE AS $$
DECLARE
    principals text[] := visibility.principals(of_workspace, of_employee);
    chats uuid[] := CASE WHEN of_conversation IS NULL THEN search.chats_of(of_workspace, principals, 1000)
                         ELSE ARRAY(SELECT chat_id FROM inbox.chats_seen(
                             of_workspace, of_employee, of_conversation, kinds)) END;
BEGIN
    RETURN QUERY
    SELECT json_build_object(
        'conversation_id', conversation_id,
        'title', (array_agg(card.title ORDER BY activity_at DESC, seen.chat_id))[1],
        'matched', json_agg(DISTINCT found.match))
    FROM (
        SELECT candidate.*
        FROM (
            SELECT chat.chat_id, chat.conversation_id, chat.activity_at, named.matches
            FROM (
                SELECT chat_id, jsonb_agg(DISTINCT jsonb_build_object(
                    'kind', CASE kind WHEN 'handle' THEN 'name' ELSE kind END, 'text', text)) AS matches
                FROM (SELECT * FROM search.named(of_workspace, names, phone) WHERE chats IS NULL
                      UNION ALL
                      SELECT * FROM search.named_among(of_workspace, chats, names, phone)) AS match
                GROUP BY chat_id) AS named
            CROSS JOIN LATERAL (SELECT * FROM inbox.chat WHERE chat_id = named.chat_id OFFSET 0) AS chat
            WHERE chat.workspace_id = of_workspace AND chat.kind = ANY (kinds)
              AND chat.channel_id = coalesce(of_channel, chat.channel_id)
            ORDER BY chat.activity_at DESC, chat.chat_id OFFSET 0) AS candidate
        WHERE visibility.sees(principals, candidate.chat_id)
        LIMIT 5 * wanted) AS seen
    CROSS JOIN LATERAL (SELECT title FROM inbox.card WHERE chat_id = seen.chat_id OFFSET 0) AS card
    CROSS JOIN LATERAL jsonb_array_elements(matches) AS found (match)
    GROUP BY conversation_id
    ORDER BY max(activity_at) DESC, conversation_id
    LIMIT wanted;
END
$$;

-- name: name_erased
-- on: contact.erased
-- Before what the range tells.
DELETE FROM search.person_name
USING (
    SELECT DISTINCT workspace_id, facts->>'contact_id' AS contact_id
    FROM projection.erased(%(after)s, %(until)s) WHERE topic IN ('contact.registered', 'contact.renamed')
) AS gone
WHERE person_name.workspace_id = gone.workspace_id AND person_kind = 'contact' AND person_id = gone.contact_id;

-- name: chat_name_erased
-- on: contact.erased
DELETE FROM search.chat_name
USING (
    SELECT DISTINCT (facts->>'chat_id')::uuid AS chat_id, coalesce(facts->>'address_id', '') AS address_id
    FROM projection.erased(%(after)s, %(until)s) WHERE topic LIKE 'chat.%%'
) AS gone
WHERE chat_name.chat_id = gone.chat_id AND chat_name.address_id = gone.address_id;

-- name: message_changed
-- on: message.received, message.queued, message.edited, message.deleted, contact.erased
-- Each as it is now: what was told too early, late or twice has been put in order in `timeline`. One that was
-- deleted, or has no text, is not found.
WITH told AS (
    SELECT DISTINCT stream_id AS message_id FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('message.received', 'message.queued', 'message.edited', 'message.deleted')
    UNION
    SELECT stream_id FROM projection.erased(%(after)s, %(until)s) WHERE topic LIKE 'message.%%'
), known AS (
    SELECT message.*, deleted_at IS NULL AND text <> '' AS is_found
    FROM told
    CROSS JOIN LATERAL (
        SELECT * FROM timeline.message
        WHERE message_id = told.message_id AND position <= %(until)s OFFSET 0) AS message
), removed AS (
    DELETE FROM search.message USING known
    WHERE message.message_id = known.message_id AND known.is_found IS NOT TRUE
    RETURNING message.workspace_id, message.sent_at, -1 AS messages
), written AS (
    INSERT INTO search.message AS message
        (message_id, chat_id, workspace_id, channel_id, direction, sent_at, position, words)
    SELECT message_id, chat_id, workspace_id, channel_id, direction, sent_at, position,
           to_tsvector('russian', search.plain(text)) || array_to_tsvector(ARRAY[
               search.mark('s', workspace_id || search.span_number(sent_at)),
               search.mark('l', workspace_id || search.span_number(sent_at) / 32),
               search.mark('c', chat_id::text), search.mark('n', workspace_id || channel_id)])
    FROM known
    WHERE is_found
    ON CONFLICT (message_id) DO UPDATE SET words = excluded.words WHERE message.words <> excluded.words
    RETURNING new.workspace_id, new.sent_at, (old.message_id IS NULL)::integer AS messages
)
MERGE INTO search.span AS span
USING (
    SELECT workspace_id, search.span_number(sent_at) AS number, sum(messages) AS messages
    FROM (SELECT * FROM removed UNION ALL SELECT * FROM written) AS change
    GROUP BY 1, 2
    HAVING sum(messages) <> 0
) AS news ON span.workspace_id = news.workspace_id AND span.number = news.number
WHEN MATCHED AND span.messages + news.messages = 0 THEN DELETE
WHEN MATCHED THEN UPDATE SET messages = span.messages + news.messages
WHEN NOT MATCHED THEN
    INSERT (workspace_id, number, messages) VALUES (news.workspace_id, news.number, news.messages);

-- name: person_named
-- on: contact.registered, contact.renamed, employee.registered, employee.renamed
-- on: staff.registered, staff.renamed
INSERT INTO search.person_name (workspace_id, person_kind, person_id, text, words)
SELECT workspace_id, person_kind, person_id, name, array_to_tsvector(search.name_parts(name))
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, private->>'name' AS name,
           CASE WHEN topic LIKE 'staff.%%' THEN 'external_staff' ELSE split_part(topic, '.', 1) END
               AS person_kind,
           coalesce(facts->>'contact_id', facts->>'employee_id', facts->>'staff_id') AS person_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('contact.registered', 'contact.renamed', 'employee.registered', 'employee.renamed',
                    'staff.registered', 'staff.renamed')
    ORDER BY stream_id, position DESC
) AS news
WHERE name IS NOT NULL
ON CONFLICT (workspace_id, person_kind, person_id) DO UPDATE SET text = excluded.text, words = excluded.words;

-- name: chat_named
-- on: chat.opened, chat.renamed, chat.participant_joined, chat.participant_left
-- Of what somebody or something was called, the latest by time counts, ties by arrival.
MERGE INTO search.chat_name AS known
USING (
    SELECT DISTINCT ON (chat_id, address_id, told.kind)
           workspace_id, chat_id, address_id, told.kind, told.text, told.parts, at, position
    FROM (
        SELECT workspace_id, (facts->>'chat_id')::uuid AS chat_id,
               coalesce(facts->>'address_id', '') AS address_id, private->>'title' AS title,
               private->>'name' AS name, private->>'address' AS address,
               facts->>'kind' IN ('phone', 'whatsapp') AND private->>'address' ~ '[0-9]{3}' AS is_phone,
               occurred_at AS at, position
        FROM ledger
        WHERE position > %(after)s AND position <= %(until)s
          AND topic IN ('chat.opened', 'chat.renamed', 'chat.participant_joined', 'chat.participant_left')
    ) AS event
    CROSS JOIN LATERAL (
        SELECT 'title' AS kind, title AS text, search.name_parts(title) AS parts
        UNION ALL
        SELECT 'name', name, search.name_parts(name)
        UNION ALL
        SELECT 'phone', address, search.phone_parts(address) WHERE is_phone
        UNION ALL
        SELECT 'handle', address, search.name_parts(address) WHERE NOT is_phone) AS told
    WHERE told.text IS NOT NULL
    ORDER BY chat_id, address_id, told.kind, at DESC, position DESC
) AS news ON known.chat_id = news.chat_id AND known.address_id = news.address_id AND known.kind = news.kind
WHEN MATCHED AND (news.at, news.position) > (known.at, known.position) THEN
    UPDATE SET text = news.text, words = array_to_tsvector(news.parts), at = news.at, position = news.position
WHEN NOT MATCHED THEN
    INSERT (chat_id, address_id, kind, workspace_id, text, words, at, position)
    VALUES (news.chat_id, news.address_id, news.kind, news.workspace_id, news.text,
            array_to_tsvector(news.parts), news.at, news.position);

-- name: page
-- No body where there is nothing in the question that could be found.
WITH asked AS MATERIALIZED (
    SELECT search.asked(q) AS words, search.names_asked(q) AS names, search.phone_asked(q) AS phone
    FROM CAST(%(q)s AS text) AS q
), page AS MATERIALIZED (
    SELECT found.*, asked.words, row_number() OVER (ORDER BY sent_at DESC, place DESC) AS nth
    FROM asked
    CROSS JOIN LATERAL search.found(
        %(workspace_id)s, %(employee_id)s, %(kinds)s, asked.words, %(channel_id)s, %(conversation_id)s,
        %(direction)s, %(since)s, %(before_at)s, %(before_position)s, %(limit)s + 1) AS found
)
SELECT checkpoint.position, CASE WHEN search.is_askable(asked.words) OR asked.names IS NOT NULL
                                   OR asked.phone IS NOT NULL THEN
    '{"items": [' || coalesce((
        SELECT string_agg(
            left(timeline.item(message)::text, -1) || ', ' || substr(json_build_object(
                'conversation_id', chat.conversation_id, 'title', card.title,
                'fragment', search.fragment(message.text, page.words))::text, 2), ', ' ORDER BY page.nth)
        FROM (SELECT * FROM page WHERE nth <= %(limit)s) AS page
        CROSS JOIN LATERAL (
            SELECT * FROM timeline.message WHERE message_id = page.message_id OFFSET 0) AS message
        CROSS JOIN LATERAL (
            SELECT conversation_id FROM inbox.chat WHERE chat_id = page.chat_id OFFSET 0) AS chat
        CROSS JOIN LATERAL (SELECT title FROM inbox.card WHERE chat_id = page.chat_id OFFSET 0) AS card
        WHERE message.deleted_at IS NULL
    ), '') || '], "conversations": ' || coalesce((
        SELECT json_agg(item)
        FROM search.conversations(%(workspace_id)s, %(employee_id)s, %(kinds)s, asked.names, asked.phone,
                                  %(channel_id)s, %(conversation_id)s, %(conversations)s)
        WHERE %(is_first)s
    )::text, '[]') || ', "next_cursor": ' || coalesce((
        SELECT to_json(projection.rfc3339(sent_at) || '~' || place)::text FROM page
        WHERE nth = %(limit)s AND EXISTS (SELECT FROM page WHERE nth > %(limit)s)
    ), 'null') || '}' END AS body
FROM projection.checkpoint, asked
WHERE name = 'search';
