"""The response times of the real conversations are what docs/real-data.md says, by the rule and over HTTP."""

import re
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from api import chitchat, crowd, demo, importing, real_data
from api.house import House
from domain.fact import By
from tests.api.client import Client, Server

PAGE = Path(__file__).parents[2] / "docs" / "real-data.md"
SHOWN = re.compile(r"^\$ python -m api.real_data\n(.*?)```$", re.MULTILINE | re.DOTALL)
CHATS = 150


@pytest.fixture(scope="module")
def dataset() -> chitchat.Conversations:
    return chitchat.conversations()


def test_the_page_shows_what_is_printed(dataset: chitchat.Conversations) -> None:
    console = Console(width=real_data.WIDTH)
    with console.capture() as captured:
        real_data.tell(console, dataset)

    printed = "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())
    assert SHOWN.findall(PAGE.read_text()) == [printed], "renew it: python -m api.real_data"


def test_the_demo_does_not_end_well_with_other_figures_than_the_rule_has(
    dataset: chitchat.Conversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations = [[chat] for chat in islice(dataset.values(), 20)]
    told = real_data.figures(map(real_data.as_told, conversations))
    monkeypatch.setattr(House, "issue", lambda *_: "a token")
    monkeypatch.setattr(real_data, "answered", lambda *_: told)

    demo.tell_response_times(Console(quiet=True), House(httpx.Client(), ""), conversations)
    with pytest.raises(crowd.CrowdLost, match="response times"):
        demo.tell_response_times(Console(quiet=True), House(httpx.Client(), ""), conversations[1:])


def test_an_analyst_is_told_over_http_what_the_rule_says(
    dataset: chitchat.Conversations, server: Server, admin: Client
) -> None:
    chats = dict(islice(dataset.items(), CHATS))
    application, by = server.system.application, By("main", "system", datetime.now(UTC), "a test")
    importing.connect_channel(application, "chitchat", kind="other", visibility="whole_team", by=by)
    lines, tally = enumerate(chitchat.inbound_events(chats), start=1), importing.Tally()
    importing.import_lines(application, "chitchat", lines, by, tally, on_batch=lambda: None)
    assert tally.rejected == 0

    analyst = admin.with_token("analyst").token
    told = real_data.answered(admin.http, analyst, min_position=tally.position)
    assert told == real_data.figures(real_data.as_told([each]) for each in chats.values())
    assert told["first-of-run/1"].n > CHATS
