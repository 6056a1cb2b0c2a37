"""Random histories of messages: the waits are what the pure rule says, however ranges are cut.

The clocks of messengers are fast and slow, messages come late, clients turn out to be one and are taken
apart, deliveries fail and get there after all, and people say that no answer is needed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import Refused
from domain.inbound import ChatRef, DeliveryReported, MessageArrived
from tests.histories.alphabet import ADDRESSES, CHATS, EMPLOYEES, WORKSPACE, at, chat_id, refs
from tests.histories.conftest import Opened
from tests.histories.ledger_oracle import ledger_rows
from tests.histories.waits_oracle import WaitsOracle, waits_kept
from tests.histories.world import World
from tests.projections.history import named

FOLLOW = ("follow",)
PUTTING_AWAY, HOLDING = ["close_conversation", "dismiss"], ["claim", "release"]
ACTING = [*PUTTING_AWAY, *HOLDING, "answer"]
chats, employees = st.sampled_from(list(CHATS)), st.sampled_from(EMPLOYEES)
ago = st.sampled_from([0, 0, 0, 1, 2, 3, 9, -2])
news = st.one_of(
    *[st.tuples(st.just("write"), chats, st.sampled_from(ADDRESSES), ago)] * 4,
    *[st.tuples(st.just("echo"), chats, ago)] * 2,
    st.tuples(st.just("greet"), chats, ago),
    st.tuples(st.just("answer"), chats, employees),
    *[st.tuples(st.sampled_from(PUTTING_AWAY), chats, employees, st.integers(0, 9))] * 2,
    st.tuples(st.sampled_from(HOLDING), chats, employees),
    st.tuples(st.just("report"), st.integers(1, 9), st.sampled_from(["failed", "failed", "delivered"])),
    st.tuples(
        st.just("link"), st.sampled_from(["wife", "son"]), employees, st.sets(st.sampled_from(ADDRESSES))
    ),
    st.tuples(st.just("deal"), employees, st.sampled_from(["open", "won", "lost"])),
    st.just(FOLLOW),
)
sizes = st.lists(st.sampled_from([1, 2, 5, 1000]), min_size=1, max_size=3)


class Play:
    """One history; whatever is refused is no news."""

    def __init__(self, world: World, sizes: list[int]) -> None:
        self.world, self.app, self.sizes = world, world.application, cycle(sizes)
        self.told: list[str] = []
        self.chats: set[str] = set()
        for channel in ("wa", "team"):
            self.app.put_channel(channel, kind="phone", title="", visibility="whole_team", by=world.by())
        for employee in EMPLOYEES:
            self.app.put_employee(
                employee,
                name="",
                role="seller",
                receives_new_clients=True,
                active=True,
                addresses=[],
                by=world.by(),
            )

    def tell(self, what: str, *told: Any) -> None:
        """Nobody acts on a chat that is not there yet."""
        self.world.minute += 1
        if what not in ACTING or told[0] in self.chats:
            with suppress(Refused):
                getattr(self, what)(*told)

    def follow(self) -> None:
        self.world.follow(self.sizes)
        rows = ledger_rows(self.world.connection, WORKSPACE)
        assert waits_kept(self.world.connection) == WaitsOracle().read(rows)

    def write(
        self, chat: str, address: str, ago: int, *, echo: bool = False, automatic: bool = False
    ) -> None:
        channel, kind = CHATS[chat]
        self.chats.add(chat)
        self.told.append(f"m{len(self.told)}")
        minute = at(self.world.minute - ago)
        message = MessageArrived(ChatRef(chat, kind), self.told[-1], minute, address, None, "")
        told = replace(message, echo=echo, automatic=automatic)
        self.app.receive(channel, [told], by=self.world.by())

    def echo(self, chat: str, ago: int) -> None:
        self.write(chat, "shop", ago, echo=True)

    def greet(self, chat: str, ago: int) -> None:
        """A machine writes."""
        self.write(chat, "bot", ago, automatic=True)

    def answer(self, chat: str, employee: str) -> None:
        self.told.append(named(f"answer {len(self.told)}"))
        message_id, by = UUID(self.told[-1]), self.world.by()
        self.app.send_message(
            chat_id(chat), message_id, author_id=employee, text="", attachments=[], reply_to=None, by=by
        )

    def report(self, ago: int, status: str) -> None:
        for channel in {"wa", "team"} if ago <= len(self.told) else ():
            reported = DeliveryReported(self.told[-ago], status, at(self.world.minute))
            self.app.receive(channel, [reported], by=self.world.by())

    def close_conversation(self, chat: str, employee: str, ago: int) -> None:
        self.app.close_conversation([chat_id(chat)], employee, **self._acting(employee, ago))

    def dismiss(self, chat: str, employee: str, ago: int) -> None:
        self.app.dismiss([chat_id(chat)], employee, **self._acting(employee, ago))

    def _acting(self, employee: str, ago: int) -> dict[str, Any]:
        by = replace(self.world.by(), actor=f"employee:{employee}")
        return {"seen_position": max(0, self.app.head() - ago), "by": by}

    def claim(self, chat: str, employee: str) -> None:
        self.app.claim([chat_id(chat)], employee, by=self.world.by())

    def release(self, chat: str, employee: str) -> None:
        self.app.release([chat_id(chat)], employee, by=self.world.by())

    def link(self, contact: str, employee: str, addresses: set[str]) -> None:
        linked = refs(sorted(addresses))
        self.app.put_contact(contact, name="", responsible_id=employee, addresses=linked, by=self.world.by())

    def deal(self, employee: str, status: str) -> None:
        self.app.put_deal(
            "d", title="", owner_id=employee, status=status, contact_ids=["wife"], by=self.world.by()
        )


@settings(max_examples=9, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(news, min_size=30, max_size=60), sizes)
def test_the_waits_are_what_the_rule_says(empty: Opened, told: list[Any], sizes: list[int]) -> None:
    with empty() as world:
        play = Play(world, sizes)
        for what, *more in [*told, FOLLOW]:
            play.tell(what, *more)
        live = world.rows()
        for table, rows in world.rows_made_anew(["waits"], play.sizes).items():
            assert rows == live[table], table
