"""Real conversations to try things with: the PyPI package `chitchat-dataset` (MIT), as inbound events.

7,168 chats, 258,145 messages with second timestamps. Who opened a chat is its client, everybody else in it
an employee, who writes from an address of his own: one person is a client here and an employee there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

MESSAGES = 258_145
EMPLOYEE_PREFIX = "employee-"

Conversation = dict[str, Any]
Message = dict[str, str]
Conversations = dict[str, Conversation]


def conversations() -> Conversations:
    """All chats by id, as the package has them."""
    package = find_spec("chitchat_dataset")
    if package is None or package.origin is None:
        raise FileNotFoundError("the package chitchat-dataset is not installed")
    with (Path(package.origin).parent / "dataset.json").open(encoding="utf-8") as file:
        dataset: Conversations = json.load(file)
    return dataset


def inbound_events(dataset: Conversations) -> Iterator[dict[str, Any]]:
    """Each message in the shape of API.md's inbound events, chat by chat, in the order of each chat."""
    for chat_id, conversation in dataset.items():
        opener = opened_by(conversation)
        for index, message in enumerate(messages_of(conversation)):
            yield _inbound_event(chat_id, index, message, echo=message["sender"] != opener)


def chats_by_opener(dataset: Conversations) -> Counter[str]:
    """How many chats each client opened."""
    return Counter(opened_by(conversation) for conversation in dataset.values())


def opened_by(conversation: Conversation) -> str:
    """The client: who wrote the first message."""
    return str(next(messages_of(conversation))["sender"])


def unanswered(chats: Iterable[Conversation]) -> bool:
    """Whether the client of these chats wrote last, in any of them; of one moment, what is told later."""
    told = [(sent_at(each), each, chat) for chat in chats for each in messages_of(chat)]
    _, last, chat = max(reversed(told), key=lambda one: one[0])
    return bool(last["sender"] == opened_by(chat))


def client_name(person: str) -> str:
    """The data has no names."""
    return f"Client {person[:8]}"


def messages_of(conversation: Conversation) -> Iterator[Message]:
    """In the order in which they were written, as the package has them, also within one second."""
    for turn in conversation["messages"]:
        yield from turn


def sent_at(message: Message) -> datetime:
    """UTC, also where no zone is told."""
    moment = datetime.fromisoformat(message["timestamp"])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _inbound_event(chat_id: str, index: int, message: Message, *, echo: bool) -> dict[str, Any]:
    person = message["sender"]
    sender = {
        "address": f"{EMPLOYEE_PREFIX}{person}" if echo else person,
        "name": f"Employee {person[:8]}" if echo else client_name(person),
    }
    return {
        "type": "message",
        "chat": {"id": chat_id, "kind": "direct"},
        "message": {
            "id": f"{chat_id}-{index}",
            "sender": sender,
            "text": message["text"],
            "sent_at": sent_at(message).isoformat(),
            "echo": echo,
        },
    }
