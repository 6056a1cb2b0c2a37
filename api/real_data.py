"""How long the clients of the real conversations waited, by the pure rule; `docs/real-data.md` tells of it.

Run by itself it prints the figures, and beside them those that come out where the messages of one second are
put in the order of the ids of who wrote them. With `--live` all conversations go through a server of their
own, and what it answers to an analyst has to be the same to the last digit.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from api import chitchat
from domain.definition import DEFINITIONS, Definition, Scope, Start
from domain.figures import Figures, sums_of
from domain.wait import Outcome, Place, Spoken, Wait, waits_of

ASKED = {
    "first-of-run/1": "from first message",
    "last-of-run/1": "from last message",
    "first-answer/1": "first answer only",
}
"""The definitions by which the figures are told, and what each counts, in a few words."""

PERIOD = {"from": "2018-01-01", "to": "2018-12-31"}
"""In which all of it was written."""

GOAL_S = 600
WIDTH = 100

ByDefinition = Mapping[str, Figures]


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 where the live projection has others."""
    console = Console(width=WIDTH)
    told = tell(console, chitchat.conversations())
    if "--live" not in arguments:
        return 0
    live = imported(console)
    console.print(table("From the live projection", live))
    return int(live != told)


def tell(console: Console, dataset: chitchat.Conversations) -> ByDefinition:
    """Print what comes out in either order; returns what comes out as it is told."""
    told = figures(as_told([each]) for each in dataset.values())
    console.print(table("As the conversations tell it", told))
    by_second = figures(by_sender(each) for each in dataset.values())
    console.print()
    console.print(table("Messages of one second by who wrote them", by_second))
    return told


def figures(conversations: Iterable[Iterable[Spoken]]) -> ByDefinition:
    """By each definition that is asked for."""
    waits = [waits_of(conversation) for conversation in conversations]
    return {each: _figures(waits, DEFINITIONS[each]) for each in ASKED}


def as_told(chats: Iterable[chitchat.Conversation]) -> Iterator[Spoken]:
    """One conversation, in the order in which its chats and their messages are told."""
    positions = count(1)
    return (
        Spoken(Place(chitchat.sent_at(message), next(positions)), message["sender"] == client)
        for chat in chats
        for client in [chitchat.opened_by(chat)]
        for message in chitchat.messages_of(chat)
    )


def by_sender(chat: chitchat.Conversation) -> Iterator[Spoken]:
    """As who sorts by second and sender has it; whoever is first then is the client."""
    told = sorted((chitchat.sent_at(message), message["sender"]) for message in chitchat.messages_of(chat))
    return (
        Spoken(Place(at, position), sender == told[0][1])
        for position, (at, sender) in enumerate(told, start=1)
    )


def answered(client: httpx.Client, analyst: str, **more: Any) -> ByDefinition:
    """What the API says of the time in which the real conversations were held."""
    found = {}
    for each in ASKED:
        asked = {**PERIOD, "definition": each, **more}
        headers = {"Authorization": f"Bearer {analyst}"}
        answer = client.get("/v1/analytics/response-times", params=asked, headers=headers)
        total = answer.raise_for_status().json()["total"]
        found[each] = Figures(**{name: total[name] for name in asdict(_figures([], DEFINITIONS[each]))})
    return found


def table(title: str, told: ByDefinition, *, digits: int = 3) -> Table:
    """One row a definition, in seconds; with one digit it fits into 80 columns."""
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown.add_column("seconds", no_wrap=True)
    for heading in ("answers", "mean", "median", "90 %", "≤ 10 min", "waiting"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for name, each in told.items():
        seconds = (each.mean, each.median, each.p90)
        share = "—" if each.within_goal is None else f"{each.within_goal:.2%}"
        shown.add_row(
            ASKED[name],
            f"{each.n:,}",
            *("—" if value is None else f"{value:,.{digits}f}" for value in seconds),
            share,
            f"{each.open_waits:,}",
        )
    return shown


def imported(console: Console) -> ByDefinition:
    """What a fresh server answers, after all conversations were imported beside it, each chat by itself."""
    from api import crowd, demo  # which start servers, and are needed for nothing else
    from api.house import House

    with (
        TemporaryDirectory(prefix="chatledger-real-data-") as folder,
        demo.serving(Path(folder, "data"), port=0) as stage,
        httpx.Client(base_url=stage.url, timeout=demo.REQUEST_TIMEOUT_S) as client,
    ):
        house = House(client, stage.admin_token)
        crowd.bring_in(
            console, house, [*demo.PROGRAM, "import", "--data", str(stage.data)], stage.environment
        )
        return answered(client, house.issue("analyst"))


def _figures(conversations: list[list[Wait]], asked: Definition) -> Figures:
    counted = [wait for waits in conversations for wait in _counted(waits, asked.scope)]
    took = [_took_us(wait, asked.start) for wait in counted if wait.outcome is Outcome.ANSWERED]
    open_waits = sum(wait.outcome is Outcome.OPEN for wait in counted)
    return Figures.of(replace(sums_of(took, goal_us=GOAL_S * 1_000_000), open_waits=open_waits))


def _counted(waits: list[Wait], scope: Scope) -> Iterator[Wait]:
    """Those of one conversation that a definition counts."""
    for wait in waits:
        yield wait
        if scope is Scope.FIRST_ANSWER and wait.outcome is Outcome.ANSWERED:
            return


def _took_us(wait: Wait, start: Start) -> int:
    assert wait.closed is not None
    took = wait.closed.at - (wait.opened if start is Start.FIRST else wait.last).at
    return (took.days * 86_400 + took.seconds) * 1_000_000 + took.microseconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
