"""The group chat of the house story as the audit API tells it, with days between its steps.

The shapes are those of docs/audit.md's endpoints; positions and reasons are worked out by hand.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CHAT = "4175ccb3-631b-5899-a6ea-a844c88ef864"
HUSBAND, WIFE, SON = "+7 900 111-00-01", "+7 900 111-00-02", "+7 900 111-00-03"
OLEGS, ARKADYS = "+7 900 222-00-01", "+7 900 333-00-01"
NAMES = {"oleg": "Oleg", "vera": "Vera", "pavel": "Pavel", "irina": "Irina", "katya": "Katya"} | {
    "contact:husband": "Husband",
    "contact:wife": "Wife",
    "contact:son": "Son",
    "deal:house": "A house in Lime Street 12",
    "channel:house-whatsapp": "The house builders",
}
ROLES = {"irina": "supervisor", "katya": "quality_control"}
CRM = "connector:8c0e31a2-0000-4000-8000-000000000001"


def event(position: int, at: str, topic: str, facts: Json, private: Json | None = None, **more: Any) -> Json:
    """An event object; at: day and time in March 2026."""
    time = f"2026-03-{at}.{position:06}Z"
    row = {"workspace_id": "main", "stream_id": CHAT, "version": 1, "actor": CRM, "causation": at}
    place = {"position": position, "occurred_at": time, "recorded_at": time}
    return {**row, **place, "topic": topic, "facts": facts, "private": private or {}, **more}


def _joined(position: int, at: str, address: str, name: str) -> Json:
    facts = {"chat_id": CHAT, "address_id": "a", "kind": "whatsapp", "implied_by": None, "by_id": None}
    return event(position, at, "chat.participant_joined", facts, {"address": address, "name": name})


def _left(position: int, at: str, address: str, name: str) -> Json:
    facts = {"chat_id": CHAT, "address_id": "a", "kind": "whatsapp", "by_id": None}
    return event(position, at, "chat.participant_left", facts, {"address": address, "name": name})


def _wrote(position: int, at: str, address: str, name: str, text: str, kind: str = "client") -> Json:
    facts = {"chat_id": CHAT, "author_kind": kind, "author_id": name.lower(), "direction": "in"}
    facts |= {"direction": "out"} if kind != "client" else {}
    private = {"text": text, "sender_address": address, "sender_name": name}
    return event(position, at, "message.received", facts, private)


def _responsible(position: int, at: str, contact: str, before: str, now: str) -> Json:
    facts = {"contact_id": contact, "from_id": before, "to_id": now}
    return event(position, at, "contact.responsible_changed", facts, {"reason": "The contract is signed."})


OPENED = event(
    30,
    "03T14:05:07",
    "chat.opened",
    {"chat_id": CHAT, "conversation_id": CHAT, "channel_id": "house-whatsapp", "kind": "group"},
    {"external_id": "lime-street-12@g.us", "title": "A house in Lime Street 12"},
)
HUSBAND_JOINED = _joined(31, "03T14:05:07", HUSBAND, "Husband")
WIFE_LINKED = event(
    36,
    "05T11:20:00",
    "contact.address_linked",
    {"contact_id": "wife", "address_id": "a", "kind": "whatsapp"},
    {"address": WIFE},
)
WIFE_IN_DEAL = event(37, "05T11:21:30", "deal.contact_added", {"deal_id": "house", "contact_id": "wife"})
DEAL_REASSIGNED = event(
    42,
    "12T16:45:00",
    "deal.reassigned",
    {"deal_id": "house", "from_id": "oleg", "to_id": "pavel", "status": "won"},
    {"reason": "The contract is signed."},
)
HUSBAND_REASSIGNED = _responsible(43, "12T16:45:00", "husband", "oleg", "pavel")
WIFE_REASSIGNED = _responsible(44, "12T16:45:00", "wife", "oleg", "pavel")
HUSBAND_LEFT = _left(46, "20T18:30:00", HUSBAND, "Husband")
WIFE_LEFT = _left(47, "20T18:30:00", WIFE, "Wife")
SON_LINKED = event(
    49,
    "23T10:15:00",
    "contact.address_linked",
    {"contact_id": "son", "address_id": "a", "kind": "whatsapp"},
    {"address": SON},
    actor="employee:vera",
)
EVENTS = [
    OPENED,
    HUSBAND_JOINED,
    _joined(32, "03T14:05:07", OLEGS, "Oleg"),
    _joined(33, "03T14:05:07", WIFE, "Wife"),
    _wrote(34, "03T14:05:20", HUSBAND, "Husband", "This is my wife. Let us talk here."),
    _joined(38, "06T09:00:00", ARKADYS, "Arkady"),
    _wrote(39, "06T09:10:00", ARKADYS, "Arkady", "Good day, I am the architect.", "external_staff"),
    _joined(40, "09T19:30:00", SON, "Son"),
    _wrote(45, "13T09:02:00", SON, "Son", "thanks"),
    HUSBAND_LEFT,
    WIFE_LEFT,
]


def place(of: Json) -> Json:
    return {"position": of["position"], "at": of["recorded_at"]}


def _saw(who: str, reason: Json, begun: Json, ended: Json | None = None) -> Json:
    ends = {
        "from": {**place(begun), "event": begun},
        "to": {**place(ended), "event": ended} if ended else None,
    }
    chat = {"chat_id": CHAT, "conversation_id": CHAT}
    return {"employee_id": who, "name": NAMES[who], **chat, "reason": reason, **ends}


def responsible(contact: str) -> Json:
    return {"kind": "responsible_for_contact", "contact_id": contact}


def owns(contact: str) -> Json:
    return {"kind": "owns_deal", "deal_id": "house", "contact_id": contact}


NEW_CLIENT = {"kind": "new_client"}
HISTORY = [
    _saw("irina", {"kind": "oversight", "role": "supervisor"}, OPENED),
    _saw("katya", {"kind": "oversight", "role": "quality_control"}, OPENED),
    _saw("oleg", NEW_CLIENT, OPENED, HUSBAND_JOINED),
    _saw("vera", NEW_CLIENT, OPENED, HUSBAND_JOINED),
    _saw("oleg", owns("husband"), HUSBAND_JOINED, DEAL_REASSIGNED),
    _saw("oleg", responsible("husband"), HUSBAND_JOINED, HUSBAND_REASSIGNED),
    _saw("oleg", responsible("wife"), WIFE_LINKED, WIFE_REASSIGNED),
    _saw("oleg", owns("wife"), WIFE_IN_DEAL, DEAL_REASSIGNED),
    _saw("pavel", owns("husband"), DEAL_REASSIGNED, HUSBAND_LEFT),
    _saw("pavel", owns("wife"), DEAL_REASSIGNED, WIFE_LEFT),
    _saw("pavel", responsible("husband"), HUSBAND_REASSIGNED, HUSBAND_LEFT),
    _saw("pavel", responsible("wife"), WIFE_REASSIGNED, WIFE_LEFT),
    _saw("oleg", NEW_CLIENT, WIFE_LEFT, SON_LINKED),
    _saw("vera", NEW_CLIENT, WIFE_LEFT, SON_LINKED),
    _saw("vera", responsible("son"), SON_LINKED),
]


def _participant(
    name: str, address: str, kind: str, joined: str, left: str | None = None, **ids: str
) -> Json:
    ids_of = {"contact_id": ids.get("contact_id"), "employee_id": ids.get("employee_id")}
    times = {"joined_at": f"2026-03-{joined}Z", "left_at": f"2026-03-{left}Z" if left else None}
    return {"address": address, "name": name, "kind": kind, **ids_of, **times}


PARTICIPANTS = [
    _participant("Husband", HUSBAND, "client", "03T14:05:07", "20T18:30:00", contact_id="husband"),
    _participant("Wife", WIFE, "client", "03T14:05:07", "20T18:30:00", contact_id="wife"),
    _participant("Oleg", OLEGS, "employee", "03T14:05:07", employee_id="oleg"),
    _participant("Arkady", ARKADYS, "external_staff", "06T09:00:00"),
    _participant("Son", SON, "client", "09T19:30:00", contact_id="son"),
]

VISIBILITY: Json = {
    "at": 41,
    "items": [
        {
            "employee_id": who,
            "name": NAMES[who],
            "role": ROLES.get(who, "seller"),
            "reasons": [item["reason"] for item in HISTORY if item["employee_id"] == who][:2],
            "since": place(OPENED),
        }
        for who in ("irina", "katya")
    ]
    + [
        {
            "employee_id": "oleg",
            "name": "Oleg",
            "role": "seller",
            "reasons": [owns("husband"), owns("wife"), responsible("husband"), responsible("wife")],
            "since": place(OPENED),
        }
    ],
    "names": NAMES,
}

SEES = {
    "at": 41,
    "employee_id": "oleg",
    "chat_id": CHAT,
    "visible": True,
    "reasons": [{**owns("husband"), "since": place(HUSBAND_JOINED), "events": [HUSBAND_JOINED]}],
    "lost": None,
    "never": None,
    "names": NAMES,
}
LOST = {
    **SEES,
    "at": 45,
    "visible": False,
    "reasons": [],
    "lost": {
        **place(HUSBAND_REASSIGNED),
        "event": HUSBAND_REASSIGNED,
        "reasons": [
            {
                **owns("husband"),
                "since": place(HUSBAND_JOINED),
                "until": place(DEAL_REASSIGNED),
                "ended": ["owner"],
                "events": [HUSBAND_JOINED, DEAL_REASSIGNED],
            }
        ],
    },
}
NEVER = {
    **SEES,
    "at": 41,
    "employee_id": "pavel",
    "visible": False,
    "reasons": [],
    "never": {
        "because": [
            {
                "code": "answers_for_nobody_in_it",
                "answering": [{"employee_id": "oleg", "contact_id": "husband"}],
                "events": [],
            },
            {"code": "not_receiving_new_clients", "events": []},
        ]
    },
}

OWNERSHIP = {
    "subject": "deal:house",
    "items": [
        {
            "employee_id": "oleg",
            "name": "Oleg",
            "role": "owner",
            "deal_id": "house",
            "from": {
                **place(HUSBAND_JOINED),
                "occurred_at": "2026-03-02T10:00:00.000000Z",
                "event": HUSBAND_JOINED,
            },
            "to": {**place(DEAL_REASSIGNED), "event": DEAL_REASSIGNED},
        },
        {
            "employee_id": "pavel",
            "name": "Pavel",
            "role": "owner",
            "deal_id": "house",
            "from": {**place(DEAL_REASSIGNED), "event": DEAL_REASSIGNED},
            "to": None,
        },
    ],
    "names": NAMES,
}

PREVIEW = {
    "items": [
        {
            "employee_id": who,
            "name": NAMES[who],
            "chat_id": CHAT,
            "conversation_id": CHAT,
            "change": change,
            "reasons": [owns("husband")],
        }
        for who, change in (("oleg", "loses"), ("pavel", "gains"))
    ],
    "counts": {"gains": 1, "loses": 1},
    "position": 41,
    "names": NAMES,
}

QUESTION = event(
    60,
    "24T08:00:00",
    "audit.asked",
    {"question_id": "1", "question": "events", "asked": {"limit": "50", "at": "41"}, "private_digest": "00"},
    {"wording": {"kind": "whatsapp", "address": HUSBAND}, "salt": "00"},
    actor="auditor:5f1c0000-0000-4000-8000-000000000002",
)


def _message(
    number: int, at: str, author: Json, text: str | None, direction: str = "in", **more: Any
) -> Json:
    return {
        "message_id": f"0000000{number}-0000-4000-8000-000000000000",
        "chat_id": CHAT,
        "channel_id": "house-whatsapp",
        "direction": direction,
        "author": author,
        "text": text,
        "attachments": [],
        "reply_to": None,
        "sent_at": f"2026-03-{at}Z",
        "edited_at": None,
        "deleted_at": None,
        "delivery": None,
        "position": 33 + number,
        "versions": [{"text": text, "at": f"2026-03-{at}Z", "position": 33 + number}],
        "read_by": [],
        "thread": [],
        "helpers": [],
        **more,
    }


READ_BY_OLEG = {"employee_id": "oleg", "name": "Oleg", "position": 36, "at": "2026-03-03T14:06:00.000000Z"}
FIRST_TEXT = {"text": "This is my wif.", "at": "2026-03-03T14:05:20.000000Z", "position": 34}
HIDDEN_REPLY = {
    "reply_id": "1",
    "author": {"kind": "employee", "id": "irina", "name": "Irina"},
    "text": "Pavel, take care of the plan.",
    "at": "2026-03-06T09:30:00.000000Z",
    "position": 39,
}
TRANSCRIPT = {
    "at": 45,
    "valid_at": None,
    "conversation_id": CHAT,
    "chats": [CHAT],
    "folder": "in_progress",
    "holder_id": "pavel",
    "participants": [{**each, "left_at": None} for each in PARTICIPANTS],
    "items": [
        _message(
            1,
            "03T14:05:20",
            {"kind": "client", "id": "husband", "name": "Husband"},
            "This is my wife. Let us talk here.",
            edited_at="2026-03-03T14:05:50.000000Z",
            versions=[FIRST_TEXT, {**FIRST_TEXT, "text": "This is my wife. Let us talk here."}],
            read_by=[READ_BY_OLEG],
        ),
        _message(
            2,
            "06T09:10:00",
            {"kind": "external_staff", "id": "arkady", "name": "Arkady"},
            "Good day, I am the architect.",
            "out",
            thread=[HIDDEN_REPLY],
            helpers=[{"employee_id": "vera", "name": "Vera", "added_by": "irina"}],
            attachments=[{"kind": "document", "name": "plan.pdf"}],
        ),
        _message(
            3,
            "13T09:02:00",
            {"kind": "client", "id": "son", "name": "Son"},
            "thanks",
            deleted_at="2026-03-13T09:05:00.000000Z",
        ),
        _message(4, "13T09:06:00", {"kind": "client", "id": "son", "name": None}, None, erased=True),
    ],
    "next_cursor": None,
    "names": NAMES,
}
