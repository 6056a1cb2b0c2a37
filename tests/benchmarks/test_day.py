"""A small company has its day, and everything that is promised holds after it; each promise can be broken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from api.bench import day
from api.bench.at_work import Log
from api.bench.company import SUPERVISOR
from api.bench.day import Lived, lived, rows
from api.bench.firm import Size
from api.bench.folded import Event, Folded, fold
from api.bench.invariants import Lists, Rule, acknowledged_once, holders_see, no_client_unseen
from api.bench.looking import WORKSPACE, look_at_lists, read_again, rebuilt
from api.bench.measuring import Promise, Result, Watch, no_watch
from api.cli import app
from tests.databases import Databases

SMALL = Size(employees=12, clients=150, seconds=2.0, messages=120, pace_s=0.1)
PROMISES = (
    "no client message unseen in closed or snoozed",
    "every holder sees what he holds",
    "counts equal lists",
    "lists equal the rule",
    "each acknowledged message is there exactly once",
    "read models equal a rebuild",
)
MORNING = datetime(2025, 3, 1, 9, tzinfo=UTC)
OLEG = {"employee_id": "oleg", "role": "seller", "receives_new_clients": True, "active": True}


@pytest.fixture(scope="module")
def company(databases: Databases) -> Iterator[Lived]:
    url = databases.create()
    with lived(url, SMALL, no_watch) as company:
        yield company
    databases.drop(url)


def test_everything_that_is_promised_holds_after_a_day(company: Lived) -> None:
    promises = company.look(no_watch)
    assert {promise.name: promise.verdict for promise in promises} == dict.fromkeys(PROMISES, "holds")
    assert all(promise.looked_at for promise in promises)


def test_the_day_is_told_in_figures(company: Lived) -> None:
    told = {(row.case, row.unit) for row in rows([company.log])}
    assert told >= {(case, unit) for case in ("event", "list") for unit in ("p50 ms", "p99 ms", "requests/s")}
    assert ("done: message appended", "times") in told


def test_lines_that_are_missing_break_the_lists(company: Lived) -> None:
    with tampered(company, "UPDATE inbox.line SET workspace_id = reverse(workspace_id)"):
        lists = looked_at(company)
    assert "missing, against the rule" in lists.ruled.verdict
    assert lists.counted.broken


def test_another_folder_breaks_the_lists(company: Lived) -> None:
    swap = """
        UPDATE inbox.line SET folder = CASE folder WHEN 'closed' THEN 'incoming' ELSE 'closed' END
        WHERE folder IN ('closed', 'incoming')
    """
    with tampered(company, swap):
        lists = looked_at(company)
    assert "against the ledger" in lists.ruled.verdict
    assert lists.counted.broken


def test_another_tally_breaks_the_counts_and_the_rebuild(company: Lived) -> None:
    with tampered(company, "UPDATE inbox.tally SET unread = 1000000 - unread"):
        lists, models = looked_at(company), rebuilt(company.url)
    assert lists.ruled.verdict == "holds"
    assert "counted" in lists.counted.verdict
    assert "differ" in models.verdict


def test_a_message_that_is_not_shown_breaks_what_was_acknowledged(company: Lived) -> None:
    (message_id, chat_id), *_ = company.log.acknowledged.items()
    once = Promise("each message once", "messages")
    acknowledged = {message_id: chat_id, "another": chat_id}
    asyncio.run(read_again(company.ours.port, company.tokens[SUPERVISOR], acknowledged, once))
    assert once.verdict == "broken: message another is shown 0 times (1 cases)"


def test_a_client_message_behind_a_closing_is_found() -> None:
    folded = Folded(WORKSPACE)
    play(folded, "chat.opened", channel_id="phone", kind="direct")
    play(folded, "message.received", message_id="1", direction="in", sender_id="husband")
    play(folded, "conversation.closed", seen_position=2)
    assert no_client_unseen(folded).verdict == "holds"
    play(folded, "message.received", message_id="2", direction="in", sender_id="husband")
    assert "seen up to 2, and its client wrote at 4" in no_client_unseen(folded).verdict
    play(folded, "conversation.reopened")
    assert no_client_unseen(folded).looked_at == 0


def test_a_holder_who_sees_nothing_is_found() -> None:
    folded = Folded(WORKSPACE)
    play(folded, "channel.connected", channel_id="phone", visibility="client_owners")
    play(
        folded,
        "employee.registered",
        employee_id="oleg",
        role="seller",
        receives_new_clients=True,
        active=True,
    )
    play(folded, "chat.opened", channel_id="phone", kind="direct")
    play(folded, "conversation.claimed", holder_id="oleg")
    assert holders_see(Rule(folded)).verdict == "holds"
    play(folded, "employee.deactivated", **OLEG | {"active": False})
    assert "oleg holds chat c and does not see it" in holders_see(Rule(folded)).verdict


def test_messages_that_are_lost_or_doubled_and_positions_that_are_left_out_are_found() -> None:
    folded = Folded(WORKSPACE)
    play(folded, "chat.opened", channel_id="phone", kind="direct")
    for message_id in ("once", "twice", "twice"):
        play(folded, "message.received", message_id=message_id, direction="in", sender_id="husband")
    assert acknowledged_once(folded, ["once"]).verdict == "holds"
    assert "lost is there 0 times" in acknowledged_once(folded, ["once", "lost"]).verdict
    assert "twice is there 2 times" in acknowledged_once(folded, ["once", "twice"]).verdict
    folded.take(Event(folded.head + 2, WORKSPACE, "token.revoked", MORNING, {}))
    assert "position 6 does not follow" in acknowledged_once(folded, ["once"]).verdict


def test_clients_who_share_an_address_are_one_conversation_of_several_chats() -> None:
    folded = Folded(WORKSPACE)
    play(folded, "channel.connected", channel_id="phone", visibility="whole_team")
    play(
        folded,
        "employee.registered",
        employee_id="oleg",
        role="seller",
        receives_new_clients=True,
        active=True,
    )
    for chat_id, sender_id in (("c", "husband"), ("d", "wife")):
        play(folded, "chat.opened", chat_id=chat_id, channel_id="phone", kind="direct")
        play(folded, "chat.participant_joined", chat_id=chat_id, address_id=sender_id)
    lists = Lists(Rule(folded))
    lists.take("oleg", [line("c"), line("d")], counts(incoming=2))
    lists.take("irina", [], counts())
    assert (lists.ruled.verdict, lists.counted.verdict) == ("holds", "holds")
    for sender_id in ("husband", "wife"):
        play(folded, "contact.address_linked", contact_id="house", address_id=sender_id)
    lists = Lists(Rule(folded))
    lists.take("oleg", [line("c", "d")], counts(incoming=1))
    assert lists.ruled.verdict == "holds"
    lists.take("oleg", [line("c"), line("d")], counts(incoming=2))
    assert "is 2 lines" in lists.ruled.verdict


def test_what_is_refused_is_counted_and_anything_unexpected_is_a_fault() -> None:
    log = Log(SMALL)
    log.refuse("claim", {"status": 409, "code": "already_held"})
    log.refuse("assign", {"status": 422, "code": "cannot_see"})
    assert (dict(log.refused), log.faults) == ({"409 already_held": 1, "422 cannot_see": 1}, [])
    log.refuse("claim", {"status": 422, "code": "cannot_see"})
    log.refuse("claim", {"status": 503, "code": "not_yet_effective"})
    assert len(log.faults) == 2
    assert log.over


@pytest.mark.parametrize(("broken", "exit_code"), [(None, 0), ("something", 1)])
def test_the_command_ends_with_1_where_a_promise_is_broken(
    broken: str | None, exit_code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    promise = Promise("counts equal lists", "employees", looked_at=3, broken=broken)

    def run(rounds: int, watch: Watch) -> Result:
        return Result("day", {}, {"rounds": rounds}, promises=[promise])

    monkeypatch.setattr(day, "run", run)
    told = CliRunner().invoke(app, ["bench", "day", "--json", str(tmp_path / "day.json")])
    assert told.exit_code == exit_code
    assert ("broken: something" if broken else "holds") in told.output
    written = json.loads((tmp_path / "day.json").read_text())
    assert written["promises"][0]["broken"] == broken
    assert written["settings"] == {"rounds": 1}


def play(folded: Folded, topic: str, **facts: Any) -> None:
    """Another event, of one chat unless it says of which."""
    folded.take(Event(folded.head + 1, WORKSPACE, topic, MORNING, {"chat_id": "c", **facts}))


def line(*chat_ids: str) -> dict[str, Any]:
    return {
        "conversation_id": chat_ids[0],
        "chats": [{"chat_id": chat_id} for chat_id in chat_ids],
        "folder": "incoming",
        "holder_id": None,
        "waiting_since": None,
        "unread": 0,
    }


def counts(**folders: int) -> dict[str, int]:
    names = ("incoming", "in_progress", "snoozed", "closed", "waiting", "unread")
    return dict.fromkeys(names, 0) | folders


def looked_at(company: Lived) -> Lists:
    rule = Rule(fold(company.url, WORKSPACE))
    return asyncio.run(look_at_lists(company.ours.port, rule, company.tokens, no_watch))


@contextmanager
def tampered(company: Lived, change: str) -> Iterator[None]:
    """The read models say something else, until the end of the context. change: undoes itself."""
    with psycopg.connect(company.url, autocommit=True) as connection:
        assert connection.execute(change).rowcount > 0
        try:
            yield
        finally:
            connection.execute(change)
