"""A company at work: processes that run real commands, follow the ledger and rebuild, until they are killed.

Every command has a cause of its own, and every message says how many the command told together. So the ledger
shows by itself whether something is there half or twice.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
from eventsourcing.persistence import PersistenceError

from adapters.postgres.database import create_pool
from domain import ids, inbound
from domain.address import AddressRef
from domain.application import Chatledger
from domain.deciding import Accepted
from domain.errors import Refused
from domain.fact import By
from domain.receiving import APPENDED, DUPLICATE
from projections import follower, replay
from projections.checkpoints import Fenced
from projections.reactions import Reactions
from projections.read_model import LEADS, READ_MODELS, all_read_models
from projections.rebuild import CONNECTIONS, RebuildRunning, rebuilding
from projections.sharing import PARTITIONED, Partitions, share_out
from projections.switch import SwitchHindered
from tests.faults.processes import Telling

THREADS = 2
THOUGHT_S = 0.01
"""Longest time between two commands."""

BREATH_S = 0.05
"""After the database was away, so that the log does not fill up."""

SELLERS = ("oleg", "vera", "pavel")
CONTACTS = [f"contact-{number}" for number in range(6)]
DEALS = [f"deal-{number}" for number in range(4)]
PHONES = [str(number) for number in range(10)]
CHATS = [inbound.ChatRef(f"chat-{number}", ("group", "direct")[number % 2]) for number in range(8)]
TWINS = 500
"""So many messages may be told by anybody, any number of times."""


def application(url: str) -> Chatledger:
    return Chatledger({"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url})


def found(url: str) -> None:
    """Make the company: a channel with its chats, and who works there."""
    with application(url) as app:
        by = By("main", "system", datetime.now(UTC), "founding")
        app.put_channel("wa", kind="whatsapp", title="WhatsApp", visibility="client_owners", by=by)
        app.receive("wa", [inbound.ChatRenamed(chat, by.at) for chat in CHATS], by=by)
        for name in SELLERS:
            employ(app, by, name, "seller")
        employ(app, by, "irina", "supervisor")


def employ(app: Chatledger, by: By, name: str, role: str, *, receives: bool = True) -> Accepted:
    standing: dict[str, Any] = {"role": role, "receives_new_clients": receives, "active": True}
    return app.put_employee(name, name=name, **standing, addresses=[], by=by)


def work(tell: Telling, url: str, name: str, seconds: float = float("inf")) -> None:
    """Run commands in a few threads, and tell what became of each."""
    with application(url) as app:
        desks = [Desk(app, f"{name}.{number}", tell) for number in range(THREADS)]
        threads = [Thread(target=desk.work, args=(seconds,)) for desk in desks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def follow(tell: Telling, url: str, name: str, *leads: str) -> None:
    """Follow the ledger. leads: the read models that it may lead; all and the reactions, if none is said."""
    with application(url) as app, create_pool(url, max_size=4, name=name) as pool:
        following = follower.Follower(pool, all_read_models(), Reactions(app), leads=leads or LEADS)
        app.on_append.append(following.appended)
        following.start()
        tell(following=True)
        signal.pause()


def follow_partitions(tell: Telling, url: str, name: str, told: str) -> None:
    """Follow the ledger with some partitions of whatever has them, such as 0-1/4."""
    partitions = Partitions.told(told)
    with application(url) as app, create_pool(url, max_size=4, name=name) as pool:
        for whole in PARTITIONED:
            share_out(pool, whole, partitions.of)
        following = follower.Follower(
            pool, all_read_models(), Reactions(app), leads=PARTITIONED, partitions=partitions
        )
        following.start()
        tell(following=True)
        signal.pause()


def follow_impatiently(tell: Telling, url: str, name: str) -> None:
    """As `follow`; a leader stands still who was not heard of for half a second."""
    for limit, shorter in ((follower.STANDSTILL_S, "500ms"), (follower.LONGEST_RANGE_S, "2s")):
        follower.BEGIN_SESSION = follower.BEGIN_SESSION.replace(f"{limit}s", shorter)
    follow(tell, url, name)


def rebuild(tell: Telling, url: str, name: str) -> None:
    """Rebuild all read models, again and again; each time every row is held against the live one."""

    def watch(step: str, done: int, total: int) -> None:
        tell(**{step: done})

    while True:
        try:
            with create_pool(url, max_size=CONNECTIONS, name=name) as pool:
                with rebuilding(pool, READ_MODELS, watch) as rebuild:
                    tell(rebuilt=rebuild.run())
        except (RebuildRunning, Fenced, SwitchHindered, psycopg.Error) as hindered:
            tell(hindered=f"{type(hindered).__name__}: {hindered}")
            time.sleep(BREATH_S)


def rebuild_slowly(tell: Telling, url: str, name: str) -> None:
    """As `rebuild`, a few events at a time."""
    replay.FIRST_RANGE_SIZE = replay.LARGEST_RANGE_SIZE = 5
    rebuild(tell, url, name)


class Desk:
    """Somebody who runs one command after the other."""

    def __init__(self, app: Chatledger, name: str, tell: Telling) -> None:
        self.app, self.name, self.tell = app, name, tell
        self.random = Random(name)
        self.seen = 0
        """Up to where it has seen everything."""
        self.weighed: dict[Callable[[By], dict[str, Any]], int] = {
            self.hear_messages: 40,
            self.hear_who_comes_and_goes: 10,
            self.move_conversation: 20,
            self.state_contact: 5,
            self.state_deal: 5,
            self.state_employee: 2,
            self.write_message: 5,
            self.read_chat: 5,
        }

    def work(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for number in count():
            if time.monotonic() > until:
                return
            by = By("main", "system", datetime.now(UTC), f"{self.name}.{number}")
            (command,) = self.random.choices(list(self.weighed), list(self.weighed.values()))
            self.run(command, by)
            time.sleep(self.random.uniform(0, THOUGHT_S))

    def run(self, command: Callable[[By], dict[str, Any]], by: By) -> None:
        try:
            outcome = command(by)
        except Refused as refusal:
            self.tell(refused=by.causation, code=refusal.code)
        except PersistenceError as error:
            self.tell(unknown=by.causation, error=f"{type(error).__name__}: {error}")
            time.sleep(BREATH_S)
        else:
            self.tell(accepted=by.causation, **outcome)
            self.seen = outcome["position"]

    def hear_messages(self, by: By) -> dict[str, Any]:
        """Some messages that nobody else tells, and often one that others tell too."""
        chat, together = self.random.choice(CHATS), self.random.choice([1, 1, 2, 4])
        told = [self.message(chat, f"{by.causation}.{n}", f"{n} of {together}", by) for n in range(together)]
        if self.random.random() < 0.4:
            twin = self.random.randrange(TWINS)
            told.append(self.message(CHATS[twin % len(CHATS)], f"twin-{twin}", "twin", by))
        results, accepted = self.app.receive("wa", told, by=by)
        assert all(result.status in (APPENDED, DUPLICATE) for result in results)
        heard = {one.external_id: result.position for one, result in zip(told, results, strict=True)}
        return {**done(accepted), "heard": heard}

    def message(self, chat: inbound.ChatRef, number: str, text: str, by: By) -> inbound.MessageArrived:
        return inbound.MessageArrived(chat, number, by.at, self.random.choice(PHONES), text=text)

    def hear_who_comes_and_goes(self, by: By) -> dict[str, Any]:
        group, phone = self.random.choice(CHATS[::2]), self.random.choice(PHONES)
        moves: list[inbound.Inbound] = [
            inbound.ParticipantJoined(group, phone, by.at),
            inbound.ParticipantLeft(group, phone, by.at),
        ]
        return done(self.app.receive("wa", [self.random.choice(moves)], by=by)[1])

    def move_conversation(self, by: By) -> dict[str, Any]:
        chat_id, who = self.chat_id(), self.random.choice(SELLERS)
        seen = self.random.choice([0, self.seen])
        moves: list[Callable[[], Accepted]] = [
            lambda: self.app.claim([chat_id], who, by=by),
            lambda: self.app.release([chat_id], who, by=by),
            lambda: self.app.reopen([chat_id], who, by=by),
            lambda: self.app.close_conversation([chat_id], who, seen_position=seen, by=by),
            lambda: self.app.dismiss([chat_id], who, seen_position=seen, by=by),
            lambda: self.app.assign([chat_id], who, self.random.choice(SELLERS), by=by),
            lambda: self.app.snooze([chat_id], who, by.at + timedelta(seconds=1), seen_position=seen, by=by),
        ]
        return done(self.random.choice(moves)())

    def state_contact(self, by: By) -> dict[str, Any]:
        phones = self.random.sample(PHONES, 2)
        return done(
            self.app.put_contact(
                self.random.choice(CONTACTS),
                name="Somebody",
                responsible_id=self.random.choice([*SELLERS, None]),
                addresses=[AddressRef("whatsapp", phone) for phone in phones],
                by=by,
            )
        )

    def state_deal(self, by: By) -> dict[str, Any]:
        deal, owner = self.random.choice(DEALS), self.random.choice(SELLERS)
        if self.random.random() < 0.5:
            return done(self.app.reassign_deal(deal, owner, reason="ill", with_contacts=True, by=by))
        status = self.random.choice(["open", "won", "lost"])
        contacts = self.random.sample(CONTACTS, 2)
        return done(
            self.app.put_deal(deal, title=deal, owner_id=owner, status=status, contact_ids=contacts, by=by)
        )

    def state_employee(self, by: By) -> dict[str, Any]:
        receives = self.random.random() < 0.5
        return done(employ(self.app, by, self.random.choice(SELLERS), "seller", receives=receives))

    def write_message(self, by: By) -> dict[str, Any]:
        letter: dict[str, Any] = {"text": "good day", "attachments": [], "reply_to": None}
        author = self.random.choice(SELLERS)
        return done(self.app.send_message(self.chat_id(), uuid4(), author_id=author, **letter, by=by))

    def read_chat(self, by: By) -> dict[str, Any]:
        chat_id = self.chat_id()
        conversation_id = str(ids.conversation_id(chat_id))
        reader = self.random.choice(SELLERS)
        return done(self.app.read_up_to(conversation_id, [chat_id], reader, self.seen, by=by)[0])

    def chat_id(self) -> str:
        return str(ids.chat_id("main", "wa", self.random.choice(CHATS).external_id))


def done(accepted: Accepted) -> dict[str, Any]:
    return {"position": accepted.position, "recorded": accepted.recorded}
