"""What follows from what was recorded: each reaction is a command of its own, and so an event.

- A holder who does not see his conversation any more is released (G10).
- A helper in a thread sees the chats that are one conversation with its message, and no other (P10, P3).
- A conversation that was closed or snoozed over a client's unseen message comes back (P7).
- A snooze ends when its time comes, also when the time came while nothing was running (P6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg import Connection

from domain.application import Chatledger
from domain.deciding import Accepted
from domain.fact import By
from projections.statements import Statements


def utc_now() -> datetime:
    return datetime.now(UTC)


class Reactions:
    """Finds what has to follow from the read models, and has the application do it."""

    def __init__(self, application: Chatledger, *, now: Callable[[], datetime] = utc_now) -> None:
        self.application = application
        self.now = now
        self.statements = Statements.load("reactions")

    def react(self, connection: Connection[Any], after: int, until: int) -> int:
        """Do what follows from the events in (after, until].

        Returns the position of the last event that was recorded, or 0; then the range is not done with,
        since what was recorded may have consequences of its own.
        """
        return last_recorded(self._reactions(connection, after, until))

    def do_due(self, connection: Connection[Any]) -> int:
        """Wake conversations whose snooze has ended, some at a time, so that others are not kept waiting.

        Returns the position of the last event that was recorded, or 0.
        """
        now = self.now()
        due = self._found(connection, "snooze_due", {"now": now})
        return last_recorded(
            self.application.wake(chat_id, by=_by(workspace_id, now, "snooze"))
            for workspace_id, chat_id in due
        )

    def next_due(self, connection: Connection[Any]) -> datetime | None:
        """When the next snooze ends."""
        row = connection.execute(self.statements["next_snooze"]).fetchone()
        return row[0] if row else None

    def _reactions(self, connection: Connection[Any], after: int, until: int) -> Iterator[Accepted]:
        application, now = self.application, self.now()
        bounds = {"after": after, "until": until}
        for workspace_id, chat_id, holder_id in self._found(connection, "holder_lost_sight", bounds):
            yield application.release_blind(chat_id, holder_id, by=_by(workspace_id, now, "lost_sight"))
        for workspace_id, message_id, helper_id, chat_ids in self._found(connection, "help_astray", bounds):
            by = _by(workspace_id, now, "chats_moved")
            yield application.move_help(message_id, helper_id, chat_ids, by=by)
        for workspace_id, chat_id, position in self._found(connection, "client_overlooked", {}):
            yield application.bring_back(chat_id, position, by=_by(workspace_id, now, f"message:{position}"))

    def _found(self, connection: Connection[Any], question: str, values: dict[str, Any]) -> list[Any]:
        return connection.execute(self.statements[question], values).fetchall()


def last_recorded(done: Iterable[Accepted]) -> int:
    """The position of the last event that any of them recorded, or 0."""
    return max([accepted.position for accepted in done if accepted.recorded], default=0)


def _by(workspace_id: str, now: datetime, causation: str) -> By:
    """Nobody asked for it: the system acts."""
    return By(workspace_id, "system", now, causation)
