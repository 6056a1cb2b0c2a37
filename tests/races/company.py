"""A company with many chats, served by two processes' worth of system over one database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import class_row

from adapters.settings import Settings
from api.app import open_system
from api.system import System
from domain import ids, inbound
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.fact import By
from projections.statements import Statements

WORKSPACE = "main"
CHANNEL = "phone"
SELLERS = ("oleg", "vera", "pavel")
ADMIN_TOKEN = "the-tests-admin-token"
SETTLE_TIMEOUT_S = 30.0

FOLDER_AFTER = {
    "conversation.claimed": "in_progress",
    "conversation.released": "incoming",
    "conversation.snoozed": "snoozed",
    "conversation.woken": "incoming",
    "conversation.closed": "closed",
    "conversation.reopened": "incoming",
}

HAPPENED = """
SELECT position, topic, facts, private ->> 'text' AS text
FROM ledger
WHERE position > %s AND (topic LIKE 'conversation.%%' OR topic IN ('message.received', 'deal.reassigned'))
ORDER BY position
"""

LINES = """
SELECT chat_id::text, chat.folder, chat.holder_id, chat.client_position,
       array_agg(line.folder) AS folders_of_lines, array_agg(line.audience) AS audiences
FROM inbox.chat JOIN inbox.line ON chat_id = ANY (chat_ids)
GROUP BY chat_id
"""


@dataclass(frozen=True, slots=True)
class Happening:
    """One event of the ledger. text: of a message."""

    position: int
    topic: str
    facts: dict[str, Any]
    text: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """A chat as the read model has it."""

    chat_id: str
    folder: str
    holder_id: str | None
    client_position: int
    folders_of_lines: list[str]
    audiences: list[str]


@dataclass(slots=True)
class Story:
    """A chat as its events tell it, worked out without the system."""

    folder: str = "incoming"
    holder_id: str | None = None
    seen_position: int = 0
    client_position: int = 0
    texts: list[str | None] = field(default_factory=list)

    def go_on(self, event: Happening) -> None:
        if event.topic == "message.received":
            self.client_position = event.position
            self.texts.append(event.text)
            return
        self.folder = FOLDER_AFTER[event.topic]
        self.holder_id = event.facts["holder_id"] if self.folder == "in_progress" else None
        self.seen_position = event.facts.get("seen_position", 0)

    @property
    def hides_a_client(self) -> bool:
        return self.folder in ("closed", "snoozed") and self.client_position > self.seen_position


class Company:
    """What the races are about. A side, 0 or 1, is one of the two processes."""

    def __init__(self, systems: Sequence[System]) -> None:
        self.systems = systems
        self.glance = Statements.load("inbox")["glance"]
        self.application.put_channel(CHANNEL, kind="whatsapp", title="Phone", visibility=None, by=by())
        for seller in SELLERS:
            self.application.put_employee(
                seller,
                name=seller.title(),
                role="seller",
                receives_new_clients=True,
                active=True,
                addresses=[],
                by=by(),
            )

    @property
    def application(self) -> Chatledger:
        return self.systems[0].application

    def at(self, side: int) -> Chatledger:
        return self.systems[side % 2].application

    def open_chats(self, name: str, count: int) -> list[str]:
        """Chats of as many clients, each with one message; their ids in the messenger."""
        chats = [f"{name} {number}" for number in range(count)]
        messages = [message(chat, f"{chat}, hello") for chat in chats]
        self.application.receive(CHANNEL, messages, by=by())
        self.settle()
        return chats

    def write(self, side: int, chat: str, text: str) -> Accepted:
        """The client of a chat writes."""
        (result,), accepted = self.at(side).receive(CHANNEL, [message(chat, text)], by=by())
        assert result.status == "appended", result
        return accepted

    def seen_position(self, side: int, chat: str, employee_id: str) -> int:
        """Up to where an employee who acts now has seen the client's messages: as the API finds it out."""
        with self.systems[side % 2].pool.connection() as connection:
            row = connection.execute(
                self.glance,
                {
                    "workspace_id": WORKSPACE,
                    "employee_id": employee_id,
                    "conversation_id": ids.conversation_id(chat_id(chat)),
                },
            ).fetchone()
        assert row is not None, f"{employee_id} does not see {chat}"
        return int(row[2])

    def settle(self) -> int:
        """Wait until everything has followed from everything, in both processes; the ledger's head then."""
        while True:
            head = self.application.head()
            for system in self.systems:
                assert system.follower.wait_for(head, SETTLE_TIMEOUT_S), f"position {head} is not reached"
            if self.application.head() == head:
                return head

    def happened(self, after: int) -> list[Happening]:
        """What happened to conversations and deals after a position."""
        with self.systems[0].pool.connection() as connection:
            with connection.cursor(row_factory=class_row(Happening)) as cursor:
                return cursor.execute(HAPPENED, [after]).fetchall()

    def happened_by_chat(self, after: int) -> dict[str, list[Happening]]:
        """Chat id → its events after a position."""
        by_chat: dict[str, list[Happening]] = defaultdict(list)
        for event in self.happened(after):
            if "chat_id" in event.facts:
                by_chat[event.facts["chat_id"]].append(event)
        return by_chat

    def lines(self) -> dict[str, Line]:
        """Chat id → what the inbox has of it."""
        with self.systems[0].pool.connection() as connection:
            with connection.cursor(row_factory=class_row(Line)) as cursor:
                return {line.chat_id: line for line in cursor.execute(LINES)}

    def times_shown(self) -> dict[str, int]:
        """Text → how many messages of the read model say it."""
        with self.systems[0].pool.connection() as connection:
            rows = connection.execute("SELECT text, count(*) FROM timeline.message GROUP BY text")
            return dict(rows.fetchall())


@contextmanager
def open_company(database_url: str) -> Iterator[Company]:
    settings = Settings(database_url=database_url, admin_token=ADMIN_TOKEN)
    with ExitStack() as stack:
        yield Company([stack.enter_context(open_system(settings)) for _ in range(2)])


def by() -> By:
    return By(WORKSPACE, "system", datetime.now(UTC), "a race")


def chat_id(chat: str) -> str:
    return str(ids.chat_id(WORKSPACE, CHANNEL, chat))


def message(chat: str, text: str) -> inbound.MessageArrived:
    """A message from the client of a chat, who has an address of his own; its text is its id."""
    return inbound.MessageArrived(
        inbound.ChatRef(chat, "direct"), text, datetime.now(UTC), client_of(chat), text=text
    )


def client_of(chat: str) -> str:
    """The address that the client of a chat writes from."""
    return f"the client of {chat}"
