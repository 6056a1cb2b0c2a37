"""`chatledger erase`: it shows and asks first, leaves nothing in any file, and is never half done."""

from __future__ import annotations

import io
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from rich.console import Console
from typer.testing import CliRunner

from adapters.postgres.standstill import Standstill
from api import erasing
from api.cli import app
from api.erasing_by_hand import perform
from domain.errors import ErasureMustWait, UnknownThing
from domain.fact import By
from tests.api.client import ADMIN_TOKEN, Server, serving
from tests.api.commands import TIMEOUT_S
from tests.api.erasable import Person, meet
from tests.databases import Databases
from tests.erased import files_with, rows_with
from tests.projections.history import noon

REASON = "letter 12/25"
BY = By("main", "system", noon(), "a test")

KILLED = """
import os, signal, sys
from adapters.postgres.standstill import Standstill
from api import cli, erasing

def then_die(function):
    def last(*args, **named):
        function(*args, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    return last

if sys.argv.pop(1) == "removed":
    Standstill.erase = then_die(Standstill.erase)
else:
    erasing.left_behind = then_die(erasing.left_behind)
cli.main()
"""


@pytest.fixture(scope="module")
def server(databases: Databases) -> Iterator[Server]:
    url = databases.create()
    with serving(url) as server:
        server.client.put_channel()
        server.client.put_employee("oleg", receives_new_clients=True)
        yield server
    databases.drop(url)


@pytest.fixture
def him(server: Server) -> Person:
    admin = server.client
    return meet(admin, admin.with_token("connector"), admin.with_token("employee:oleg"))


@pytest.fixture
def rows(server: Server) -> Iterator[Connection[Any]]:
    with psycopg.connect(server.system.database_url, autocommit=True) as connection:
        yield connection


def by_hand(
    server: Server, contact: str, reason: str | None = REASON, *, yes: bool = True
) -> tuple[bool, str]:
    """Whether nothing is left anywhere, and what was told."""
    told = io.StringIO()
    console = Console(file=told, width=120)
    asked = {"confirm": lambda: yes, "anew": False}
    done = perform(console, server.system, "main", contact, reason, **asked)  # type: ignore[arg-type]
    return done, told.getvalue()


def private_left(rows: Connection[Any], him: Person) -> int:
    """How many of the ledger's rows hold something of his."""
    return rows_with(rows, him.sign, him.number).get("public.ledger", 0)


def test_nothing_of_him_is_in_any_file_either(server: Server, him: Person, rows: Connection[Any]) -> None:
    long = " ".join(f"{him.sign}{secrets.token_hex(16)}" for _ in range(400))
    him.write(long)
    rows.execute("ANALYZE")
    assert len(files_with(rows, him.sign)) > 10
    assert "pg_catalog.pg_statistic" in rows_with(rows, him.sign, catalog="pg_statistic")

    done, told = by_hand(server, him.id)

    assert done
    assert "Gone from the log, the read models and the files of the database." in told
    assert rows_with(rows, him.sign, him.number, catalog="pg_statistic") == {}
    assert files_with(rows, him.sign, him.number) == set()


def test_a_large_table_is_not_written_anew_and_it_is_told(
    server: Server, him: Person, rows: Connection[Any]
) -> None:
    erasing.erase(server.system, him.id, reason=REASON, by=BY)

    left = erasing.tidy_up(server.system, rewritten_bytes=0)

    assert {"public.ledger", "timeline.message"} < set(left)
    words = {name for name in files_with(rows, him.sign) if name.endswith("_words")}
    assert words == set()


def test_it_only_looks_if_nobody_says_yes(server: Server, him: Person, rows: Connection[Any]) -> None:
    before = private_left(rows, him)
    for reason, yes in ((None, True), (REASON, False)):
        done, told = by_hand(server, him.id, reason, yes=yes)
        assert done
        assert "Nothing was erased." in told
        assert him.phone in told
        assert "messages: his, and those to him alone" in told
    assert private_left(rows, him) == before


def test_what_another_has_too_stays_and_is_told(server: Server, him: Person, rows: Connection[Any]) -> None:
    server.client.put_contact(f"mother of {him.id}", him.phone, name="Mother")
    before = private_left(rows, him)

    _, told = by_hand(server, him.id)

    assert f"it is also that of mother of {him.id}" in " ".join(told.split())
    # Of his own: his name, his phone and the deal; the messages may be hers.
    assert private_left(rows, him) == before - 3


def test_who_is_not_there_can_not_be_erased(server: Server) -> None:
    with pytest.raises(UnknownThing):
        by_hand(server, "nobody")


@pytest.mark.parametrize("moment", ["removed", "committed"])
def test_killed_it_has_removed_all_or_nothing_and_goes_on(
    server: Server, him: Person, rows: Connection[Any], moment: str
) -> None:
    before = private_left(rows, him)
    arguments = ["erase", "--contact", him.id, "--reason", REASON, "--yes"]
    environment = {
        **os.environ,
        "CHATLEDGER_ADMIN_TOKEN": ADMIN_TOKEN,
        "CHATLEDGER_DATABASE_URL": server.system.database_url,
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, moment, *arguments],
        env=environment,
        capture_output=True,
        timeout=TIMEOUT_S,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert private_left(rows, him) == (before if moment == "removed" else 0)

    done, told = by_hand(server, him.id)

    assert done
    assert ("There was nothing to do" in told) == (moment == "committed")
    assert files_with(rows, him.sign, him.number) == set()


def test_a_connection_that_is_lost_has_removed_nothing(
    server: Server, him: Person, rows: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, erase = private_left(rows, him), Standstill.erase

    def lose(still: Standstill, *events: Any) -> int:
        position = erase(still, *events)
        rows.execute("SELECT pg_terminate_backend(%s)", (still.connection.info.backend_pid,))
        return position

    with monkeypatch.context() as patch:
        patch.setattr(Standstill, "erase", lose)
        with pytest.raises(psycopg.OperationalError):
            by_hand(server, him.id)

    assert private_left(rows, him) == before
    assert by_hand(server, him.id)[0]
    assert private_left(rows, him) == 0


def test_it_waits_for_nobody_who_is_parked(server: Server, him: Person, rows: Connection[Any]) -> None:
    rows.execute("UPDATE projection.checkpoint SET state = 'parked' WHERE name = 'tasks'")
    try:
        him.write("while it is parked,")
        with pytest.raises(ErasureMustWait, match="tasks"):
            by_hand(server, him.id)
    finally:
        rows.execute("UPDATE projection.checkpoint SET state = 'following' WHERE name = 'tasks'")
    server.system.follower.wake()
    assert by_hand(server, him.id)[0]


def test_a_reason_is_asked_for() -> None:
    refused = CliRunner().invoke(app, ["erase", "--contact", "husband"])

    assert refused.exit_code == 2
    assert "--reason is missing" in refused.output
