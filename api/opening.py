"""What a command works on: the system, or the database as it is, beside a running server or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from adapters.postgres.data_folder import DataFolderTaken
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.settings import Settings
from api.complaints import NothingThere

if TYPE_CHECKING:
    from api.system import System

Data = Annotated[
    Path | None, typer.Option("--data", help="Folder of our own PostgreSQL.", show_default="./data")
]

KEPT_DATA = Path("demo-data")
"""Where `chatledger demo --keep` keeps its own."""


def examples(*commands: str) -> str:
    return "\n\n".join(("Examples:", *(f"[bold]chatledger {command}[/bold]" for command in commands)))


@contextmanager
def opened(settings: Settings) -> Iterator[System]:
    """The system; where another process runs on this folder, beside that one, on its database."""
    from api.app import open_system  # which takes a second, and half of the commands do without it

    with ExitStack() as stack:
        try:
            system = stack.enter_context(open_system(settings))
        except DataFolderTaken as taken:
            system = stack.enter_context(open_system(_beside(settings, taken)))
        say_first_token(Console(stderr=True), system)
        yield system


@contextmanager
def database(settings: Settings, *, owner: str, may_be_new: bool = False) -> Iterator[str]:
    """The database as it is: nothing follows the ledger because somebody looked."""
    with ExitStack() as stack:
        if url := (settings if may_be_new else there(settings)).database_url:
            yield url
        else:
            try:
                url = stack.enter_context(EmbeddedPostgres(settings.data, owner=owner))
            except DataFolderTaken as taken:
                url = _beside(settings, taken).database_url or ""
            yield url


def there(settings: Settings) -> Settings:
    """The settings of something that is there.

    Raises:
        NothingThere: who only looks or asks makes no data folder.
    """
    if not settings.database_url and not (settings.data / "postgres").exists():
        raise NothingThere(f"There is no Chatledger in {settings.data}.")
    return settings


def _beside(settings: Settings, taken: DataFolderTaken) -> Settings:
    if taken.url is None:
        raise taken
    return settings.model_copy(update={"database_url": taken.url})


def settings_with(**given: Any) -> Settings:
    """What the options say, then the environment, then the defaults."""
    return Settings(**{name: value for name, value in given.items() if value is not None})


def say_first_token(console: Console, system: System) -> None:
    if system.first_admin_token:
        told = f"  the first token   {system.first_admin_token} (admin of main; shown once)"
        console.print(told, highlight=False, soft_wrap=True)
