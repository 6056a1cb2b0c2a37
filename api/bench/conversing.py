"""What clients say on a day: real conversations, each at its hour, squeezed into the seconds of a run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any

from api import chitchat
from api.bench.firm import Place, Size, places

DAY_S = 24 * 3600.0
ECHO_EVERY = 5
"""One in so many of the company's answers is written on its own phone; the others are left to employees."""

LONGEST = 10
"""So many messages of each conversation, so that many clients write."""


@dataclass(frozen=True, slots=True)
class Said:
    """at: when it is told, as a part of the day from 0 to 1."""

    at: float
    place: Place
    message_id: str
    text: str
    echo: bool


@dataclass
class Talk:
    """said: in time order. answers: what the company said in each chat, for employees to write."""

    said: list[Said] = field(default_factory=list)
    answers: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def talk(size: Size) -> Talk:
    """So many messages of the day, each conversation with another client; the same for the same seed."""
    rng = Random(f"{size.seed} talk")
    conversations = list(chitchat.conversations().items())
    rng.shuffle(conversations)
    numbers = rng.sample(range(size.clients), size.clients)
    found = Talk()
    for number, (chat_id, conversation) in zip(numbers, conversations, strict=False):
        if len(found.said) >= size.messages:
            break
        _add(found, rng.choice(places(size, number)), chat_id, conversation)
    found.said.sort(key=lambda said: said.at)
    del found.said[size.messages :]
    return found


def _add(found: Talk, place: Place, chat_id: str, conversation: dict[str, Any]) -> None:
    told = islice(chitchat.inbound_events({chat_id: conversation}), LONGEST)
    events = [event["message"] for event in told]
    begun = datetime.fromisoformat(events[0]["sent_at"])
    midnight = begun.replace(hour=0, minute=0, second=0, microsecond=0)
    answers = 0
    for event in events:
        at = (datetime.fromisoformat(event["sent_at"]) - midnight).total_seconds() / DAY_S
        answers += event["echo"]
        if event["echo"] and answers % ECHO_EVERY:
            found.answers[place.chat_id].append(event["text"])
        elif 0 <= at < 1 and event["text"].strip():
            found.said.append(Said(at, place, event["id"], event["text"], event["echo"]))
