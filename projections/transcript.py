"""A conversation as it looked at any position of the ledger."""

from __future__ import annotations

from datetime import datetime

from domain.errors import Invalid
from projections.answer import Answer, Pool, ask, one_row
from projections.statements import Statements

ANY_TIME = "infinity"

Place = tuple[datetime | str, int]
"""Where a message stands in time order: sent at, and its ledger position among those of one moment."""

BEGINNING: Place = ("-infinity", 0)


class Transcript:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("transcript")

    async def page(
        self,
        workspace_id: str,
        *,
        chat_id: str | None = None,
        conversation_id: str | None = None,
        at: int | None = None,
        valid_at: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """A page of messages in time order, and all else that there was of the chat or the conversation.

        conversation_id: also that of a chat which stands in another conversation now. at: what was known at
        this position, which the read models have; None for all that they know. valid_at: of that, what had
        happened by this time; None for all of it. The pages after the first one keep to its position.
        body: None where the workspace has no such chat or conversation.

        Raises:
            Invalid: the cursor is none of ours.
        """
        known, after = await self._position(), BEGINNING
        if cursor is not None:
            at, after = _read_cursor(cursor, known)
        return await ask(
            self.pool,
            self.statements["transcript"],
            workspace_id=workspace_id,
            chat_id=chat_id,
            conversation_id=conversation_id,
            position=known if at is None else at,
            valid_at=ANY_TIME if valid_at is None else valid_at,
            after_at=after[0],
            after_position=after[1],
            limit=limit,
        )

    async def _position(self) -> int:
        row = await one_row(self.pool, self.statements["position"])
        return int(row[0]) if row and row[0] is not None else 0


def _read_cursor(cursor: str, known: int) -> tuple[int, Place]:
    """The position that the pages are of, and the place after which the next one begins."""
    position, _, place = cursor.partition("~")
    sent_at, _, message_position = place.partition("~")
    try:
        found = int(position), (datetime.fromisoformat(sent_at), int(message_position))
        if found[1][0].tzinfo is None or not 0 <= found[1][1] <= found[0] <= known:
            raise ValueError
        return found
    except ValueError:
        raise Invalid(f"{cursor!r} is none of our cursors.", field="cursor") from None
