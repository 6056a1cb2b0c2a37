"""A client who left something everywhere, so that it can be looked for when he was erased."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from tests.api.client import Client, Json

numbers = count(1)


@dataclass
class Person:
    """sign: in every name, text and id of his; number: in his phone. Nobody else has them."""

    admin: Client
    connector: Client
    oleg: Client
    sign: str
    number: str

    @property
    def id(self) -> str:
        return f"client-{self.sign[2:-1]}"

    @property
    def phone(self) -> str:
        return f"+7 999 {self.number}"

    @property
    def chat(self) -> str:
        """His direct chat, as the messenger calls it."""
        return f"{self.number}@c.us"

    @property
    def group(self) -> str:
        return f"group of {self.id}"

    @property
    def erasure(self) -> str:
        return f"/v1/contacts/{self.id}/erasure"

    def write(self, text: str, *, to_group: bool = False, **message: Any) -> Json:
        """He writes, in his chat or in the group."""
        chat = self.group if to_group else self.chat
        event = self.connector.message(chat, self.phone, f"{text} {self.sign}", **message)
        event["message"]["sender"]["name"] = f"{self.sign} of phone"
        about = {"kind": "group", "title": "The house"} if to_group else {"title": f"chat of {self.sign}"}
        return self.connector.tell(event | {"chat": event["chat"] | about})

    def edit(self, text: str, minute: int) -> Json:
        """He changes his first message."""
        message = {"id": f"{self.sign}-1", "text": text, "edited_at": f"2025-03-02T11:{minute:02}:00Z"}
        event = {"type": "message_edited", "chat": {"id": self.chat}, "message": message}
        return self.connector.tell(event)

    @property
    def conversation(self) -> str:
        """The id of what Oleg sees of his direct chat."""
        found = [item for item in self.oleg.inbox() if item["contact_ids"] == [self.id]]
        return next(str(item["conversation_id"]) for item in found if item["kind"] == "direct")

    def messages(self, conversation_id: str) -> list[Json]:
        items: list[Json] = self.oleg.get(f"/v1/conversations/{conversation_id}/messages")["items"]
        return items

    def shown(self) -> Json:
        """What would be erased, as it is to be confirmed."""
        answer = self.admin.get(self.erasure)
        return {"events": answer["erased"]["events"], "position": answer["position"]}

    def ask_to_erase(self, **body: Any) -> httpx.Response:
        asked = {"reason": "letter 12/25", "confirm": self.shown()} | body
        return self.admin.ask("POST", self.erasure, json=asked)


def meet(admin: Client, connector: Client, oleg: Client) -> Person:
    """A client with a direct chat, a group, a deal, a task, a hidden thread and a refused request."""
    number = next(numbers)
    him = Person(admin, connector, oleg, f"zq{number:03}x", f"555{number:04}")
    admin.put_contact(him.id, him.phone, name=f"Ivan {him.sign}", responsible_id="oleg")
    admin.put_contact(f"wife of {him.id}", f"+7 888 {number:07}", name="Maria", responsible_id="oleg")
    admin.put_deal(f"house of {him.id}", "oleg", him.id, title=f"House of {him.sign}")
    him.write("I want a house,", id=f"{him.sign}-1", attachments=[attachment(him.sign)])
    him.write("Hello family,", id=f"{him.sign}-2", to_group=True)
    hers = connector.message(him.group, f"+7 888 {number:07}", "Hello husband")
    connector.tell(hers | {"chat": {"id": him.group, "kind": "group"}})
    him.edit(f"I want a palace, {him.sign}", 0)
    conversation = him.conversation
    sent = oleg.act(conversation, "messages", {"text": f"Dear {him.sign}!"}).json()
    report = {"message_id": sent["message_id"], "status": "failed", "at": "2025-03-01T12:00:00Z"}
    connector.tell({"type": "delivery", **report, "error": f"{him.phone} has no account"})
    oleg.act(conversation, "tasks", {"text": f"call {him.sign}"})
    first = him.messages(conversation)[0]["message_id"]
    oleg.act(conversation, f"messages/{first}/thread", {"text": f"{him.sign} is rich"})
    quoting = {"text": "x", "assignee_id": him.sign}
    refused = oleg.act(conversation, "tasks", quoting, headers={"Idempotency-Key": f"of {him.id}"})
    assert refused.status_code == 422
    return him


def attachment(sign: str) -> Json:
    return {"kind": "image", "url": f"https://files/{sign}", "name": f"{sign}.png"}
