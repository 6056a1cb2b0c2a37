"""A company whose messages are searched: real commands go in, and what employees find comes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import cycle
from typing import Any

from domain import ids
from domain.address import AddressRef
from domain.fact import By
from domain.inbound import ChatRef, Inbound, MessageArrived, MessageDeleted, MessageEdited
from projections.search import Narrowed, Search
from tests.histories.world import World
from tests.projections.history import noon

ROLES = {
    "oleg": "seller",
    "vera": "seller",
    "nina": "seller",
    "irina": "supervisor",
    "katya": "quality_control",
}
RECEIVES_NEW_CLIENTS = "nina"

Found = list[str]
"""Texts or ids of messages, as they come."""


class Company:
    """One workspace of a world. A chat is called by its phone."""

    def __init__(self, world: World, workspace: str = "main", channels: tuple[str, ...] = ("wa",)) -> None:
        self.world, self.workspace, self.app = world, workspace, world.application
        self.questions = Search(world.pool)
        self.heard = self.edited = 0
        for channel in channels:
            self.app.put_channel(
                channel, kind="whatsapp", title=channel, visibility="client_owners", by=self.by()
            )
        for name in ROLES:
            self.employee(name)

    def by(self) -> By:
        return By(self.workspace, "system", noon(), "a test")

    def employee(self, employee_id: str, *phones: str, name: str | None = None) -> None:
        self.app.put_employee(
            employee_id,
            name=name or employee_id.title(),
            role=ROLES[employee_id],
            receives_new_clients=employee_id == RECEIVES_NEW_CLIENTS,
            active=True,
            addresses=refs(*phones),
            by=self.by(),
        )

    def contact(
        self, contact_id: str, *phones: str, of: str | None = "oleg", name: str | None = None
    ) -> None:
        self.app.put_contact(
            contact_id,
            name=name or contact_id.title(),
            responsible_id=of,
            addresses=refs(*phones),
            by=self.by(),
        )

    def tell(self, *news: Inbound, channel: str = "wa") -> None:
        self.app.receive(channel, news, by=self.by())

    def hear(
        self,
        text: str | None,
        chat: str = "1",
        at: datetime | None = None,
        *,
        channel: str = "wa",
        **how: Any,
    ) -> str:
        """The client of a chat writes, or who is named `sender`; returns the message's id there."""
        self.heard += 1
        message, sender = f"m{self.heard}", how.pop("sender", chat)
        place = ChatRef(chat, how.pop("kind", "direct"), how.pop("title", None))
        moment = at or noon(self.heard)
        self.tell(MessageArrived(place, message, moment, sender, text=text, **how), channel=channel)
        return message

    def edit(self, message: str, text: str, chat: str = "1") -> None:
        self.edited += 1
        self.tell(MessageEdited(ChatRef(chat, "direct"), message, noon(1_000 + self.edited), text))

    def delete(self, message: str, chat: str = "1") -> None:
        self.tell(MessageDeleted(ChatRef(chat, "direct"), message, noon(1_000)))

    def follow(self, *sizes: int) -> None:
        self.world.follow(cycle(sizes or (1_000,)))

    def search(self, employee: str, q: str, *, narrowed: Narrowed | None = None, **asked: Any) -> Any:
        """What an employee is answered now."""
        self.follow()
        return self.world.ask(
            self.questions.page(self.workspace, employee, q, narrowed=narrowed or Narrowed(), **asked)
        )

    def pages(self, employee: str, q: str, limit: int) -> Iterator[list[dict[str, Any]]]:
        cursor: str | None = None
        while True:
            page = self.search(employee, q, limit=limit, cursor=cursor)
            yield page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def texts(self, employee: str, q: str, **asked: Any) -> Found:
        return [item["text"] for item in self.search(employee, q, **asked)["items"]]

    def named(self, employee: str, q: str, **asked: Any) -> list[tuple[str | None, list[tuple[str, str]]]]:
        """The conversations that are found, each with what it is found by."""
        return [
            (each["title"], [(match["kind"], match["text"]) for match in each["matched"]])
            for each in self.search(employee, q, **asked)["conversations"]
        ]

    def conversation_id(self, chat: str, channel: str = "wa") -> str:
        return str(ids.conversation_id(ids.chat_id(self.workspace, channel, chat)))


def refs(*phones: str) -> list[AddressRef]:
    return [AddressRef("whatsapp", phone) for phone in phones]
