"""kill -9 at random moments under load: what was acknowledged is there once, and read models are right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random

import psycopg
import pytest

from adapters.postgres.database import create_pool
from domain.fact import By
from projections.follower import Follower
from projections.reactions import Reactions
from projections.read_model import all_read_models
from tests.api.commands import serving
from tests.faults import company
from tests.faults.conftest import founded
from tests.faults.connector import Acknowledged, assert_data_is_right, connector
from tests.faults.processes import PATIENCE_S, Processes, Role, Running
from tests.faults.proof import assert_nothing_is_lost_or_wrong
from tests.faults.servers import Server, postmaster

WORKERS, FOLLOWERS = 3, 2
KILLS = 7
SERVER_KILLS = 4
CRASHES = 3
SECONDS_BETWEEN_KILLS = (0.05, 0.5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server") / "data")
    yield server
    server.stop()


class Crew:
    """Processes of one role, of which one may be killed at any time and another takes its place."""

    def __init__(self, processes: Processes, role: Role, url: str, size: int) -> None:
        self._processes, self._role, self._url = processes, role, url
        self._names = (f"{role.__name__}-{number}" for number in count())
        self.living = [self._start() for _ in range(size)]

    def replace_one(self, random: Random) -> None:
        self.living.pop(random.randrange(len(self.living))).kill()
        self.living.append(self._start())

    def _start(self) -> Running:
        return self._processes.start(self._role, self._url, next(self._names))


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    return Random(request.node.name)


def test_workers_followers_and_rebuilds_are_killed(url: str, processes: Processes, random: Random) -> None:
    working = Crew(processes, company.work, url, WORKERS)
    following = Crew(processes, company.follow, url, FOLLOWERS)
    rebuilding = Crew(processes, company.rebuild, url, 1)
    for _ in range(KILLS):
        working.living[-1].wait_until_it_told("accepted")
        time.sleep(random.uniform(*SECONDS_BETWEEN_KILLS))
        random.choice([working, following, rebuilding]).replace_one(random)
    rebuilding.living[0].wait_until_it_told("rebuilt")
    processes.kill_all()

    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_the_server_is_killed_and_everybody_goes_on_by_himself(
    server: Server, processes: Processes, random: Random
) -> None:
    url = founded(server.new_database())
    working = Crew(processes, company.work, url, WORKERS).living
    following = Crew(processes, company.follow, url, FOLLOWERS).living
    rebuilding = Crew(processes, company.rebuild, url, 1).living
    for number in range(SERVER_KILLS):
        for worker in working:
            worker.wait_until_it_tells_more("accepted")
        time.sleep(random.uniform(*SECONDS_BETWEEN_KILLS))
        ways = server.ways_to_kill(random)
        ways[number % len(ways)]()
    server.wait_until_it_answers()
    rebuilding[0].wait_until_it_tells_more("rebuilt")
    assert all(process.lives for process in (*working, *following))
    processes.kill_all()

    assert_nothing_is_lost_or_wrong(url, processes.told())


def test_what_was_acknowledged_as_effective_is_so_after_a_crash(server: Server) -> None:
    """Also while nobody follows yet: otherwise the former owner would see the chat once more."""
    url = founded(server.new_database())
    for number in range(CRASHES):
        owner = company.SELLERS[number % 2]
        hand_over(url, owner, then=server.kill_every_process)
        server.wait_until_it_answers()
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT responsible_id FROM directory.contact").fetchone()
            assert row == (owner,)


def hand_over(url: str, owner: str, *, then: Callable[[], None]) -> None:
    """Give the client another seller; `then` comes with the acknowledgement."""
    with company.application(url) as app, create_pool(url, max_size=4) as pool:
        follower = Follower(pool, all_read_models(), Reactions(app))
        app.on_append.append(follower.appended)
        follower.start()
        try:
            by = By("main", "system", datetime.now(UTC), "handover")
            accepted = app.put_contact("client", name="Client", responsible_id=owner, addresses=[], by=by)
            assert follower.wait_for(accepted.position, PATIENCE_S)
            then()
        finally:
            follower.stop()


def test_serve_outlives_its_database_and_is_started_again_on_its_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    acknowledged: Acknowledged = {}
    for _ in range(2):
        with serving("--data", data) as server, connector(server.url) as caller:
            for _ in range(2):
                caller.tell_until_it_is_taken()
                postmaster(data).kill()
                assert {answer.status_code for answer in caller.tell_until_it_is_taken()} <= {503}
            acknowledged |= caller.acknowledged
            server.process.kill()
            server.process.communicate()

    assert_data_is_right(data, acknowledged)
