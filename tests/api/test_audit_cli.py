"""`chatledger audit`: a log is taken away from a server or the database, and checked with neither of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.api.client import Server
from tests.api.proving import record, signed_head, signing
from tests.databases import Databases


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    url, data = databases.create(), tmp_path_factory.mktemp("data")
    with signing(url, data) as server:
        signed_head(server.client.with_token("auditor"), record(url, 20))
        yield server, data
    databases.drop(url)


def audit(*words: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, words)], env={"COLUMNS": "200", **environment})


def of_database(server: Server, data: Path) -> dict[str, str]:
    return {
        "CHATLEDGER_DATABASE_URL": server.system.database_url,
        "CHATLEDGER_DATA": str(data),
        "CHATLEDGER_LOG_ORIGIN": "log.example/1",
    }


def key_of(server: Server, data: Path) -> str:
    return audit("key", **of_database(server, data)).stdout.strip()


def test_a_log_is_taken_from_the_database_and_checked_by_itself(
    house: tuple[Server, Path], tmp_path: Path
) -> None:
    server, data = house
    file = tmp_path / "log.jsonl"
    told = audit("export", file, **of_database(server, data))
    checked = audit("verify", file, "--key", key_of(server, data), "--checkpoints", data / "checkpoints")

    assert (told.exit_code, checked.exit_code) == (0, 0), told.output + checked.output
    assert "The log is what was signed." in checked.stdout


def test_a_server_is_checked_by_its_url_and_as_json(house: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = house
    token = server.client.with_token("auditor").token
    at = ("--url", server.url, "--token", token)
    head = tmp_path / "head.txt"
    head.write_text(audit("checkpoint", *at).stdout)
    key = audit("key", *at).stdout.strip()
    told = audit(
        *("verify", server.url, "--token", token, "--key", key, "--checkpoints", head, "--json"),
    )
    report: dict[str, Any] = json.loads(told.stdout)

    assert key == key_of(server, data)
    assert (told.exit_code, report["good"], report["first"]) == (0, True, None), told.output
    assert int(head.read_text().splitlines()[1]) in report["checkpoints"]


def test_an_export_goes_on_where_it_was_cut_off(house: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = house
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    auditor = server.client.with_token("auditor")
    signed_head(auditor, server.head)
    environment = of_database(server, data)
    assert audit("export", whole, **environment).exit_code == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:7]) + lines[7][:20])
    assert audit("export", cut, **environment).exit_code == 0
    assert cut.read_bytes() == whole.read_bytes()

    signed_head(auditor, record(server.system.database_url, 5))
    assert audit("export", cut, **environment).exit_code == 0
    longer = cut.read_bytes().splitlines(keepends=True)
    assert longer[: len(lines) - 1] == lines[:-1]
    assert set(json.loads(longer[-1])) == {"checkpoint"}
    assert audit("verify", cut, "--key", key_of(server, data)).exit_code == 0


def test_what_was_changed_is_told_with_its_position(house: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = house
    file = tmp_path / "log.jsonl"
    audit("export", file, **of_database(server, data))
    lines = file.read_text().splitlines()
    lines[4] = lines[4].replace('"system"', '"nobody"').replace('"admin', '"nobody')
    file.write_text("\n".join(lines))
    told = audit("verify", file, "--key", key_of(server, data), "--checkpoints", data / "checkpoints")

    assert told.exit_code == 1
    assert "position 5: the event at position 5 is not the one that was signed there" in told.stdout
    assert "The log is NOT what was signed." in told.stdout


def test_of_one_company_others_are_hashes(house: tuple[Server, Path], tmp_path: Path) -> None:
    server, data = house
    file = tmp_path / "log.jsonl"
    audit("export", file, "--workspace", "another", **of_database(server, data))
    told = audit("verify", file, "--key", key_of(server, data), "--json")

    assert all("leaf_hash" in line for line in file.read_text().splitlines()[:-1])
    assert (told.exit_code, json.loads(told.stdout)["own"]) == (0, 0)


def test_a_key_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text("")
    told = audit("verify", tmp_path / "log.jsonl", "--key", "none")

    assert told.exit_code == 2
    assert "is no public key" in told.output
