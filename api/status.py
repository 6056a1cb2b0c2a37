"""How the whole system is, as the database tells it: the same for `/metrics` and for `chatledger status`."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from api import proving
from api.leads import LEADS
from projections import checkpoints
from projections.statements import Statements

STATEMENTS = Statements("status.sql", files("api").joinpath("status.sql").read_text("utf-8"))

Status = dict[str, Any]


def status_of(connection: Connection[Any]) -> Status:
    """Everything that there is to be watched, in one object of plain values.

    `leads` names who does what, and nobody where nobody does; `relay` is None where no relay ever ran.
    """
    with connection.transaction():
        connection.execute(STATEMENTS["settings"].encode())
        return {
            "database": _row(connection, "database"),
            "leads": dict.fromkeys(LEADS) | _leaders(connection),
            "read_models": checkpoints.statuses(connection),
            "proof": proving.status(connection),
            "webhooks": _row(connection, "webhooks"),
            "reports": _row(connection, "reports"),
            "relay": (_row(connection, "relayed")["is_there"] and _row(connection, "relay")) or None,
        }


def _leaders(connection: Connection[Any]) -> dict[str, str]:
    asked = {"names": list(LEADS), "locks": list(LEADS.values())}
    return dict(connection.execute(STATEMENTS["leads"], asked).fetchall())


def _row(connection: Connection[Any], question: str) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(STATEMENTS[question]).fetchone() or {}
