"""One history as it is played: each command goes to the system and to the model, and both are compared."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import chain, cycle
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from domain.application import Chatledger
from domain.errors import Refused
from domain.fact import By
from domain.preview import Wish
from domain.visibility import Reason
from projections.read_model import READ_MODELS
from tests.histories.alphabet import CHANNELS, CHATS, EMPLOYEES, NEXT_DOOR, WORKSPACE
from tests.histories.answers import PAGE, Answers, lines
from tests.histories.ledger_oracle import LedgerOracle, Row, ledger_rows
from tests.histories.model import ModelCompany
from tests.histories.model_chat import FOLDERS, ModelChat
from tests.histories.waits_oracle import WaitsOracle, waits_kept
from tests.histories.witnesses import Seen, check_explanations, check_history, check_ownership
from tests.histories.world import World

Sights = dict[str, dict[str, frozenset[Reason]]]
"""Chat → employee → reasons."""

FILTERS: list[dict[str, Any]] = [
    *({"folder": folder} for folder in FOLDERS),
    *({"waiting": waiting} for waiting in (True, False)),
    *({"holder_id": employee} for employee in EMPLOYEES),
    *({"channel_id": channel} for channel in CHANNELS),
    *({"surface": surface} for surface in ("mobile", "crm_widget", "deal_card", "open_line")),
    {"folder": "incoming", "waiting": True, "surface": "deal_card"},
    {"folder": "in_progress", "channel_id": "wa", "holder_id": "oleg"},
]
NEVER = "2100-01-01T00:00:00Z"

sizes = st.lists(st.sampled_from([1, 2, 5, 1000]), min_size=1, max_size=4)
read_models = st.just(set(READ_MODELS)) | st.sets(st.sampled_from(READ_MODELS), min_size=1)


class Play(RuleBasedStateMachine):
    """opened: makes a world for one history."""

    opened: ClassVar[Callable[[], AbstractContextManager[World]]]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.world = self.stack.enter_context(type(self).opened())
        self.answers = Answers(self.world)
        self.model = ModelCompany()
        self.ends: list[tuple[int, int]] = []
        self.then: dict[int, Sights] = {}
        self.refused: type[Refused] | None = None

    def found_the_company(self) -> None:
        """What every history of this kind begins with."""
        raise NotImplementedError

    @initialize(sizes=sizes, again=sizes, names=read_models)
    def begin(self, sizes: list[int], again: list[int], names: set[str]) -> None:
        """The read models follow in ranges of these sizes, and at the end some do so again."""
        self.sizes, self.again = cycle(sizes), cycle(again)
        self.rebuilt = [name for name in READ_MODELS if name in names]
        self.follow()
        self.next_door = self.inboxes_next_door()
        self.found_the_company()

    def teardown(self) -> None:
        with self.stack:
            if sys.exc_info()[0] is None:
                for employee in EMPLOYEES:
                    self.check_messages(employee)
                self.check_every_position()
                self.check_waits()
                self.check_rebuilt()
                assert self.inboxes_next_door() == self.next_door

    # What must hold after each step

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """Of all the inbox; of one after the other, step by step, also what takes more questions."""
        self.follow()
        for employee in EMPLOYEES:
            self.check_inbox(employee)
        nth = len(self.ends)
        employee = EMPLOYEES[nth % len(EMPLOYEES)]
        self.check_messages(employee)
        self.check_conversation(employee, list(CHATS)[nth // len(EMPLOYEES) % len(CHATS)])
        self.check_part_of_inbox(employee, FILTERS[nth % len(FILTERS)])
        self.ends.append((self.world.position, self.model.arrivals))
        self.then[self.world.position] = self.sights()
        assert self.app.head() == self.world.position, "a question has recorded something"

    def check_inbox(self, employee: str) -> None:
        items = self.answers.items(employee)
        assert lines(items) == self.model.inbox(employee)
        activities = [
            max(self.model.chats[chat].activity for chat in line.chats) for line in lines(items).values()
        ]
        assert activities == sorted(activities, reverse=True)
        assert self.answers.counts(employee) == counted(items)

    def check_messages(self, employee: str) -> None:
        for name in CHATS:
            seen = self.model.seen(employee, name) if name in self.model.chats else []
            expected = self.model.timeline(seen) if seen else None
            assert self.answers.messages(employee, name) == expected

    def check_part_of_inbox(self, employee: str, filters: dict[str, Any]) -> None:
        """A filtered inbox is the part that fits, in the same order; the counts on a surface count it."""
        whole = [item for item in self.answers.items(employee, limit=PAGE) if self.fits(item, **filters)]
        assert self.answers.items(employee, limit=PAGE, **filters) == whole
        if filters.keys() == {"surface"}:
            assert self.answers.counts(employee, **filters) == counted(whole)

    def check_conversation(self, employee: str, name: str) -> None:
        """All pages together are the timeline, both ways; who sees nothing of it opens nothing."""
        seen = self.model.seen(employee, name) if name in self.model.chats else []
        timeline = self.model.timeline(seen)
        forwards = self.answers.pages(employee, name)
        backwards = self.answers.pages(employee, name, before=NEVER)
        assert [message for page in forwards for message in page] == timeline
        assert [message for page in reversed(backwards) for message in page] == timeline
        opened = None
        if seen:
            line = self.model.inbox(employee)[self.model.conversation(name)[0]]
            opened = (line, self.model.participants(seen))
        assert self.answers.conversation(employee, name) == opened
        if CHATS[name][1] == "group":
            assert self.answers.messages(employee, name, surface="deal_card") is None

    @staticmethod
    def fits(
        item: dict[str, Any],
        folder: str | None = None,
        waiting: bool | None = None,
        holder_id: str | None = None,
        channel_id: str | None = None,
        surface: str = "web",
    ) -> bool:
        return (
            folder in (None, item["folder"])
            and waiting in (None, item["waiting_since"] is not None)
            and holder_id in (None, item["holder_id"])
            and (channel_id is None or channel_id in {chat["channel_id"] for chat in item["chats"]})
            and (item["kind"] == "direct" or surface not in ("deal_card", "open_line"))
        )

    # What must hold at the end

    def check_every_position(self) -> None:
        """At each earlier position: who saw what, why and since when; where a step ended, as in the model."""
        rows = ledger_rows(self.world.connection, WORKSPACE)
        swept: dict[int, Seen] = {}
        owned: dict[int, dict[tuple[str, ...], str | None]] = {}
        oracle = LedgerOracle()
        for position, expected in oracle.sweep(rows):
            swept[position], owned[position] = expected, oracle.owned()
            self.check_conversation_at(position, oracle, expected)
            saw = {name: self.answers.who_saw(position, name) for name in self.model.chats}
            assert saw == {name: expected.get(name, {}) for name in saw}
            for name, sights in self.then.get(position, {}).items():
                assert {employee: reasons for employee, (reasons, _) in saw[name].items()} == sights
        for moment in {row.recorded_at for row in rows[::5]}:
            recorded_by_then = [row.position for row in rows if row.recorded_at <= moment]
            assert self.answers.position_at(moment) == recorded_by_then[-1]

        self.check_told(rows, swept)
        check_ownership(self.answers, owned)

    def check_conversation_at(self, position: int, oracle: LedgerOracle, expected: Seen) -> None:
        """Of one conversation after the other: who saw which of the chats that stood in it then, and why."""
        name = list(CHATS)[position % len(CHATS)]
        together = oracle.conversation(name) if name in oracle.chats else []
        assert self.answers.who_saw_any(position, name) == {
            employee: (
                frozenset(chain.from_iterable(expected[chat][employee][0] for chat in saw)),
                set(saw),
            )
            for employee in EMPLOYEES
            if (saw := [chat for chat in together if employee in expected[chat]])
        }

    def check_told(self, rows: list[Row], swept: Mapping[int, Seen]) -> None:
        """What is told of intervals, and of reasons with the events that made them so."""
        by_position = {row.position: row for row in rows}
        check_history(self.answers, swept, by_position)
        for position in list(swept)[:: max(1, len(swept) // 4)]:
            check_explanations(self.answers, position, swept, by_position)

    def check_waits(self) -> None:
        rows = ledger_rows(self.world.connection, WORKSPACE)
        assert waits_kept(self.world.connection) == WaitsOracle().read(rows)

    def check_rebuilt(self) -> None:
        live = self.world.rows()
        for table, rows in self.world.rows_made_anew(self.rebuilt, self.again).items():
            assert rows == live[table], table

    # Between the two

    @property
    def app(self) -> Chatledger:
        return self.world.application

    def by(self) -> By:
        return self.world.by()

    def carry_out(
        self,
        command: Callable[..., Any],
        *arguments: Any,
        refusal: type[Refused] | None = None,
        **values: Any,
    ) -> bool:
        """Whether it was not refused; it must be refused like this. Sent again, it changes nothing."""
        before, refused = self.app.head(), None
        try:
            command(*arguments, **values, by=self.by())
        except Refused as error:
            refused = type(error)
        assert refused is refusal
        self.refused = refused
        if refused is not None:
            assert self.app.head() == before
            return False
        after = self.app.head()
        command(*arguments, **values, by=self.by())
        assert self.app.head() == after
        return True

    @contextmanager
    def foreseen(self, wish: Wish) -> Iterator[None]:
        """What is done within is what was previewed: refused alike, or it gives and takes the same sights."""
        self.follow()
        before, head = self.sights(), self.app.head()
        foreseen, refused = self.answers.foreseen(wish)
        assert self.app.head() == head, "a preview has recorded something"
        yield
        assert self.refused is refused
        after = self.sights()
        assert foreseen == {
            (employee, chat, "gains" if employee in after[chat] else "loses", now[chat][employee])
            for chat in after
            for employee in before[chat].keys() ^ after[chat].keys()
            for now in [after if employee in after[chat] else before]
        }

    def sights(self) -> Sights:
        return {name: self.model.sights(name) for name in self.model.chats}

    def follow(self) -> None:
        self.world.follow(self.sizes)
        self.model.react(self.world.minute)

    def model_chat(self, name: str, minute: int) -> ModelChat:
        return self.model.chat(name, *CHATS[name], minute)

    def inboxes_next_door(self) -> list[Any]:
        return [self.answers.items(employee, workspace=NEXT_DOOR) for employee in EMPLOYEES]


def counted(items: list[dict[str, Any]]) -> dict[str, int]:
    folders = Counter(item["folder"] for item in items)
    return {folder: folders[folder] for folder in FOLDERS} | {
        "waiting": sum(item["waiting_since"] is not None for item in items),
        "unread": sum(item["unread"] > 0 for item in items),
    }
