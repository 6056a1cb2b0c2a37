"""Figures made anew, as they are told in a terminal, to a program and to a spreadsheet."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api.cli import app
from domain.definition import DEFINITIONS
from tests.api.lake_story import Story

Tell = Callable[..., str]


@pytest.fixture
def story(database_url: str) -> Iterator[Story]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        story = Story(connection)
        yield story


@pytest.fixture
def tell(story: Story) -> Tell:
    """What a command says."""
    environment = {"CHATLEDGER_DATABASE_URL": story.connection.info.dsn, "COLUMNS": "200"}

    def tell(*words: object) -> str:
        ended = CliRunner().invoke(
            app, [str(word) for word in words], env=environment, catch_exceptions=False
        )
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    return tell


def figures_of(told: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(told[name] for name in ("n", "mean", "median", "p90", "open_waits", "dismissed"))


def test_of_files_and_of_the_ledger_the_same_is_told(story: Story, tell: Tell, tmp_path: Path) -> None:
    story.two_days()
    story.followed()
    assert f"has {story.head} events in 4 files" in tell("export", "--parquet", tmp_path)

    for definition in ("business-hours/1", "by-owner/1"):
        words = [
            "analytics",
            "rebuild",
            "--definition",
            definition,
            "--group-by",
            "employee",
            "--format",
            "json",
        ]
        assert tell(*words, "--parquet", tmp_path) == tell(*words)
    told = json.loads(tell("analytics", "rebuild", "--group-by", "employee", "--format", "json"))
    assert figures_of(told["total"]) == (3, 1_640.0, 1_800.0, 2_760.0, 1, 1)
    by_employee = {item["employee_id"]: figures_of(item) for item in told["items"]}
    assert by_employee == {
        "oleg": (2, 960.0, 960.0, 1_632.0, 0, 0),
        "vera": (1, 3_000.0, 3_000.0, 3_000.0, 0, 1),
        None: (0, None, None, None, 1, 0),
    }


def test_days_are_those_of_the_company(story: Story, tell: Tell) -> None:
    story.tell("workspace.configured", timezone="Asia/Tokyo", response_goal_seconds=121)
    story.two_days()
    story.followed()

    one_day = ("--from", "2026-03-02", "--to", "2026-03-02")
    words = ("analytics", "rebuild", "--group-by", "day", *one_day)
    rows = list(csv.DictReader(StringIO(tell(*words, "--format", "csv"))))
    assert [(row["day"], row["n"], row["within_goal"]) for row in rows] == [("2026-03-02", "3", "0.3333")]
    text = tell(*words)
    assert "Asia/Tokyo; the goal is 121 seconds" in text
    assert "2026-03-02" in text
    assert "no" not in tell("analytics", "rebuild", "--from", "2026-03-03").split()


def test_two_definitions_beside_each_other_and_why_they_differ(story: Story, tell: Tell) -> None:
    story.two_days()
    story.followed()

    def compared(old: str, new: str) -> dict[str, Any]:
        told = tell("analytics", "rebuild", "--compare", old, new, "--format", "json")
        return dict(json.loads(told))

    first = compared("first-of-run/1", "first-answer/1")
    assert (first["total"]["old"]["n"], first["total"]["new"]["n"]) == (3, 2)
    assert {item["why"]: item["waits"] for item in first["moved"]} == {
        "not in first-answer/1: a first answer of the conversation precedes": 3,
        "counts in both, with the same time": 2,
    }
    last = compared("first-of-run/1", "last-of-run/1")
    assert {item["why"]: (item["waits"], item["seconds"]) for item in last["moved"]} == {
        "takes less long: from the last message, not the first": (1, -1_200.0),
        "counts in both, with the same time": (2, None),
        "counts in none: open, dismissed or over both caps": (2, None),
    }
    held = compared("first-of-run/1", "by-holder/1")
    assert [(each["former_id"], each["latter_id"], each["waits"]) for each in held["credit"]] == [
        ("oleg", None, 2),
        ("vera", None, 2),
    ]
    text = tell(
        "analytics", "rebuild", "--compare", "first-of-run/1", "by-holder/1", "--group-by", "employee"
    )
    assert "whose waits became whose" in text
    csv_text = tell(
        "analytics", "rebuild", "--compare", "first-of-run/1", "first-answer/1", "--format", "csv"
    )
    assert csv_text.splitlines()[0].startswith("old_n,new_n,old_mean,new_mean")


def test_the_definitions_are_listed(tell: Tell) -> None:
    for language, said in (("en", "Every wait counts."), ("ru", "Считается каждое ожидание.")):
        told = " ".join(tell("analytics", "definitions", "--language", language).split())
        assert all(name in told for name in DEFINITIONS)
        assert said in told
