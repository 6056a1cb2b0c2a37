"""A backup is worth what a drill shows: position and tree head of what was restored, by what is outside."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adapters.merkle.verifying import Report
from adapters.postgres.embedded import EmbeddedPostgres, programs
from adapters.postgres.processes import give_to_system_account
from api.status import Status, status_of
from tests.api.client import Server
from tests.api.proving import eventually, exported, record, signed_head, signing, verified
from tests.databases import Databases

TIMEOUT_S = 60


class Company:
    """One whose log is signed at once; what is outside of its database stands in a folder."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url, self.folder = database_url, folder
        self.key = ""

    def serve(self) -> Any:
        return signing(self.database_url, self.folder)

    def sign(self, server: Server, position: int) -> int:
        """Wait until a tree head over so many events is outside; returns its size."""
        answer, head = signed_head(server.client.with_token("auditor"), position)
        self.key = answer["public_key"]
        eventually((self.folder / "checkpoints" / "checkpoints" / f"{head.size}.txt").exists)
        return int(head.size)

    def restored_as(self, database_url: str) -> Company:
        """The same company, on another database."""
        company = Company(database_url, self.folder)
        company.key = self.key
        return company

    def verify(self, *former_keys: str) -> Report:
        return verified(exported(self.database_url), self.key, self.folder / "checkpoints", *former_keys)

    def status(self) -> Status:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return status_of(connection)


def run(program: str, *options: str | Path) -> None:
    done = subprocess.run([programs() / program, *options], capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr


def is_broken(server: Server) -> bool:
    families = text_string_to_metric_families(server.client.http.get("/metrics").text)
    values = {sample.name: sample.value for family in families for sample in family.samples}
    return values["chatledger_proof_broken"] == 1


@pytest.fixture
def restored_url(databases: Databases) -> Iterator[str]:
    """An empty database, to restore into."""
    url = databases.create()
    yield url
    databases.drop(url)


def test_what_was_dumped_while_all_went_on_is_whole_and_goes_on(
    database_url: str, restored_url: str, tmp_path: Path
) -> None:
    company, dump = Company(database_url, tmp_path), tmp_path / "chatledger.dump"
    with company.serve() as server:
        server.client.put_contact("before")
        signed = company.sign(server, record(database_url, 300))
        run("pg_dump", company.database_url, "--format=custom", f"--file={dump}")
    run("pg_restore", f"--dbname={restored_url}", "--exit-on-error", dump)
    restored = company.restored_as(restored_url)
    before, after = company.status(), restored.status()

    assert after["proof"]["signed_size"] >= signed
    assert after["database"]["head"] == before["database"]["head"]
    assert restored.verify().good
    assert {model["lag_events"] for model in after["read_models"]} == {0}

    with restored.serve() as server:
        position = server.client.put_contact("after")["position"]
        assert restored.sign(server, position) >= position
    assert position == after["database"]["head"] + 1
    assert restored.verify().good


def test_a_copy_that_is_too_old_is_recognised_and_only_goes_on_under_another_name(
    database_url: str, restored_url: str, tmp_path: Path
) -> None:
    company, dump = Company(database_url, tmp_path), tmp_path / "chatledger.dump"
    with company.serve() as server:
        company.sign(server, record(database_url, 20))
    old = company.status()["database"]["head"]
    run("pg_dump", company.database_url, "--format=custom", f"--file={dump}")
    with company.serve() as server:
        signed = company.sign(server, record(database_url, 20))
    run("pg_restore", f"--dbname={restored_url}", "--exit-on-error", dump)
    restored = company.restored_as(restored_url)
    report = restored.verify()

    assert report.first is not None
    assert (report.good, report.size, report.first.code) == (False, old, "cut_off")
    with restored.serve() as server:
        eventually(lambda: is_broken(server))
        assert restored.status()["proof"]["signed_size"] <= old < signed
    anew = Company(restored_url, tmp_path / "anew")
    with signing(restored_url, anew.folder, log_origin="log.example/2") as server:
        eventually(lambda: not is_broken(server))
        assert anew.sign(server, record(restored_url, 1)) > old
    assert anew.verify(company.key).good


@pytest.mark.drill
def test_a_base_backup_is_started_where_it_ended(tmp_path: Path) -> None:
    """With the write-ahead log of the time that it took; what was written meanwhile is in it."""
    folder, copy = tmp_path / "database", tmp_path / "copy"
    with EmbeddedPostgres(folder, owner="a drill") as url:
        company = Company(url, tmp_path)
        with company.serve() as server:
            signed = company.sign(server, record(url, 300))
            options = ("-X", "stream", "--checkpoint=fast", "--no-sync")
            run("pg_basebackup", f"--dbname={url}", f"--pgdata={copy / 'postgres'}", *options)
            after = server.client.put_contact("after the backup")["position"]
    for path in (copy, *copy.rglob("*")):
        give_to_system_account(path)
    with EmbeddedPostgres(copy, owner="a drill") as url:
        restored = company.restored_as(url)
        status = restored.status()
        assert signed <= status["proof"]["signed_size"] <= status["database"]["head"] < after
        assert {model["state"] for model in status["read_models"]} == {"following"}
        with psycopg.connect(url) as connection:
            rows = connection.execute("SELECT count(*), max(position) FROM ledger").fetchall()
        assert rows == [(status["database"]["head"], status["database"]["head"])]
