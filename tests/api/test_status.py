"""How the system is, as operators are told: by a command, for people and for machines, and as metrics."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from typer.testing import CliRunner

from adapters.postgres.database import create_pool
from api.cli import app
from api.leads import PARTS
from api.relaying import STATEMENTS as RELAYING
from api.status import Status, status_of
from api.system_table import system_table
from projections.checkpoints import PARKED, lead_lock
from projections.read_model import REACTIONS, READ_MODELS
from projections.sharing import share_out
from tests.api.client import Client, Server
from tests.api.proving import record

ROWS = ("ledger", *READ_MODELS, "tree head", "deliveries", "daily reports")
PARK = """
UPDATE projection.checkpoint
SET state = 'parked', error = '{"position": 7, "error": "ValueError", "count": 1}' WHERE name = 'inbox'
"""


@pytest.fixture
def connection(migrated_url: str) -> Iterator[psycopg.Connection[Any]]:
    """To a system that nobody serves, and in which nothing happened."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


def measured(admin: Client) -> dict[tuple[str, ...], float]:
    """Every number by its name and the values of its labels."""
    families = text_string_to_metric_families(admin.http.get("/metrics").text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def shown(status: dict[str, Any], width: int) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=width).print(system_table(status))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_everything_stands_in_one_table_however_narrow_the_terminal(
    server: Server, admin: Client, width: int
) -> None:
    admin.put_contact("k")
    with psycopg.connect(server.system.database_url) as connection:
        lines = shown(status_of(connection), width)

    assert all(any(line.startswith(f" {part} ") for line in lines) for part in ROWS)
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)


def parts(status: Status) -> dict[str, str | None]:
    """Who does what."""
    models = {model["name"]: model["led_by"] for model in status["read_models"]}
    return models | {f"part {part}": status[part]["led_by"] for part in PARTS}


def test_who_leads_is_told_by_where_his_session_is(server: Server) -> None:
    with psycopg.connect(server.system.database_url) as connection:
        leaders = parts(status_of(connection))
        sessions = connection.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        pids = {pid for (pid,) in sessions}

    assert leaders.keys() == {*READ_MODELS, REACTIONS, "part proof", "part webhooks", "part reports"}
    for leader in leaders.values():
        assert leader is not None
        place, _, pid = leader.partition(" #")
        assert (place, int(pid) in pids) == ("local", True)
    assert len({leaders[name] for name in READ_MODELS}) == 1


def test_where_nobody_serves_nobody_leads(connection: psycopg.Connection[Any]) -> None:
    status = status_of(connection)

    assert set(parts(status).values()) == {None}
    assert (status["relay"], status["proof"]["signed_seconds_ago"]) == ([], None)


def test_who_leads_partitions_is_told_one_by_one_and_for_the_whole_when_all_are_led(
    connection: psycopg.Connection[Any], migrated_url: str
) -> None:
    with create_pool(migrated_url, max_size=2) as pool:
        share_out(pool, "timeline", 2)
    connection.execute("SELECT pg_advisory_lock(%s)", (lead_lock("timeline#0/2"),))
    half = parts(status_of(connection))
    connection.execute("SELECT pg_advisory_lock(%s)", (lead_lock("timeline#1/2"),))
    whole = parts(status_of(connection))

    own = f"local #{connection.info.backend_pid}"
    assert (half["timeline#0/2"], half["timeline#1/2"], half["timeline"]) == (own, None, None)
    assert (whole["timeline#1/2"], whole["timeline"]) == (own, "2 partitions")


def test_what_stands_still_says_at_which_event_and_why(connection: psycopg.Connection[Any]) -> None:
    connection.execute(PARK)
    status = status_of(connection)
    (inbox,) = [model for model in status["read_models"] if model["name"] == "inbox"]

    assert inbox["state"] == PARKED
    assert any("parked at 7: ValueError" in line for line in shown(status, 120))


def test_a_relay_is_measured_by_the_ledger_and_known_by_its_lock(
    connection: psycopg.Connection[Any], migrated_url: str
) -> None:
    record(migrated_url, 5)
    connection.execute(RELAYING["create"].encode())
    connection.execute(RELAYING["take_over"], {"stream": "LEDGER"})
    connection.execute(
        RELAYING["note"], {"stream": "LEDGER", "epoch": 1, "position": 3, "begun": 3, "erased": 0}
    )
    (idle,) = status_of(connection)["relay"]
    connection.execute(RELAYING["try_lock"], {"stream": "LEDGER"})
    status = status_of(connection)
    (led,) = status["relay"]

    assert (idle["position"], idle["lag_events"], idle["led_by"]) == (3, 2, None)
    assert idle["lag_seconds"] > 0
    assert led["led_by"] == f"local #{connection.info.backend_pid}"
    assert any(line.startswith(" relay ") for line in shown(status, 80))


def test_machines_get_the_same_as_json(
    server: Server, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = admin.put_contact("of machines")["position"]
    monkeypatch.setenv("CHATLEDGER_DATABASE_URL", server.system.database_url)
    told = json.loads(CliRunner().invoke(app, ["status", "--format", "json"]).stdout)

    assert told["database"]["head"] == position
    assert {model["name"] for model in told["read_models"]} >= set(READ_MODELS)
    assert [told["webhooks"][field] for field in ("active", "waiting", "failing")] == [0, 0, 0]


def test_metrics_tell_the_same(server: Server, admin: Client) -> None:
    before = measured(admin)
    position = admin.put_contact("measured")["position"]
    after = measured(admin)

    assert after["chatledger_ledger_position",] == position
    assert after["chatledger_read_model_lag_events", "inbox"] == 0
    assert after["chatledger_read_model_led", "inbox"] == 1
    assert after["chatledger_part_led", "webhooks"] == 1
    assert after["chatledger_commit_events_sum",] == before["chatledger_commit_events_sum",] + 1
    assert (
        after["chatledger_pool_max_connections", "chatledger reads"]
        == server.system.settings.read_connections
    )
    assert not any(name.startswith("chatledger_relay_") for name, *_ in after)


def test_a_database_that_is_away_is_told_and_nothing_else_of_it(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise psycopg.OperationalError("gone")

    monkeypatch.setattr("api.operations.status_of", away)
    numbers = measured(admin)

    assert numbers["chatledger_database_up",] == 0
    assert ("chatledger_ledger_position",) not in numbers
    assert ("process_cpu_seconds_total",) in numbers
