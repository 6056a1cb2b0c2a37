"""`chatledger report`, beside nobody, on a database in which one client was answered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from tests.api.client import addresses, serving
from tests.databases import Databases


@pytest.fixture(scope="module")
def url(databases: Databases, migrated: str) -> Iterator[str]:
    url = databases.create(template=migrated)
    with serving(url) as server:
        teller = server.client.with_token("admin", "connector")
        teller.put_channel("phone", visibility="whole_team")
        teller.put_employee("oleg", addresses=addresses("+7 495 1"))
        teller.tell(
            teller.message("anna", "+7 999 1", sent_at="2025-03-26T07:00:00Z"),
            teller.message("anna", "+7 495 1", sent_at="2025-03-26T07:01:00Z", echo=True),
        )
    yield url
    databases.drop(url)


def chatledger(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"CHATLEDGER_DATABASE_URL": url})


def test_a_day_is_printed_as_a_bot_writes_it(url: str) -> None:
    told = chatledger(url, "report", "--date", "2025-03-26", "--language", "ru")

    assert told.output.startswith("Отчёт за среду, 26 марта 2025\n\n1 чат, из них 1 с новым клиентом\n")
    assert "• Oleg: 1 мин (медиана 1 мин, 1 ответ)" in told.output


def test_a_day_is_printed_as_data(url: str) -> None:
    asked = ("--date", "2025-03-26", "--format", "json", "--definition", "last-of-run/1")
    told = json.loads(chatledger(url, "report", *asked).output)

    assert (told["definition"], told["chats"], told["response"]["mean"]) == ("last-of-run/1", 1, 60.0)


def test_a_page_of_some_days_is_written(url: str, tmp_path: Path) -> None:
    page = tmp_path / "march.html"
    told = chatledger(url, "report", "--html", str(page), "--from", "2025-03-01", "--to", "2025-03-31")

    assert told.exit_code == 0
    assert told.output == ""
    assert "1–31 March 2025" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--html", "x", "--date", "2025-03-26"], "not --date"),
        (["--from", "2025-03-26"], "are for --html"),
        (["--html", "x", "--from", "2025-03-27", "--to", "2025-03-26"], "must not be before"),
        (["--html", "x", "--from", "2015-03-27"], "go into a page"),
        (["--date", "26.03.2025"], "26.03.2025"),
    ],
)
def test_what_can_not_be_meant_is_refused(url: str, arguments: list[str], complaint: str) -> None:
    told = chatledger(url, "report", *arguments)

    assert told.exit_code == 2
    assert complaint in " ".join(told.output.split())
