"""The company of the house story: who works there, who writes to it, and what they do over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

CHANNEL = "house-whatsapp"
DIRECT_CHAT = "79001110001@c.us"
GROUP_CHAT = "lime-street-12@g.us"
CHATS = {DIRECT_CHAT: "direct chat with Husband", GROUP_CHAT: "group chat of the house"}

EMPLOYEES: dict[str, dict[str, Any]] = {
    "oleg": {"name": "Oleg", "role": "seller", "receives_new_clients": True},
    "vera": {"name": "Vera", "role": "seller", "receives_new_clients": True},
    "pavel": {"name": "Pavel", "role": "seller", "receives_new_clients": False},
    "irina": {"name": "Irina", "role": "supervisor", "receives_new_clients": False},
    "katya": {"name": "Katya", "role": "quality_control", "receives_new_clients": False},
}
POSTS = {
    "oleg": "Oleg, seller",
    "vera": "Vera, seller",
    "pavel": "Pavel, project lead",
    "irina": "Irina, supervisor",
    "katya": "Katya, quality control",
}
PHONES = {
    "husband": "+7 900 111-00-01",
    "wife": "+7 900 111-00-02",
    "son": "+7 900 111-00-03",
    "oleg": "+7 900 222-00-01",
    "arkady": "+7 900 333-00-01",
}

Reasons = list[dict[str, Any]]
Sight = dict[str, dict[str, Reasons]]
"""Employee, then chat, then why he sees it; a chat that he does not see is missing."""


class StoryBroken(Exception):
    """The story can't go on: the server refused what the story tells."""


@dataclass
class House:
    """The company, its people, and what they do. client: speaks with a Chatledger."""

    client: httpx.Client
    admin_token: str
    tokens: dict[str, str] = field(default_factory=dict)
    position: int = 0
    """Of the last write; a read that names it waits until it shows that write."""

    def open(self) -> None:
        """Connect the WhatsApp number and tell who works here."""
        self.tokens["crm"] = self.issue("connector")
        self.tokens["auditor"] = self.issue("auditor")
        visibility = {"kind": "whatsapp", "title": "The house builders", "visibility": "client_owners"}
        self.put(f"/v1/channels/{CHANNEL}", visibility)
        for employee_id, employee in EMPLOYEES.items():
            addresses = addresses_of(employee_id) if employee_id in PHONES else []
            self.put(f"/v1/employees/{employee_id}", {**employee, "active": True, "addresses": addresses})
            self.tokens[employee_id] = self.issue(f"employee:{employee_id}")
        self.put("/v1/staff/arkady", {"name": "Arkady", "addresses": addresses_of("arkady")})

    def put(self, path: str, body: dict[str, Any]) -> None:
        self._write("PUT", path, body, who="crm")

    def post(self, path: str, body: dict[str, Any], *, who: str = "crm") -> None:
        self._write("POST", path, body, who=who)

    def hears(self, *events: dict[str, Any]) -> None:
        """WhatsApp tells the connector what happened.

        Raises:
            StoryBroken: an event was refused.
        """
        answer = self._write("POST", f"/v1/channels/{CHANNEL}/events", {"events": list(events)}, who="crm")
        refused = [result for result in answer["results"] if result["status"] == "rejected"]
        if refused:
            raise StoryBroken(f"refused: {refused}")

    def get(self, path: str, *, who: str, **parameters: Any) -> httpx.Response:
        """A read that waits for the last write."""
        return self.read_at_once(path, who=who, min_position=self.position, **parameters)

    def read_at_once(self, path: str, *, who: str, **parameters: Any) -> httpx.Response:
        """A read that waits for nothing."""
        return self.client.get(path, params=parameters, headers=self._as(who))

    def inbox(self, employee_id: str, **filters: Any) -> list[dict[str, Any]]:
        answer = self.get("/v1/inbox", who=employee_id, limit=200, **filters)
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    def conversation(self, employee_id: str, chat: str, **filters: Any) -> dict[str, Any] | None:
        """The line of his inbox that holds the chat; None if he does not see it."""
        for item in self.inbox(employee_id, channel_id=CHANNEL, **filters):
            if any(seen["external_id"] == chat for seen in item["chats"]):
                return item
        return None

    def conversation_id(self, chat: str) -> str:
        """By way of Irina, who sees every group and oversees the rest."""
        conversation = self.conversation("irina", chat)
        if conversation is None:
            raise StoryBroken(f"Irina does not see {chat}")
        return str(conversation["conversation_id"])

    def notified(self, *, after: int) -> dict[str, list[str]]:
        """Who is notified of what was recorded after a position: employee → messages."""
        found = {
            who: self.get("/v1/notifications", who=who, after=after).raise_for_status().json()["items"]
            for who in EMPLOYEES
        }
        return {who: [item["message_id"] for item in items] for who, items in found.items() if items}

    def counts(self, employee_id: str) -> dict[str, int]:
        counts: dict[str, int] = self.get("/v1/inbox/counts", who=employee_id).raise_for_status().json()
        return counts

    def projections(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (
            self.get("/v1/projections", who="admin").raise_for_status().json()["items"]
        )
        return items

    def who_sees(self) -> Sight:
        """Each employee's list as he gets it, with the reasons."""
        return {employee_id: self._seen_by(employee_id) for employee_id in EMPLOYEES}

    def who_saw(self, chat: str, at: int) -> dict[str, Reasons]:
        """What the auditor is told about an earlier position."""
        parameters = {"conversation_id": self.conversation_id(chat), "at": at}
        answer = self.get("/v1/audit/visibility", who="auditor", **parameters).raise_for_status()
        return {item["employee_id"]: item["reasons"] for item in answer.json()["items"]}

    def _seen_by(self, employee_id: str) -> dict[str, Reasons]:
        return {
            chat["external_id"]: item["reasons"]
            for item in self.inbox(employee_id, channel_id=CHANNEL)
            for chat in item["chats"]
        }

    def issue(self, scope: str) -> str:
        body = {"scopes": [scope], "label": f"the house story: {scope}"}
        answer = self._write("POST", "/v1/tokens", body, who="admin")
        return str(answer["token"])

    def _write(self, method: str, path: str, body: dict[str, Any], *, who: str) -> dict[str, Any]:
        answer = self.client.request(method, path, json=body, headers=self._as(who))
        if answer.is_error:
            raise StoryBroken(f"{method} {path}: {answer.status_code} {answer.text}")
        written: dict[str, Any] = answer.json()
        self.position = max(self.position, written["position"])
        return written

    def _as(self, who: str) -> dict[str, str]:
        token = self.admin_token if who == "admin" else self.tokens[who]
        return {"Authorization": f"Bearer {token}"}


def addresses_of(person: str) -> list[dict[str, str]]:
    return [{"kind": "whatsapp", "address": PHONES[person]}]
