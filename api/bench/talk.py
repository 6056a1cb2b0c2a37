"""A company whose clients have written a lot: as many messages as you like, each with words of its own.

Its conversations are made by `history.py` with a message each. All further messages are the first one of
their chat over again, with another id, time and text, written by one statement of the database; so none is
closed, or it would have come back. Their digests are those of the first one: nobody asks for proofs here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection

from adapters.postgres.database import migrate
from api.bench import history, words
from api.bench.company import BEGINNING, STORIES, Company, seller
from api.bench.measuring import Watch, no_watch
from projections.read_model import table_definitions

FEW_OF = 334
"""The last seller has one of so many clients, the others all in equal parts."""

AT_ONCE = 500_000
TEXTS = 100_003
"""Prime, so that going on by however many each time comes by all of them."""

PREPARE = """
CREATE TEMPORARY TABLE first AS
    SELECT row_number() OVER (ORDER BY position) - 1 AS number, actor, recorded_at, workspace_id, causation,
           facts, private
    FROM ledger WHERE topic = 'message.received';
CREATE TEMPORARY TABLE said (number bigint, text text);
"""

WRITE = """
INSERT INTO ledger (position, stream_id, version, topic, actor, occurred_at, recorded_at, facts, private,
                    workspace_id, causation)
SELECT %(head)s + nth, message_id, 1, 'message.received', actor, %(begun)s + (%(head)s + nth) * %(apart)s,
       recorded_at,
       facts || jsonb_build_object('message_id', message_id, 'delivery_id', md5('delivery ' || nth)::uuid),
       private || jsonb_build_object('external_id', 'more ' || nth, 'text', one.text || ' ' || other.text),
       workspace_id, causation
FROM generate_series(%(first)s::bigint, %(last)s) AS nth
CROSS JOIN LATERAL CAST(md5('message ' || nth) AS uuid) AS message_id
JOIN first ON first.number = nth %% %(conversations)s
JOIN said AS one ON one.number = nth * 7919 %% %(texts)s
JOIN said AS other ON other.number = (nth * 104729 + nth / %(texts)s) %% %(texts)s
"""


@dataclass(frozen=True, slots=True)
class Clients(Company):
    """Whose clients write: those of all sellers but the last, who has few."""

    closed: bool = False

    def seller_of(self, number: int) -> str:
        block, others = number // STORIES, self.sellers - 1
        return seller(others if block % FEW_OF == FEW_OF - 1 else block % others)


def make(url: str, company: Clients, messages: int, watch: Watch = no_watch) -> int:
    """Fill an empty database with a company and so many messages; returns the ledger's head."""
    heads = history.found_and_play(url, company, range(min(STORIES, company.conversations)))
    with psycopg.connect(url, autocommit=True) as connection:
        head = history.stamp_out(connection, company, heads, watch)
        head = _go_on(connection, company, head, messages - company.conversations, watch)
        connection.execute("VACUUM ANALYZE ledger")
        migrate(connection, table_definitions())
    history.build_read_models(url, head, watch)
    return head


def _go_on(connection: Connection[Any], company: Clients, head: int, more: int, watch: Watch) -> int:
    connection.execute(PREPARE)
    with connection.cursor().copy("COPY said FROM STDIN") as copy:
        for row in enumerate(words.texts(TEXTS)):
            copy.write_row(row)
    connection.execute("ANALYZE first; ANALYZE said")
    connection.execute(history.WITHOUT_INDEX)
    asked = {"head": head, "begun": BEGINNING, "apart": history.BETWEEN_EVENTS, "texts": TEXTS}
    for done in range(0, more, AT_ONCE):
        part = {"first": done + 1, "last": min(done + AT_ONCE, more), "conversations": company.conversations}
        connection.execute(WRITE, {**asked, **part})
        watch("messages", int(part["last"]), more)
    connection.execute(history.WITH_INDEX)
    return head + more
