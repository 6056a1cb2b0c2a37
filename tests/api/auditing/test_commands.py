"""`chatledger audit` against answers over HTTP: what is asked, and how it is told."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from api.auditing.asker import AnswerRefused
from api.auditing.commands import app
from tests.api.auditing import house
from tests.api.auditing.answering import TOKEN, Answering, answering

WIDTH = 100
PLACES = "from_position,from_at,from_event_topic,to_position,to_at,to_event_topic"
ROWS = [
    ("who --chat c", "employee_id,name,role,reasons,since_position,since_at,chat_ids", 3),
    ("seen --employee oleg", f"employee_id,name,chat_id,conversation_id,reason,{PLACES}", 6),
    ("owner --deal house", f"employee_id,name,role,deal_id,contact_id,{PLACES}", 2),
    ("preview handover --from a --to b", "change,employee_id,name,chat_id,conversation_id,reasons", 2),
]
QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("who --chat c --at 41", "visibility", {"chat_id": "c", "at": "41"}),
    ("who --conversation c", "visibility", {"conversation_id": "c"}),
    ("why --employee oleg --chat c", "explain", {"employee_id": "oleg", "chat_id": "c"}),
    (
        "owner --deal house --at 2026-03-03",
        "ownership",
        {"deal_id": "house", "at": "2026-03-03T23:59:59.999999Z"},
    ),
    ("owner --contact x --valid-at 7", "ownership", {"contact_id": "x", "valid_at": "7"}),
    (
        "preview handover --from oleg --to pavel",
        "preview",
        {"action": "handover", "from_employee_id": "oleg", "to_employee_id": "pavel"},
    ),
    (
        "preview reassign --deal house --owner pavel --with-contacts",
        "preview",
        {"action": "reassign", "deal_id": "house", "owner_id": "pavel", "with_contacts": True},
    ),
    (
        "preview unlink --address whatsapp:+7:1 --contact x",
        "preview",
        {"action": "unlink", "address": {"kind": "whatsapp", "address": "+7:1"}, "contact_id": "x"},
    ),
]


@pytest.fixture
def api() -> Iterator[Answering]:
    with answering() as api:
        yield api


def ask(api: Answering, words: str, **environment: str) -> Result:
    variables = {"CHATLEDGER_URL": api.url, "CHATLEDGER_TOKEN": TOKEN, "COLUMNS": str(WIDTH), "LANG": "C"}
    return CliRunner().invoke(app, words.split(), env={**variables, "LC_ALL": "", **environment})


def told(api: Answering, words: str, **environment: str) -> str:
    result = ask(api, words, **environment)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("words", "path", "parameters"), QUESTIONS, ids=[each[0] for each in QUESTIONS])
def test_a_question_asks_the_api_just_that(
    api: Answering, words: str, path: str, parameters: dict[str, Any]
) -> None:
    told(api, words)
    assert api.asked == [(f"/v1/audit/{path}", parameters)]


def test_a_list_is_asked_for_page_by_page(api: Answering) -> None:
    lines = told(api, "seen --employee oleg --from 2026-03-01 --json").splitlines()
    assert [json.loads(line) for line in lines] == [
        item for item in house.HISTORY if item["employee_id"] == "oleg"
    ]
    assert len(api.asked) == 3
    span = {"employee_id": "oleg", "from": "2026-03-01T00:00:00Z", "limit": "200"}
    assert api.asked[0][1] == span
    assert api.asked[1][1] == {**span, "cursor": "2"}


def test_a_limit_bounds_the_rows(api: Answering) -> None:
    assert len(told(api, "events --subject chat:c --limit 3 --json").splitlines()) == 3
    assert [parameters["limit"] for _, parameters in api.asked] == ["3", "1"]


def test_one_answer_is_one_document(api: Answering) -> None:
    assert json.loads(told(api, "who --chat c --json")) == house.VISIBILITY
    assert json.loads(told(api, "transcript --conversation c --json")) == house.TRANSCRIPT


@pytest.mark.parametrize(("words", "header", "rows"), ROWS, ids=[each[0] for each in ROWS])
def test_rows_are_flat_and_exact(api: Answering, words: str, header: str, rows: int) -> None:
    out = told(api, f"{words} --csv")
    assert out.splitlines()[0] == header
    assert len(list(csv.DictReader(io.StringIO(out)))) == rows


def test_a_row_tells_reasons_and_moments_as_they_are_stored(api: Answering) -> None:
    rows = list(csv.DictReader(io.StringIO(told(api, "seen --employee oleg --csv"))))
    row = next(row for row in rows if row["reason"] == "owns_deal(contact_id=wife deal_id=house)")
    assert (row["from_position"], row["from_event_topic"]) == ("37", "deal.contact_added")
    assert row["to_at"] == "2026-03-12T16:45:00.000042Z"


def test_why_as_rows_names_each_event(api: Answering) -> None:
    rows = list(csv.DictReader(io.StringIO(told(api, "why --employee oleg --chat c --csv"))))
    assert [(row["part"], row["event_position"]) for row in rows] == [
        ("lost", "43"),
        ("lost", "31"),
        ("lost", "42"),
    ]
    assert rows[1]["because"] == "owns_deal(contact_id=husband deal_id=house)"
    assert {row["visible"] for row in rows} == {"false"}


ONE_OF_EACH = (
    *("who --chat c", "seen --employee oleg", "why --employee oleg --chat c", "owner --deal house"),
    *("transcript --chat c", "events --subject chat:c", "preview handover --from a --to b", "questions"),
)


def test_a_question_is_told_with_what_it_was_about(api: Answering) -> None:
    row = told(api, "questions").splitlines()[-1]
    assert row.rstrip().endswith("auditor 5f1c0000   events     at=41 kind=whatsapp address=+7 900 111-00-01")


@pytest.mark.parametrize("words", ONE_OF_EACH)
def test_every_answer_fits_a_narrow_terminal(api: Answering, words: str) -> None:
    out = told(api, f"{words} --language ru", COLUMNS="80")
    assert max(map(len, out.splitlines())) <= 80
    assert "None" not in out


@pytest.mark.parametrize("words", ["seen --employee oleg", "preview handover --from a --to b"])
def test_an_id_that_is_copied_stays_in_one_piece(api: Answering, words: str) -> None:
    assert house.CHAT in told(api, words, COLUMNS="80")


def test_the_terminal_says_in_which_language(api: Answering) -> None:
    assert "Кто мог видеть на позиции 41" in told(api, "who --chat c", LANG="ru_RU.UTF-8")
    assert "Who could see it at position 41" in told(api, "who --chat c", LANG="de_DE.UTF-8")
    assert "Who could see it" in told(api, "who --chat c --language en", LANG="ru_RU.UTF-8")


def test_times_are_told_in_the_chosen_zone(api: Answering) -> None:
    out = told(api, "who --chat c --timezone Europe/Moscow")
    assert "times in Europe/Moscow" in out
    assert "2026-03-03 17:05:07 #30" in out


def test_a_timeline_is_written_to_a_file(api: Answering, tmp_path: Path) -> None:
    out = tmp_path / "house.svg"
    told(api, f"timeline --chat c --out {out}")
    assert ElementTree.parse(out).getroot().tag.endswith("svg")
    assert ask(api, f"timeline --chat c --out {out}.png").exit_code == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("who", "give exactly one of --chat, --conversation"),
        ("who --chat c --conversation c", "give exactly one of"),
        ("who --chat c --at yesterday", "is no moment"),
        ("who --chat c --json --csv", "exclude each other"),
        ("who --chat c --language de", "is none of en, ru"),
        ("who --chat c --timezone Mars", "no time zone is called"),
        ("preview link --address +7900 --contact x", "lacks its messenger"),
    ],
)
def test_what_can_not_be_meant_is_refused_before_anybody_is_asked(
    api: Answering, words: str, complaint: str
) -> None:
    result = ask(api, words, COLUMNS="200")
    assert (result.exit_code, api.asked) == (2, [])
    assert complaint in result.output


def test_a_server_without_a_token_is_not_asked(api: Answering) -> None:
    assert "CHATLEDGER_TOKEN" in ask(api, "who --chat c", CHATLEDGER_TOKEN="").output
    assert api.asked == []


@pytest.mark.parametrize(
    ("words", "token", "complaint"),
    [
        ("who --chat nowhere", TOKEN, "GET /v1/audit/visibility on {url}: 404 There is no chat nowhere."),
        (
            "who --chat c",
            "other",
            "GET /v1/audit/visibility on {url}: 401 This token opens nothing: unknown, or revoked.",
        ),
    ],
)
def test_what_the_api_refuses_says_what_where_and_why(
    api: Answering, words: str, token: str, complaint: str
) -> None:
    error = ask(api, words, CHATLEDGER_TOKEN=token).exception
    assert isinstance(error, AnswerRefused)
    assert str(error) == complaint.format(url=api.url)
