"""What a connector tells about a channel, before it is known whether it is news."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ChatRef:
    """A chat in the messenger's words. kind: may be missing where the chat is known already."""

    external_id: str
    kind: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """echo: the company wrote it outside this system, on its own phone.

    automatic: the company's side wrote it by itself; then it is the company's, whoever its sender is.
    """

    chat: ChatRef
    external_id: str
    at: datetime
    sender: str | None
    sender_name: str | None = None
    text: str | None = None
    attachments: list[dict[str, Any]] = field(default_factory=list)
    reply_to: str | None = None
    echo: bool = False
    automatic: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    chat: ChatRef
    external_id: str
    at: datetime
    text: str | None


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    chat: ChatRef
    external_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeliveryReported:
    """message_ref: our message id, or the messenger's for a message that was written elsewhere."""

    message_ref: str
    status: str
    at: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    chat: ChatRef
    address: str
    at: datetime
    name: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    chat: ChatRef
    address: str
    at: datetime
    name: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class ChatRenamed:
    chat: ChatRef
    at: datetime


Inbound = (
    MessageArrived
    | MessageEdited
    | MessageDeleted
    | DeliveryReported
    | ParticipantJoined
    | ParticipantLeft
    | ChatRenamed
)
