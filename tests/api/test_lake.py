"""The log in Parquet files: all of it, each event once, nothing private; whenever the writer is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.lake import exporting, folder
from adapters.lake.exporting import NotTheLedger
from adapters.lake.folder import Lake, NotThisLake
from api.lake import Exported, export_to
from tests.api.lake_story import NEIGHBOUR, SECRET, Story

PUBLIC = (
    *("position", "workspace_id", "stream_id", "version", "topic", "actor", "occurred_at", "recorded_at"),
    *("causation", "facts"),
)
LEDGER = """
SELECT position, workspace_id, stream_id::text, version, topic, actor, projection.rfc3339(occurred_at),
       projection.rfc3339(recorded_at), causation, facts::text
FROM ledger ORDER BY position
"""


class Killed(BaseException):
    """Nothing catches it, and nothing tidies up behind it."""


@pytest.fixture
def story(database_url: str) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        story = Story(connection)
        story.two_days()
        story.followed()
        yield story


def export(story: Story, path: Path, workspace_id: str | None = None) -> Exported:
    told: Any = lambda done, of: None  # noqa: E731
    return export_to(story.connection.info.dsn, path, workspace_id, told, told)


def rows_in(path: Path) -> list[dict[str, Any]]:
    manifest = Lake(path).manifest()
    assert manifest
    tables = [pq.read_table(path / file.path, partitioning=None) for file in manifest.files]
    return sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: int(row["position"]))


def contents(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_every_event_is_there_once_and_nothing_that_is_private(story: Story, tmp_path: Path) -> None:
    story.hashed()

    exported = export(story, tmp_path)

    rows = rows_in(tmp_path)
    assert [tuple(row[name] for name in PUBLIC) for row in rows] == story.connection.execute(
        LEDGER
    ).fetchall()
    assert SECRET not in str(rows)
    assert exported.hashed == story.head == exported.manifest.events
    assert {file.path.rpartition("/")[0] for file in exported.manifest.files} == {
        f"events/workspace={workspace}/day=2026-03-{day}"
        for workspace, day in (
            ("main", "01"),
            ("main", "02"),
            ("acme%2F..%2Fx", "01"),
            ("acme%2F..%2Fx", "02"),
        )
    }


def test_facts_that_matter_have_columns(story: Story, tmp_path: Path) -> None:
    export(story, tmp_path)

    (answer,) = [row for row in rows_in(tmp_path) if row["author_id"] == "vera"]
    opened = story.connection.execute(
        "SELECT position FROM ledger WHERE topic = 'chat.opened' AND facts->>'chat_id' = %s",
        [answer["chat_id"]],
    ).fetchone()
    assert (answer["direction"], answer["author_kind"], answer["seen_position"]) == ("out", "employee", None)
    assert (answer["chat_number"],) == opened
    assert {row["seen_position"] for row in rows_in(tmp_path)} > {None}


def test_whenever_it_is_killed_it_goes_on_and_ends_the_same(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "STRETCH_EVENTS", 9)
    export(story, tmp_path / "whole")
    whole, to_disk = contents(tmp_path / "whole"), folder._to_disk
    for nth in range(1, 1_000, 11):
        lives = iter(range(nth))

        def to_disk_or_killed(path: Path, lives: Iterator[int] = lives) -> None:
            if next(lives, None) is None:
                raise Killed
            to_disk(path)

        monkeypatch.setattr(folder, "_to_disk", to_disk_or_killed)
        try:
            export(story, tmp_path / f"{nth}")
        except Killed:
            monkeypatch.setattr(folder, "_to_disk", to_disk)
            export(story, tmp_path / f"{nth}")
        else:
            break
        assert contents(tmp_path / f"{nth}") == whole
    assert nth > 20


def test_what_is_recorded_later_comes_into_further_files(story: Story, tmp_path: Path) -> None:
    before = export(story, tmp_path).manifest
    former = contents(tmp_path)
    story.write("family", by="oleg")
    story.followed()

    after = export(story, tmp_path).manifest

    assert after.files[:-1] == before.files
    assert after.files[-1].path == f"events/workspace=main/day=2026-03-02/{story.head}-{story.head}.parquet"
    assert all(contents(tmp_path)[file.path] == former[file.path] for file in before.files)
    assert len(list((tmp_path / "as_of").iterdir())) == 2
    assert export(story, tmp_path).manifest == after


def test_one_company_is_only_counted(story: Story, tmp_path: Path) -> None:
    story.hashed()

    exported = export(story, tmp_path, NEIGHBOUR)

    assert {row["workspace_id"] for row in rows_in(tmp_path)} == {NEIGHBOUR}
    assert (exported.manifest.events, exported.hashed) == (3, 0)
    chats = pq.read_table(tmp_path / str(exported.manifest.chats), partitioning=None)
    assert set(chats["workspace_id"].to_pylist()) == {NEIGHBOUR}


@pytest.mark.parametrize("workspace_id", [None, "main"])
def test_an_event_that_is_missing_or_there_twice_is_noticed(
    story: Story, tmp_path: Path, workspace_id: str | None
) -> None:
    file = tmp_path / export(story, tmp_path, workspace_id).manifest.files[0].path
    rows = pq.read_table(file, partitioning=None)
    for changed in (rows.slice(1), pa.concat_tables([rows.slice(0, 1), rows])):
        pq.write_table(changed, file)
        with pytest.raises(NotTheLedger):
            export(story, tmp_path, workspace_id)


def test_an_event_that_is_another_is_noticed(story: Story, tmp_path: Path) -> None:
    story.hashed()
    file = tmp_path / export(story, tmp_path).manifest.files[0].path
    rows = pq.read_table(file, partitioning=None)
    leaves = pa.array([b"\x00" * 32, *rows["leaf_hash"].to_pylist()[1:]], pa.binary(32))
    pq.write_table(rows.set_column(rows.column_names.index("leaf_hash"), "leaf_hash", leaves), file)

    with pytest.raises(NotTheLedger, match="are not those that were hashed"):
        export(story, tmp_path)


def test_a_folder_of_something_else_is_left_alone(story: Story, tmp_path: Path) -> None:
    export(story, tmp_path)
    before = contents(tmp_path)
    with pytest.raises(NotThisLake, match="Export to another folder"):
        export(story, tmp_path, "main")
    story.connection.execute("UPDATE proof.head SET log_id = 'another'")
    with pytest.raises(NotThisLake, match="ledger another"):
        export(story, tmp_path)
    assert contents(tmp_path) == before

    (tmp_path / "manifest.json").write_text('{"format": 9}')
    with pytest.raises(NotThisLake, match="format 9"):
        export(story, tmp_path)
