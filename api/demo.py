"""`chatledger demo`: the house story and real conversations, on a server of its own, before your eyes."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from time import monotonic

import httpx
from rich.console import Console

from api import chitchat, crowd, real_data
from api.house import CHATS, EMPLOYEES, GROUP_CHAT, House, Sight
from api.opening import KEPT_DATA
from api.sight import audit_table, sight_table
from api.story import STORY

WHY_COUNTS_DIFFER = (
    "Irina sees every chat. Oleg, Vera and Pavel answer for a hundred clients each; all chats of a client "
    "are one conversation. Oleg and Vera see the chats of nobody's clients too, because they receive new "
    "clients; Pavel does not."
)
WHY_TIMES_DIFFER = (
    "From the read model that the daily report is made of, the same to the last digit as the rule in "
    "domain/wait.py says. All chats of a contact are one conversation here: an answer in one of them answers "
    "what he asked in another. Chat by chat the figures are those of docs/real-data.md."
)
URL = "http://127.0.0.1:8000"
"""Where `chatledger serve` listens if it is told nothing else."""

PROGRAM = [sys.executable, "-P", "-m", "api.cli"]
"""-P: not whatever is called `api` in the folder where the reader happens to be."""

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 90.0
REQUEST_TIMEOUT_S = 30.0


class ServerLost(Exception):
    """The server process ended before it listened."""


@dataclass(frozen=True)
class Stage:
    """A running `chatledger serve` on a data folder."""

    url: str
    data: Path
    admin_token: str
    environment: Mapping[str, str]
    """Without what is set for a Chatledger of the reader's own: that one is left alone."""


def perform(console: Console, data: Path | None, *, port: int) -> None:
    """The whole demo. data: a folder to keep; without one the data goes with the demo.

    In a terminal the server goes on until Ctrl-C.
    """
    if data is not None and data.exists():
        raise FileExistsError(f"{data} is there already; `{_program()} serve --data {data}` goes on with it")
    begun, watched = monotonic(), console.is_terminal and sys.stdin.isatty()
    with TemporaryDirectory(prefix="chatledger-demo-") as temporary:
        with serving(data or Path(temporary, "data"), port=port) as stage:
            house = play(console, stage)
            console.print(f"\nAll of this took {monotonic() - begun:.0f} s.", highlight=False)
            if watched:
                serve_on(console, house, stage)
    if data is not None or not watched:
        say_how_to_go_on(console, data or KEPT_DATA, kept=data is not None)


@contextmanager
def serving(data: Path, *, port: int) -> Iterator[Stage]:
    """A real server process, ended in order at the end.

    Raises:
        ServerLost: it ended before it listened; it said itself why.
    """
    admin_token = f"demo-{secrets.token_urlsafe(24)}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHATLEDGER_")}
    environment["CHATLEDGER_ADMIN_TOKEN"] = admin_token
    command = [*PROGRAM, "serve", "--port", str(port), "--data", str(data)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield Stage(_listening_at(process), data, admin_token, environment)
    finally:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)


def play(console: Console, stage: Stage) -> House:
    """Everything, from the first step to the counts."""
    console.print(f"A real server with a real PostgreSQL answers at {stage.url}.", highlight=False)
    with httpx.Client(base_url=stage.url, timeout=REQUEST_TIMEOUT_S) as client:
        house = House(client, stage.admin_token)
        tell_story(console, house)
        bring_the_crowd(console, house, stage)
        return house


def tell_story(console: Console, house: House) -> None:
    """The nine steps, with who sees which chat after each, and once more as the auditor is told."""
    house.open()
    before: Sight = {employee_id: {} for employee_id in EMPLOYEES}
    positions = []
    for step in STORY:
        remarks = step.play(house)
        sight = house.who_sees()
        console.print(f"\n[bold cyan]{step.number}[/]  [bold]{step.told}[/]", highlight=False)
        console.print(sight_table(sight, before))
        for remark in remarks:
            console.print(f"   {remark}", highlight=False, soft_wrap=True)
        before = sight
        positions.append((step.number, house.position))
    console.print(f"\n[bold]The auditor asks afterwards: who saw the {CHATS[GROUP_CHAT]} then, and why?[/]")
    console.print(audit_table((*at, house.who_saw(GROUP_CHAT, at[1])) for at in positions))


def bring_the_crowd(console: Console, house: House, stage: Stage) -> None:
    """Real conversations, and why three inboxes then count differently."""
    dataset = chitchat.conversations()
    console.print(f"\n[bold]Now {chitchat.MESSAGES:,} real messages in {len(dataset):,} chats stream in.[/]")
    responsible, before = crowd.responsible_for(dataset), crowd.inbox_counts(house)
    crowd.make_contacts(console, house, responsible)
    crowd.bring_in(console, house, [*PROGRAM, "import", "--data", str(stage.data)], stage.environment)
    counts = crowd.compared(dataset, responsible, before, crowd.inbox_counts(house))
    console.print(crowd.counts_table(counts))
    console.print(WHY_COUNTS_DIFFER, highlight=False)
    crowd.require_right(counts)
    tell_response_times(console, house, crowd.conversations_of(dataset, responsible))


def tell_response_times(
    console: Console, house: House, conversations: list[list[chitchat.Conversation]]
) -> None:
    """How long the clients of the real conversations waited, as an analyst is told.

    Raises:
        CrowdLost: it is not what the rule says.
    """
    told = real_data.answered(house.client, house.issue("analyst"))
    console.print(real_data.table("\nHow long the clients waited for an answer", told, digits=1))
    console.print(WHY_TIMES_DIFFER, highlight=False)
    if told != real_data.figures(map(real_data.as_told, conversations)):
        raise crowd.CrowdLost("the response times are not what the rule says")


def say_how_to_go_on(console: Console, data: Path, *, kept: bool) -> None:
    """How to start it again, where the API's docs are, and a call to begin with."""
    program = _program()
    token = f"$({program} token --scope employee:oleg --label Oleg --data {data})"
    lines = [
        "[bold]Go on by hand[/]",
        *([] if kept else [f"  {program} demo --keep    # this time the data was temporary"]),
        f"  {program} serve --data {data}    # then the API's docs are at {URL}/docs",
        f"  curl -H \"Authorization: Bearer {token}\" '{URL}/v1/inbox?limit=3'",
    ]
    console.print("", *lines, sep="\n", highlight=False, soft_wrap=True)


def serve_on(console: Console, house: House, stage: Stage) -> None:
    """Leave the server to whoever watched, until Ctrl-C."""
    token = house.tokens["oleg"]
    lines = [
        "[bold]Go on by hand[/]: it serves until Ctrl-C",
        f"  the API's docs   {stage.url}/docs",
        f"  the admin token  {stage.admin_token}",
        f"  Oleg's inbox     curl -H 'Authorization: Bearer {token}' '{stage.url}/v1/inbox?limit=3'",
    ]
    console.print("", *lines, sep="\n", highlight=False, soft_wrap=True)
    with suppress(KeyboardInterrupt):
        signal.pause()


def _listening_at(process: subprocess.Popen[str]) -> str:
    """The address from the server's first lines."""
    assert process.stdout is not None
    patience = Timer(START_TIMEOUT_S, process.kill)
    patience.start()
    try:
        for line in process.stdout:
            if "http://" in line:
                return "http://" + line.split("http://")[1].strip()
    finally:
        patience.cancel()
    raise ServerLost("the demo's server did not start")


def _program() -> str:
    """What to type for us: as we were called."""
    called = Path(sys.argv[0])
    return os.path.relpath(called) if called.name == "chatledger" and called.is_absolute() else sys.argv[0]
