"""A chat as the messenger knows it, and who took part in it when.

Membership goes by the provider's times, ties by arrival: the latest of joining, leaving and writing
decides. A message is no event of the chat, so a chat's stream does not grow with its messages.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from domain.fact import By, Fact, Noun, Private

Membership = tuple[datetime, bool, bool]
"""When, whether the address was in the chat, and whether somebody told us (or a message implied it)."""

Told = TypeVar("Told", Membership, tuple[datetime, str | None])


class ChatKind(StrEnum):
    DIRECT = "direct"
    GROUP = "group"


class Chat(Noun):
    TOPIC = "chat"

    class Opened(Fact):
        """The chat appeared, with the first webhook about it (G8)."""

        TOPIC = "chat.opened"
        chat_id: str
        conversation_id: str
        channel_id: str
        kind: str
        external_id: Private[str]
        title: Private[str | None]

        def apply(self, chat: Chat) -> None:
            chat.conversation_id, chat.channel_id, chat.kind = (
                self.conversation_id,
                self.channel_id,
                self.kind,
            )
            if self.title is not None:
                chat.titles.append((self.timestamp, self.title))
            chat.id_erased = self.erased

    class Recognised(Fact):
        """The messenger's id of the chat, which had been erased, is known again: somebody wrote there."""

        TOPIC = "chat.recognised"
        chat_id: str
        external_id: Private[str]

        def apply(self, chat: Chat) -> None:
            chat.id_erased = self.erased

    class Renamed(Fact):
        """The chat has another title in the messenger."""

        TOPIC = "chat.renamed"
        chat_id: str
        title: Private[str]

        def apply(self, chat: Chat) -> None:
            chat.titles.append((self.timestamp, self.title))

    class ParticipantJoined(Fact):
        """An address is in the chat. implied_by: the message that shows it, where nobody told us."""

        TOPIC = "chat.participant_joined"
        chat_id: str
        address_id: str
        kind: str
        implied_by: str | None
        by_id: str | None
        address: Private[str]
        name: Private[str | None]

        def apply(self, chat: Chat) -> None:
            told = self.implied_by is None
            chat.memberships.setdefault(self.address_id, []).append((self.timestamp, True, told))
            chat.note_erased(self.address_id, erased=self.erased)

    class ParticipantLeft(Fact):
        """An address left the chat, or was removed from it."""

        TOPIC = "chat.participant_left"
        chat_id: str
        address_id: str
        kind: str
        by_id: str | None
        address: Private[str]
        name: Private[str | None]

        def apply(self, chat: Chat) -> None:
            chat.memberships.setdefault(self.address_id, []).append((self.timestamp, False, True))
            chat.note_erased(self.address_id, erased=self.erased)

    def __init__(self) -> None:
        self.conversation_id = ""
        self.channel_id = ""
        self.kind = ""
        self.titles: list[tuple[datetime, str | None]] = []
        self.memberships: dict[str, list[Membership]] = {}
        self.erased_ids: set[str] = set()
        self.id_erased = False

    def note_erased(self, address_id: str, *, erased: bool) -> None:
        """Note whether it is known how an address is spelled that is or was in the chat."""
        (self.erased_ids.add if erased else self.erased_ids.discard)(address_id)

    def open(
        self, *, conversation_id: str, channel_id: str, kind: str, external_id: str, title: str | None, by: By
    ) -> None:
        if not self.exists:
            self.record(
                Chat.Opened,
                by,
                chat_id=str(self.id),
                conversation_id=conversation_id,
                channel_id=channel_id,
                kind=kind,
                external_id=external_id,
                title=title,
            )

    def recognise(self, external_id: str, *, by: By) -> None:
        """Note what the messenger calls it, where that was erased."""
        if self.id_erased:
            self.record(Chat.Recognised, by, chat_id=str(self.id), external_id=external_id)

    def renames(self, title: str | None, at: datetime, *, told: bool) -> bool:
        """Whether this is news, by the provider's time; what was told before is none.

        told: somebody told that the chat was renamed, perhaps late. A message only mentions the title, time
        and again, so only one that is later than what is known says anything. A title without a text was
        erased; told again, it must not come back.
        """
        if title is None or (at, title) in self.titles or (at, None) in self.titles:
            return False
        if told or not self.titles:
            return True
        latest_at, latest_title = _latest(self.titles)
        return at > latest_at and title != latest_title

    def rename(self, title: str, *, by: By) -> None:
        self.record(Chat.Renamed, by, chat_id=str(self.id), title=title)

    def shows_new_participant(self, address_id: str, at: datetime) -> bool:
        """Whether a message of this address tells that it is in the chat, which nobody told us.

        One that was sent before the address left says nothing about now. Of one that was erased nobody
        knows any more how it is spelled, so whoever writes from it is new.
        """
        known = self.memberships.get(address_id)
        if not known or address_id in self.erased_ids:
            return True
        latest_at, present, _ = _latest(known)
        return not present and at >= latest_at

    def join(
        self,
        address_id: str,
        *,
        kind: str,
        address: str,
        name: str | None,
        by: By,
        by_id: str | None = None,
        implied_by: str | None = None,
    ) -> None:
        """Note that an address is in the chat; told twice, it is noted once."""
        told = implied_by is None
        if (by.at, True, told) not in self.memberships.get(address_id, []):
            self.record(
                Chat.ParticipantJoined,
                by,
                chat_id=str(self.id),
                address_id=address_id,
                kind=kind,
                implied_by=implied_by,
                by_id=by_id,
                address=address,
                name=name,
            )

    def leave(
        self, address_id: str, *, kind: str, address: str, name: str | None, by: By, by_id: str | None = None
    ) -> None:
        """Note that an address left the chat; told twice, it is noted once."""
        if (by.at, False, True) not in self.memberships.get(address_id, []):
            self.record(
                Chat.ParticipantLeft,
                by,
                chat_id=str(self.id),
                address_id=address_id,
                kind=kind,
                by_id=by_id,
                address=address,
                name=name,
            )


def _latest(told: list[Told]) -> Told:
    """The latest by time; of two at the same time, the one that arrived later."""
    latest = told[0]
    for one in told[1:]:
        if one[0] >= latest[0]:
            latest = one
    return latest
