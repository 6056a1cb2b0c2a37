"""Ids that are derived, so that the same thing told twice lands on the same stream.

A derived id does not show the address or the messenger's id that it was made from; a guess can be checked.
"""

from __future__ import annotations

from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

NAMESPACE = uuid5(NAMESPACE_URL, "https://chatledger.dev/ids/1")
SEPARATOR = "\x1f"  # a control character, which no id from outside may contain

remembered = lru_cache(maxsize=20_000)
"""For ids that are asked for again and again: deriving one takes ten times as long as looking it up."""


def derive(noun: str, *parts: str) -> UUID:
    """The id of a noun, from the workspace and what the outside world calls it."""
    return uuid5(NAMESPACE, SEPARATOR.join((noun, *parts)))


@remembered
def chat_id(workspace_id: str, channel_id: str, external_id: str) -> UUID:
    return derive("chat", workspace_id, channel_id, external_id)


@remembered
def conversation_id(chat: UUID | str) -> UUID:
    return derive("conversation", str(chat))


def message_id(chat: UUID | str, external_id: str) -> UUID:
    """Messengers number messages per account or per chat; with the chat in it, both are safe."""
    return derive("message", str(chat), external_id)


def thread_id(message: UUID | str) -> UUID:
    """Under a message there is one thread."""
    return derive("thread", str(message))


def delivery_id(workspace_id: str, channel_id: str, message_ref: str) -> UUID:
    """How the facts speak of a message whose delivery is reported: messengers' ids may hold a phone number.

    message_ref: our message id, or the messenger's for a message that was written elsewhere.
    """
    return derive("delivery", workspace_id, channel_id, message_ref)
