"""What must hold of a company after a day, worked out from the ledger alone and held against the answers.

Nothing here asks anybody: who looks is `looking.py`. A promise that is broken says where, at its first case.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.bench.folded import FOLDERS, Folded, FoldedChat, audiences, conversations
from api.bench.measuring import Promise

Item = dict[str, Any]


class Rule:
    """What everybody's list has to be, from the ledger and the rule."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded
        self.audience = audiences(folded)
        self.conversation = conversations(folded)
        self._chats: dict[frozenset[str], list[str]] = defaultdict(list)
        for chat_id, seeing in self.audience.items():
            self._chats[seeing].append(chat_id)

    def chats_of(self, employee_id: str) -> set[str]:
        found: set[str] = set()
        for seeing, chat_ids in self._chats.items():
            if employee_id in seeing:
                found.update(chat_ids)
        return found

    def parts(self, item: Item) -> list[FoldedChat]:
        """The chats of a line; one that the ledger does not know is told as one too many in the list."""
        known = self.folded.chats
        return [known[chat["chat_id"]] for chat in item["chats"] if chat["chat_id"] in known]


def no_client_unseen(folded: Folded) -> Promise:
    promise = Promise("no client message unseen in closed or snoozed", "conversations put away")
    for chat in folded.chats.values():
        if chat.folder in ("closed", "snoozed"):
            hidden = chat.client_position > chat.seen_position
            fault = (
                f"chat {chat.chat_id} is {chat.folder}, seen up to {chat.seen_position}, "
                f"and its client wrote at {chat.client_position}"
            )
            promise.note(fault if hidden else None)
    return promise


def holders_see(rule: Rule) -> Promise:
    promise = Promise("every holder sees what he holds", "conversations held")
    for chat in rule.folded.chats.values():
        if chat.holder_id is not None:
            blind = chat.holder_id not in rule.audience[chat.chat_id]
            fault = f"{chat.holder_id} holds chat {chat.chat_id} and does not see it"
            promise.note(fault if blind else None)
    return promise


def acknowledged_once(folded: Folded, acknowledged: Collection[str]) -> Promise:
    """Each message that somebody was told is recorded has one event, and positions are dense."""
    promise = Promise("each acknowledged message is there exactly once", "messages")
    for message_id in acknowledged:
        times = len(folded.messages.get(message_id, ()))
        promise.note(f"message {message_id} is there {times} times" if times != 1 else None)
    for position in folded.gaps:
        promise.note(f"position {position} does not follow on the one before", 0)
    return promise


@dataclass
class Lists:
    """What everybody's lists and counts were, held against each other and the rule, one after the other."""

    rule: Rule
    counted: Promise = field(default_factory=lambda: Promise("counts equal lists", "employees"))
    ruled: Promise = field(default_factory=lambda: Promise("lists equal the rule", "lines in lists"))

    def take(self, employee_id: str, items: list[Item], counts: Mapping[str, int]) -> None:
        listed = counted(items)
        fault = f"{employee_id} has {listed} in lists and {dict(counts)} counted"
        self.counted.note(fault if listed != counts else None)
        fault_of_list = next(self._faults(employee_id, items), None)
        self.ruled.note(fault_of_list and f"{employee_id}: {fault_of_list}", len(items))

    def _faults(self, employee_id: str, items: list[Item]) -> Iterator[str]:
        listed = Counter(chat["chat_id"] for item in items for chat in item["chats"])
        ruled = self.rule.chats_of(employee_id)
        if odd := listed.keys() ^ ruled:
            chat_id = min(odd)
            yield f"chat {chat_id} is {'in the list' if chat_id in listed else 'missing'}, against the rule"
        lines = Counter(self.rule.conversation.get(item["chats"][0]["chat_id"]) for item in items)
        yield from (f"chat {each} is listed {times} times" for each, times in listed.items() if times > 1)
        yield from (f"conversation of {each} is {times} lines" for each, times in lines.items() if times > 1)
        for item in items:
            yield from self._faults_of_line(item)

    def _faults_of_line(self, item: Item) -> Iterator[str]:
        parts, name = self.rule.parts(item), item["conversation_id"]
        if len({self.rule.conversation[part.chat_id] for part in parts}) > 1:
            yield f"conversation {name} has chats of several clients"
        if parts and item["folder"] != min((part.folder for part in parts), key=FOLDERS.index):
            yield f"conversation {name} is in {item['folder']}, against the ledger"
        holders = {part.holder_id for part in parts if part.holder_id is not None}
        if item["holder_id"] not in holders and (holders or item["holder_id"] is not None):
            yield f"conversation {name} is held by {item['holder_id']}, against the ledger"


def counted(items: Iterable[Item]) -> dict[str, int]:
    """What the counts have to be where these are the lines."""
    found = dict.fromkeys((*FOLDERS, "waiting", "unread"), 0)
    for item in items:
        found[item["folder"]] += 1
        found["waiting"] += item["waiting_since"] is not None
        found["unread"] += item["unread"] > 0
    return found
