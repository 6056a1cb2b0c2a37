"""A company whose clients leave texts everywhere, and what is theirs by the rule of docs/erasure.md."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import count, cycle
from typing import Any, NamedTuple
from uuid import UUID

from adapters.postgres.recorder import LedgerRecorder
from domain import ids, inbound
from domain.address import AddressRef
from domain.fact import By
from domain.task import Wanted
from projections import erasure
from tests.histories.alphabet import WORKSPACE, at
from tests.histories.answers import Answers
from tests.histories.world import World
from tests.projections.history import named

KINDS = {"family": "group", "d1": "direct", "d2": "direct"}
ADDRESSES = ["quincebramblefox", "heronwillowdust", "cobaltmeadowlark"]
CONTACTS = ["husband", "wife"]
DEALS = ["house", "garden"]
COMPANY = "admin:crm"


class Step(NamedTuple):
    what: str
    chat: str
    address: str
    contact: str
    number: int


class Trace(NamedTuple):
    """A text that was written, and where. of: the address or contact that it tells of, or the deal."""

    what: str
    of: str
    chat: str = ""


class Company:
    """Clients who write, and what is known of them by the rule."""

    def __init__(self, world: World, sizes: list[int]) -> None:
        self.world, self.app, self.sizes = world, world.application, cycle(sizes)
        self.numbers = count(1)
        self.traces: dict[str, Trace] = {}
        self.links: dict[tuple[str, str], str] = {}
        self.took_part: defaultdict[str, set[str]] = defaultdict(set)
        self.senders: dict[str, tuple[str, str]] = {}
        self.messages: defaultdict[str, list[str]] = defaultdict(list)
        self.in_deal: defaultdict[str, set[str]] = defaultdict(set)
        self.gone: set[str] = set()
        for name, role in (("oleg", "seller"), ("irina", "supervisor")):
            standing: dict[str, Any] = {"role": role, "receives_new_clients": True, "active": True}
            self.app.put_employee(name, name=name, **standing, addresses=[], by=self.by())
        self.app.put_channel("tg", kind="telegram", title="", visibility="client_owners", by=self.by())
        for contact, address, chat in zip(CONTACTS, ADDRESSES, ("d1", "d2"), strict=False):
            for what in ("state", "message", "edit", "task", "reply", "answer"):
                self.play(Step(what, chat, address, contact, 0))

    def by(self, actor: str = COMPANY) -> By:
        self.world.minute += 1
        return By(WORKSPACE, actor, at(self.world.minute), "a history")

    def text(self, trace: Trace) -> str:
        """One that was never written before."""
        text = f"Text{next(self.numbers)}x"
        self.traces[text] = trace
        return text

    def spelled(self, address: str, trace: Trace) -> str:
        """In capital and small letters as never before."""
        number = next(self.numbers)
        spelled = "".join(
            letter.upper() if number >> place & 1 else letter for place, letter in enumerate(address)
        )
        self.traces[spelled] = trace
        return spelled

    def play(self, step: Step) -> None:
        getattr(self, step.what)(step)

    def hear(self, chat: str, event: Any, **more: Any) -> None:
        ref = inbound.ChatRef(f"Chat-{chat}", KINDS[chat], more.pop("title", None))
        self.app.receive("tg", [event(ref, at=at(self.world.minute), **more)], by=self.by())
        self.traces.setdefault(f"Chat-{chat}", Trace("chat", "", chat))
        if event is inbound.MessageArrived:
            self.gone.discard(f"Chat-{chat}")

    def message(self, step: Step) -> None:
        trace = Trace("message", step.address, step.chat)
        name = self.text(trace)
        self.took_part[step.chat].add(step.address)
        self.senders[name] = (step.chat, step.address)
        self.messages[step.chat].append(name)
        self.hear(
            step.chat,
            inbound.MessageArrived,
            external_id=name,
            sender=self.spelled(step.address, trace),
            sender_name=self.text(trace),
            text=self.text(trace),
            attachments=[{"kind": "image", "name": self.text(trace)}] * (step.number % 2),
            title=self.text(Trace("chat", "", step.chat)) if step.number == 0 else None,
        )

    def joined(self, step: Step, event: Any = inbound.ParticipantJoined) -> None:
        trace = Trace("message", step.address, step.chat)
        self.took_part[step.chat].add(step.address)
        self.hear(step.chat, event, address=self.spelled(step.address, trace), name=self.text(trace))

    def left(self, step: Step) -> None:
        self.joined(step, inbound.ParticipantLeft)

    def renamed(self, step: Step) -> None:
        self.hear(step.chat, inbound.ChatRenamed, title=self.text(Trace("chat", "", step.chat)))

    def edit(self, step: Step) -> None:
        """Of a message that is there, or of one that never comes."""
        if not (known := self.messages[step.chat]):
            return
        name = known[step.number % len(known)] if step.number else "to come"
        sender = self.senders[name][1] if name in self.senders else ""
        text = self.text(Trace("message", sender, step.chat))
        self.hear(step.chat, inbound.MessageEdited, external_id=name, text=text)

    def task(self, step: Step) -> None:
        if self.messages[step.chat]:
            wanted = Wanted(self.text(Trace("chat", "", step.chat)), "oleg", None)
            self.app.create_task(
                UUID(named(wanted.text)),
                wanted,
                chat_id=chat_id(step.chat),
                employee_id="oleg",
                assignee_sees=True,
                by=self.by(),
            )

    def answer(self, step: Step) -> None:
        if self.messages[step.chat]:
            text = self.text(Trace("chat", "", step.chat))
            self.app.send_message(
                chat_id(step.chat),
                UUID(named(text)),
                author_id="oleg",
                text=text,
                attachments=[],
                reply_to=None,
                by=self.by(),
            )

    def reply(self, step: Step) -> None:
        if known := self.messages[step.chat]:
            under = known[step.number % len(known)]
            text = self.text(Trace("message", self.senders[under][1], step.chat))
            self.app.write_in_thread(
                ids.message_id(chat_id(step.chat), under),
                UUID(named(text)),
                author_id="oleg",
                text=text,
                chat_ids=[chat_id(step.chat)],
                by=self.by(),
            )

    def state(self, step: Step) -> None:
        """The CRM says which addresses are the contact's; others that were are so no longer."""
        trace, stated = Trace("contact", step.contact), {step.address} - {""}
        name, refs = self.text(trace), [self.ref(address, trace) for address in stated]
        self.app.put_contact(step.contact, name=name, responsible_id="oleg", addresses=refs, by=self.by())
        for contact, address in list(self.links):
            if contact == step.contact and self.links[contact, address] == "linked":
                self.links[contact, address] = "unlinked"
        self.links |= {(step.contact, address): "linked" for address in stated}

    def link(self, step: Step) -> None:
        ref = self.ref(step.address, Trace("contact", step.contact))
        by = self.by("employee:oleg")
        self.app.link_address(step.contact, ref, name="", responsible_id="oleg", by=by)
        self.links[step.contact, step.address] = "linked"

    def unlink(self, step: Step) -> None:
        if self.links.get((step.contact, step.address)) == "linked":
            ref = AddressRef("telegram", step.address)
            self.app.unlink_address(step.contact, ref, by=self.by("employee:oleg"))
            self.links[step.contact, step.address] = "undone"

    def ref(self, address: str, trace: Trace) -> AddressRef:
        return AddressRef("telegram", self.spelled(address, trace))

    def deal(self, step: Step) -> None:
        deal = DEALS[step.number % 2]
        self.in_deal[deal].add(step.contact)
        title = self.text(Trace("deal", deal))
        self.app.put_deal(
            deal, title=title, owner_id="oleg", status="open", contact_ids=[step.contact], by=self.by()
        )

    def erase(self, step: Step) -> None:
        self.world.follow(self.sizes)
        before = self.lists()
        expected = {text for text, trace in self.traces.items() if self.is_his(step.contact, trace)}
        recorded = {text for text in self.traces if text in self.written("ledger")}
        head, ledger = self.app.head(), self.app.recorder
        assert isinstance(ledger, LedgerRecorder)
        with ledger.standing_still() as still:
            found = erasure.find(still.connection, WORKSPACE, step.contact)
            accepted = self.app.erase_contact(
                step.contact,
                found.positions,
                known_as=found.known_as,
                reason="asked for",
                by=self.by(),
                append=partial(still.erase, found.positions),
            )
        assert accepted.recorded == bool(expected & recorded)
        assert self.app.head() == head + accepted.recorded
        left = {text for text in self.traces if text in self.written("ledger")}
        assert recorded - left == expected & recorded
        self.gone |= recorded - left
        self.world.follow(self.sizes)
        assert self.lists() == before
        self.check_nowhere()

    def his_addresses(self, contact: str) -> set[str]:
        return {
            address
            for (whose, address), how in self.links.items()
            if whose == contact and how != "undone" and not self.is_anothers(contact, address)
        }

    def is_anothers(self, contact: str, address: str) -> bool:
        return any(
            how == "linked" and whose != contact and of == address for (whose, of), how in self.links.items()
        )

    def is_his(self, contact: str, trace: Trace) -> bool:
        if trace.what == "contact":
            return trace.of == contact
        if trace.what == "deal":
            return self.in_deal[trace.of] == {contact}
        his, there = self.his_addresses(contact), self.took_part[trace.chat]
        alone = KINDS[trace.chat] == "direct" and not any(self.is_anothers(contact, one) for one in there)
        if alone and his & there:
            return True
        return trace.what == "message" and trace.of in his

    def check_nowhere(self) -> None:
        everything = self.written()
        assert {text for text in self.gone if text in everything} == set()

    def written(self, *tables: str) -> str:
        """All that stands in these tables, or in all of them."""
        connection = self.world.connection
        found = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return " ".join(
            str(connection.execute(f"SELECT string_agg(t::text, ' ') FROM {table} AS t".encode()).fetchone())
            for table in tables or [name for (name,) in found]
        )

    def lists(self) -> Any:
        """What everybody has on his list, but for what quotes or names anybody."""
        answers = Answers(self.world)
        return [
            (answers.counts(employee), [without_private(item) for item in answers.items(employee)])
            for employee in ("oleg", "irina")
        ]


def without_private(item: dict[str, Any]) -> dict[str, Any]:
    chats = [chat["chat_id"] for chat in item["chats"]]
    last = item["last_message"] and {
        **item["last_message"],
        "text": None,
        "author": item["last_message"]["author"]["id"],
    }
    return {**item, "title": None, "chats": chats, "last_message": last}


def chat_id(chat: str) -> str:
    return str(ids.chat_id(WORKSPACE, "tg", f"Chat-{chat}"))
