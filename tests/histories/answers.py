"""What the system answers, in the words of the model."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.errors import Refused
from domain.preview import Wish
from domain.visibility import Reason
from projections.access import Access
from projections.audit import Audit
from projections.directory import Directory
from projections.inbox import Glance, Inbox
from projections.preview import Preview
from projections.timeline import Timeline
from projections.visibility import Visibility
from tests.histories.alphabet import (
    CHAT_NAMES,
    CONVERSATION_NAMES,
    MESSAGE_NAMES,
    WORKSPACE,
    chat_id,
    conversation_id,
    minute_of,
)
from tests.histories.model import LastMessage, ShownLine, ShownMessage, ShownParticipant
from tests.histories.world import World

PAGE = 2
"""Of a list that is read page by page: so few that there are several."""

LOOKED_AT = 2
"""Of what came into sight: so little that most pages end because of it."""

Witness = tuple[frozenset[Reason], int]
"""Why somebody saw a chat, and since which position without a break."""


class Answers:
    def __init__(self, world: World) -> None:
        self.world = world
        self.access, self.directory = Access(world.pool), Directory(world.pool)
        self.inbox, self.timeline = Inbox(world.pool), Timeline(world.pool)
        self.visibility, self.audit = Visibility(world.pool), Audit(world.pool, looked_at=LOOKED_AT)

    def items(
        self, employee: str, *, workspace: str = WORKSPACE, limit: int = 50, **filters: Any
    ) -> list[dict[str, Any]]:
        """An employee's whole inbox in the API's words, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self.inbox.page(workspace, employee, limit=limit, cursor=cursor, **filters)
            body = self.world.ask(page)
            items += body["items"]
            cursor = body["next_cursor"]
            if cursor is None:
                return items

    def counts(self, employee: str, surface: str = "web") -> Any:
        return self.world.ask(self.inbox.counts(WORKSPACE, employee, surface=surface))

    def conversation(self, employee: str, chat: str) -> tuple[ShownLine, dict[str, ShownParticipant]] | None:
        """A conversation as it is opened: its line and its participants; None where it is hidden."""
        item = self.world.ask(self.inbox.conversation(WORKSPACE, employee, conversation_id(chat)))
        if item is None:
            return None
        return _line(item), {plain(one["address"]): _participant(one) for one in item["participants"]}

    def messages(self, employee: str, chat: str, **asked: Any) -> list[ShownMessage] | None:
        """The messages of a chat, in time order; None where the employee sees nothing of it."""
        body = self._messages(employee, chat, **asked)
        return None if body is None else [_message(item) for item in body["items"]]

    def pages(self, employee: str, chat: str, **asked: Any) -> list[list[ShownMessage]]:
        """The same, page by page; none where he sees nothing of it."""
        found: list[list[ShownMessage]] = []
        body = self._messages(employee, chat, limit=PAGE, **asked)
        while body is not None:
            found.append([_message(item) for item in body["items"]])
            if body["next_cursor"] is None:
                break
            body = self._messages(employee, chat, limit=PAGE, cursor=body["next_cursor"])
        return found

    def glance(self, employee: str, chat: str) -> Glance | None:
        """What a command would know of a conversation; None: it is hidden."""
        return self.world.run(self.inbox.glance(WORKSPACE, employee, conversation_id(chat)))

    def who_saw(self, position: int, chat: str) -> dict[str, Witness]:
        items = self._witnesses(position, chat_id=chat_id(chat))
        return {item["employee_id"]: (reasons(item), item["since"]["position"]) for item in items}

    def who_saw_any(self, position: int, chat: str) -> dict[str, tuple[frozenset[Reason], set[str]]]:
        """Of the conversation in which a chat stood: who saw which of its chats, and why."""
        items = self._witnesses(position, conversation_id=conversation_id(chat))
        return {
            item["employee_id"]: (reasons(item), {CHAT_NAMES[each] for each in item["chat_ids"]})
            for item in items
        }

    def _witnesses(self, position: int, **asked: str) -> list[dict[str, Any]]:
        body = self.world.ask(self.audit.who_saw(WORKSPACE, at=position, **asked))
        items: list[dict[str, Any]] = [] if body is None else body["items"]
        return items

    def foreseen(
        self, wish: Wish
    ) -> tuple[set[tuple[str, str, str, frozenset[Reason]]], type[Refused] | None]:
        """What a preview tells: who gains or loses which chat for which reasons; or how it is refused."""
        try:
            outlook = self.world.run(Preview(self.world.pool).outlook(WORKSPACE, wish, limit=100))
        except Refused as refusal:
            return set(), type(refusal)
        assert outlook.reach.position == self.world.position
        turns = outlook.turns()
        found = {
            (turn.employee_id, CHAT_NAMES[turn.chat_id], turn.change, frozenset(turn.reasons))
            for turn in turns
        }
        assert len(found) == len(turns)
        return found, None

    def position_at(self, moment: datetime) -> int:
        return self.world.run(self.visibility.position_at(moment))

    def token(self, token_id: str) -> tuple[list[str], bool] | None:
        row = self.world.run(self.access.token(token_id))
        return None if row is None else (row.scopes, row.revoked)

    def portfolio(self, employee: str) -> tuple[list[str], list[str]]:
        """The deals and contacts that would go with an employee."""
        return self.world.run(self.directory.portfolio(WORKSPACE, employee))

    def _messages(self, employee: str, chat: str, **asked: Any) -> Any:
        return self.world.ask(self.timeline.messages(WORKSPACE, employee, conversation_id(chat), **asked))


def plain(address: str) -> str:
    return address.removeprefix("+")


def reasons(item: dict[str, Any]) -> frozenset[Reason]:
    return frozenset(Reason(**reason) for reason in item["reasons"])


def lines(items: list[dict[str, Any]]) -> dict[str, ShownLine]:
    """Conversation, by its oldest chat → its line; each must be there once."""
    found = {CONVERSATION_NAMES[item["conversation_id"]]: _line(item) for item in items}
    assert len(found) == len(items)
    return found


def _line(item: dict[str, Any]) -> ShownLine:
    return ShownLine(
        chats=[CHAT_NAMES[chat["chat_id"]] for chat in item["chats"]],
        kind=item["kind"],
        title=item["title"] if item["kind"] == "group" else None,
        reasons=reasons(item),
        contacts=frozenset(item["contact_ids"]),
        folder=item["folder"],
        holder=item["holder_id"],
        snoozed_until=minute_of(item["snoozed_until"]),
        waiting_since=minute_of(item["waiting_since"]),
        unread=item["unread"],
        last=_last_message(item["last_message"]),
    )


def _last_message(last: dict[str, Any] | None) -> LastMessage | None:
    if last is None:
        return None
    sent_at = minute_of(last["at"])
    assert sent_at is not None
    return LastMessage(
        MESSAGE_NAMES[last["message_id"]], last["direction"], _author(last), last["text"], sent_at
    )


def _participant(item: dict[str, Any]) -> ShownParticipant:
    return ShownParticipant(
        spelled=item["address"],
        kind=item["kind"],
        contact=item["contact_id"],
        person=item["employee_id"] or item["staff_id"],
        joined_at=minute_of(item["joined_at"]),
        left_at=minute_of(item["left_at"]),
    )


def _message(item: dict[str, Any]) -> ShownMessage:
    sent_at = minute_of(item["sent_at"])
    assert sent_at is not None
    return ShownMessage(
        name=MESSAGE_NAMES[item["message_id"]],
        direction=item["direction"],
        author=_author(item),
        text=item["text"],
        sent_at=sent_at,
        edited_at=minute_of(item["edited_at"]),
        deleted_at=minute_of(item["deleted_at"]),
        delivery=item["delivery"],
    )


def _author(item: dict[str, Any]) -> tuple[str, str | None]:
    return item["author"]["kind"], item["author"]["id"]
