"""How the whole system is, as the database tells it: the same for `/metrics` and for `chatledger status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row

from api import proving
from api.leads import PARTS
from projections import checkpoints
from projections.checkpoints import lead_lock
from projections.read_model import lead_of
from projections.sharing import whole_name
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
        models = checkpoints.statuses(connection)
        locks = {name: lead_lock(lead_of(name)) for name in (model["name"] for model in models)}
        held = _held(connection, [*PARTS.values(), *locks.values()])
        relayed = _rows(connection, "relayed")[0]["is_there"]
        parts = {part: held.get(lock) for part, lock in PARTS.items()}
        leaders = {name: held.get(lock) for name, lock in locks.items()}
        return {
            "database": _rows(connection, "database")[0],
            "read_models": [{**model, "led_by": _leader(model["name"], leaders)} for model in models],
            "proof": {**proving.status(connection), "led_by": parts["proof"]},
            "webhooks": {**_rows(connection, "webhooks")[0], "led_by": parts["webhooks"]},
            "reports": {**_rows(connection, "reports")[0], "led_by": parts["reports"]},
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


def _held(connection: Connection[Any], locks: Sequence[int]) -> dict[int, str]:
    """Who has which of these locks."""
    return dict(connection.execute(STATEMENTS["leads"], {"locks": list(set(locks))}).fetchall())


def _leader(name: str, leaders: Mapping[str, str | None]) -> str | None:
    """Who leads a read model; one that is led in partitions, those who lead them, if all are led."""
    shares = [leader for each, leader in leaders.items() if each != name and whole_name(each) == name]
    if not shares:
        return leaders[name]
    return f"{len(shares)} partitions" if all(shares) else None


def _rows(connection: Connection[Any], question: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(STATEMENTS[question]).fetchall()
