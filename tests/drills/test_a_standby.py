"""PostgreSQL is lost for good, and its synchronous standby takes over: nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.drills.conftest import at_work, crew_at
from tests.drills.drill import House
from tests.drills.lines import HOST
from tests.drills.postgres import Postgres
from tests.nats_servers import NatsServer

pytestmark = pytest.mark.drill

EITHER = (
    f"postgresql://postgres@{HOST}:{{primary}},{HOST}:{{standby}}/postgres"
    "?target_session_attrs=read-write&connect_timeout=3"
)
"""libpq tries one after the other, and keeps the one that can be written to."""


@dataclass
class Pair:
    """Two servers, of which one is written to. primary: that one."""

    primary: Postgres
    standby: Postgres

    @property
    def url(self) -> str:
        return self.primary.url

    def fail_over(self) -> None:
        """The primary is killed and never comes back; the standby is promoted, and waits for nobody."""
        self.primary.kill()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[Pair]:
    pair = Pair(Postgres(folder / "pair" / "primary"), Postgres(folder / "pair" / "standby"))
    with ExitStack() as stack:
        for server in (pair.primary, pair.standby):
            stack.callback(server.stop)
        pair.primary.make()
        pair.primary.start()
        pair.standby.make_standby_of(pair.primary)
        yield pair


@pytest.fixture
def house(pair: Pair, folder: Path) -> Iterator[House]:
    """With a JetStream of its own, since the stream is of one ledger."""
    databases = {"primary": pair.primary.port, "standby": pair.standby.port}
    with NatsServer(folder / "pair" / "nats", sync_always=True) as nats:
        with at_work(crew_at(EITHER, databases, nats, folder / "pair"), pair, nats) as house:
            yield house


def test_the_standby_takes_over(house: House, pair: Pair) -> None:
    house.drill("PostgreSQL failed over to its standby", pair.fail_over)
