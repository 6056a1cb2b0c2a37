"""Every limit of the ways in, named once. What is beyond one is refused; nothing is cut off."""

from typing import Final

BODY_BYTES: Final = 4 * 2**20
"""Of a whole request body; more is answered 413 while it is still coming."""

EVENTS_PER_BATCH: Final = 1_000
CONVERSATIONS_PER_BULK: Final = 200
PAGE_ITEMS: Final = 200
DEFAULT_PAGE_ITEMS: Final = 50

ID_CHARACTERS: Final = 128
ADDRESS_CHARACTERS: Final = 256
SUBJECT_CHARACTERS: Final = 320
"""Of what an auditor asks about: a kind and an id, or an address."""

NAME_CHARACTERS: Final = 256
"""Of names of people and titles of chats, channels and deals."""

TEXT_CHARACTERS: Final = 65_536
"""Of one message: the longest that a messenger lets through (WhatsApp)."""

REASON_CHARACTERS: Final = 1_000
TASK_CHARACTERS: Final = 4_000
URL_CHARACTERS: Final = 2_048
SEARCH_CHARACTERS: Final = 200
FOUND_CONVERSATIONS: Final = 10
"""By name or phone, beside the messages that are found."""

CURSOR_CHARACTERS: Final = 1_024
IDEMPOTENCY_KEY_CHARACTERS: Final = 255
AUTHORIZATION_CHARACTERS: Final = 1_024

ATTACHMENTS_PER_MESSAGE: Final = 50
HELPERS_PER_REQUEST: Final = 50
ADDRESSES_PER_PERSON: Final = 100
CONTACTS_PER_DEAL: Final = 1_000
CALLERS_REMEMBERED: Final = 1_000
SCOPES_PER_TOKEN: Final = 20
OPENING_HOURS_PER_DAY: Final = 10
SUBDIVISION_CHARACTERS: Final = 64
CALENDAR_EXCEPTIONS: Final = 1_000

POSITION: Final = 2**53 - 1
"""The highest position that every reader of JSON reads exactly (RFC 8259, section 6)."""

ERRORS_PER_ANSWER: Final = 50

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2200
RESPONSE_GOAL_S: Final = 30 * 24 * 3600

WAIT_S: Final = 5.0
"""Longest time in which an answer waits for the read models."""

START_WAIT_S: Final = 30.0
"""Longest time in which a start waits for the read models to know its admin token."""

RETRY_AFTER_S: Final = 1
"""What a caller is told to wait before he asks again."""

HANDOVER_ROUNDS: Final = 10
"""How often a handover looks again for what others gave the former owner meanwhile."""

ANSWERS_KEPT_DAYS: Final = 7
"""How long the answer to an idempotency key is remembered."""

MUTED_HOURS: Final = 50
"""Of one employee."""

WEBHOOK_SECRET_CHARACTERS: Final = 256
SHORTEST_WEBHOOK_SECRET_CHARACTERS: Final = 16

PERIOD_DAYS: Final = 800
"""Of figures at once: this month and the same one of two years ago. What is longer is for a rebuild."""

DEFAULT_PERIOD_DAYS: Final = 30

LONGEST_RETRY_S: Final = 3_600.0
"""Between two attempts to tell a webhook of a message."""

RETRY_FACTOR: Final = 2.0
RETRY_JITTER: Final = 0.25
"""By up to which part of itself a pause is longer, so that not all attempts come at once."""

DELIVERIES_AT_ONCE: Final = 100
"""Webhooks that one look finds something to tell; the others are found by the next ones."""

PASSED_AT_ONCE: Final = 200
"""Messages that nobody is to be notified of any more, and that are passed over in one go."""

DELIVERIES_KEPT_DAYS: Final = 30
"""How long the log of a webhook goes back."""

OLD_SECRET_KEPT_S: Final = 3_600.0
"""How long a webhook's secret is kept that is not, or no longer, the ledger's."""
FEEDS: Final = 2_000
"""Open in one process; each costs some 20 KiB, and what waits for a slow reader."""

FEED_HEARTBEAT_S: Final = 15.0
"""So often a feed shows that it lives, and it is looked whether its token still opens it."""

FEED_BYTES: Final = 2**20
FEED_EVENTS: Final = 4_000
"""What may wait for the reader of a feed before he is cut off, beside what the network holds: what happens in
some seconds of a busy company to somebody who sees it all. Those who wait for the same share its bytes."""

FEED_STUCK_S: Final = 60.0
"""A reader who takes nothing for so long is not there any more."""

FEED_RESUME_EVENTS: Final = 100_000
"""A feed goes on from no earlier than so many events of the ledger ago."""

PREVIEW_CHATS: Final = 20_000
"""Which a change would reach, for it to be worked out beforehand who would gain and who would lose them."""

EXPORT_EVENTS: Final = 1_000
"""Of the log that are read at once while it is handed out; there may be any number of such parts."""

TILE_LEVEL: Final = 6
"""The highest level of tiles that 2^53 events can have."""

READY_LAG_EVENTS: Final = 10_000
"""How far the read models may be behind before this process calls itself not ready."""

REPORTING_WORKSPACES: Final = 500
"""That are looked at in one go for whether their daily report is due; the others follow."""

SETTINGS_READ: Final = 10_000
"""Statements of one workspace or webhook, the latest, that are read for since when it wants reports."""
