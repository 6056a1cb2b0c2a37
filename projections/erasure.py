"""What is private of a client, and where in the ledger it stands: the rule of docs/erasure.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import Connection

from domain.errors import UnknownThing
from domain.ids import derive
from projections.read_model import PLAN_SETTINGS
from projections.statements import Statements

STATEMENTS = Statements.load("erasure")
NEEDED = ("directory", "visibility", "threads", "timeline", "inbox", "tasks", "subjects")
"""By whose rows it is known what is his."""

PLANS = "; ".join(f"SET LOCAL {name} = {value}" for name, value in PLAN_SETTINGS.items())

KINDS = {
    "contact": ("contact.",),
    "addresses": ("address.",),
    "chats": ("chat.opened", "chat.recognised", "chat.renamed"),
    "participants": ("chat.participant_joined", "chat.participant_left"),
    "messages": ("message.received", "message.queued"),
    "edits": ("message.edited",),
    "deliveries": ("delivery.",),
    "replies": ("thread.",),
    "tasks": ("task.",),
    "deals": ("deal.",),
    "questions": ("audit.",),
}
"""What is counted together when it is shown: how the topics begin."""

HIS = "his"


@dataclass(frozen=True, slots=True)
class LinkedAddress:
    """An address that is or was linked to the contact.

    whose: `shared` with another contact and `colleague` stay, with their id; so does what turned out to be
    `nobody`'s whom we know, because the link was undone. address: None where it was erased before.
    """

    address_id: str
    kind: str
    address: str | None
    whose: Literal["his", "shared", "colleague", "nobody"]
    with_id: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to erase. name: of the contact, None where it was erased."""

    contact_id: str
    name: str | None
    addresses: Sequence[LinkedAddress]
    by_topic: Mapping[str, Sequence[int]]
    known_as: Sequence[str]

    @property
    def positions(self) -> list[int]:
        """In the ledger, in order."""
        return sorted(position for positions in self.by_topic.values() for position in positions)

    @property
    def counts(self) -> dict[str, int]:
        """How many events there are of each kind, and in all."""
        counts: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        for topic, positions in self.by_topic.items():
            kind = next(kind for kind, beginnings in KINDS.items() if topic.startswith(beginnings))
            counts[kind] += len(positions)
        return {"events": counts.total(), **counts}


def find(connection: Connection[Any], workspace_id: str, contact_id: str) -> Found:
    """What is private of a client, as far as the read models have the ledger; in a transaction.

    Raises:
        UnknownThing: there is no such contact.
    """
    stream_id = derive("contact", workspace_id, contact_id)
    asked: dict[str, Any] = {"workspace_id": workspace_id, "contact_id": contact_id, "stream_id": stream_id}
    connection.execute(PLANS)
    name = connection.execute(STATEMENTS["contact"], asked).fetchone()
    if name is None:
        raise UnknownThing("contact", contact_id)
    addresses = [LinkedAddress(*row) for row in connection.execute(STATEMENTS["addresses"], asked)]
    asked["address_ids"] = [each.address_id for each in addresses if each.whose == HIS]
    by_topic = dict(connection.execute(STATEMENTS["found"], asked).fetchall())
    known_as = [each for (each,) in connection.execute(STATEMENTS["known_as"], asked)]
    return Found(contact_id, name[0], addresses, by_topic, known_as)


def behind(
    connection: Connection[Any], position: int, names: Sequence[str] = NEEDED
) -> tuple[str, str] | None:
    """One of these read models that is not at a position yet, and its state; None where all are."""
    row = connection.execute(STATEMENTS["behind"], {"names": list(names), "position": position}).fetchone()
    return None if row is None else (row[0], row[1])
