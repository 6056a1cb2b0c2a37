"""The messages of a conversation in time order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain.errors import Invalid, UnknownReference
from projections.answer import Answer, Pool, ask, one_row
from projections.inbox import KINDS_ON_SURFACE
from projections.statements import Statements

Mark = UUID | int | datetime | str
"""A message, a ledger position or a time; text is read as one of these."""

Place = tuple[datetime | str, int]
"""Where a message stands in time order: sent at, and its ledger position among those of one moment."""

BEGINNING: Place = ("-infinity", 0)
END: Place = ("infinity", 0)
LAST_POSITION = 2**63 - 1
FORWARDS, BACKWARDS = "after", "before"


@dataclass(frozen=True, slots=True)
class Window:
    """Between which places, and between which ledger positions."""

    after: Place = BEGINNING
    before: Place = END
    later_than: int = 0
    earlier_than: int = LAST_POSITION


class Timeline:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("timeline")

    async def messages(
        self,
        workspace_id: str,
        employee_id: str,
        conversation_id: str,
        *,
        before: Mark | None = None,
        after: Mark | None = None,
        cursor: str | None = None,
        limit: int = 50,
        surface: str = "web",
    ) -> Answer:
        """A page of messages in time order; body `{items, next_cursor}`, None where he sees nothing of it.

        after: what comes after a message or a time, or was recorded after a ledger position. before: the
        last ones before it; then the next page is the one before. Without either, from the oldest on.

        Raises:
            Invalid: the cursor or a mark is no such thing.
            UnknownReference: a mark is a message that is not in this conversation.
        """
        asked: dict[str, object] = {
            "workspace_id": workspace_id,
            "employee_id": employee_id,
            "conversation_id": conversation_id,
            "kinds": list(KINDS_ON_SURFACE[surface]),
        }
        window = await self._narrow(Window(), FORWARDS, after, asked)
        window = await self._narrow(window, BACKWARDS, before, asked)
        direction = BACKWARDS if before is not None and after is None else FORWARDS
        if cursor is not None:
            direction, place = _read_cursor(cursor)
            window = _bounded(window, direction, place)
        return await self._page(asked, window, direction, limit)

    async def _page(self, asked: dict[str, object], window: Window, direction: str, limit: int) -> Answer:
        return await ask(
            self.pool,
            self.statements["messages"],
            **asked,
            direction=direction,
            backwards=direction == BACKWARDS,
            limit=limit,
            after_at=window.after[0],
            after_position=window.after[1],
            before_at=window.before[0],
            before_position=window.before[1],
            later_than=window.later_than,
            earlier_than=window.earlier_than,
        )

    async def _narrow(
        self, window: Window, direction: str, mark: Mark | None, asked: dict[str, object]
    ) -> Window:
        mark = _read_mark(mark, direction) if isinstance(mark, str) else mark
        if isinstance(mark, int):
            later = direction == FORWARDS
            return replace(window, later_than=mark) if later else replace(window, earlier_than=mark)
        if isinstance(mark, datetime):
            return _bounded(window, direction, (mark, LAST_POSITION if direction == FORWARDS else 0))
        if isinstance(mark, UUID):
            return await self._narrow_by_message(window, direction, mark, asked)
        return window

    async def _narrow_by_message(
        self, window: Window, direction: str, message_id: UUID, asked: dict[str, object]
    ) -> Window:
        """Whoever sees nothing of the conversation is not told whether it has the message."""
        row = await one_row(self.pool, self.statements["place_of_message"], message_id=message_id, **asked)
        if row is None:
            return window
        if row[0] is None:
            raise UnknownReference("message", str(message_id), field=direction)
        return _bounded(window, direction, (row[0], row[1]))


def _bounded(window: Window, direction: str, place: Place) -> Window:
    return replace(window, after=place) if direction == FORWARDS else replace(window, before=place)


def _read_mark(text: str, field: str) -> Mark:
    if text.isdecimal() and int(text) <= LAST_POSITION:
        return int(text)
    for read in (UUID, datetime.fromisoformat):
        try:
            mark = read(text)
        except ValueError:
            continue
        if not isinstance(mark, datetime) or mark.tzinfo is not None:
            return mark
    raise Invalid(
        f"{text!r} is neither a message id, nor a position, nor a time with its offset.", field=field
    )


def _read_cursor(cursor: str) -> tuple[str, Place]:
    direction, _, place = cursor.partition("~")
    sent_at, _, position = place.partition("~")
    try:
        if direction not in (FORWARDS, BACKWARDS):
            raise ValueError
        return direction, (datetime.fromisoformat(sent_at), int(position))
    except ValueError:
        raise Invalid(f"{cursor!r} is none of our cursors.", field="cursor") from None
