"""Which chats are one conversation: direct ones that have a client in common, also by way of others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set

Kin = Mapping[str, tuple[str, Set[str]]]
"""Chat → its kind and the addresses that are in it, oldest first."""


def conversation_of(name: str, chats: Kin, links: Mapping[str, Collection[str]]) -> list[str]:
    """The chats of the conversation in which one stands, oldest first. links: contact → its addresses."""
    found, near = {name}, {name}
    while near and chats[name][0] == "direct":
        clients = {
            contact for contact, linked in links.items() for chat in found if chats[chat][1] & set(linked)
        }
        addresses = {address for contact in clients for address in links[contact]}
        near = {
            chat
            for chat, (kind, present) in chats.items()
            if kind == "direct" and present & addresses and chat not in found
        }
        found |= near
    return [chat for chat in chats if chat in found]
