"""A company to measure with: whose clients are whose, and how everything is called. See `history.py`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from api.bench.stamps import Names
from domain import ids
from domain.address import AddressRef
from domain.fact import By

WORKSPACE = "main"
CHANNEL = "phone"
KIND = "whatsapp"
SUPERVISOR = "irina"
CONNECTOR = "connector:bench"

STORIES = 20
"""So many conversations differ in more than names; the first is told again in the twenty-first."""

BEGINNING = datetime(2025, 1, 6, 9, tzinfo=UTC)
TEXTS = (
    "Good morning! Is the house still for sale?",
    "Could you send me the plan of the second floor, please?",
    "Thank you. We will look at it together in the evening and write again.",
    "Yes.",
    "When will the materials arrive? You said on Tuesday, and today is Thursday already.",
    "Добрый день! Подскажите, пожалуйста, сколько будет стоить доставка до Химок?",
    "I have sent the contract to your mail. Please have a look at the third page.",
)


@dataclass(frozen=True, slots=True)
class Company:
    """messages: of each conversation. deal_every: the so manieth client has a deal; it divides STORIES.

    successors: sellers without clients yet. strangers: whether one of STORIES is with somebody who is no
    contact. held: whether employees have taken conversations. closed: whether they have closed any.
    """

    conversations: int
    messages: int = 1
    sellers: int = 10
    deal_every: int = 5
    successors: int = 0
    strangers: bool = True
    held: bool = True
    closed: bool = True

    def is_client(self, number: int) -> bool:
        """Whether who writes in this conversation is a contact."""
        return not self.strangers or number % STORIES != STORIES - 1

    def seller_of(self, number: int) -> str:
        """Who answers for the client; the clients of each are spread over all years, and of all stories."""
        return seller(number // STORIES % self.sellers)

    def has_deal(self, number: int) -> bool:
        return self.is_client(number) and number % self.deal_every == 0

    def deals_of(self, employee_id: str) -> list[str]:
        numbers = range(self.conversations)
        return [
            deal_id(number)
            for number in numbers
            if self.has_deal(number) and self.seller_of(number) == employee_id
        ]


def seller(number: int) -> str:
    return f"seller-{number}"


def successor(number: int) -> str:
    return f"successor-{number}"


def contact_id(number: int) -> str:
    return f"contact-{number}"


def deal_id(number: int) -> str:
    return f"deal-{number}"


def phone(number: int) -> str:
    return str(79_000_000_000 + number)


def external_id(number: int) -> str:
    """Of the chat, in the messenger."""
    return f"{phone(number)}@c.us"


def message_ref(number: int, nth: int) -> str:
    """Of the nth message, in the messenger."""
    return f"{number}-{nth}"


def is_group(number: int) -> bool:
    return number % 10 == 9


def is_closed(number: int) -> bool:
    """Whether the client's conversation ends in `closed`."""
    return number % 10 < 6


def by(actor: str = CONNECTOR) -> By:
    return By(WORKSPACE, actor, BEGINNING, "a made history")


def chat_of(number: int) -> UUID:
    return ids.chat_id(WORKSPACE, CHANNEL, external_id(number))


def title(number: int) -> str | None:
    return f"House {number}" if is_group(number) else None


def text_of(number: int, nth: int) -> str:
    return TEXTS[(number % STORIES + nth) % len(TEXTS)]


def names(company: Company, number: int) -> Names:
    """Everything by which the events of one conversation can be told from those of another of its story."""
    chat_id, employee_id = chat_of(number), company.seller_of(number)
    known = {
        "chat": str(chat_id),
        "conversation": str(ids.conversation_id(chat_id)),
        "address": str(AddressRef(KIND, phone(number)).id_in(WORKSPACE)),
        "external": external_id(number),
        "phone": phone(number),
        "client": f"Client {number}",
        "house": f"House {number}",
        "contract": f"Contract {number}",
        "contact": contact_id(number),
        "contact_stream": str(ids.derive("contact", WORKSPACE, contact_id(number))),
        "deal": deal_id(number),
        "deal_stream": str(ids.derive("deal", WORKSPACE, deal_id(number))),
        "seller": employee_id,
        "seller_acts": f"employee:{employee_id}",
        "reading": str(ids.derive("reading", WORKSPACE, str(ids.conversation_id(chat_id)), employee_id)),
    }
    for nth in range(company.messages):
        ref = message_ref(number, nth)
        message_id = str(ids.message_id(chat_id, ref))
        known[f"ref_{nth}"] = ref
        known[f"message_{nth}"] = message_id
        answered = company.is_client(number) and nth % 2
        known[f"delivery_{nth}"] = str(ids.delivery_id(WORKSPACE, CHANNEL, message_id if answered else ref))
    return known
