-- The company and its clients as they are now. A person's name or handle that was erased is null.
--
-- A noun is registered by the first event of its stream, so what registers it comes first here. Of the other
-- events, each kind changes something of its own, and the last of a range says what it is now.

-- name: create
CREATE SCHEMA IF NOT EXISTS directory;

-- The defaults are those of domain/workspace.py.
CREATE TABLE IF NOT EXISTS directory.workspace (
    workspace_id          text    PRIMARY KEY,
    timezone              text    NOT NULL DEFAULT 'UTC',
    language              text    NOT NULL DEFAULT 'en',
    response_goal_seconds integer NOT NULL DEFAULT 600,
    business_hours        jsonb,
    visibility_policy     text    NOT NULL DEFAULT 'client_owners',
    holidays              jsonb,
    daily_report          jsonb
);

CREATE TABLE IF NOT EXISTS directory.channel (
    workspace_id text NOT NULL,
    channel_id   text NOT NULL,
    kind         text NOT NULL,
    title        text NOT NULL,
    visibility   text NOT NULL,
    PRIMARY KEY (workspace_id, channel_id)
);

CREATE TABLE IF NOT EXISTS directory.employee (
    workspace_id         text    NOT NULL,
    employee_id          text    NOT NULL,
    name                 text,
    role                 text    NOT NULL,
    receives_new_clients boolean NOT NULL,
    active               boolean NOT NULL,
    address_ids          text[]  NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, employee_id)
);

CREATE TABLE IF NOT EXISTS directory.staff (
    workspace_id text   NOT NULL,
    staff_id     text   NOT NULL,
    name         text,
    address_ids  text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (workspace_id, staff_id)
);

-- Which of the company's people an address belongs to.
CREATE TABLE IF NOT EXISTS directory.person_address (
    workspace_id text NOT NULL,
    address_id   text NOT NULL,
    person_kind  text NOT NULL,
    person_id    text NOT NULL,
    kind         text NOT NULL,
    address      text,
    PRIMARY KEY (workspace_id, address_id)
);

CREATE TABLE IF NOT EXISTS directory.contact (
    workspace_id   text NOT NULL,
    contact_id     text NOT NULL,
    name           text,
    responsible_id text,
    PRIMARY KEY (workspace_id, contact_id)
);

CREATE TABLE IF NOT EXISTS directory.contact_address (
    workspace_id text NOT NULL,
    address_id   text NOT NULL,
    contact_id   text NOT NULL,
    kind         text NOT NULL,
    address      text,
    PRIMARY KEY (workspace_id, address_id, contact_id)
);

CREATE TABLE IF NOT EXISTS directory.deal (
    workspace_id text NOT NULL,
    deal_id      text NOT NULL,
    title        text,
    owner_id     text NOT NULL,
    status       text NOT NULL,
    PRIMARY KEY (workspace_id, deal_id)
);

CREATE TABLE IF NOT EXISTS directory.deal_contact (
    workspace_id text NOT NULL,
    deal_id      text NOT NULL,
    contact_id   text NOT NULL,
    PRIMARY KEY (workspace_id, deal_id, contact_id)
);

-- name: index
CREATE INDEX IF NOT EXISTS contact_of_responsible ON directory.contact (workspace_id, responsible_id);
CREATE INDEX IF NOT EXISTS address_of_contact ON directory.contact_address (workspace_id, contact_id);
CREATE INDEX IF NOT EXISTS workspace_with_report ON directory.workspace (workspace_id)
    WHERE daily_report IS NOT NULL;
CREATE INDEX IF NOT EXISTS deal_of_owner ON directory.deal (workspace_id, owner_id);

-- name: contact_erased
-- on: contact.erased
-- What was erased is gone before the range tells anything: all that was told before an erasure is erased with it,
-- and what is told after it stays.
UPDATE directory.contact SET name = NULL
FROM (
    SELECT DISTINCT workspace_id, facts->>'contact_id' AS contact_id
    FROM projection.erased(%(after)s, %(until)s) WHERE topic IN ('contact.registered', 'contact.renamed')
) AS gone
WHERE contact.workspace_id = gone.workspace_id AND contact.contact_id = gone.contact_id;

-- name: contact_address_erased
-- on: contact.erased
UPDATE directory.contact_address SET address = NULL
FROM (
    SELECT DISTINCT workspace_id, facts->>'address_id' AS address_id, facts->>'contact_id' AS contact_id
    FROM projection.erased(%(after)s, %(until)s) WHERE topic = 'contact.address_linked'
) AS gone
WHERE contact_address.workspace_id = gone.workspace_id AND contact_address.address_id = gone.address_id
  AND contact_address.contact_id = gone.contact_id;

-- name: deal_erased
-- on: contact.erased
UPDATE directory.deal SET title = NULL
FROM (
    SELECT DISTINCT workspace_id, facts->>'deal_id' AS deal_id
    FROM projection.erased(%(after)s, %(until)s) WHERE topic IN ('deal.opened', 'deal.renamed')
) AS gone
WHERE deal.workspace_id = gone.workspace_id AND deal.deal_id = gone.deal_id;

-- name: workspace_configured
-- on: workspace.configured
-- Each setting is null where it was not changed, so its last value that is not null counts; an empty object
-- takes one back.
MERGE INTO directory.workspace AS workspace
USING (
    SELECT workspace_id,
           (array_agg(facts->>'timezone' ORDER BY position DESC)
               FILTER (WHERE facts->>'timezone' IS NOT NULL))[1] AS timezone,
           (array_agg(facts->>'language' ORDER BY position DESC)
               FILTER (WHERE facts->>'language' IS NOT NULL))[1] AS language,
           (array_agg((facts->>'response_goal_seconds')::integer ORDER BY position DESC)
               FILTER (WHERE facts->>'response_goal_seconds' IS NOT NULL))[1] AS response_goal_seconds,
           (array_agg(facts->'business_hours' ORDER BY position DESC)
               FILTER (WHERE facts->>'business_hours' IS NOT NULL))[1] AS business_hours,
           (array_agg(facts->>'visibility_policy' ORDER BY position DESC)
               FILTER (WHERE facts->>'visibility_policy' IS NOT NULL))[1] AS visibility_policy,
           (array_agg(facts->'holidays' ORDER BY position DESC)
               FILTER (WHERE facts->>'holidays' IS NOT NULL))[1] AS holidays,
           (array_agg(facts->'daily_report' ORDER BY position DESC)
               FILTER (WHERE facts->>'daily_report' IS NOT NULL))[1] AS daily_report
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'workspace.configured'
    GROUP BY workspace_id
) AS news ON workspace.workspace_id = news.workspace_id
WHEN MATCHED THEN UPDATE SET
    timezone = coalesce(news.timezone, workspace.timezone),
    language = coalesce(news.language, workspace.language),
    response_goal_seconds = coalesce(news.response_goal_seconds, workspace.response_goal_seconds),
    business_hours = nullif(coalesce(news.business_hours, workspace.business_hours), '{}'),
    visibility_policy = coalesce(news.visibility_policy, workspace.visibility_policy),
    holidays = nullif(coalesce(news.holidays, workspace.holidays), '{}'),
    daily_report = nullif(coalesce(news.daily_report, workspace.daily_report), '{}')
WHEN NOT MATCHED THEN
    INSERT (workspace_id, timezone, language, response_goal_seconds, business_hours, visibility_policy,
            holidays, daily_report)
    VALUES (news.workspace_id, coalesce(news.timezone, 'UTC'), coalesce(news.language, 'en'),
            coalesce(news.response_goal_seconds, 600), nullif(news.business_hours, '{}'),
            coalesce(news.visibility_policy, 'client_owners'), nullif(news.holidays, '{}'),
            nullif(news.daily_report, '{}'));

-- name: channel_connected
-- on: channel.connected
INSERT INTO directory.channel (workspace_id, channel_id, kind, title, visibility)
SELECT workspace_id, facts->>'channel_id', facts->>'kind', facts->>'title', facts->>'visibility'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'channel.connected';

-- name: channel_changed
-- on: channel.renamed, channel.kind_changed, channel.visibility_changed
UPDATE directory.channel SET
    title = coalesce(news.title, channel.title),
    kind = coalesce(news.kind, channel.kind),
    visibility = coalesce(news.visibility, channel.visibility)
FROM (
    SELECT workspace_id, facts->>'channel_id' AS channel_id,
           (array_agg(facts->>'title' ORDER BY position DESC)
               FILTER (WHERE topic = 'channel.renamed'))[1] AS title,
           (array_agg(facts->>'kind' ORDER BY position DESC)
               FILTER (WHERE topic = 'channel.kind_changed'))[1] AS kind,
           (array_agg(facts->>'to_visibility' ORDER BY position DESC)
               FILTER (WHERE topic = 'channel.visibility_changed'))[1] AS visibility
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('channel.renamed', 'channel.kind_changed', 'channel.visibility_changed')
    GROUP BY workspace_id, facts->>'channel_id'
) AS news
WHERE channel.workspace_id = news.workspace_id AND channel.channel_id = news.channel_id;

-- name: employee_registered
-- on: employee.registered
INSERT INTO directory.employee (workspace_id, employee_id, name, role, receives_new_clients, active)
SELECT workspace_id, facts->>'employee_id', private->>'name', facts->>'role',
       (facts->>'receives_new_clients')::boolean, (facts->>'active')::boolean
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'employee.registered';

-- name: employee_renamed
-- on: employee.renamed
UPDATE directory.employee SET name = news.name
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'employee_id' AS employee_id, private->>'name' AS name
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'employee.renamed'
    ORDER BY stream_id, position DESC
) AS news
WHERE employee.workspace_id = news.workspace_id AND employee.employee_id = news.employee_id;

-- name: standing_changed
-- on: employee.role_changed, employee.new_clients_switched, employee.activated, employee.deactivated
UPDATE directory.employee
SET role = news.role, receives_new_clients = news.receives_new_clients, active = news.active
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'employee_id' AS employee_id, facts->>'role' AS role,
           (facts->>'receives_new_clients')::boolean AS receives_new_clients,
           (facts->>'active')::boolean AS active
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('employee.role_changed', 'employee.new_clients_switched',
                    'employee.activated', 'employee.deactivated')
    ORDER BY stream_id, position DESC
) AS news
WHERE employee.workspace_id = news.workspace_id AND employee.employee_id = news.employee_id;

-- name: employee_addresses_stated
-- on: employee.addresses_stated
UPDATE directory.employee SET address_ids = news.address_ids
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'employee_id' AS employee_id,
           ARRAY(SELECT jsonb_array_elements_text(facts->'address_ids')) AS address_ids
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'employee.addresses_stated'
    ORDER BY stream_id, position DESC
) AS news
WHERE employee.workspace_id = news.workspace_id AND employee.employee_id = news.employee_id;

-- name: staff_registered
-- on: staff.registered
INSERT INTO directory.staff (workspace_id, staff_id, name)
SELECT workspace_id, facts->>'staff_id', private->>'name'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'staff.registered';

-- name: staff_renamed
-- on: staff.renamed
UPDATE directory.staff SET name = news.name
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'staff_id' AS staff_id, private->>'name' AS name
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'staff.renamed'
    ORDER BY stream_id, position DESC
) AS news
WHERE staff.workspace_id = news.workspace_id AND staff.staff_id = news.staff_id;

-- name: staff_addresses_stated
-- on: staff.addresses_stated
UPDATE directory.staff SET address_ids = news.address_ids
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'staff_id' AS staff_id,
           ARRAY(SELECT jsonb_array_elements_text(facts->'address_ids')) AS address_ids
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'staff.addresses_stated'
    ORDER BY stream_id, position DESC
) AS news
WHERE staff.workspace_id = news.workspace_id AND staff.staff_id = news.staff_id;

-- name: person_address_assigned_or_unassigned
-- on: address.assigned, address.unassigned
MERGE INTO directory.person_address AS person
USING (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'address_id' AS address_id, topic,
           facts->>'person_kind' AS person_kind, facts->>'person_id' AS person_id,
           facts->>'kind' AS kind, private->>'address' AS address
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('address.assigned', 'address.unassigned')
    ORDER BY stream_id, position DESC
) AS news ON person.workspace_id = news.workspace_id AND person.address_id = news.address_id
WHEN MATCHED AND news.topic = 'address.unassigned' THEN DELETE
WHEN MATCHED THEN UPDATE SET
    person_kind = news.person_kind, person_id = news.person_id, kind = news.kind, address = news.address
WHEN NOT MATCHED AND news.topic = 'address.assigned' THEN
    INSERT (workspace_id, address_id, person_kind, person_id, kind, address)
    VALUES (news.workspace_id, news.address_id, news.person_kind, news.person_id, news.kind, news.address);

-- name: contact_registered
-- on: contact.registered
INSERT INTO directory.contact (workspace_id, contact_id, name, responsible_id)
SELECT workspace_id, facts->>'contact_id', private->>'name', facts->>'responsible_id'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'contact.registered';

-- name: contact_renamed
-- on: contact.renamed
UPDATE directory.contact SET name = news.name
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'contact_id' AS contact_id, private->>'name' AS name
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'contact.renamed'
    ORDER BY stream_id, position DESC
) AS news
WHERE contact.workspace_id = news.workspace_id AND contact.contact_id = news.contact_id;

-- name: responsible_changed
-- on: contact.responsible_changed
UPDATE directory.contact SET responsible_id = news.responsible_id
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'contact_id' AS contact_id,
           facts->>'to_id' AS responsible_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'contact.responsible_changed'
    ORDER BY stream_id, position DESC
) AS news
WHERE contact.workspace_id = news.workspace_id AND contact.contact_id = news.contact_id;

-- name: contact_address_linked_or_unlinked
-- on: contact.address_linked, contact.address_unlinked
MERGE INTO directory.contact_address AS link
USING (
    SELECT DISTINCT ON (stream_id, facts->>'address_id')
           workspace_id, facts->>'address_id' AS address_id, facts->>'contact_id' AS contact_id, topic,
           facts->>'kind' AS kind, private->>'address' AS address
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('contact.address_linked', 'contact.address_unlinked')
    ORDER BY stream_id, facts->>'address_id', position DESC
) AS news ON link.workspace_id = news.workspace_id AND link.address_id = news.address_id
         AND link.contact_id = news.contact_id
WHEN MATCHED AND news.topic = 'contact.address_unlinked' THEN DELETE
WHEN MATCHED THEN UPDATE SET kind = news.kind, address = news.address
WHEN NOT MATCHED AND news.topic = 'contact.address_linked' THEN
    INSERT (workspace_id, address_id, contact_id, kind, address)
    VALUES (news.workspace_id, news.address_id, news.contact_id, news.kind, news.address);

-- name: deal_opened
-- on: deal.opened
INSERT INTO directory.deal (workspace_id, deal_id, title, owner_id, status)
SELECT workspace_id, facts->>'deal_id', private->>'title', facts->>'owner_id', facts->>'status'
FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'deal.opened';

-- name: deal_renamed
-- on: deal.renamed
UPDATE directory.deal SET title = news.title
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'deal_id' AS deal_id, private->>'title' AS title
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'deal.renamed'
    ORDER BY stream_id, position DESC
) AS news
WHERE deal.workspace_id = news.workspace_id AND deal.deal_id = news.deal_id;

-- name: deal_reassigned
-- on: deal.reassigned
UPDATE directory.deal SET owner_id = news.owner_id
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'deal_id' AS deal_id, facts->>'to_id' AS owner_id
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'deal.reassigned'
    ORDER BY stream_id, position DESC
) AS news
WHERE deal.workspace_id = news.workspace_id AND deal.deal_id = news.deal_id;

-- name: deal_status_changed
-- on: deal.status_changed
UPDATE directory.deal SET status = news.status
FROM (
    SELECT DISTINCT ON (stream_id) workspace_id, facts->>'deal_id' AS deal_id, facts->>'to_status' AS status
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s AND topic = 'deal.status_changed'
    ORDER BY stream_id, position DESC
) AS news
WHERE deal.workspace_id = news.workspace_id AND deal.deal_id = news.deal_id;

-- name: deal_contact_added_or_removed
-- on: deal.contact_added, deal.contact_removed
MERGE INTO directory.deal_contact AS member
USING (
    SELECT DISTINCT ON (stream_id, facts->>'contact_id')
           workspace_id, facts->>'deal_id' AS deal_id, facts->>'contact_id' AS contact_id, topic
    FROM ledger
    WHERE position > %(after)s AND position <= %(until)s
      AND topic IN ('deal.contact_added', 'deal.contact_removed')
    ORDER BY stream_id, facts->>'contact_id', position DESC
) AS news ON member.workspace_id = news.workspace_id AND member.deal_id = news.deal_id
         AND member.contact_id = news.contact_id
WHEN MATCHED AND news.topic = 'deal.contact_removed' THEN DELETE
WHEN NOT MATCHED AND news.topic = 'deal.contact_added' THEN
    INSERT (workspace_id, deal_id, contact_id) VALUES (news.workspace_id, news.deal_id, news.contact_id);

-- name: portfolio
-- Everything, however much: a handover leaves nothing behind.
SELECT ARRAY(SELECT deal_id FROM directory.deal
             WHERE workspace_id = %(workspace_id)s AND owner_id = %(employee_id)s ORDER BY deal_id),
       ARRAY(SELECT contact_id FROM directory.contact
             WHERE workspace_id = %(workspace_id)s AND responsible_id = %(employee_id)s ORDER BY contact_id);
