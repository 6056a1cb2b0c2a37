"""So few of everything that commands collide, and what the system calls it, which the model does not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from domain import ids
from domain.address import AddressRef
from tests.projections.history import named

WORKSPACE, NEXT_DOOR = "main", "next_door"
EMPLOYEES = ["oleg", "vera", "irina"]
ROLES = ["seller", "supervisor", "quality_control"]
ARKADY = "arkady"
ADDRESSES = ["1", "2", "3"]
CONTACTS = ["wife", "son"]
DEALS = ["house", "garden"]
DEAL_STATUSES = ["open", "won", "lost"]
CHANNELS = ["wa", "team"]
POLICIES = ["client_owners", "whole_team"]
CHATS = {"family": ("wa", "group"), "p1": ("wa", "direct"), "p2": ("team", "direct")}
STATUSES = ["sent", "failed", "delivered", "read"]
TITLES = ["villa", "hut"]
TEXTS = ["better", None, "best"]
MESSAGES = [str(number) for number in range(12)]
ECHOES = {"10", "11"}
"""Of the messages, those that the company wrote on its own phone."""
AUTOMATIC = {"8", "9"}
"""Those that a machine of the company wrote."""
NAMELESS = {"9", "11"}
"""Those that do not say from which address they came."""
ANSWERS = ["first", "second"]

DAWN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def at(minute: int) -> datetime:
    return DAWN + timedelta(minutes=minute)


def minute_of(moment: str | None) -> int | None:
    return None if moment is None else (datetime.fromisoformat(moment) - DAWN) // timedelta(minutes=1)


def refs(addresses: list[str]) -> list[AddressRef]:
    return [AddressRef("phone", address) for address in addresses]


def chat_id(chat: str, workspace: str = WORKSPACE) -> str:
    return str(ids.chat_id(workspace, CHATS[chat][0], chat))


def conversation_id(chat: str) -> str:
    return str(ids.conversation_id(chat_id(chat)))


def answer_name(chat: str, answer: str) -> str:
    return f"{answer} answer in {chat}"


def answer_id(chat: str, answer: str) -> str:
    """The id that the API would have made for an answer."""
    return named(answer_name(chat, answer))


CHAT_NAMES = {chat_id(chat): chat for chat in CHATS}
CONVERSATION_NAMES = {conversation_id(chat): chat for chat in CHATS}
MESSAGE_NAMES = {
    **{str(ids.message_id(chat_id(chat), name)): name for chat in CHATS for name in MESSAGES},
    **{answer_id(chat, answer): answer_name(chat, answer) for chat in CHATS for answer in ANSWERS},
}
