"""Employees at work: each looks at his inbox again and again, and does something with what he finds there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from urllib.parse import quote

from api.bench import company
from api.bench.at_work import Log, Worker
from api.bench.caller import Json
from api.bench.conversing import Talk
from api.bench.firm import KINDS, client_at
from domain.ids import conversation_id
from domain.reading import BETWEEN_READINGS

Item = dict[str, Any]
Tokens = Mapping[str, str]
"""Employee → token."""

LISTS = {
    "": 20,
    "&folder=incoming": 40,
    "&folder=in_progress": 15,
    "&waiting=true": 10,
    "&folder=snoozed": 5,
    "&folder=closed": 10,
}
"""Which list is looked at, and how often."""

PAGE = 50
DEEPER = 0.1
"""So often the next page is looked at, too."""

IN_BULK = 8
LONG = timedelta(hours=5)
SHORT_S, SHORT_PART = 1.5, 1 / 30
"""A short snooze ends while the day goes on: after this, or this part of the day if that is longer."""

WRONG, RIGHT_UNDONE = 0.5, 0.2
"""So many links are wrong; so often a link is undone that its employee did not make."""


class Colleague(Worker):
    """An employee. wrong: what he linked by mistake: conversation, address and contact."""

    def __init__(self, log: Log, employee_id: str, port: int, token: str, talk: Talk) -> None:
        super().__init__(log, employee_id, port, token)
        self.talk = talk
        self.wrong: list[tuple[str, Json, str]] = []
        self.read_at: dict[str, float] = {}
        self.habits: dict[Callable[[list[Item]], Awaitable[None]], int] = {
            self.open: 30,
            self.answer: 16,
            self.claim: 12,
            self.close: 8,
            self.count: 8,
            self.snooze: 5,
            self.dismiss: 4,
            self.reopen: 4,
            self.release: 3,
            self.assign: 3,
            self.move_many: 3,
            self.link: 2,
            self.unlink: 2,
        }

    async def work(self) -> None:
        await self.rest(self.log.size.pace_s)
        while not self.log.over:
            if items := await self.look():
                (habit,) = self.rng.choices(list(self.habits), list(self.habits.values()))
                await habit(items)
            await self.rest(self.log.size.pace_s)

    # What he looks at

    async def look(self) -> list[Item]:
        """One of his lists, and sometimes its next page instead."""
        (which,) = self.rng.choices(list(LISTS), list(LISTS.values()))
        path = f"/v1/inbox?limit={PAGE}{which}"
        page = await self.ask("list", "list", "GET", path)
        if not page.refused and page.body["next_cursor"] and self.rng.random() < DEEPER:
            page = await self.ask("list", "list", "GET", f"{path}&cursor={quote(page.body['next_cursor'])}")
        items: list[Item] = page.body.get("items", [])
        return items

    async def count(self, _: list[Item]) -> None:
        await self.ask("counts", "counts", "GET", "/v1/inbox/counts")

    async def open(self, items: list[Item]) -> None:
        """Open a conversation, read its last messages, and say so."""
        name = self.rng.choice(items)["conversation_id"]
        opened = await self.ask("open", "open", "GET", f"/v1/conversations/{name}")
        if opened.refused:
            return
        now = quote(datetime.now(UTC).isoformat())
        path = f"/v1/conversations/{name}/messages?limit={PAGE}&before={now}"
        page = await self.ask("messages", "messages", "GET", path)
        if not page.refused and page.body["items"] and self._may_read(name):
            position = max(each["position"] for each in page.body["items"])
            await self.move(name, "read", {"position": position})

    def _may_read(self, name: str) -> bool:
        """A reading soon after another is recorded a minute later, which has to be before the end."""
        last, now = self.read_at.get(name), perf_counter()
        between_s = BETWEEN_READINGS.total_seconds()
        if last is not None and now - last < between_s and self.log.left_s() < between_s:
            return False
        self.read_at[name] = now
        return True

    # What he does

    async def answer(self, items: list[Item]) -> None:
        """With what the company really said, where it did."""
        item = self.rng.choice(items)
        chat = self.rng.choice(item["chats"])
        real = self.talk.answers.get(chat["chat_id"])
        text = real.pop(0) if real else self.rng.choice(company.TEXTS)
        path = f"/v1/conversations/{item['conversation_id']}/messages"
        body = {"text": text if text.strip() else "…", "chat_id": chat["chat_id"]}
        sent = await self.ask("answer", "answer", "POST", path, body)
        if not sent.refused:
            self.log.acknowledged[sent.body["message_id"]] = chat["chat_id"]
            self.log.queued.append((chat["channel_id"], sent.body["message_id"]))

    async def claim(self, items: list[Item]) -> None:
        await self.move(self.rng.choice(items)["conversation_id"], "claim")

    async def release(self, items: list[Item]) -> None:
        held = [item for item in items if item["holder_id"] is not None]
        await self.move(self.rng.choice(held or items)["conversation_id"], "release")

    async def close(self, items: list[Item]) -> None:
        await self.move(self.rng.choice(items)["conversation_id"], "close")

    async def reopen(self, items: list[Item]) -> None:
        away = [item for item in items if item["folder"] in ("closed", "snoozed")]
        await self.move(self.rng.choice(away or items)["conversation_id"], "reopen")

    async def dismiss(self, items: list[Item]) -> None:
        waiting = [item for item in items if item["waiting_since"]]
        await self.move(self.rng.choice(waiting or items)["conversation_id"], "dismiss")

    async def snooze(self, items: list[Item]) -> None:
        await self.move(self.rng.choice(items)["conversation_id"], "snooze", {"until": self._until()})

    async def assign(self, items: list[Item]) -> None:
        """To himself, or to a supervisor; that one may have gone meanwhile."""
        supervisors = [name for name, role in self.log.size.roles().items() if role == "supervisor"]
        to_id = self.rng.choice([self.name, *supervisors])
        await self.move(self.rng.choice(items)["conversation_id"], "assign", {"employee_id": to_id})

    async def move_many(self, items: list[Item]) -> None:
        chosen = self.rng.sample(items, min(IN_BULK, len(items)))
        action = self.rng.choice(["claim", "close", "release", "reopen", "dismiss", "snooze"])
        body = {"conversation_ids": [item["conversation_id"] for item in chosen], "action": action}
        more = {"until": self._until()} if action == "snooze" else {}
        moved = await self.ask("move many", "bulk", "POST", "/v1/conversations/bulk", body | more)
        for result in moved.body.get("results", []):
            if result["status"] == "rejected":
                self.log.refuse(action, result["error"])

    async def link(self, items: list[Item]) -> None:
        """Say whose address it is, often wrongly."""
        name, address, number = self._somebody(items)
        wrong = self.rng.random() < WRONG
        contact_id = company.contact_id(self.rng.randrange(self.log.size.clients) if wrong else number)
        done = await self.move(name, "link", {"address": address, "contact_id": contact_id})
        if done and wrong:
            self.wrong.append((name, address, contact_id))

    async def unlink(self, items: list[Item]) -> None:
        """Undo a wrong link of one's own; or, rarely, one that is right."""
        known = [item for item in items if item["contact_ids"]]
        if self.wrong:
            name, address, contact_id = self.wrong.pop(0)
        elif known and self.rng.random() < RIGHT_UNDONE:
            item = self.rng.choice(known)
            name, address, _ = self._somebody([item])
            contact_id = self.rng.choice(item["contact_ids"])
        else:
            return
        await self.move(name, "unlink", {"address": address, "contact_id": contact_id})

    async def move(self, name: str, action: str, body: Json | None = None) -> bool:
        """Whether it was carried out."""
        timed = "link" if action in ("link", "unlink") else "command"
        path = f"/v1/conversations/{name}/{action}"
        return not (await self.ask(action, timed, "POST", path, body or {})).refused

    def _somebody(self, items: list[Item]) -> tuple[str, Json, int]:
        """The client of a chat: the chat's own conversation, wherever it belongs now; address and number."""
        item = self.rng.choice(items)
        chat = self.rng.choice(item["chats"])
        address = chat["external_id"].partition("@")[0]
        stated = {"kind": KINDS[chat["channel_id"]], "address": address}
        return str(conversation_id(chat["chat_id"])), stated, client_at(address)

    def _until(self) -> str:
        short_s = max(SHORT_S, SHORT_PART * self.log.size.seconds)
        ends_today = self.log.left_s() > 2 * short_s and self.rng.random() < 0.5
        return (datetime.now(UTC) + (timedelta(seconds=short_s) if ends_today else LONG)).isoformat()


def colleagues(log: Log, talk: Talk, port: int, tokens: Tokens) -> list[Colleague]:
    return [Colleague(log, employee_id, port, token, talk) for employee_id, token in tokens.items()]
