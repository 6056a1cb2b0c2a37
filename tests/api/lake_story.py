"""A ledger of two companies and two days, written straight into the database, that files are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.types.json import Jsonb

from api.hashing import STATEMENTS, Lead, leaves_after, standing
from tests.projections.history import follow, named

BEGINNING = datetime(2026, 3, 1, 23, tzinfo=UTC)
NEIGHBOUR = "acme/../x"
SECRET = "what nobody else may read"

APPEND = """
INSERT INTO ledger (position, workspace_id, stream_id, version, topic, actor, occurred_at, recorded_at,
                    causation, facts, private)
SELECT (SELECT coalesce(max(position), 0) + 1 FROM ledger), %(workspace_id)s, %(stream_id)s, 1, %(topic)s,
       %(actor)s, %(at)s, %(at)s, 'test', %(facts)s, %(private)s
RETURNING position
"""


class Story:
    """Minutes pass; each message is a stream of its own."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection
        self.at = BEGINNING
        self.head = 0

    def tell(
        self, topic: str, *, minutes: float = 1, by: str = "system", workspace: str = "main", **facts: Any
    ) -> int:
        self.at += timedelta(minutes=minutes)
        asked = {"workspace_id": workspace, "topic": topic, "actor": by, "at": self.at}
        stream_id, private = UUID(named(f"stream {self.head}")), Jsonb({"text": SECRET, "salt": "00"})
        row = self.connection.execute(
            APPEND, {**asked, "stream_id": stream_id, "facts": Jsonb(facts), "private": private}
        ).fetchone()
        assert row is not None
        self.head = int(row[0])
        return self.head

    def chat(self, name: str, workspace: str = "main") -> None:
        ids = {"chat_id": named(name), "conversation_id": named(f"own {name}")}
        self.tell("chat.opened", minutes=0, workspace=workspace, channel_id="wa", kind="direct", **ids)

    def write(self, name: str, minutes: float = 1, by: str | None = None, workspace: str = "main") -> int:
        """by: an employee; None: the client."""
        ids = {"chat_id": named(name), "conversation_id": named(f"own {name}"), "channel_id": "wa"}
        told: dict[str, Any] = {
            "message_id": named(f"message {self.head}"),
            "delivery_id": named(f"delivery {self.head}"),
            "direction": "out" if by else "in",
            "author_kind": "employee" if by else "client",
            "author_id": by,
            "sender_id": None if by else f"address of {name}",
            "attachment_count": 0,
        }
        return self.tell("message.received", minutes=minutes, workspace=workspace, **ids, **told)

    def dismiss(self, name: str, by: str, minutes: float = 1) -> int:
        told: dict[str, Any] = {"chat_id": named(name), "seen_position": self.head}
        return self.tell("conversation.dismissed", minutes=minutes, by=f"employee:{by}", **told)

    def two_days(self) -> None:
        """Waits of 2 and 30 minutes for Oleg and of 50 for Vera, one dismissed, one open."""
        for name, workspace in (("family", "main"), ("son", "main"), ("theirs", NEIGHBOUR)):
            self.chat(name, workspace)
        self.write("family")
        self.write("theirs", workspace=NEIGHBOUR)
        self.write("family", by="oleg")
        self.write("son", minutes=10)
        self.write("son", minutes=20)
        self.write("son", minutes=30, by="vera")
        self.write("family")
        self.write("theirs", workspace=NEIGHBOUR, by="them")
        self.write("family", minutes=29, by="oleg")
        self.write("son")
        self.dismiss("son", "vera", minutes=5)
        self.write("son")

    def followed(self) -> None:
        follow(self.connection, self.head)

    def hashed(self) -> None:
        """The tree over all of it, as `chatledger serve` makes it."""
        row = self.connection.execute(STATEMENTS["take_lead"]).fetchone()
        assert row is not None
        lead = Lead(self.connection, row[0])
        tail = standing(lead)
        lead.grow(tail, leaves_after(self.connection, tail.size, self.head))
