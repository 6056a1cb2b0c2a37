"""Search: messages by their words, and conversations by names and phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from domain.errors import Invalid, NothingToSearch
from projections.answer import Answer, Pool, ask
from projections.inbox import KINDS_ON_SURFACE
from projections.statements import Statements
from projections.timeline import LAST_POSITION

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 1, 1, tzinfo=UTC)
"""No message is older, and none as new."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What messages have to be beside; None: whatever they are. since: the earliest time; before: no more."""

    channel_id: str | None = None
    conversation_id: str | None = None
    direction: str | None = None
    since: datetime | None = None
    before: datetime | None = None


ANYTHING = Narrowed()


class Search:
    """Questions of an employee, answered from what he sees and nothing else."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("search")

    async def page(
        self,
        workspace_id: str,
        employee_id: str,
        q: str,
        *,
        narrowed: Narrowed = ANYTHING,
        surface: str = "web",
        cursor: str | None = None,
        limit: int = 50,
        conversations: int = 10,
    ) -> Answer:
        """A page of messages, newest first; body: `{items, conversations, next_cursor}`.

        The first page also has so many conversations, at most, in which names or phones are as asked.

        q: words in whatever form, "phrases", and -words that must not be there.

        Raises:
            Invalid: the cursor is none of ours.
            NothingToSearch: there is nothing in q that could be found.
        """
        before_at, before_position = _read_cursor(cursor) if cursor else (END, 0)
        if narrowed.before is not None and narrowed.before <= before_at:
            before_at, before_position = narrowed.before, 0
        answer = await ask(
            self.pool,
            self.statements["page"],
            workspace_id=workspace_id,
            employee_id=employee_id,
            kinds=list(KINDS_ON_SURFACE[surface]),
            q=q,
            channel_id=narrowed.channel_id,
            conversation_id=narrowed.conversation_id,
            direction=narrowed.direction,
            since=narrowed.since or BEGINNING,
            before_at=before_at,
            before_position=before_position,
            limit=limit,
            is_first=cursor is None,
            conversations=conversations,
        )
        if answer.body is None:
            raise NothingToSearch(q)
        return answer


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    sent_at, _, position = cursor.partition("~")
    try:
        place = datetime.fromisoformat(sent_at), int(position)
        if place[0].tzinfo is None or not 0 <= place[1] <= LAST_POSITION:
            raise ValueError
        return place
    except ValueError:
        raise Invalid(f"{cursor!r} is none of our cursors.", field="cursor") from None
