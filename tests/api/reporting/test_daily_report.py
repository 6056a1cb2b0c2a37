"""The daily report of a small company, over HTTP and on the command line, beside the server.

Who wrote and answered when is told by a connector.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer import BadParameter
from typer.testing import CliRunner, Result

from api.cli import app
from api.reporting.printing import first_day
from api.reporting.words import NO_BREAK
from tests.api.client import Client, Json, Server, addresses, serving
from tests.api.test_access import issued_in
from tests.databases import Databases

OLEG, OWN_PHONE = "+7 495 1", "+7 495 9"


@pytest.fixture(scope="module")
def server(databases: Databases, migrated: str) -> Iterator[Server]:
    url = databases.create(template=migrated)
    with serving(url) as server:
        _play(server.client.with_token("admin", "connector"))
        yield server
    databases.drop(url)


@pytest.fixture(scope="module")
def analyst(server: Server) -> Client:
    return server.client.with_token("analyst")


def _play(teller: Client) -> None:
    """Two Wednesdays of Moscow; Anna is known since the first, Boris and Clara come on the second."""
    teller.put("/v1/workspace", {"timezone": "Europe/Moscow", "language": "ru", "response_goal_seconds": 600})
    teller.put_channel("phone", visibility="whole_team")
    teller.put_employee("oleg", addresses=addresses(OLEG))
    said = [
        ("anna", "+7 999 1", "2025-03-19T07:00:00Z"),
        ("anna", OLEG, "2025-03-19T07:02:00Z"),
        ("anna", "+7 999 1", "2025-03-26T07:00:00Z"),
        ("anna", "+7 999 1", "2025-03-26T07:00:30Z"),
        ("anna", OLEG, "2025-03-26T07:01:00Z"),
        ("clara", "+7 999 3", "2025-03-26T09:00:00Z"),
        ("boris", "+7 999 2", "2025-03-26T20:59:00Z"),
        ("dora", "+7 999 4", "2025-03-26T21:01:00Z"),
        ("boris", OWN_PHONE, "2025-03-26T21:19:00Z"),
    ]
    ours = {OLEG, OWN_PHONE}
    events = [teller.message(chat, _who(who), who, sent_at=at, echo=who in ours) for chat, who, at in said]
    teller.tell(*events)


def _who(phone: str) -> str | None:
    """A messenger does not say which of the company's people used the company's phone."""
    return None if phone == OWN_PHONE else phone


def report(analyst: Client, server: Server, **asked: Any) -> Json:
    return analyst.get("/v1/analytics/daily-report", min_position=server.head, **asked)


def test_a_day_is_told_as_data(analyst: Client, server: Server) -> None:
    told = report(analyst, server, date="2025-03-26")

    assert (told["date"], told["timezone"], told["language"]) == ("2025-03-26", "Europe/Moscow", "ru")
    assert (told["chats"], told["chats_with_new_clients"]) == (3, 2)
    assert told["messages"] == {"in": 4, "out": 1}
    response = told["response"]
    assert (response["n"], response["mean"], response["median"]) == (2, 630.0, 630.0)
    assert (response["within_goal"], response["open_waits"]) == (0.5, 1)
    assert told["goal"] == {"seconds": 600, "met": False}
    assert [(each["kind"], each["employee_id"], each["name"], each["n"]) for each in told["employees"]] == [
        ("employee", "oleg", "Oleg", 1),
        ("employee", None, None, 1),
        (None, None, None, 0),
    ]
    assert told["same_weekday"] == {
        **{"weeks": 1, "chats": 1.0, "chats_with_new_clients": 1.0, "mean": 120.0, "median": 120.0}
    }
    assert told["position"] == server.head


def test_a_client_who_waits_since_that_day_is_told_with_how_long(analyst: Client, server: Server) -> None:
    waiting = report(analyst, server, date="2025-03-26")["open_waits"]

    assert waiting["count"] == 1, "who wrote a day later waits too, and is another day's"
    opened = datetime(2025, 3, 26, 9, tzinfo=UTC)
    assert datetime.fromisoformat(waiting["longest"]["opened_at"]) == opened
    assert abs(waiting["longest"]["seconds"] - (datetime.now(UTC) - opened).total_seconds()) < 60


def test_another_definition_is_another_figure(analyst: Client, server: Server) -> None:
    told = report(analyst, server, date="2025-03-26", definition="last-of-run/1")

    assert (told["definition"], told["response"]["mean"]) == ("last-of-run/1", 615.0)


def test_a_day_on_which_nobody_wrote(analyst: Client, server: Server) -> None:
    told = report(analyst, server, date="2025-03-20")

    assert (told["chats"], told["response"]["mean"], told["goal"]["met"]) == (0, None, None)
    assert told["same_weekday"]["weeks"] == 0
    assert told["open_waits"] == {"count": 0, "longest": None}


def test_left_out_it_is_yesterday_where_the_company_is(analyst: Client, server: Server) -> None:
    before = datetime.now(ZoneInfo("Europe/Moscow")).date() - timedelta(days=1)
    told = report(analyst, server)["date"]

    assert before.isoformat() <= told <= (before + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("asked", "begins"), [({}, "Отчёт за среду, 26 марта 2025"), ({"language": "en"}, "Report for Wednesday")]
)
def test_a_day_is_told_as_a_bot_writes_it(analyst: Client, asked: Json, begins: str) -> None:
    answer = analyst.ask(
        "GET", "/v1/analytics/daily-report", params={"date": "2025-03-26", "format": "text", **asked}
    )

    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert int(answer.headers["chatledger-position"]) > 0
    assert answer.text.startswith(begins)
    assert "Oleg: 1 " in answer.text


def test_the_page_shows_the_days_up_to_that_one(analyst: Client) -> None:
    asked = {"date": "2025-03-26", "format": "html", "days": 8}
    page = analyst.ask("GET", "/v1/analytics/daily-report", params=asked)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "19–26 марта 2025" in page.text
    assert 'id="by-hour-3:10"' in page.text, "a Wednesday at ten"
    assert "Не дольше 10 мин: 2 ответа, дольше: 1." in page.text.replace(NO_BREAK, " ")


def chatledger(server: Server, *arguments: str) -> Result:
    """A command on the database on which the server runs."""
    return CliRunner().invoke(app, arguments, env={"CHATLEDGER_DATABASE_URL": server.system.database_url})


def test_a_day_is_printed_as_a_bot_writes_it(server: Server) -> None:
    told = chatledger(server, "report", "--date", "2025-03-19")

    assert told.output.startswith("Отчёт за среду, 19 марта 2025\n\n1 чат, из них 1 с новым клиентом\n")
    assert "• Oleg: 2 мин (медиана 2 мин, 1 ответ)" in told.output


def test_a_day_is_printed_as_data(analyst: Client, server: Server) -> None:
    asked = ("--date", "2025-03-20", "--format", "json", "--definition", "last-of-run/1")
    told = chatledger(server, "report", *asked)

    assert json.loads(told.output) == report(analyst, server, date="2025-03-20", definition="last-of-run/1")


def test_a_page_of_some_days_is_written(server: Server, tmp_path: Path) -> None:
    page = tmp_path / "march.html"
    asked = ("--from", "2025-03-01", "--to", "2025-03-31", "--language", "en")
    told = chatledger(server, "report", "--html", str(page), *asked)

    assert (told.exit_code, told.output) == (0, "")
    assert "1–31 March 2025" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--html", "x", "--date", "2025-03-26"], "not --date"),
        (["--from", "2025-03-26"], "are for --html"),
        (["--date", "26.03.2025"], "26.03.2025"),
    ],
)
def test_what_can_not_be_meant_is_refused(server: Server, arguments: list[str], complaint: str) -> None:
    told = chatledger(server, "report", *arguments)

    assert told.exit_code == 2
    assert complaint in " ".join(told.output.split())


def test_a_page_has_at_least_a_day_and_not_too_many() -> None:
    last = date(2025, 3, 31)

    assert first_day(None, last) == date(2025, 3, 2)
    assert first_day(last, last) == last
    with pytest.raises(BadParameter, match="must not be before"):
        first_day(date(2025, 4, 1), last)
    with pytest.raises(BadParameter, match="at most"):
        first_day(date(2015, 3, 31), last)


def test_chats_of_one_client_are_one(analyst: Client, server: Server) -> None:
    """Last in this file, as it changes the company: Clara is Anna, so she is no new client."""
    admin = server.client.with_token("admin", "connector")
    linked = admin.put_contact("anna", "+7 999 1", "+7 999 3")["position"]
    told = analyst.get("/v1/analytics/daily-report", date="2025-03-26", min_position=linked)

    assert (told["chats"], told["chats_with_new_clients"]) == (2, 1)


def test_another_company_has_none_of_it(server: Server) -> None:
    theirs = Client(server.client.http, issued_in(server, "other", ["analyst"]))
    told = theirs.get("/v1/analytics/daily-report", date="2025-03-26")

    assert (told["timezone"], told["chats"], told["response"]["n"], told["employees"]) == ("UTC", 0, 0, [])


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"date": "2025-02-30"}, 422),
        ({"format": "pdf"}, 422),
        ({"definition": "mine/1"}, 404),
        ({"days": 0}, 422),
    ],
)
def test_what_there_is_not_is_refused(analyst: Client, asked: Json, status: int) -> None:
    assert analyst.ask("GET", "/v1/analytics/daily-report", params=asked).status_code == status
