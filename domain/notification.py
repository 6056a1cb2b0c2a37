"""Who is notified of a message: one pure rule. It is the specification; the projection must agree with it.

G9  nobody is notified about a conversation that he does not see
    who is notified sees the chat, and holds the conversation, or nobody who sees it holds it;
    he did not write the message, and his hours are not muted
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.message import Direction
from domain.muted_hours import MutedHours

NO_HOURS: Mapping[str, Iterable[MutedHours]] = {}


@dataclass(frozen=True, slots=True)
class Written:
    """A message, and how things stood when it was recorded.

    seeing: the active employees who saw its chat then (`domain/visibility.py`). recorded_at: when we heard of
    it, which is when somebody would be disturbed. timezone: the workspace's. muted: employee → his hours.
    """

    direction: str
    author_id: str | None
    recorded_at: datetime
    seeing: Set[str]
    holder_id: str | None
    timezone: str = "UTC"
    muted: Mapping[str, Iterable[MutedHours]] = field(default_factory=lambda: NO_HOURS)


def who_is_notified(message: Written) -> set[str]:
    """Only what a client writes notifies: an answer tells nobody, be it from an own phone or a machine."""
    if message.direction != Direction.IN:
        return set()
    wall = message.recorded_at.astimezone(ZoneInfo(message.timezone))
    concerned = message.seeing & {message.holder_id} or message.seeing
    return {
        who
        for who in concerned
        if who != message.author_id and not any(hours.cover(wall) for hours in message.muted.get(who, ()))
    }
