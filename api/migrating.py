"""`chatledger migrate`: the tables, or those of another version anew, before any process works on them."""

from __future__ import annotations

import typer
from rich.console import Console

from adapters.postgres.database import create_pool, migrate
from api.opening import Data, database, examples, settings_with

app = typer.Typer(rich_markup_mode="rich")
console = Console()


@app.command(name="migrate", epilog=examples("migrate", "migrate --data /var/lib/chatledger"))
def migrate_(data: Data = None) -> None:
    """Make the tables, or change those of another version, and end.

    For who starts several processes: once, before all of them. Repeated, it changes nothing.
    """
    from api.logs import configure

    settings = settings_with(data=data)
    configure(settings.logs, secrets=settings.secrets)
    with database(settings, owner="chatledger migrate", may_be_new=True) as url:
        position = migrate_database(url)
    told = f"The tables are as this version makes them; the ledger ends at position {position}."
    console.print(told, highlight=False, soft_wrap=True)


def migrate_database(database_url: str) -> int:
    """Leave every table as this version makes it; returns the position at which the ledger ends.

    Raises:
        RebuildRunning: another process is building read models anew.
    """
    from adapters.postgres.recorder import LEDGER_SQL
    from api.app import make_tables  # which takes a second, and most commands do without it

    with create_pool(database_url, max_size=1, name="chatledger migrate") as pool:
        with pool.connection() as connection:
            migrate(connection, [LEDGER_SQL.read_text()])
        make_tables(pool, database_url)
        with pool.connection() as connection:
            row = connection.execute("SELECT position FROM ledger_head").fetchone()
    return int(row[0]) if row else 0
