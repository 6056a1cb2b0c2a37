"""Who saw which chat after each event of the ledger, worked out from the events alone, one by one.

The model knows what the company was after a step; a step may record several events. So there is this second
oracle, which folds the ledger's rows into what the pure rule has to know, and asks the rule again after each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row

from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, Reason, who_sees
from tests.histories.alphabet import CHAT_NAMES
from tests.histories.answers import Witness
from tests.histories.kin import conversation_of


class Row(NamedTuple):
    position: int
    topic: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    facts: dict[str, Any]


@dataclass
class LedgerChat:
    """latest: address → when, at which position, and whether it was there.

    helpers: employee and message, as the rule has them.
    """

    kind: str
    channel_id: str
    latest: dict[str, tuple[datetime, int, bool]] = field(default_factory=dict)
    helpers: set[tuple[str, str]] = field(default_factory=set)
    witnesses: dict[str, Witness] = field(default_factory=dict)

    def note(self, address: str | None, at: datetime, position: int, present: bool) -> None:
        """Keep the latest news by the provider's time; of two at once the later event."""
        news = (at, position, present)
        if address is not None:
            self.latest[address] = max(news, self.latest.get(address, news))

    @property
    def participants(self) -> frozenset[str]:
        return frozenset(address for address, (_, _, present) in self.latest.items() if present)


class LedgerOracle:
    """One workspace, event after event."""

    def __init__(self) -> None:
        self.employees: dict[str, Standing] = {}
        self.links: defaultdict[str, set[str]] = defaultdict(set)
        self.responsible: dict[str, str | None] = {}
        self.deals: dict[str, DealFacts] = {}
        self.policies: dict[str, str] = {}
        self.chats: dict[str, LedgerChat] = {}

    def sweep(self, rows: list[Row]) -> Iterator[tuple[int, dict[str, dict[str, Witness]]]]:
        """Each position with the witnesses of each chat that is there."""
        for row in rows:
            self.note(row)
            for chat in self.chats.values():
                self._look(chat, row.position)
            yield row.position, {name: chat.witnesses for name, chat in self.chats.items()}

    def note(self, row: Row) -> None:
        noun = row.topic.partition(".")[0]
        getattr(self, f"_note_{noun}", _note_nothing)(row)

    def conversation(self, name: str) -> list[str]:
        """The chats of the conversation in which one stands now, oldest first."""
        kin = {other: (chat.kind, chat.participants) for other, chat in self.chats.items()}
        return conversation_of(name, kin, self.links)

    def owned(self) -> dict[tuple[str, ...], str | None]:
        """What has an owner now: deals, clients, and clients by way of a deal that is not lost."""
        return {
            **{("responsible", contact): employee for contact, employee in self.responsible.items()},
            **{("owner", deal_id): deal.owner_id for deal_id, deal in self.deals.items()},
            **{
                ("owner", contact, deal_id): deal.owner_id
                for deal_id, deal in self.deals.items()
                if deal.status != "lost"
                for contact in deal.contact_ids
            },
        }

    def _look(self, chat: LedgerChat, position: int) -> None:
        """Ask the rule; whoever saw the chat at the last position too has seen it since then."""
        directory = DirectoryFacts(self.employees, self.links, self.responsible, self.deals)
        policy = self.policies[chat.channel_id]
        seen: defaultdict[str, set[Reason]] = defaultdict(set)
        facts = ChatFacts(chat.kind, chat.channel_id, policy, chat.participants, chat.helpers)
        for employee, reason in who_sees(facts, directory):
            seen[employee].add(reason)
        before = chat.witnesses
        chat.witnesses = {
            employee: (frozenset(reasons), before[employee][1] if employee in before else position)
            for employee, reasons in seen.items()
        }

    def _note_employee(self, row: Row) -> None:
        facts = row.facts
        if "role" in facts:
            standing = Standing(facts["role"], facts["receives_new_clients"], facts["active"])
            self.employees[facts["employee_id"]] = standing

    def _note_channel(self, row: Row) -> None:
        if row.topic == "channel.connected":
            self.policies[row.facts["channel_id"]] = row.facts["visibility"]
        if row.topic == "channel.visibility_changed":
            self.policies[row.facts["channel_id"]] = row.facts["to_visibility"]

    def _note_contact(self, row: Row) -> None:
        contact = row.facts["contact_id"]
        match row.topic:
            case "contact.registered":
                self.responsible[contact] = row.facts["responsible_id"]
            case "contact.responsible_changed":
                self.responsible[contact] = row.facts["to_id"]
            case "contact.address_linked":
                self.links[contact].add(row.facts["address_id"])
            case "contact.address_unlinked":
                self.links[contact].discard(row.facts["address_id"])

    def _note_deal(self, row: Row) -> None:
        facts, known = row.facts, self.deals.get(row.facts["deal_id"], DealFacts("", "", frozenset()))
        owner, status, contacts = known.owner_id, known.status, set(known.contact_ids)
        match row.topic:
            case "deal.opened":
                owner, status = facts["owner_id"], facts["status"]
            case "deal.reassigned":
                owner = facts["to_id"]
            case "deal.status_changed":
                status = facts["to_status"]
            case "deal.contact_added":
                contacts.add(facts["contact_id"])
            case "deal.contact_removed":
                contacts.discard(facts["contact_id"])
        self.deals[facts["deal_id"]] = DealFacts(owner, status, frozenset(contacts))

    def _note_chat(self, row: Row) -> None:
        facts, name = row.facts, CHAT_NAMES[row.facts["chat_id"]]
        if row.topic == "chat.opened":
            self.chats[name] = LedgerChat(facts["kind"], facts["channel_id"])
        if row.topic in ("chat.participant_joined", "chat.participant_left"):
            present = row.topic == "chat.participant_joined"
            self.chats[name].note(facts["address_id"], row.occurred_at, row.position, present)

    def _note_thread(self, row: Row) -> None:
        """Whoever is asked for help sees the chats that the event names."""
        helps = (row.facts.get("employee_id", ""), row.facts["message_id"])
        chats = row.facts.get("chat_ids", [])
        for chat_id in [*chats, *row.facts.get("former_chat_ids", [])]:
            self.chats[CHAT_NAMES[chat_id]].helpers.discard(helps)
        for chat_id in chats if row.topic != "thread.helper_removed" else ():
            self.chats[CHAT_NAMES[chat_id]].helpers.add(helps)

    def _note_message(self, row: Row) -> None:
        """Whoever writes is there. An edit may be of a message in a chat that is not there yet."""
        if row.topic == "message.received":
            chat = self.chats[CHAT_NAMES[row.facts["chat_id"]]]
            chat.note(row.facts["sender_id"], row.occurred_at, row.position, True)


def _note_nothing(row: Row) -> None:
    """Whose turn it is, what was delivered and who has read it shows a chat to nobody."""


def ledger_rows(connection: Connection[Any], workspace: str) -> list[Row]:
    """The events of a workspace, in the order of the ledger."""
    query = """
        SELECT position, topic, occurred_at, recorded_at, actor, facts FROM ledger
        WHERE workspace_id = %s ORDER BY position
    """
    with connection.cursor(row_factory=class_row(Row)) as cursor:
        return cursor.execute(query, [workspace]).fetchall()
