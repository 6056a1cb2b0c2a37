"""One process leads and the others watch; nothing is skipped, doubled, or written by who lost the lead."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.postgres.database import create_pool
from projections.checkpoints import (
    Checkpoint,
    Checkpoints,
    Fenced,
    Range,
    Standing,
    retry,
    statuses,
)
from projections.follower import POLL_INTERVAL_S, TAKEOVER_INTERVAL_S, Follower
from projections.leader import RANGE_SIZE, Leader
from projections.read_model import LEADS, REACTIONS, ReadModel
from projections.sharing import Partitions
from projections.statements import Statements
from tests.projections.history import History

TALLY = """
-- name: create
CREATE TABLE tally_{name} (position bigint PRIMARY KEY);

-- name: counted
-- on: *
INSERT INTO tally_{name} SELECT position FROM ledger WHERE position > %(after)s AND position <= %(until)s;

-- name: poisoned
-- on: poison.{name}
SELECT 1 / (position - position) FROM ledger
WHERE position > %(after)s AND position <= %(until)s AND topic = 'poison.{name}';
"""

WITNESS = """
-- name: alone
-- on: *
SELECT 1 / CASE WHEN (SELECT max(position) FROM tally_visibility) >= %(until)s
                 AND (SELECT max(position) FROM tally_timeline) >= %(until)s THEN 1 ELSE 0 END;
"""
"""Fails where the inbox would be ahead of those whose rows it reads."""

NAMES = ("directory", "access", "visibility", "threads", "timeline", "inbox")
TIMEOUT_S = 10.0


class Tally(ReadModel):
    """Notes every position; fails at the events that are poison for it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.statements = Statements(f"{name}.sql", TALLY.format(name=name))

    def cure(self) -> None:
        self.statements = Statements(
            "cured.sql", TALLY.format(name=self.name).replace("/ (position - position)", "")
        )


@dataclass
class Quiet:
    """Reactions that have nothing to do, unless told."""

    seen: list[tuple[int, int]] = field(default_factory=list)
    due: datetime | None = None
    act: Callable[[int, int], int] = lambda after, until: 0
    do: Callable[[], int] = lambda: 0

    def react(self, connection: Connection[Any], after: int, until: int) -> int:
        self.seen.append((after, until))
        return self.act(after, until)

    def do_due(self, connection: Connection[Any]) -> int:
        return self.do()

    def next_due(self, connection: Connection[Any]) -> datetime | None:
        return self.due


@dataclass
class Place:
    """A database, and the followers that a test starts on it."""

    url: str
    history: History
    started: ExitStack
    reactions: Quiet = field(default_factory=Quiet)
    models: list[Tally] = field(default_factory=lambda: [Tally(name) for name in NAMES])

    def follower(
        self,
        reactions: Quiet | None = None,
        *,
        leads: Collection[str] = LEADS,
        partitions: Partitions | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> Follower:
        pool: ConnectionPool[Connection[Any]] = self.started.enter_context(create_pool(self.url, max_size=3))
        reactions = reactions or self.reactions
        choice: dict[str, Any] = {"leads": leads, "partitions": partitions}
        follower = Follower(pool, self.models, reactions, **choice, poll_interval_s=poll_interval_s)
        follower.start()
        self.started.callback(follower.stop)
        return follower

    def write(self, count: int = 1, topic: str = "message.received") -> int:
        for _ in range(count):
            self.history.append(topic, "stream")
        return self.history.head

    def write_at_once(self, count: int) -> int:
        self.history.connection.execute(
            "INSERT INTO ledger"
            " (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts)"
            " SELECT %s + nth, 'main', gen_random_uuid(), 1, 'message.received', 'system', now(), '', '{}'"
            " FROM generate_series(1, %s) AS nth",
            [self.history.head, count],
        )
        self.history.head += count
        return self.history.head

    def tallied(self, name: str) -> list[int]:
        rows = self.history.connection.execute(f"SELECT position FROM tally_{name} ORDER BY position")
        return [position for (position,) in rows]

    def status(self, name: str) -> dict[str, Any]:
        unknown = {"state": None, "parked": None}
        return next((one for one in statuses(self.history.connection) if one["name"] == name), unknown)


@pytest.fixture
def place(url: str, history: History) -> Iterator[Place]:
    with ExitStack() as started:
        place = Place(url, history, started)
        for model in place.models:
            model.make(history.connection, "create")
        yield place


def eventually(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT_S
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.01)
    return reached()


def test_every_event_is_taken_over_once(place: Place) -> None:
    follower = place.follower()

    for _ in range(30):
        place.write(3)
        follower.wake()

    assert follower.wait_for(90, TIMEOUT_S)
    assert all(place.tallied(name) == list(range(1, 91)) for name in NAMES)


def test_what_another_process_appended_is_found_by_polling(place: Place) -> None:
    follower = place.follower()
    assert follower.wait_for(place.write(), TIMEOUT_S)

    place.write(2)

    assert eventually(lambda: place.tallied("inbox") == [1, 2, 3])


def test_what_a_watcher_appended_is_heard_at_once(place: Place) -> None:
    leader = place.follower(poll_interval_s=60)
    assert leader.wait_for(place.write(), TIMEOUT_S)
    watcher = place.follower()

    for _ in range(5):
        began = time.monotonic()
        watcher.appended(place.write())
        assert eventually(lambda: place.tallied("inbox")[-1] == place.history.head)
        assert time.monotonic() - began < TIMEOUT_S / 2


def test_a_position_that_is_told_is_looked_for_at_once(place: Place) -> None:
    follower = place.follower(poll_interval_s=60)
    assert follower.wait_for(place.write(), TIMEOUT_S)

    follower.heard(place.write())

    assert eventually(lambda: place.tallied("inbox") == [1, 2])


def test_who_can_listen_no_more_listens_again(place: Place) -> None:
    leader = place.follower(poll_interval_s=60)
    assert leader.wait_for(place.write(), TIMEOUT_S)
    watcher = place.follower()
    place.history.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
    )

    place.write()

    def announced() -> bool:
        watcher.appended(place.history.head)
        return place.tallied("inbox")[-1] == place.history.head

    assert eventually(announced)


def test_a_position_that_nobody_wrote_is_not_waited_for_for_ever(place: Place) -> None:
    assert not place.follower().wait_for(1, 0.05)


def test_hundreds_wait_without_a_thread_each(place: Place) -> None:
    follower = place.follower()

    async def wait() -> list[bool]:
        waits = [follower.wait_for_async(position, TIMEOUT_S) for position in range(1, 301)]
        tasks = [asyncio.create_task(one) for one in waits]
        await asyncio.sleep(0)
        await asyncio.to_thread(place.write, 300)
        follower.wake()
        missed = await follower.wait_for_async(301, 0.02)
        return [*await asyncio.gather(*tasks), missed]

    assert asyncio.run(wait()) == [True] * 300 + [False]


def test_read_models_are_waited_for_one_by_one(place: Place) -> None:
    place.reactions.act = lambda after, until: until  # never done
    follower = place.follower()
    position = place.write()

    assert asyncio.run(follower.models_at(position, TIMEOUT_S, NAMES))
    assert not asyncio.run(follower.wait_for_async(position, 0.05))


def test_one_leads_and_the_other_watches_until_the_leader_ends(place: Place) -> None:
    first_reactions, second_reactions = Quiet(), Quiet()
    first = place.follower(first_reactions)
    assert first.wait_for(place.write(), TIMEOUT_S)
    second = place.follower(second_reactions)

    assert second.wait_for(place.write(), TIMEOUT_S)
    assert second_reactions.seen == []

    first.stop()
    stopped = time.monotonic()
    assert second.wait_for(place.write(), TIMEOUT_S)
    assert time.monotonic() - stopped < 1
    assert second_reactions.seen == [(2, 3)]
    assert place.tallied("inbox") == [1, 2, 3]


def test_a_lost_connection_is_made_again(place: Place) -> None:
    follower = place.follower()
    assert follower.wait_for(place.write(), TIMEOUT_S)

    place.history.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    assert follower.wait_for(place.write(), TIMEOUT_S)
    assert place.tallied("inbox") == [1, 2]


def test_the_old_leader_writes_nothing_after_another_took_the_lead(place: Place) -> None:
    names = [*NAMES, REACTIONS]
    with psycopg.connect(place.url, autocommit=True) as other:
        mine, theirs = Checkpoints(place.history.connection, names), Checkpoints(other, names)
        assert mine.take_lead(LEADS)
        paused = Leader(mine, place.models)
        standing = paused.look()
        assert not theirs.take_lead(LEADS)

        place.history.connection.execute("SELECT pg_advisory_unlock_all()")
        assert theirs.take_lead(LEADS)
        place.write()

        with pytest.raises(Fenced):
            paused.take_over(Range(NAMES, 0, 1))
        with pytest.raises(Fenced):
            paused.follow(Standing(1, standing.checkpoints))
        assert place.tallied("inbox") == []


def test_whoever_lost_the_lead_of_one_moves_the_others_but_not_that(place: Place) -> None:
    names = [*NAMES, REACTIONS]
    with psycopg.connect(place.url, autocommit=True) as other:
        mine, theirs = Checkpoints(place.history.connection, names), Checkpoints(other, names)
        assert mine.take_lead(LEADS)
        assert mine.leads_all
        leader = Leader(mine, place.models)
        place.history.connection.execute("SELECT pg_advisory_unlock_all()")
        assert theirs.take_lead(["inbox"])
        place.write()

        leader.take_over(Range(("timeline", "visibility"), 0, 1))
        for name in ("inbox", "directory"):  # which go together
            with pytest.raises(Fenced):
                leader.take_over(Range((name,), 0, 1))
        with pytest.raises(Fenced):
            leader.look()
        Leader(theirs, place.models).take_over(Range(("inbox",), 0, 1))
        assert place.tallied("inbox") == place.tallied("timeline") == [1]


def test_followers_share_the_read_models_out_and_one_takes_over_from_the_other(place: Place) -> None:
    sharing = [place.follower(leads=leads) for leads in (["inbox", "access"], ["visibility", "timeline"])]
    assert eventually(
        lambda: (
            [one.led for one in sharing]
            == [["directory", "access", "inbox", REACTIONS], ["visibility", "timeline"]]
        )
    )
    standing_by = place.follower()
    assert eventually(lambda: standing_by.led == ["threads"])
    for follower in (*sharing, standing_by):
        assert follower.wait_for(place.write(), TIMEOUT_S)

    sharing[0].stop()
    assert standing_by.wait_for(place.write(), TIMEOUT_S)

    assert standing_by.led == ["directory", "access", "threads", "inbox", REACTIONS]
    assert all(place.tallied(name) == [1, 2, 3, 4] for name in NAMES)
    assert sorted(place.reactions.seen) == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_nobody_gets_ahead_of_those_whose_rows_he_reads_and_another_leads(place: Place) -> None:
    inbox = next(model for model in place.models if model.name == "inbox")
    inbox.statements = Statements("inbox.sql", f"{TALLY}{WITNESS}".format(name="inbox"))
    for leads in ("visibility", "timeline", "inbox"):
        place.follower(leads=[leads])
    watcher = place.follower(leads=())

    for _ in range(40):
        place.write(20)
        watcher.appended(place.history.head)

    assert asyncio.run(watcher.models_at(800, TIMEOUT_S, ["inbox"]))
    assert place.status("inbox")["state"] == "following"
    assert place.tallied("inbox") == place.tallied("visibility") == list(range(1, 801))


def test_who_leads_nothing_only_watches(place: Place) -> None:
    watcher = place.follower(leads=())
    place.write()
    assert not watcher.wait_for(1, 3 * TAKEOVER_INTERVAL_S)
    assert watcher.led == []

    place.follower(poll_interval_s=60)
    assert watcher.wait_for(1, TIMEOUT_S)


def test_a_poisonous_event_parks_the_read_model_that_fails_at_it_and_no_other(place: Place) -> None:
    place.write(700)
    poison = place.write(topic="poison.access")
    place.write(700)
    follower = place.follower()

    assert follower.wait_for(1401, TIMEOUT_S)
    status = place.status("access")
    assert (status["state"], status["position"], status["lag_events"]) == ("parked", poison - 1, 701)
    assert status["parked"]["position"] == poison
    assert status["parked"]["count"] == 1
    assert "DivisionByZero" in status["parked"]["error"]
    assert place.tallied("access") == list(range(1, poison))
    assert place.tallied("inbox") == list(range(1, 1402))
    assert place.status("inbox")["parked"] is None


def test_who_reads_the_rows_of_a_parked_read_model_waits_for_it(place: Place) -> None:
    follower = place.follower()
    poison = place.write(topic="poison.visibility")
    place.write(5)

    assert asyncio.run(follower.models_at(6, TIMEOUT_S, ("directory", "timeline")))
    assert not follower.wait_for(6, 0.05)
    assert place.status("inbox")["position"] == poison - 1
    assert place.status("inbox")["state"] == "following"
    assert place.reactions.seen == []


def test_a_parked_read_model_that_is_tried_again_finishes_the_work(place: Place) -> None:
    follower = place.follower()
    place.write(topic="poison.visibility")
    place.write(5)
    assert eventually(lambda: place.status("visibility")["state"] == "parked")

    assert retry(place.history.connection, "visibility")
    assert eventually(lambda: (place.status("visibility")["parked"] or {}).get("count") == 2)
    assert not retry(place.history.connection, "timeline")

    next(model for model in place.models if model.name == "visibility").cure()
    assert retry(place.history.connection, "visibility")
    assert follower.wait_for(6, TIMEOUT_S)
    assert all(place.tallied(name) == [1, 2, 3, 4, 5, 6] for name in NAMES)
    assert place.status("visibility")["parked"] is None


def test_reactions_are_asked_again_until_they_record_nothing(place: Place) -> None:
    def act(after: int, until: int) -> int:
        return place.write() if until < 4 else 0

    place.reactions.act = act
    follower = place.follower()
    place.write()
    follower.wake()

    assert follower.wait_for(4, TIMEOUT_S)
    assert place.reactions.seen == [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert place.status(REACTIONS)["position"] == 4


def test_nothing_is_effective_before_the_read_models_have_what_followed_from_it(place: Place) -> None:
    def act(after: int, until: int) -> int:
        """From the first event something follows, far behind what the read models have."""
        return place.write_at_once(3 * RANGE_SIZE) if place.history.head == 1 else 0

    place.reactions.act = act
    follower = place.follower()
    place.write()
    follower.wake()

    assert follower.wait_for(1, 6 * TIMEOUT_S)
    assert place.status("inbox")["position"] == 1 + 3 * RANGE_SIZE


def test_something_due_is_done_on_time_without_any_event(place: Place) -> None:
    follower = place.follower()
    assert follower.wait_for(place.write(), TIMEOUT_S)
    woken_at: list[datetime] = []

    def do() -> int:
        woken_at.append(datetime.now(UTC))
        place.reactions.due = None
        return 0

    due = datetime.now(UTC) + timedelta(seconds=0.4)
    place.reactions.do, place.reactions.due = do, due

    assert eventually(lambda: len(woken_at) == 1)
    assert timedelta(0) <= woken_at[0] - due < timedelta(seconds=0.3)


def test_what_is_due_keeps_nobody_waiting_however_much_it_is(place: Place) -> None:
    place.reactions.do, place.reactions.due = place.write, datetime.now(UTC)  # always something more
    follower = place.follower()

    for _ in range(3):
        assert follower.wait_for(place.history.head, TIMEOUT_S)
    assert eventually(lambda: place.history.head > 10)
    assert [seen for seen in place.reactions.seen if seen[0] >= seen[1]] == []


def test_reactions_that_fail_are_shown_and_tried_again_while_read_models_go_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.leader.REACTIONS_REST_S", 0.05)
    failing = True

    def act(after: int, until: int) -> int:
        if failing:
            raise RuntimeError("out of order")
        return 0

    place.reactions.act = act
    follower = place.follower()
    place.write(2)
    assert eventually(lambda: place.status(REACTIONS)["parked"] is not None)
    assert "out of order" in place.status(REACTIONS)["parked"]["error"]
    assert asyncio.run(follower.models_at(place.write(), TIMEOUT_S, NAMES))
    assert not follower.wait_for(1, 0.05)

    failing = False
    assert follower.wait_for(3, TIMEOUT_S)
    assert place.status(REACTIONS)["parked"] is None


def test_the_lag_is_measured_to_the_head(place: Place) -> None:
    follower = place.follower()
    assert follower.wait_for(place.write(), TIMEOUT_S)
    follower.stop()
    place.write(2)

    status = place.status("inbox")
    assert (status["position"], status["head"], status["lag_events"]) == (1, 3, 2)
    assert 0 < status["lag_seconds"] < TIMEOUT_S


def standing(head: int, **positions: int) -> Standing:
    return Standing(
        head, {name: Checkpoint(position, 1, "following") for name, position in positions.items()}
    )


def test_those_who_stand_together_move_together() -> None:
    assert standing(10, directory=3, timeline=3).ranges(["directory", "timeline"], 5) == [
        Range(("directory", "timeline"), 3, 8)
    ]


def test_who_is_far_behind_catches_up_beside_the_others() -> None:
    assert standing(100, directory=3, timeline=90).ranges(["directory", "timeline"], 5) == [
        Range(("timeline",), 90, 95),
        Range(("directory",), 3, 8),
    ]


def test_who_is_nearly_there_is_waited_for() -> None:
    assert standing(100, directory=88, timeline=90).ranges(["directory", "timeline"], 5) == [
        Range(("directory",), 88, 90)
    ]


def test_nobody_gets_ahead_of_those_whose_rows_he_reads() -> None:
    behind = standing(100, visibility=20, timeline=50, inbox=50)

    assert behind.ranges(["visibility", "timeline", "inbox"], 5) == [
        Range(("timeline",), 50, 55),
        Range(("visibility",), 20, 25),
    ]
