"""Random histories: a conversation looked as its events tell, at every position and by any time; and all
events about something are those that name it.

The ledger is folded anew for each question. What an employee is shown now is what the transcript says of now.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from domain.ids import thread_id
from projections.subjects import Subjects
from projections.transcript import Transcript
from tests.histories.alphabet import (
    CHATS,
    CONTACTS,
    EMPLOYEES,
    MESSAGES,
    WORKSPACE,
    chat_id,
    conversation_id,
    refs,
)
from tests.histories.client_rules import ClientRules
from tests.histories.company_rules import CompanyRules
from tests.histories.conftest import Opened
from tests.histories.employee_rules import AnswerRules, Turn
from tests.histories.ledger_oracle import LedgerOracle, ledger_rows
from tests.histories.messenger_rules import MessageRules, News, news_about
from tests.histories.thread_rules import ThreadRules
from tests.histories.transcript_oracle import TranscriptOracle, events_of, named_by
from tests.histories.world import MORNING

EVER = datetime(2200, 1, 1, tzinfo=UTC)
PAGE = 4
IRINA = "irina"
"""She sees everything."""


class ConversationsAreLookedBackAt(ThreadRules, AnswerRules, MessageRules, ClientRules, CompanyRules):
    def __init__(self) -> None:
        super().__init__()
        self.transcript, self.subjects = Transcript(self.world.pool), Subjects(self.world.pool)

    def found_the_company(self) -> None:
        for channel in ("wa", "team"):
            self.set_policy(channel, "client_owners")
        for seller in ("oleg", "vera"):
            self.put_employee(seller, "seller", True, True)
        self.put_employee(IRINA, "supervisor", False, True)
        self.put_contact("wife", "oleg", {"1"})
        self.hear([News("renamed", "family", "1", "0", MORNING, 0)])
        self.tell_the_story()

    def tell_the_story(self) -> None:
        """A bit of everything that a transcript shows, so that each history has it: two chats of one client,
        and of the group what is told late, of times before what was told."""
        for chat in CHATS:
            self.hear([News("message", chat, "1", "0", 1, 0), News("message", chat, "2", "1", 2, 0)])
        self.hear([News("message", "family", "1", "2", 3, 0), News("message", "family", "2", "3", 0, 0)])
        self.hear([News("left", "family", "2", "", 1, 0)])
        self.hear([News("edit", "family", "1", "0", ago, how) for ago, how in ((2, 0), (0, 2), (1, 0))])
        self.hear([News("deletion", "family", "1", "1", ago, 0) for ago in (0, 1)])
        self.follow()
        turns = [Turn("p1", "oleg", "claim", 1, 0, ""), Turn("family", "vera", "claim", 1, 0, "")]
        self.act(
            [*turns, Turn("family", "vera", "read_up_to", 1, 0, ""), Turn("p2", "vera", "snooze", 2, 0, "")]
        )
        self.rename("wife", "Anna")
        self.write_in_thread("family", "0", "vera", "first", {"oleg", IRINA}, set())
        self.write_in_thread("family", "0", IRINA, "second", set(), {"oleg"})
        self.answer("family", "first", "vera")
        self.world.minute += 2
        self.rename("vera", "Boris")
        self.hear([News("report of an answer", "family", "", "0", 0, how) for how in (2, 1)])
        self.put_contact("wife", "oleg", set())

    @rule(news=news_about("message", "edit", "edit", "deletion", chats=["family"], messages=["0", "1"]))
    def hear_of_the_same_messages(self, news: list[News]) -> None:
        self.hear(news)

    @rule(news=news_about("message", "message", "left", "joined", chats=["family"], messages=MESSAGES))
    def hear_of_the_same_people(self, news: list[News]) -> None:
        """Late, too: who is told to have left may have written since."""
        self.hear([replace(one, address="12"[int(one.address) % 2]) for one in news])

    @rule(who=st.sampled_from([*CONTACTS, *EMPLOYEES]), name=st.sampled_from(["Anna", "Boris"]))
    def rename(self, who: str, name: str) -> None:
        if who in self.model.links:
            responsible, linked = self.model.responsible.get(who), refs(sorted(self.model.links[who]))
            self.app.put_contact(who, name=name, responsible_id=responsible, addresses=linked, by=self.by())
        elif who in self.model.employees:
            stated = refs(self.model.stated.get(("employee", who), []))
            standing = self.model.employees[who].facts
            self.app.put_employee(who, name=name, addresses=stated, by=self.by(), **standing)

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """That has histories of its own."""
        self.follow()
        self.ends.append((self.world.position, self.model.arrivals))

    def teardown(self) -> None:
        with self.stack:
            if sys.exc_info()[0] is None:
                self.events = events_of(self.world.connection)
                self.check_present()
                self.check_every_position()
                self.check_subjects()
                live = self.world.rows()
                rebuilt = self.world.rows_made_anew(["subjects"], self.again)
                assert rebuilt == {table: live[table] for table in rebuilt}

    def check_present(self) -> None:
        """What somebody who sees everything is shown now is what is said of now."""
        for name in self.model.chats:
            shown = self.world.ask(self.answers.timeline.messages(WORKSPACE, IRINA, conversation_id(name)))
            if shown is None:
                continue  # she is on leave, or has another role
            said = self.pages(conversation_id=conversation_id(name))
            for one, other in zip(said["items"], shown["items"], strict=True):
                replies = other.pop("thread")["replies"]
                assert {field: one[field] for field in other} == other
                assert len(one["thread"]) == replies
            opened = self.world.ask(self.answers.inbox.conversation(WORKSPACE, IRINA, conversation_id(name)))
            for field in ("folder", "holder_id", "snoozed_until", "participants", "conversation_id"):
                assert said[field] == opened[field], field
            for one, other in zip(said["chats"], opened["chats"], strict=True):
                assert {field: one[field] for field in other} == other
            if opened["kind"] == "group":
                assert said["chats"][0]["title"] == opened["title"]

    def check_every_position(self) -> None:
        """One chat after the other, alone or with those that it stood with, by the end of time or earlier."""
        oracle, names = LedgerOracle(), list(CHATS)
        times = [event.occurred_at for event in self.events]
        for position, _ in oracle.sweep(ledger_rows(self.world.connection, WORKSPACE)):
            name = names[position % len(names)]
            if name not in self.model.chats:
                continue
            by = EVER if position % 2 else times[position * 7 % len(times)]
            kin = oracle.conversation(name) if name in oracle.chats else []
            if position % 5:
                asked = {"conversation_id": conversation_id(name)}
            else:
                asked, kin = {"chat_id": chat_id(name)}, [each for each in kin if each == name]
            known = [each for each in self.events[:position] if each.workspace_id == WORKSPACE]
            expected = TranscriptOracle(known, [chat_id(each) for each in kin], by)
            self.check(expected, self.pages(at=position, valid_at=None if by == EVER else by, **asked))

    def check(self, expected: TranscriptOracle, said: dict[str, Any]) -> None:
        assert [chat["chat_id"] for chat in said["chats"]] == expected.chats
        turn = expected.turn()
        assert {field: said[field] for field in ("folder", "holder_id")} == {
            field: turn[field] for field in ("folder", "holder_id")
        }
        assert moment(said["snoozed_until"]) == moment(turn["snoozed_until"])
        for item, other in zip(said["items"], expected.items(), strict=True):
            assert as_told(item) == other
        participants = [as_participant(one) for one in said["participants"]]
        assert sorted(participants, key=str) == sorted(expected.participants(), key=str)

    def pages(self, **asked: Any) -> dict[str, Any]:
        """The first page, with the messages of all of them."""
        first: dict[str, Any] = self.asked(**asked)
        page = first
        while page["next_cursor"] is not None:
            page = self.asked(cursor=page["next_cursor"], **asked)
            first["items"] += page["items"]
        return first

    def asked(self, **asked: Any) -> Any:
        answer = self.world.run(self.transcript.page(WORKSPACE, limit=PAGE, **asked))
        assert answer.body is not None
        assert answer.position == asked.get("at", self.world.position)
        return json.loads(answer.body)

    def check_subjects(self) -> None:
        """Of everything that is named: its events, page by page, and nobody else's."""
        expected: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        for event in self.events:
            for kind, thing in named_by(event):
                expected[event.workspace_id, kind, thing].append(event.position)
        for (workspace, kind, thing), positions in expected.items():
            assert self.about(workspace, kind, thing) == positions, (kind, thing)
        for message in (event for event in self.events if event.topic == "message.received"):
            streams = {
                message.stream_id,
                message.facts["delivery_id"],
                str(thread_id(message.stream_id)),
            }
            told = [event.position for event in self.events if event.stream_id in streams]
            assert self.about(message.workspace_id, "message", message.stream_id) == told

    def about(self, workspace: str, kind: str, thing: str) -> list[int]:
        found: list[int] = []
        after = 0
        while True:
            page = self.world.ask(
                self.subjects.events(workspace, kind, thing, after=after, limit=max(PAGE, len(found)))
            )
            found += [item["position"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            after = int(page["next_cursor"])


def as_told(item: dict[str, Any]) -> dict[str, Any]:
    """An item of a transcript in the words of the oracle."""
    return {
        **{field: item[field] for field in ("message_id", "position", "author", "text", "delivery")},
        **{field: moment(item[field]) for field in ("sent_at", "edited_at", "deleted_at")},
        "versions": [(version["text"], version["position"]) for version in item["versions"]],
        "read_by": [(reader["employee_id"], reader["position"]) for reader in item["read_by"]],
        "thread": [
            (reply["author"]["id"], reply["text"], reply["author"]["name"]) for reply in item["thread"]
        ],
        "helpers": {helper["employee_id"] for helper in item["helpers"]},
    }


def as_participant(item: dict[str, Any]) -> dict[str, Any]:
    who = ("kind", "contact_id", "employee_id", "staff_id")
    return {field: item[field] for field in who} | {
        field: moment(item[field]) for field in ("joined_at", "left_at")
    }


def moment(told: str | None) -> datetime | None:
    return None if told is None else datetime.fromisoformat(told)


def test_a_conversation_looked_as_its_events_tell(empty: Opened) -> None:
    run_state_machine_as_test(
        type("History", (ConversationsAreLookedBackAt,), {"opened": staticmethod(empty)}),
        settings=settings(
            max_examples=3, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
