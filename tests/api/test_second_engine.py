"""ClickHouse says what DuckDB says, from the same statements over the same files."""

from __future__ import annotations

from pathlib import Path

import psycopg

from adapters.lake.folder import Lake
from api.lake import export_to
from api.recounting import asked_of, over, period_of, settings_of
from domain.definition import DEFINITIONS
from projections.figures import Group, grouped
from projections.lake import WAITED, credited, in_front
from tests.api.lake_story import Story
from tests.clickhouse import clickhouse

ASKED = {
    "first-answer/1": "all",
    "business-hours/1": "day",
    "last-of-run/1": "channel",
    "by-owner/1": "employee",
}


def test_figures_of_the_same_files_are_the_same(database_url: str, tmp_path: Path) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        story = Story(connection)
        story.tell(
            "workspace.configured", timezone="Asia/Tokyo", business_hours={"monday": [["08:05", "08:40"]]}
        )
        story.two_days()
        story.followed()
    export_to(database_url, tmp_path, None, lambda done, of: None, lambda done, of: None)

    with over(tmp_path, None, "main") as duck, clickhouse() as second:
        second.over_files(Lake(tmp_path), "main")
        second.make(WAITED)
        settings = settings_of(duck)
        period = period_of(duck, settings, None, None)
        for called, by in ASKED.items():
            definition = DEFINITIONS[called]
            asked = asked_of(duck, settings, definition, period, named=by == "employee")
            second.make(credited(definition.credit if by == "employee" else None))
            told = [Group.of(row) for row in duck.rows(grouped(by, in_front(asked)))]
            assert told
            assert [Group.of(row) for row in second.rows(grouped(by, second.in_front(asked)))] == told
