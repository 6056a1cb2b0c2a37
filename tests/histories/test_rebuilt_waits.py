"""Random histories: waits made anew of files and of the ledger, by two engines, are those that are live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.lake.folder import Lake
from api.lake import export_to
from api.recounting import over
from domain.definition import Credit
from projections.lake import WAITED, credited
from tests.clickhouse import ClickHouse, clickhouse
from tests.histories.alphabet import WORKSPACE
from tests.histories.conftest import Opened
from tests.histories.test_waits import FOLLOW, Play, news
from tests.histories.world import World

Rows = list[tuple[Any, ...]]

LIVE = """
SELECT opened_position, (extract(epoch FROM opened_at) * 1000000)::bigint,
       (extract(epoch FROM last_at) * 1000000)::bigint, last_position, outcome,
       (extract(epoch FROM closed_at) * 1000000)::bigint, closed_position, closed_kind, closed_by,
       CASE WHEN outcome = 'open' THEN holder.holder_id ELSE closed_by END AS replier,
       CASE WHEN outcome = 'open' THEN holder.holder_id ELSE holder_at_closing END AS holder,
       CASE WHEN outcome = 'open' THEN owner.employee_id ELSE owner_at_closing END AS owner
FROM waits.wait
LEFT JOIN LATERAL waits.holder_at(chat_id, 1000000) AS holder ON true
LEFT JOIN LATERAL waits.owner_at(workspace_id, sender_id, 1000000) AS owner ON true
WHERE workspace_id = %s
ORDER BY opened_position
"""
WAITS = """
SELECT opened_position, opened_us, last_us, last_position, outcome, closed_us, closed_position, author_kind,
       author_id
FROM waited LEFT JOIN author ON author.position = waited.closed_position
ORDER BY opened_position
"""
CREDIT = "SELECT opened_position, credited_id FROM wait ORDER BY opened_position"


@pytest.fixture(scope="module")
def second_engine() -> Iterator[ClickHouse]:
    with clickhouse() as engine:
        yield engine


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.lists(news, min_size=30, max_size=60))
def test_waits_made_anew_are_the_live_ones(empty: Opened, second_engine: ClickHouse, told: list[Any]) -> None:
    with empty() as world, TemporaryDirectory() as folder:
        play = Play(world, [1000])
        for what, *more in told:
            if (what,) != FOLLOW:
                play.tell(what, *more)
        play.follow()
        live = world.connection.execute(LIVE, [WORKSPACE]).fetchall()
        assert over_the_ledger(world) == live
        assert over_files(world, Path(folder), second_engine) == [live, live]


def over_the_ledger(world: World) -> Rows:
    with over(None, world.connection.info.dsn, WORKSPACE) as duck:
        return asked(duck.rows, duck.make)


def over_files(world: World, folder: Path, second_engine: ClickHouse) -> list[Rows]:
    export_to(world.connection.info.dsn, folder, None, lambda done, of: None, lambda done, of: None)
    with over(folder, None, WORKSPACE) as duck:
        by_duck = asked(duck.rows, duck.make)
    second_engine.over_files(Lake(folder), WORKSPACE)
    second_engine.make(WAITED)
    return [by_duck, asked(second_engine.rows, second_engine.make)]


def asked(rows: Callable[[str], Rows], make: Callable[[dict[str, str]], None]) -> Rows:
    """Every wait, and whose it is by each way to give the credit."""
    waits = rows(WAITS)
    for credit in Credit:
        make(credited(credit))
        waits = [(*wait, row[1]) for wait, row in zip(waits, rows(CREDIT), strict=True)]
    return waits
