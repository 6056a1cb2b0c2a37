"""PostgreSQL as docker-compose.yml has it, from the wheel, on a port of this machine, until it is ended.

`chatledger serve` runs one for itself, which listens in its data folder only. Here several processes use it.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from adapters.postgres import embedded
from adapters.postgres.embedded import EmbeddedPostgres
from api.complaints import end_in_order, told_in_one_line
from deploy import states

USER = DATABASE = "chatledger"
SETTINGS = {**embedded.SETTINGS, "listen_addresses": "127.0.0.1", "max_connections": "200"}

WHO_MAY_CONNECT = """\
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""
"""The socket is in a folder that is closed to other accounts; a port is open to all of them."""

LEAVING_TIMEOUT_S = 12.0
"""So long the others may take to end, who are told to at the same moment."""

LOOK_INTERVAL_S = 0.05
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"


def run(folder: Path, port: int, password: str) -> None:
    """Own the folder and the PostgreSQL in it until a signal comes and nobody uses it any more."""
    folder.mkdir(parents=True, exist_ok=True)
    rules = folder / "pg_hba.conf"
    rules.write_text(WHO_MAY_CONNECT)
    settings = {**SETTINGS, "port": str(port), "hba_file": str(rules.resolve())}
    with EmbeddedPostgres(folder, owner="make processes", settings=settings) as url:
        make_database(url, password)
        states.note_ready("postgres")
        print(f"PostgreSQL listens on 127.0.0.1:{port}", flush=True)
        with suppress(KeyboardInterrupt):
            while True:
                signal.pause()
        _wait_for_others(url)


def make_database(url: str, password: str) -> None:
    """The role and its database, where they are missing; it gets the password that is set now."""
    role = SQL("ROLE {} WITH LOGIN PASSWORD {}").format(Identifier(USER), Literal(password))
    with psycopg.connect(url, autocommit=True) as connection:
        known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (USER,)).fetchone()
        connection.execute(SQL("{} {}").format(SQL("ALTER" if known else "CREATE"), role))
        if not connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
            names = Identifier(DATABASE), Identifier(USER)
            connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _wait_for_others(url: str) -> None:
    deadline = time.monotonic() + LEAVING_TIMEOUT_S
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(CONNECTED, (USER,)).fetchone() != (0,) and time.monotonic() < deadline:
            time.sleep(LOOK_INTERVAL_S)


if __name__ == "__main__":
    end_in_order()
    with told_in_one_line():
        data = Path(os.environ["PROCESSES_DATA"]) / "postgres"
        run(data, int(os.environ["POSTGRES_PORT"]), os.environ["POSTGRES_PASSWORD"])
