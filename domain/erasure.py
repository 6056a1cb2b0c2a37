"""Erasing what identifies or quotes a client: it leaves the ledger for good, and an event says so.

What is his is found by the read side, which knows where he took part; docs/erasure.md has the rule. Facts
stay, so every proof over the ledger holds, and so does every answer to who could see what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from domain.address import AddressRef
from domain.contact import Contact
from domain.deciding import Accepted, Append, Deciding
from domain.decision import Decision
from domain.errors import ReasonNamesClient, UnknownThing
from domain.fact import By
from domain.ids import chat_id, derive

SHORTEST_PART = 3
"""Of a name, in letters, that tells who it is; shorter ones occur in other words."""

SHORTEST_NUMBER = 5
"""Of a phone, in digits."""


class ErasureCommands(Deciding):
    def erase_contact(
        self,
        contact_id: str,
        positions: Sequence[int],
        *,
        known_as: Iterable[str],
        reason: str,
        by: By,
        append: Append,
    ) -> Accepted:
        """Remove what is private at these positions of the ledger; where there are none, record nothing.

        known_as: how the client is or was called and reached. append: in the transaction that removes it,
        while nobody else appends.

        Raises:
            UnknownThing: there is no such contact.
            ReasonNamesClient: the reason would keep what is to be erased.
        """

        def command(decision: Decision, _: int) -> None:
            contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
            if not contact.exists:
                raise UnknownThing("contact", contact_id)
            if positions and names_him(reason, known_as):
                raise ReasonNamesClient
            contact.erase(contact_id, spans(positions), reason=reason, by=by)

        self.forget_private()  # what is decided on is read anew, so that nothing has moved
        return self.decide(by, command, attempts=(0,), append=append)[1]

    def forget_private(self) -> None:
        """Forget whatever this process remembers that may be private."""
        self.forget_nouns()
        chat_id.cache_clear()
        AddressRef.id_in.cache_clear()


def spans(positions: Iterable[int]) -> list[list[int]]:
    """Positions as pairs of the first and the last of those that follow each other."""
    found: list[list[int]] = []
    for position in sorted(positions):
        if found and position == found[-1][1] + 1:
            found[-1][1] = position
        else:
            found.append([position, position])
    return found


def names_him(reason: str, known_as: Iterable[str]) -> bool:
    """Whether one of these names and addresses is in a reason, whole or in part."""
    said, digits = set(re.findall(r"\w+", reason)), re.sub(r"\D", "", reason)
    for name in known_as:
        number = re.sub(r"\D", "", name)
        if len(number) >= SHORTEST_NUMBER and number in digits:
            return True
        parts = {
            part for part in re.findall(r"\w+", name) if len(part) >= SHORTEST_PART and part[0].isupper()
        }
        if parts & said or (len(name) >= SHORTEST_PART and name.casefold() in reason.casefold()):
            return True
    return False
