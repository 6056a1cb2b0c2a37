"""The house story of MISSION.md, step by step: the acceptance test of G1 to G12, told over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.house import CHANNEL, DIRECT_CHAT, GROUP_CHAT, PHONES, House, addresses_of


@dataclass(frozen=True)
class Step:
    """One step of the story. play: does it, and answers with what is worth a remark."""

    number: int
    told: str
    play: Callable[[House], Sequence[str]]


def _husband_writes(house: House) -> Sequence[str]:
    house.hears(_message(DIRECT_CHAT, "direct", "husband", "Hello! Could you build us a house?"))
    before = ", ".join(who.title() for who, chats in house.who_sees().items() if DIRECT_CHAT in chats)
    house.put(
        "/v1/contacts/husband",
        {"name": "Husband", "responsible_id": "oleg", "addresses": addresses_of("husband")},
    )
    _put_deal(house, "oleg", "open", "husband")
    return [f"Before Oleg made the contact, the new client was seen by {before}."]


def _husband_creates_a_group(house: House) -> Sequence[str]:
    house.hears(
        *(_joined(person, by="husband") for person in ("husband", "oleg", "wife")),
        _message(GROUP_CHAT, "group", "husband", "This is my wife. Let us talk here."),
    )
    on_deal_card = house.conversation("oleg", GROUP_CHAT, surface="deal_card") is not None
    return [f"On the CRM's deal card the group {'appears' if on_deal_card else 'does not appear'} (G6)."]


def _wife_joins_the_deal(house: House) -> Sequence[str]:
    house.put(
        "/v1/contacts/wife", {"name": "Wife", "responsible_id": "oleg", "addresses": addresses_of("wife")}
    )
    _put_deal(house, "oleg", "open", "husband", "wife")
    return []


def _arkady_writes(house: House) -> Sequence[str]:
    house.hears(
        _joined("arkady", by="oleg"),
        _message(GROUP_CHAT, "group", "arkady", "Good day, I am the architect. The plan is coming."),
    )
    message = _messages(house, "irina")[-1]
    kind, name = message["author"]["kind"].replace("_", " "), message["author"]["name"]
    return [
        f"Irina reads his message as the company's (direction {message['direction']}), by {kind}: {name}."
    ]


def _son_is_invited(house: House) -> Sequence[str]:
    house.hears(_joined("son", by="wife"))
    return []


def _deal_is_won(house: House) -> Sequence[str]:
    _put_deal(house, "oleg", "won", "husband", "wife")
    conversation_id = house.conversation_id(GROUP_CHAT)
    house.post(
        "/v1/deals/house/reassign",
        {"owner_id": "pavel", "reason": "The contract is signed.", "with_contacts": True},
    )
    return _next_reads(house, conversation_id)


def _next_reads(house: House, conversation_id: str) -> Sequence[str]:
    """G10: no waiting, no position named, straight after the answer."""
    opened = house.read_at_once(f"/v1/conversations/{conversation_id}", who="oleg")
    listed = house.read_at_once("/v1/inbox", who="oleg", channel_id=CHANNEL).json()["items"]
    history = house.read_at_once(f"/v1/conversations/{conversation_id}/messages", who="pavel")
    texts = [message["text"] for message in history.raise_for_status().json()["items"]]
    return [
        f"The very next reads: Oleg opens the group and gets {opened.status_code}, "
        f"his list holds {len(listed)} of the two chats;",
        f"Pavel reads all {len(texts)} messages of the group, from the first: “{texts[0]}”.",
    ]


def _son_says_thanks(house: House) -> Sequence[str]:
    before = house.position
    house.hears(_message(GROUP_CHAT, "group", "son", "thanks"))
    notified = house.notified(after=before)
    heard = "is notified too" if "oleg" in notified else "hears nothing of it"
    return [f"Notified of it: {', '.join(who.title() for who in sorted(notified))}; Oleg {heard}."]


def _parents_leave(house: House) -> Sequence[str]:
    house.hears(_left("husband"), _left("wife"))
    return ["No client known to the CRM is left, so it goes to those who receive new clients (G4)."]


def _vera_links_the_son(house: House) -> Sequence[str]:
    house.post(
        f"/v1/conversations/{house.conversation_id(GROUP_CHAT)}/link",
        {"address": addresses_of("son")[0], "contact_id": "son"},
        who="vera",
    )
    return []


STORY: tuple[Step, ...] = (
    Step(1, "Husband writes to the company's WhatsApp; Oleg makes a contact and a deal.", _husband_writes),
    Step(2, "Husband creates a group with Oleg's number and Wife.", _husband_creates_a_group),
    Step(3, "Oleg adds Wife's contact to the deal.", _wife_joins_the_deal),
    Step(4, "Arkady the architect is invited and writes from his phone.", _arkady_writes),
    Step(5, "Wife invites Son; he is not added to the CRM.", _son_is_invited),
    Step(6, "The deal is won and reassigned to Pavel, and with it both contacts.", _deal_is_won),
    Step(7, "Son writes “thanks”.", _son_says_thanks),
    Step(8, "Husband and Wife leave the group; Son stays.", _parents_leave),
    Step(9, "Vera links Son to a new contact of hers.", _vera_links_the_son),
)


def _put_deal(house: House, owner_id: str, status: str, *contact_ids: str) -> None:
    deal = {"title": "A house in Lime Street 12", "owner_id": owner_id, "status": status}
    house.put("/v1/deals/house", {**deal, "contact_ids": list(contact_ids)})


def _messages(house: House, employee_id: str) -> list[dict[str, Any]]:
    path = f"/v1/conversations/{house.conversation_id(GROUP_CHAT)}/messages"
    items: list[dict[str, Any]] = house.get(path, who=employee_id).raise_for_status().json()["items"]
    return items


def _message(chat: str, kind: str, person: str, text: str) -> dict[str, Any]:
    sent_at = _now()
    message = {"id": f"{person} {sent_at}", "text": text, "sent_at": sent_at}
    sender = {"address": PHONES[person], "name": person.title()}
    return {"type": "message", "chat": {"id": chat, "kind": kind}, "message": {**message, "sender": sender}}


def _joined(person: str, *, by: str) -> dict[str, Any]:
    return {"type": "participant_joined", **_membership(person), "by": PHONES[by]}


def _left(person: str) -> dict[str, Any]:
    return {"type": "participant_left", **_membership(person)}


def _membership(person: str) -> dict[str, Any]:
    participant = {"address": PHONES[person], "name": person.title()}
    chat = {"id": GROUP_CHAT, "kind": "group", "title": "A house in Lime Street 12"}
    return {"chat": chat, "participant": participant, "at": _now()}


def _now() -> str:
    return datetime.now(UTC).isoformat()
