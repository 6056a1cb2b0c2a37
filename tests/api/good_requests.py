"""A good request of every kind that writes, to be sent as it is or spoiled."""

from dataclasses import dataclass
from typing import Any

ADDRESS = {"kind": "whatsapp", "address": "+7 999 1"}
ATTACHMENT = {"kind": "image", "url": "https://files/1", "name": "plan.png", "mime": "image/png", "size": 10}
SENT_AT = "2025-03-01T10:00:00Z"
CHAT = {"id": "chat", "kind": "direct", "title": "Chat"}
SEEN = {"seen_position": 1}


@dataclass(frozen=True)
class Call:
    """A write with a good body. optional: fields that may be null."""

    who: str
    method: str
    path: str
    body: dict[str, Any]
    optional: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def employee(action: str, body: dict[str, Any], *optional: str) -> Call:
    return Call("oleg", "POST", f"/v1/conversations/CONVERSATION/{action}", body, frozenset(optional))


def auditor(body: dict[str, Any], *optional: str) -> Call:
    return Call("auditor", "POST", "/v1/audit/preview", body, frozenset(optional))


CALLS = [
    Call("admin", "POST", "/v1/tokens", {"scopes": ["auditor"], "label": "x"}),
    Call(
        "admin",
        "PUT",
        "/v1/workspace",
        {
            "timezone": "Europe/Moscow",
            "language": "ru",
            "response_goal_seconds": 300,
            "business_hours": {"monday": [["09:00", "18:00"]]},
            "visibility_policy": "whole_team",
            "holidays": {
                "country": "DE",
                "subdivision": "BY",
                "exceptions": {"2026-12-24": [["09:00", "13:00"]]},
            },
            "daily_report": {"webhook": True, "telegram_chat_id": "-1001", "file": True},
        },
        frozenset(
            {
                *("timezone", "language", "response_goal_seconds", "business_hours", "visibility_policy"),
                *("holidays", "country", "subdivision", "daily_report", "telegram_chat_id"),
            }
        ),
    ),
    Call(
        "connector",
        "PUT",
        "/v1/channels/another",
        {"kind": "telegram", "title": "Another", "visibility": "whole_team"},
        frozenset({"visibility"}),
    ),
    Call(
        "connector",
        "PUT",
        "/v1/employees/another",
        {
            "name": "Another",
            "role": "seller",
            "receives_new_clients": True,
            "active": True,
            "addresses": [ADDRESS],
        },
    ),
    Call("connector", "PUT", "/v1/staff/another", {"name": "Another", "addresses": [ADDRESS]}),
    Call(
        "connector",
        "PUT",
        "/v1/contacts/another",
        {"name": "Another", "responsible_id": "oleg", "addresses": [ADDRESS]},
        frozenset({"responsible_id"}),
    ),
    Call(
        "admin",
        "POST",
        "/v1/contacts/husband/erasure",
        {"reason": "letter 12/25", "confirm": {"events": 1, "position": 1}},
        frozenset({"position"}),
    ),
    Call(
        "connector",
        "PUT",
        "/v1/deals/another",
        {"title": "Another", "owner_id": "oleg", "status": "open", "contact_ids": ["husband"]},
    ),
    Call(
        "connector",
        "POST",
        "/v1/deals/house/reassign",
        {"owner_id": "vera", "reason": "leaves", "with_contacts": True},
    ),
    Call(
        "connector",
        "POST",
        "/v1/handover",
        {"from_employee_id": "oleg", "to_employee_id": "vera", "reason": "leaves"},
    ),
    employee("messages", {"text": "x", "attachments": [ATTACHMENT]}, "text", "url", "name", "mime", "size"),
    employee("claim", {}),
    employee("release", {}),
    employee("reopen", {}),
    employee("close", SEEN, "seen_position"),
    employee("dismiss", SEEN, "seen_position"),
    employee("snooze", {"until": "2035-01-01T00:00:00Z", **SEEN}, "seen_position"),
    employee("assign", {"employee_id": "vera"}),
    employee("read", {"position": 1}),
    employee("link", {"address": ADDRESS, "contact_id": "wife", "name": "Wife"}, "name"),
    employee("unlink", {"address": ADDRESS, "contact_id": "husband"}),
    employee(
        "messages/5e7c7a2e-0000-4000-8000-000000000000/thread",
        {"text": "x", "add_employee_ids": ["vera"], "remove_employee_ids": ["irina"]},
        "text",
    ),
    employee(
        "tasks",
        {"text": "x", "assignee_id": "oleg", "due_at": "2035-01-01T00:00:00Z"},
        *("assignee_id", "due_at"),
    ),
    Call(
        "oleg",
        "PUT",
        "/v1/tasks/5e7c7a2e-0000-4000-8000-000000000000",
        {"text": "x", "assignee_id": "oleg", "due_at": "2035-01-01T00:00:00Z"},
        frozenset({"due_at"}),
    ),
    Call(
        "oleg",
        "PUT",
        "/v1/muted-hours",
        {"muted_hours": [{"days": ["sat", "sun"], "from": "22:00", "to": "08:00"}]},
    ),
    Call(
        "admin",
        "PUT",
        "/v1/webhooks/another",
        {
            "url": "https://crm.example/told",
            "secret": "a secret of 24 characters or more",
            "events": ["notification"],
            "active": False,
            "label": "Our CRM",
        },
    ),
    auditor({"action": "handover", "from_employee_id": "oleg", "to_employee_id": "vera"}),
    auditor({"action": "reassign", "deal_id": "house", "owner_id": "vera", "with_contacts": True}),
    auditor(
        {"action": "link", "address": ADDRESS, "contact_id": "wife", "responsible_id": "vera"},
        *("responsible_id",),
    ),
    auditor({"action": "unlink", "address": ADDRESS, "contact_id": "husband"}),
    Call("oleg", "POST", "/v1/conversations/bulk", {"conversation_ids": ["x"], "action": "claim"}),
]

TELL = Call("connector", "POST", "/v1/channels/phone/events", {})
EVENTS: list[dict[str, Any]] = [
    {
        "type": "message",
        "chat": CHAT,
        "message": {
            "id": "m",
            "sender": {"address": "+7 999 1", "name": "Husband"},
            "text": "x",
            "attachments": [ATTACHMENT],
            "reply_to": "m0",
            "sent_at": SENT_AT,
            "echo": False,
            "automatic": False,
        },
    },
    {
        "type": "message_edited",
        "chat": CHAT,
        "message": {"id": "m", "text": "y", "edited_at": SENT_AT},
    },
    {"type": "message_deleted", "chat": CHAT, "message": {"id": "m", "deleted_at": SENT_AT}},
    {"type": "delivery", "message_id": "m", "status": "sent", "at": SENT_AT, "error": "none"},
    *(
        {
            "type": kind,
            "chat": CHAT,
            "participant": {"address": "+7 999 1", "name": "Husband"},
            "at": SENT_AT,
            "by": {"address": "+7 999 2", "name": "Wife"},
        }
        for kind in ("participant_joined", "participant_left")
    ),
    {"type": "chat_renamed", "chat": CHAT, "at": SENT_AT},
]
