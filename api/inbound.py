"""The inbound events in the shape in which connectors tell them, each one judged by itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.config import JsonDict

from api.errors import Problem, field_errors, invalid
from api.fields import AddressText, Attachments, Id, Name, Reason, Statement, Text, Time
from domain import inbound

TYPES = (
    "message",
    "message_edited",
    "message_deleted",
    "delivery",
    "participant_joined",
    "participant_left",
    "chat_renamed",
)

ChatKindName = Literal["direct", "group"]


class ChatStatement(Statement):
    """kind: may be left out where the chat is known already."""

    id: Id
    kind: ChatKindName | None = None
    title: Name | None = None

    @property
    def ref(self) -> inbound.ChatRef:
        return inbound.ChatRef(self.id, self.kind, self.title)


class NamedChat(ChatStatement):
    title: Name


class Person(Statement):
    address: AddressText
    name: Name | None = None


def _as_person(value: Any) -> Any:
    return {"address": value} if isinstance(value, str) else value


FROM_SOMEBODY: JsonDict = {
    "anyOf": [
        {"required": ["sender"], "properties": {"sender": {"type": "object"}}},
        {"required": ["echo"], "properties": {"echo": {"const": True}}},
        {"required": ["automatic"], "properties": {"automatic": {"const": True}}},
    ]
}
"""For the API's description: only an echo, or what was written automatically, needs no sender."""


class MessageStatement(Statement):
    """echo: the company wrote it outside this system, on its own phone.

    automatic: the company's side wrote it by itself (a greeting, an out-of-office, a bot): it answers nobody.
    """

    model_config = ConfigDict(json_schema_extra=FROM_SOMEBODY)

    id: Id
    sender: Person | None = None
    text: Text | None = None
    attachments: Attachments | None = None
    reply_to: Id | None = None
    sent_at: Time
    echo: bool | None = None
    automatic: bool | None = None


class MessageEvent(Statement):
    type: Literal["message"]
    chat: ChatStatement
    message: MessageStatement

    def told(self) -> inbound.Inbound:
        message = self.message
        if message.sender is None and not message.echo and not message.automatic:
            error = "must be given, unless the message is an echo or automatic"
            raise invalid([{"field": "message.sender", "message": error}])
        return inbound.MessageArrived(
            self.chat.ref,
            message.id,
            message.sent_at,
            sender=message.sender.address if message.sender else None,
            sender_name=message.sender.name if message.sender else None,
            text=message.text,
            attachments=[attachment.model_dump() for attachment in message.attachments or []],
            reply_to=message.reply_to,
            echo=bool(message.echo),
            automatic=bool(message.automatic),
        )


class Edit(Statement):
    id: Id
    text: Text | None
    edited_at: Time


class MessageEditedEvent(Statement):
    type: Literal["message_edited"]
    chat: ChatStatement
    message: Edit

    def told(self) -> inbound.Inbound:
        return inbound.MessageEdited(
            self.chat.ref, self.message.id, self.message.edited_at, self.message.text
        )


class Deletion(Statement):
    id: Id
    deleted_at: Time


class MessageDeletedEvent(Statement):
    type: Literal["message_deleted"]
    chat: ChatStatement
    message: Deletion

    def told(self) -> inbound.Inbound:
        return inbound.MessageDeleted(self.chat.ref, self.message.id, self.message.deleted_at)


class DeliveryEvent(Statement):
    """message_id: ours, or the messenger's for a message that was written elsewhere."""

    type: Literal["delivery"]
    message_id: Id
    status: Literal["sent", "delivered", "read", "failed"]
    at: Time
    error: Reason | None = None

    def told(self) -> inbound.Inbound:
        return inbound.DeliveryReported(self.message_id, self.status, self.at, self.error)


class MembershipEvent(Statement):
    """by: who let the participant in or removed him; an address alone will do."""

    type: Literal["participant_joined", "participant_left"]
    chat: ChatStatement
    participant: Person
    at: Time
    by: Annotated[Person | None, BeforeValidator(_as_person, AddressText | Person | None)] = None

    def told(self) -> inbound.Inbound:
        known = inbound.ParticipantJoined if self.type == "participant_joined" else inbound.ParticipantLeft
        by = self.by.address if self.by else None
        return known(self.chat.ref, self.participant.address, self.at, self.participant.name, by)


class ChatRenamedEvent(Statement):
    type: Literal["chat_renamed"]
    chat: NamedChat
    at: Time

    def told(self) -> inbound.Inbound:
        return inbound.ChatRenamed(self.chat.ref, self.at)


InboundEvent = Annotated[
    MessageEvent
    | MessageEditedEvent
    | MessageDeletedEvent
    | DeliveryEvent
    | MembershipEvent
    | ChatRenamedEvent,
    Field(discriminator="type"),
]
_EVENT: TypeAdapter[InboundEvent] = TypeAdapter(InboundEvent)


def parse_event(value: Any) -> inbound.Inbound | Problem:
    """What a connector tells, in the domain's words, or what is wrong with it.

    The `errors` of the problem name the fields, from the event's top.
    """
    try:
        return _EVENT.validate_python(value).told()
    except ValidationError as error:
        return _not_an_event(error)
    except Problem as problem:
        return problem


def _not_an_event(error: ValidationError) -> Problem:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if errors[0]["loc"]:
        return invalid(field_errors(errors, skip=1))  # the first part only says which type it was taken for
    return invalid([{"field": "type", "message": f"must be one of {', '.join(TYPES)}"}])
