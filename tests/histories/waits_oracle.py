"""How long clients waited, by the pure rule, from the ledger's events one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import namedtuple_row

from domain.wait import Place, Spoken, Wait, dismissed_at, waits_of
from tests.histories.alphabet import CHAT_NAMES, WORKSPACE
from tests.histories.ledger_oracle import LedgerOracle, Row

FURTHER_AND_FURTHER = ("queued", "sent", "failed", "delivered", "read")


class ShownWait(NamedTuple):
    """A wait, with whose it was. closed_by: kind and id. holders, owners: at its opening and at its end."""

    together: frozenset[str]
    chat: str
    wait: Wait
    closed_by: tuple[str, str | None] | None
    holders: tuple[str | None, str | None]
    owners: tuple[str | None, str | None]


@dataclass
class Said:
    chat: str
    place: Place
    direction: str
    author: tuple[str, str | None]
    delivery_id: str
    sender: str | None


@dataclass
class Then:
    """Who held each chat and who owned the client of each address, at a position."""

    holders: dict[str, str | None]
    owners: dict[str, str | None]


@dataclass
class WaitsOracle(LedgerOracle):
    said: list[Said] = field(default_factory=list)
    dismissals: defaultdict[str, list[tuple[int, Place]]] = field(default_factory=lambda: defaultdict(list))
    actors: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    reports: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    holders: dict[str, str | None] = field(default_factory=dict)
    owned_since: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    then: dict[int, Then] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()

    def read(self, rows: list[Row]) -> dict[int, ShownWait]:
        """The waits by the position of the message that opened them."""
        for row in rows:
            self.note(row)
            self._note_owners(row.position)
            owners = {each: self._owner(each) for linked in self.links.values() for each in linked}
            self.then[row.position] = Then(dict(self.holders), owners)
        return dict(self._shown())

    def _shown(self) -> Any:
        chats = {name: frozenset(self.conversation(name)) for name in self.chats}
        by_position = {each.place.position: each for each in self.said}
        for together in set(chats.values()):
            spoken = [self._spoken(each) for each in self.said if each.chat in together]
            for wait in waits_of(each for each in spoken if each is not None):
                position = wait.opened.position
                yield position, self._show(wait, together, by_position[position], by_position)

    def _spoken(self, said: Said) -> Spoken | None:
        if said.direction == "in":
            position = said.place.position
            covering = [place for seen, place in self.dismissals[said.chat] if seen >= position]
            first = min(covering, key=lambda place: place.position, default=None)
            return Spoken(said.place, True, None if first is None else dismissed_at(said.place, first))
        furthest = max(self.reports[said.delivery_id], key=FURTHER_AND_FURTHER.index, default="queued")
        if said.author[0] == "automatic" or furthest == "failed":
            return None
        return Spoken(said.place, False)

    def _show(
        self, wait: Wait, together: frozenset[str], opening: Said, by_position: dict[int, Said]
    ) -> ShownWait:
        holders, owners = [], []
        for place in (wait.opened, wait.closed):
            then = self.then[place.position] if place else Then({}, {})
            holders.append(then.holders.get(opening.chat))
            owners.append(then.owners.get(opening.sender or ""))
        closed_by = None
        if wait.closed is not None:
            position = wait.closed.position
            closed_by = by_position[position].author if position in by_position else self.actors[position]
        return ShownWait(
            together, opening.chat, wait, closed_by, (holders[0], holders[1]), (owners[0], owners[1])
        )

    def _owner(self, address: str) -> str | None:
        contacts = sorted(each for each, linked in self.links.items() if address in linked)
        deals = [
            (since, deal, owner)
            for deal, (owner, since) in self.owned_since.items()
            if owner is not None and self.deals[deal].contact_ids & set(contacts)
        ]
        if deals:
            return max(deals)[2]
        responsible = [self.responsible.get(contact) for contact in contacts]
        return next((each for each in responsible if each is not None), None)

    def _note_owners(self, position: int) -> None:
        for deal_id, deal in self.deals.items():
            owner = None if deal.status == "lost" else deal.owner_id
            if self.owned_since.get(deal_id, (None, 0))[0] != owner:
                self.owned_since[deal_id] = (owner, position)

    def _note_message(self, row: Row) -> None:
        super()._note_message(row)
        if row.topic in ("message.received", "message.queued"):
            facts, place = row.facts, Place(row.occurred_at, row.position)
            author = (facts["author_kind"], facts["author_id"])
            chat, delivery_id = CHAT_NAMES[facts["chat_id"]], facts["delivery_id"]
            sender = facts.get("sender_id")
            self.said.append(Said(chat, place, facts["direction"], author, delivery_id, sender))

    def _note_delivery(self, row: Row) -> None:
        self.reports[row.facts["delivery_id"]].append(row.facts["status"])

    def _note_conversation(self, row: Row) -> None:
        chat = CHAT_NAMES[row.facts["chat_id"]]
        if row.topic in ("conversation.claimed", "conversation.assigned"):
            self.holders[chat] = row.facts["holder_id"]
        elif row.topic != "conversation.dismissed":
            self.holders[chat] = None
        if row.topic in ("conversation.dismissed", "conversation.closed"):
            place = Place(row.occurred_at, row.position)
            self.dismissals[chat].append((row.facts["seen_position"], place))
            kind, _, employee = row.actor.partition(":")
            self.actors[row.position] = (kind, employee) if kind == "employee" else ("system", None)


def waits_kept(connection: Connection[Any]) -> dict[int, ShownWait]:
    """What the read model says."""
    query = """
        SELECT wait.*, ARRAY(SELECT chat_id::text FROM waits.chat
                             WHERE conversation_id = wait.conversation_id) AS together
        FROM waits.wait WHERE workspace_id = %s
    """
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        rows: list[Any] = cursor.execute(query, [WORKSPACE]).fetchall()
    return {row.opened_position: _kept(row) for row in rows}


def _kept(row: Any) -> ShownWait:
    opened, last = Place(row.opened_at, row.opened_position), Place(row.last_at, row.last_position)
    closed = None if row.closed_at is None else Place(row.closed_at, row.closed_position)
    return ShownWait(
        frozenset(CHAT_NAMES[each] for each in row.together),
        CHAT_NAMES[str(row.chat_id)],
        Wait(opened, last, row.outcome, closed),
        None if closed is None else (row.closed_kind, row.closed_by),
        (row.holder_at_opening, row.holder_at_closing),
        (row.owner_at_opening, row.owner_at_closing),
    )
