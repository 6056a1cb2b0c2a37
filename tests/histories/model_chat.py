"""A chat as a plain model: what was told about it, kept as lists, and what follows, worked out afresh."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

FOLDERS = ("incoming", "in_progress", "snoozed", "closed")
MACHINE = ("automatic", None)
"""Who wrote what nobody wrote."""


class Told(NamedTuple):
    """When it happened by the provider's clock, and as which news it came: ties go by arrival."""

    minute: int
    arrival: int


@dataclass(frozen=True)
class ModelMessage:
    """address: whose it is, as the messenger says.

    author: of the company, be it a machine of its, as was known when it came.
    """

    told: Told
    text: str
    address: str | None
    author: tuple[str, str | None] | None
    queued: bool = False

    @property
    def incoming(self) -> bool:
        return self.author is None

    @property
    def by_machine(self) -> bool:
        return self.author == MACHINE


@dataclass(frozen=True)
class Presence:
    """Somebody joined, left or wrote, who was called so."""

    told: Told
    address: str
    spelled: str
    present: bool


@dataclass
class ModelChat:
    """opened: the minute of the first webhook about it. until: when a snooze ends, or would have ended.

    seen, dismissed and read say up to which arrival somebody had looked.
    """

    name: str
    channel: str
    kind: str
    opened: int
    presences: list[Presence] = field(default_factory=list)
    announced: set[tuple[str, int, bool]] = field(default_factory=set)
    titles: dict[tuple[int, str], Told] = field(default_factory=dict)
    messages: dict[str, ModelMessage] = field(default_factory=dict)
    folder: str = "incoming"
    holder: str | None = None
    until: int | None = None
    seen: int = 0
    dismissed: int = 0
    read: dict[str, int] = field(default_factory=dict)

    @property
    def participants(self) -> frozenset[str]:
        """Whoever's latest news, by the provider's time and then by arrival, is being there."""
        latest: dict[str, Presence] = {}
        for one in sorted(self.presences, key=lambda one: one.told):
            latest[one.address] = one
        return frozenset(address for address, one in latest.items() if one.present)

    @property
    def title(self) -> str | None:
        return max(self.titles, key=lambda told: self.titles[told])[1] if self.titles else None

    @property
    def addresses(self) -> set[str]:
        """Everybody who is or was there, or was said to have left."""
        return {one.address for one in self.presences}

    def spelled(self, address: str) -> str:
        """As it was spelled first."""
        return min(
            (one for one in self.presences if one.address == address), key=lambda one: one.told[1]
        ).spelled

    def stay_of(self, address: str) -> tuple[int | None, int | None]:
        """Since when somebody is known to have been there, and when he left, if he is there no more."""
        news = sorted((one for one in self.presences if one.address == address), key=lambda one: one.told)
        came = [one.told.minute for one in news if one.present]
        return min(came, default=None), None if news[-1].present else news[-1].told.minute

    @property
    def names_in_order(self) -> list[str]:
        return sorted(self.messages, key=lambda name: self.messages[name].told)

    @property
    def client_messages(self) -> list[ModelMessage]:
        return [message for message in self.messages.values() if message.incoming]

    @property
    def last_client_arrival(self) -> int:
        return max((message.told.arrival for message in self.client_messages), default=0)

    @property
    def activity(self) -> int:
        return max([self.opened, *(message.told.minute for message in self.messages.values())])

    def unread(self, employee: str) -> int:
        seen = self.read.get(employee, 0)
        return sum(message.told.arrival > seen for message in self.client_messages)

    # Whose turn it is

    def claim(self, employee: str) -> None:
        if self.holder != employee:
            self._move("in_progress", holder=employee)

    def release(self) -> None:
        if self.holder is not None:
            self._move("incoming")

    def close(self, seen: int) -> None:
        if self.folder != "closed":
            self._move("closed", seen=seen)
            self.dismiss(seen)

    def snooze(self, until: int, seen: int) -> None:
        if (self.folder, self.until) != ("snoozed", until):
            self._move("snoozed", until=until, seen=seen)

    def reopen(self) -> None:
        if self.folder in ("closed", "snoozed"):
            self._move("incoming")

    def dismiss(self, seen: int) -> None:
        self.dismissed = max(self.dismissed, seen)

    def read_up_to(self, employee: str, arrival: int) -> None:
        self.read[employee] = max(self.read.get(employee, 0), arrival)

    def hear_client(self) -> None:
        """A client wrote: out of `closed` and `snoozed`, and the time of the snooze is kept to show it."""
        if self.folder in ("closed", "snoozed"):
            self._move("incoming", until=self.until)

    def react(self, minute: int, seeing: set[str]) -> None:
        """What follows by itself: blind holders are released, overlooked clients heard, snoozes ended."""
        if self.holder is not None and self.holder not in seeing:
            self._move("incoming")
        if self.last_client_arrival > self.seen:
            self.hear_client()
        if self.folder == "snoozed" and self.until is not None and self.until <= minute:
            self._move("incoming")

    def _move(
        self, folder: str, *, holder: str | None = None, until: int | None = None, seen: int = 0
    ) -> None:
        self.folder, self.holder, self.until, self.seen = folder, holder, until, seen


def waiting_since(chats: list[ModelChat], answers: list[Told]) -> int | None:
    """The minute of the first client message after the last answer in any of them that still needs one.

    answers: what somebody wrote who is no machine, less what could not be delivered.
    """
    answered = max(answers, default=Told(-1, 0))
    unanswered = [
        one.told.minute
        for chat in chats
        for one in chat.client_messages
        if one.told > answered and one.told.arrival > chat.dismissed
    ]
    return min(unanswered, default=None)
