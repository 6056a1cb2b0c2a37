"""What JetStream has of the ledger, as somebody finds it who reads all of it."""

from __future__ import annotations

from contextlib import suppress

import nats.errors

from tests.faults.proof import Rows
from tests.faults.relayed import asked, everything, last_position


def published(nats_url: str) -> int:
    """Up to where the ledger is in the stream; 0 where nobody answers."""
    with suppress(OSError, nats.errors.Error):
        return last_position(nats_url)
    return 0


def assert_stream_is_as_the_ledger(nats_url: str, rows: Rows) -> None:
    """Every event once and in order, each as the ledger has it; more may have come since."""
    messages, _ = asked(nats_url, everything)
    told = [
        (event["position"], event["stream_id"], event["version"], event["topic"])
        for _, event in messages[: len(rows)]
    ]
    recorded = [(row["position"], str(row["stream_id"]), row["version"], row["topic"]) for row in rows]
    assert told == recorded
