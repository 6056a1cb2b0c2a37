"""An outside read model, from JetStream alone: how many open deals everybody has, kept in SQLite.

    python docs/consumer.py nats://127.0.0.1:4222 deals.db [postgresql://...]

It goes on where it was and takes each event once, since its rows and its position move in one transaction.
With a database it is held against Chatledger's own read model: exit code 1 if they differ. A service would go
on for ever; this one ends when nothing has come for a second.
"""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing, suppress

import nats
import psycopg
from nats.js.api import ConsumerConfig, DeliverPolicy

TABLES = """
CREATE TABLE IF NOT EXISTS deal (company, deal_id, owner_id, status, PRIMARY KEY (company, deal_id));
CREATE TABLE IF NOT EXISTS place (position);
INSERT INTO place SELECT 0 WHERE NOT EXISTS (SELECT * FROM place);
"""
HERE = "WHERE company = :workspace_id AND deal_id = :deal_id"
WRITES = {
    "deal.opened": "INSERT INTO deal VALUES (:workspace_id, :deal_id, :owner_id, :status)",
    "deal.reassigned": f"UPDATE deal SET owner_id = :to_id {HERE}",
    "deal.status_changed": f"UPDATE deal SET status = :to_status {HERE}",
}
OPEN = "SELECT {}, owner_id, count(*) FROM {} WHERE status = 'open' GROUP BY 1, 2"


async def follow(nats_url, db):
    client = await nats.connect(nats_url)
    js = client.jetstream()
    (position,) = db.execute("SELECT position FROM place").fetchone()
    offset = int((await js.stream_info("LEDGER")).config.metadata["chatledger-offset"])
    start = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=max(1, position + 1 - offset)
    )
    deals = await js.subscribe("ledger.*.deal.*.*", stream="LEDGER", ordered_consumer=True, config=start)
    with suppress(nats.errors.TimeoutError):
        while True:
            event = json.loads((await deals.next_msg(timeout=1)).data)
            with db:
                if event["topic"] in WRITES:
                    db.execute(WRITES[event["topic"]], {**event, **event["facts"]})
                db.execute("UPDATE place SET position = :position", event)
    await client.close()


def main(nats_url, file, database_url=None):
    with closing(sqlite3.connect(file)) as db:
        db.executescript(TABLES)
        asyncio.run(follow(nats_url, db))
        counted = sorted(db.execute(OPEN.format("company", "deal")))
    print(*(f"{company}: {owner} has {deals}" for company, owner, deals in counted), sep="\n")
    if database_url:
        with psycopg.connect(database_url) as connection:
            return counted != sorted(connection.execute(OPEN.format("workspace_id", "directory.deal")))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
