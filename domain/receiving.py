"""Commands of the connectors: what happened in a messenger, in any order and any number of times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from domain import ids, inbound
from domain.address import Address, AddressRef
from domain.channel import Channel
from domain.chat import Chat, ChatKind
from domain.conversation import Conversation, Folder
from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.delivery import Delivery
from domain.errors import ChatKindMissing, Refused, UnknownThing
from domain.fact import By, Fact, Noun
from domain.message import AuthorKind, Message
from domain.token import Shown, Token

APPENDED, DUPLICATE, REJECTED = "appended", "duplicate", "rejected"


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one inbound event; position is the ledger's, of its last event."""

    status: str
    position: int | None
    refusal: Refused | None = None


Heard = tuple[list[Fact], Refused | None]
"""What one item added, or why it was refused."""


@dataclass(slots=True)
class Hearing:
    """One connector's report about one channel, while it is being decided."""

    decision: Decision
    channel_id: str
    channel: Channel
    known: set[UUID] | None = None
    """The message streams that exist; None: what arrives is presumed to be new, and that needs no read."""
    written: set[UUID] = field(default_factory=set)
    """Of these the messages themselves, not just news about them: hearing one again changes nothing."""

    @property
    def workspace_id(self) -> str:
        return self.decision.by.workspace_id

    def by(self, item: inbound.Inbound) -> By:
        """On the connector's word, at the provider's time."""
        by = self.decision.by
        return By(by.workspace_id, by.actor, item.at, by.causation)

    def chat_id(self, ref: inbound.ChatRef) -> UUID:
        return ids.chat_id(self.workspace_id, self.channel_id, ref.external_id)

    def address(self, address: str) -> AddressRef:
        return AddressRef(self.channel.kind, address)

    def message(self, message_id: UUID, *, arrives: bool = False) -> Message:
        """A message to be changed, without a read where it is presumed or known to be new."""
        new = arrives if self.known is None else message_id not in self.known
        return (self.decision.begin if new else self.decision.change)(Message, message_id)


class ReceivingCommands(Deciding):
    def receive(
        self, channel_id: str, items: Sequence[inbound.Inbound], *, by: By, shown: Shown | None = None
    ) -> tuple[list[ItemResult], Accepted]:
        """Record what is news among these events, item by item, in one append.

        shown: the token on which this rests; it has to be good when it is recorded.

        Raises:
            Unauthorized: it is not.
            UnknownThing: there is no such channel.
        """
        heard, accepted = self.decide(by, self._hearing(channel_id, items, shown))
        return _results(heard, accepted), accepted

    async def receive_async(
        self, channel_id: str, items: Sequence[inbound.Inbound], *, by: By, shown: Shown
    ) -> tuple[list[ItemResult], Accepted]:
        """As `receive`, for many tasks at once; they decide in the event loop, so the items should be few."""
        heard, accepted = await self.decide_async(by, self._hearing(channel_id, items, shown))
        return _results(heard, accepted), accepted

    def _hearing(
        self, channel_id: str, items: Sequence[inbound.Inbound], shown: Shown | None
    ) -> Callable[[Decision, int], list[Heard]]:
        def command(decision: Decision, attempt: int) -> list[Heard]:
            workspace_id = decision.by.workspace_id
            if shown is not None:
                decision.read(Token, shown.id_in(workspace_id)).admit(shown)
            channel = decision.read(Channel, ids.derive("channel", workspace_id, channel_id))
            if not channel.exists:
                raise UnknownThing("channel", channel_id)
            hearing = Hearing(decision, channel_id, channel)
            if decision.may_wait:
                decision.load(_nouns(hearing, items))
            if attempt > 0:
                hearing.known = self.ledger.known_streams(_message_ids(hearing, items))
                hearing.written = self.ledger.known_streams(hearing.known, Message.WRITTEN_BY)
            return [_hear(hearing, item) for item in items]

        return command


def _message_ids(hearing: Hearing, items: Sequence[inbound.Inbound]) -> list[UUID]:
    return [
        ids.message_id(hearing.chat_id(item.chat), item.external_id)
        for item in items
        if isinstance(item, inbound.MessageArrived | inbound.MessageEdited | inbound.MessageDeleted)
    ]


def _nouns(hearing: Hearing, items: Sequence[inbound.Inbound]) -> dict[UUID, type[Noun]]:
    """What hearing these items is likely to ask for, so that it is read in one go."""
    wanted: dict[UUID, type[Noun]] = {}
    for item in items:
        if isinstance(item, inbound.DeliveryReported):
            continue
        chat_id = hearing.chat_id(item.chat)
        wanted[chat_id] = Chat
        if isinstance(item, inbound.MessageArrived):
            wanted[ids.conversation_id(chat_id)] = Conversation
            if item.sender is not None:
                wanted[hearing.address(item.sender).id_in(hearing.workspace_id)] = Address
    return wanted


def _hear(hearing: Hearing, item: inbound.Inbound) -> Heard:
    """What one item added, or why it was refused; a refusal comes before anything is recorded."""
    try:
        HEAR[type(item)](hearing, item)
    except Refused as refusal:
        return [], refusal
    return hearing.decision.settle(), None


def _results(heard: list[Heard], accepted: Accepted) -> list[ItemResult]:
    """One result an item. The events of an append stand in one row, so positions follow by counting."""
    results, position = [], accepted.position - accepted.recorded
    for facts, refusal in heard:
        position += len(facts)
        if refusal is not None:
            results.append(ItemResult(REJECTED, None, refusal))
        elif facts:
            results.append(ItemResult(APPENDED, position))
        else:
            results.append(ItemResult(DUPLICATE, accepted.position))
    return results


def _open(
    hearing: Hearing, ref: inbound.ChatRef, *, kind: str | None, by: By, told_title: bool = False
) -> Chat:
    """The chat, which appears with the first webhook about it (G8); another title is taken over."""
    chat_id = hearing.chat_id(ref)
    chat = hearing.decision.read(Chat, chat_id)
    if not chat.exists:
        if kind is None:
            raise ChatKindMissing
        chat = hearing.decision.change(Chat, chat_id)
        chat.open(
            conversation_id=str(ids.conversation_id(chat_id)),
            channel_id=hearing.channel_id,
            kind=kind,
            external_id=ref.external_id,
            title=ref.title,
            by=by,
        )
    elif ref.title is not None and chat.renames(ref.title, by.at, told=told_title):
        hearing.decision.change(Chat, chat_id).rename(ref.title, by=by)
    return chat


def _hear_message(hearing: Hearing, item: inbound.MessageArrived) -> None:
    by, decision = hearing.by(item), hearing.decision
    chat_id = hearing.chat_id(item.chat)
    message_id = ids.message_id(chat_id, item.external_id)
    if message_id in hearing.written or hearing.message(message_id, arrives=True).written:
        return
    chat = _open(hearing, item.chat, kind=item.chat.kind, by=by)
    if chat.id_erased:
        decision.change(Chat, chat_id).recognise(item.chat.external_id, by=by)
    sender_id, person = _sender(hearing, item)
    author_kind, author_id = _author(person, item)
    if sender_id is not None and chat.shows_new_participant(sender_id, item.at):
        decision.change(Chat, chat_id).join(
            sender_id,
            kind=hearing.channel.kind,
            address=item.sender or "",
            name=item.sender_name,
            implied_by=str(message_id),
            by=by,
        )
    hearing.message(message_id, arrives=True).receive(
        by,
        chat_id=str(chat_id),
        conversation_id=chat.conversation_id,
        channel_id=hearing.channel_id,
        delivery_id=str(ids.delivery_id(hearing.workspace_id, hearing.channel_id, item.external_id)),
        direction=author_kind.direction.value,
        author_kind=author_kind.value,
        author_id=author_id,
        sender_id=sender_id,
        echo=item.echo,
        reply_to=str(ids.message_id(chat_id, item.reply_to)) if item.reply_to else None,
        attachment_count=len(item.attachments),
        external_id=item.external_id,
        text=item.text,
        sender_address=item.sender,
        sender_name=item.sender_name,
        attachments=item.attachments,
    )
    if author_kind is AuthorKind.CLIENT:
        _hear_client(decision, chat_id, by=by)


def _sender(hearing: Hearing, item: inbound.MessageArrived) -> tuple[str | None, tuple[str, str] | None]:
    """The id of the address that wrote, and which of the company's people is behind it, if any."""
    if item.sender is None:
        return None, None
    address_id = hearing.address(item.sender).id_in(hearing.workspace_id)
    return str(address_id), hearing.decision.read(Address, address_id).person


def _author(person: tuple[str, str] | None, item: inbound.MessageArrived) -> tuple[AuthorKind, str | None]:
    """The company's word is an echo, and whatever its machines, employees and external staff write (G7)."""
    if item.automatic:
        return AuthorKind.AUTOMATIC, None
    if person is not None:
        return AuthorKind(person[0]), person[1]
    return (AuthorKind.EMPLOYEE if item.echo else AuthorKind.CLIENT), None


def _hear_client(decision: Decision, chat_id: UUID, *, by: By) -> None:
    """Bring a closed or snoozed conversation back; the guard on it decides every race with a closing."""
    conversation_id = ids.conversation_id(chat_id)
    if decision.read(Conversation, conversation_id).folder in (Folder.CLOSED, Folder.SNOOZED):
        decision.change(Conversation, conversation_id).hear_client(str(chat_id), by=by)


def _hear_edit(hearing: Hearing, item: inbound.MessageEdited) -> None:
    chat_id = hearing.chat_id(item.chat)
    message = hearing.message(ids.message_id(chat_id, item.external_id))
    message.edit(str(chat_id), item.text, by=hearing.by(item))


def _hear_deletion(hearing: Hearing, item: inbound.MessageDeleted) -> None:
    chat_id = hearing.chat_id(item.chat)
    message = hearing.message(ids.message_id(chat_id, item.external_id))
    message.delete(str(chat_id), by=hearing.by(item))


def _hear_delivery(hearing: Hearing, item: inbound.DeliveryReported) -> None:
    delivery_id = ids.delivery_id(hearing.workspace_id, hearing.channel_id, item.message_ref)
    delivery = hearing.decision.change(Delivery, delivery_id)
    delivery.report(hearing.channel_id, item.message_ref, item.status, item.error, by=hearing.by(item))


def _hear_membership(hearing: Hearing, item: inbound.ParticipantJoined | inbound.ParticipantLeft) -> None:
    """Only groups tell who comes and goes, so a chat that is new here is one unless it says otherwise."""
    by = hearing.by(item)
    _open(hearing, item.chat, kind=item.chat.kind or ChatKind.GROUP.value, by=by)
    chat = hearing.decision.change(Chat, hearing.chat_id(item.chat))
    note = chat.join if isinstance(item, inbound.ParticipantJoined) else chat.leave
    note(
        str(hearing.address(item.address).id_in(hearing.workspace_id)),
        kind=hearing.channel.kind,
        address=item.address,
        name=item.name,
        by_id=str(hearing.address(item.by).id_in(hearing.workspace_id)) if item.by else None,
        by=by,
    )


def _hear_title(hearing: Hearing, item: inbound.ChatRenamed) -> None:
    kind = item.chat.kind or ChatKind.GROUP.value
    _open(hearing, item.chat, kind=kind, by=hearing.by(item), told_title=True)


HEAR: dict[type, Callable[..., None]] = {
    inbound.MessageArrived: _hear_message,
    inbound.MessageEdited: _hear_edit,
    inbound.MessageDeleted: _hear_deletion,
    inbound.DeliveryReported: _hear_delivery,
    inbound.ParticipantJoined: _hear_membership,
    inbound.ParticipantLeft: _hear_membership,
    inbound.ChatRenamed: _hear_title,
}
