"""How the whole system is, as the database tells it: the same for `/metrics` and for `chatledger status`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row

from api import proving
from api.leads import PARTS
from projections import checkpoints
from projections.checkpoints import LEAD_LOCKS
from projections.read_model import LEADS, lead_of
from projections.statements import Statements

STATEMENTS = Statements("status.sql", files("api").joinpath("status.sql").read_text("utf-8"))

LOOK_TIMEOUT_S = 5

Status = dict[str, Any]


def status_of(connection: Connection[Any]) -> Status:
    """Everything that there is to be watched, in one object of plain values.

    `led_by` names who does what, and nobody where nobody does; `relay` is empty where no relay ever ran.
    """
    with connection.transaction():
        connection.execute(STATEMENTS["settings"].encode())
        leaders = _leaders(connection)
        relayed = _rows(connection, "relayed")[0]["is_there"]
        return {
            "database": _rows(connection, "database")[0],
            "read_models": [
                {**model, "led_by": leaders.get(("read model", lead_of(model["name"])))}
                for model in checkpoints.statuses(connection)
            ],
            "proof": {**proving.status(connection), "led_by": leaders.get(("part", "proof"))},
            "webhooks": {**_rows(connection, "webhooks")[0], "led_by": leaders.get(("part", "webhooks"))},
            "reports": {**_rows(connection, "reports")[0], "led_by": leaders.get(("part", "reports"))},
            "relay": _rows(connection, "relay") if relayed else [],
        }


def asked(database_url: str) -> Status | None:
    """The same, over a connection of its own; None where the database does not answer."""
    try:
        with psycopg.connect(
            database_url,
            autocommit=True,
            connect_timeout=LOOK_TIMEOUT_S,
            application_name="chatledger status",
        ) as connection:
            connection.execute(f"SET statement_timeout = '{LOOK_TIMEOUT_S}s'".encode())
            return status_of(connection)
    except psycopg.OperationalError:
        return None


def _leaders(connection: Connection[Any]) -> dict[tuple[str, str], str]:
    asked = {
        "parts": list(PARTS),
        "locks": list(PARTS.values()),
        "read_models": list(LEADS),
        "lead_locks": LEAD_LOCKS,
    }
    return {(kind, name): leader for kind, name, leader in connection.execute(STATEMENTS["leads"], asked)}


def _rows(connection: Connection[Any], question: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(STATEMENTS[question]).fetchall()
