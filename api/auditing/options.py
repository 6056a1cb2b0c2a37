"""What every question of the command line takes: whom to ask, and how to tell the answer."""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

from api.auditing import csv_rows, moments, tables
from api.auditing.speaker import LANGUAGES, Json, Language, Speaker
from api.opening import opened, settings_with, there

if TYPE_CHECKING:
    from api.auditing.asker import Asker

ToldOne = Callable[[Speaker], RenderableType]
ToldList = Callable[[list[Json], Speaker], RenderableType]
"""How a person reads an answer."""

At = Annotated[
    str | None,
    typer.Option("--at", help="As known then: a position, a time or a day (its end).", show_default="now"),
]
ValidAt = Annotated[
    str | None,
    typer.Option("--valid-at", help="Only what had happened by then, by the messenger's clock."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Most rows.", show_default="all")]


def _common(
    url: Annotated[
        str | None,
        typer.Option(envvar="CHATLEDGER_URL", help="A server to ask.", show_default="the data folder"),
    ] = None,
    token: Annotated[
        str | None, typer.Option(envvar="CHATLEDGER_TOKEN", help="An auditor's, for that server.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder to ask without a server.", show_default="./data")
    ] = None,
    workspace: Annotated[str, typer.Option(help="The company, in the data folder.")] = "main",
    as_json: Annotated[bool, typer.Option("--json", help="As the API answers; lists as JSON lines.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Flat rows under a header.")] = False,
    language: Annotated[str | None, typer.Option(help="en or ru.", show_default="the terminal's")] = None,
    timezone: Annotated[str, typer.Option(help="In which times are told and read.")] = "UTC",
) -> Asked:
    """The options of every question.

    Raises:
        typer.BadParameter: a server without a token, both formats, an unknown language or zone.
    """
    if url and not token:
        raise typer.BadParameter("a server lets in whoever has a token: give --token or CHATLEDGER_TOKEN")
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other")
    spoken = language or spoken_here(os.environ)
    if spoken not in LANGUAGES:
        raise typer.BadParameter(f"{spoken!r} is none of {', '.join(LANGUAGES)}", param_hint="--language")

    @contextmanager
    def asking() -> Iterator[Asker]:
        from api.auditing.asker import asking_a_server, asking_here  # with the whole API behind it

        if url and token:
            with asking_a_server(url, token) as asker:
                yield asker
        else:
            settings = there(settings_with(data=data))
            with opened(settings) as system, asking_here(system, workspace) as asker:
                yield asker

    return Asked(asking, Speaker(spoken, {}, moments.zone_of(timezone)), as_json, as_csv)


@dataclass(frozen=True)
class Asked:
    """One question: whom it goes to, and how the answer is told. asking: opens the way to the API."""

    asking: Callable[[], AbstractContextManager[Asker]]
    speaker: Speaker
    as_json: bool
    as_csv: bool

    def moment(self, text: str | None, *, begins: bool = False) -> str | None:
        return moments.moment(text, self.speaker.zone, begins=begins)

    def tell(
        self,
        name: str,
        asker: Asker,
        answer: Json,
        items: Iterable[Json],
        told: ToldOne,
    ) -> None:
        """One answer: as it is, as rows, or as a person reads it, who is told the names that came with it."""
        if self.as_json:
            print(json.dumps(answer, ensure_ascii=False))
        elif self.as_csv:
            csv_rows.write(name, items, sys.stdout)
        else:
            tables.show(Console(), told(replace(self.speaker, names=asker.names)))

    def tell_list(
        self,
        name: str,
        asker: Asker,
        items: Iterable[Json],
        told: ToldList,
    ) -> None:
        """A list of any length; as JSON lines and rows it is told while it comes."""
        if self.as_json:
            for item in items:
                print(json.dumps(item, ensure_ascii=False))
        elif self.as_csv:
            csv_rows.write(name, items, sys.stdout)
        else:
            found = list(items)
            tables.show(Console(), told(found, replace(self.speaker, names=asker.names)))


def question(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes the options of every question too; its first parameter is what they say.

    Typer reads parameters from a signature, so this makes one of both.
    """
    common = list(inspect.signature(_common, eval_str=True).parameters.values())
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    @wraps(command)
    def asked(**given: Any) -> None:
        options = {each.name: given.pop(each.name) for each in common}
        command(_common(**options), **given)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *common)]
    asked.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    asked.__annotations__ = {each.name: each.annotation for each in parameters}
    del asked.__wrapped__
    return asked


def only_one(**given: str | None) -> dict[str, str]:
    """The one that was given, of options that exclude each other.

    Raises:
        typer.BadParameter: none or several.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if len(chosen) != 1:
        options = ", ".join(f"--{name.removesuffix('_id')}" for name in given)
        raise typer.BadParameter(f"give exactly one of {options}")
    return chosen


def spoken_here(environment: Mapping[str, str]) -> Language:
    """The language of the terminal, as POSIX looks a locale up."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return "ru" if locale.lower().startswith("ru") else "en"
