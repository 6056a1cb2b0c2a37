"""Search: each finds what he sees by the words of it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count, cycle
from typing import Any

import psycopg
import pytest

from domain.errors import Invalid, NothingToSearch
from domain.inbound import ChatRef, ChatRenamed, MessageEdited, ParticipantJoined
from projections.read_model import PLAN_SETTINGS
from projections.search import Narrowed
from tests.databases import Databases
from tests.histories.world import World, open_world
from tests.projections.history import noon
from tests.projections.searched import Company

OPTIONS = " ".join(f"-c {name}={value}" for name, value in PLAN_SETTINGS.items())

ROWS_READ = """
SELECT schemaname || '.' || relname, seq_scan, coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
WHERE schemaname IN ('search', 'timeline', 'visibility', 'inbox', 'directory')
"""


@pytest.fixture(scope="module")
def world(databases: Databases, migrated: str) -> Iterator[World]:
    url = databases.create(template=migrated)
    with open_world(url) as world:
        yield world
    databases.drop(url)


@pytest.fixture(scope="module")
def names() -> Iterator[str]:
    return (f"workspace {number}" for number in count())


@pytest.fixture
def company(world: World, names: Iterator[str]) -> Company:
    """Each test has a workspace of its own, beside those of all others."""
    return Company(world, next(names))


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Договоры подписаны вчера", "договор"),
        ("Подписали договор", "ДОГОВОРАМИ подписан"),
        ("Our contracts were signed", "contract signing"),
        ("Смета и contracts в одном письме", "смету contract"),
        ("Ёлка уже стоит", "елки"),
        ("звоните 8 999 123-45-67", "123 45"),
        ("звоните 8 999 123 45 67", "123-45"),
        ("<b>срочно</b>", "срочно"),
    ],
)
def test_a_word_is_found_in_whatever_form(company: Company, text: str, q: str) -> None:
    company.hear(text)
    company.hear("ничего такого, nothing like it")

    assert company.texts("irina", q) == [text]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("новый дом", {"новый большой дом", "дом новый"}),
        ('"новый дом"', set()),
        ('"дом новый"', {"дом новый"}),
        ("дом -новый", {"старый дом"}),
        ('дом -"большой дом"', {"старый дом", "дом новый"}),
        ("старый or большой", {"старый дом", "новый большой дом"}),
        ("дом сад", set()),
    ],
)
def test_phrases_exclusion_and_alternatives(company: Company, q: str, found: set[str]) -> None:
    for text in ("новый большой дом", "дом новый", "старый дом"):
        company.hear(text)

    assert set(company.texts("irina", q)) == found


@pytest.mark.parametrize("q", ["", " ", "?!", "и", "-дом", '-"старый дом"', '"'])
def test_a_question_with_nothing_in_it_is_refused(company: Company, q: str) -> None:
    with pytest.raises(NothingToSearch):
        company.search("irina", q)


@pytest.mark.parametrize("cursor", ["x", "2026-01-01T00:00:00Z~x", "2026-01-01T00:00:00~1", f"{noon()}~-1"])
def test_a_cursor_that_is_not_ours_is_refused(company: Company, cursor: str) -> None:
    with pytest.raises(Invalid):
        company.search("irina", "дом", cursor=cursor)


@pytest.mark.parametrize(
    ("text", "q", "marked"),
    [
        ("Ёлка и ЁЖИК: <b>договоры</b>, 123-45", "ёжики договор 45", ["ЁЖИК", "договоры", "45"]),
        ("\x01дом\x02 и 😀 дома", "дом", ["дом", "дома"]),
        ("слово " * 200 + "искомое " + "слово " * 200, "искомый", ["искомое"]),
    ],
)
def test_highlights_are_places_in_the_fragment(
    company: Company, text: str, q: str, marked: list[str]
) -> None:
    company.hear(text)
    (item,) = company.search("irina", q)["items"]

    fragment = item["fragment"]
    assert [fragment["text"][start:end] for start, end in fragment["highlights"]] == marked
    assert fragment["text"] in text
    assert len(fragment["text"]) <= 400
    assert item["text"] == text


@pytest.mark.parametrize(
    ("q", "by"),
    [
        ("петров", ("name", "Иван Петров")),
        ("пётр ив", ("name", "Иван Петров")),
        ("Ваня", ("name", "Ваня ❤")),
        ("123-45", ("phone", "+7 999 123-45-67")),
        ("(999) 123", ("phone", "+7 999 123-45-67")),
        ("8 999 123 45 67", ("phone", "+7 999 123-45-67")),
    ],
)
def test_a_conversation_is_found_by_who_is_in_it(company: Company, q: str, by: tuple[str, str]) -> None:
    company.contact("ivan", "79991234567", name="Иван Петров")
    company.hear("привет", "79991234567", sender="+7 999 123-45-67", sender_name="Ваня ❤")
    company.hear("привет", "79990000000", sender_name="Мария")

    assert company.named("oleg", q) == [("Иван Петров", [by])]
    assert company.named("vera", q) == []


def test_three_digits_of_a_phone_are_enough_and_two_are_not(company: Company) -> None:
    company.hear("привет", "79991234567")

    assert [by for _, by in company.named("irina", "234")] == [[("phone", "79991234567")]]
    assert company.named("irina", "235") == []
    assert company.named("irina", "23") == []


def test_a_group_is_found_by_its_title_and_by_all_who_take_part(company: Company) -> None:
    company.employee("vera", "555", name="Вера Ильина")
    company.hear("привет", "house", sender="111", kind="group", title="Дом на горе")
    company.tell(ParticipantJoined(ChatRef("house"), "555", noon(5)))
    assert company.named("irina", "гор") == [("Дом на горе", [("title", "Дом на горе")])]
    assert company.named("irina", "ильина") == [("Дом на горе", [("name", "Вера Ильина")])]

    company.tell(ChatRenamed(ChatRef("house", title="Дача"), noon(9)))

    assert company.named("irina", "дом") == []
    assert company.named("irina", "дача") == [("Дача", [("title", "Дача")])]
    assert company.named("irina", "дача", surface="deal_card") == []


def test_names_are_those_of_today(company: Company) -> None:
    company.contact("ivan", "1", name="Иван Петров")
    company.hear("привет")
    assert company.named("oleg", "петров")

    company.contact("ivan", "1", name="Иван Сидоров")

    assert company.named("oleg", "петров") == []
    assert company.named("oleg", "сидоров") == [("Иван Сидоров", [("name", "Иван Сидоров")])]


def test_of_a_name_that_many_bear_the_newest_ten_are_found_on_the_first_page(company: Company) -> None:
    for number in range(12):
        company.hear("дом", str(100 + number), sender_name="Иван")
    page = company.search("irina", "дом or иван", limit=5)
    assert page["conversations"] == []

    named = company.search("irina", "иван", limit=5)["conversations"]
    newest = [company.conversation_id(str(111 - number)) for number in range(10)]

    assert [each["conversation_id"] for each in named] == newest
    assert company.search("irina", "иван", cursor=page["next_cursor"])["conversations"] == []


def test_a_message_is_found_by_its_present_text(company: Company) -> None:
    message = company.hear("старый дом")
    company.edit(message, "новый сад")

    assert company.texts("irina", "дом") == []
    assert company.texts("irina", "сад") == ["новый сад"]


def test_an_edit_that_came_before_its_message_counts(company: Company) -> None:
    company.hear("привет")
    company.tell(MessageEdited(ChatRef("1"), "m2", noon(50), "новый сад"))
    company.follow()
    company.hear("старый дом")

    assert company.texts("irina", "дом or сад") == ["новый сад"]


def test_a_deleted_message_is_not_found_nor_one_without_text(company: Company) -> None:
    message = company.hear("дом", attachments=[{"kind": "image"}])
    company.hear(None, attachments=[{"kind": "image"}])
    assert company.texts("irina", "дом") == ["дом"]

    company.delete(message)

    assert company.texts("irina", "дом") == []
    spans = "SELECT FROM search.span WHERE workspace_id = %s"
    assert company.world.connection.execute(spans, [company.workspace]).fetchall() == []


def test_a_handover_takes_hits_away_and_gives_them(company: Company) -> None:
    company.contact("ivan", "1")
    company.hear("дом")
    assert (company.texts("oleg", "дом"), company.texts("vera", "дом")) == (["дом"], [])
    assert company.named("oleg", "ivan")

    company.contact("ivan", "1", of="vera")

    assert (company.texts("oleg", "дом"), company.texts("vera", "дом")) == ([], ["дом"])
    assert company.named("oleg", "ivan") == []
    assert company.named("vera", "ivan")
    assert company.texts("katya", "дом") == company.texts("irina", "дом") == ["дом"]


def test_a_page_is_narrowed_by_whatever_is_asked(world: World, names: Iterator[str]) -> None:
    company = Company(world, next(names), channels=("wa", "tg"))
    company.hear("дом первый", "1", noon(1))
    company.hear("дом второй", "2", noon(2), channel="tg")
    company.hear("дом третий", "3", noon(3), sender="9", kind="group", title="дом")
    company.hear("дом четвёртый", "1", noon(4), sender=None, echo=True)

    def found(surface: str = "web", **narrowed: Any) -> list[str]:
        texts = company.texts("irina", "дом", narrowed=Narrowed(**narrowed), surface=surface)
        return [text.removeprefix("дом ") for text in texts]

    assert found() == ["четвёртый", "третий", "второй", "первый"]
    assert found(surface="deal_card") == ["четвёртый", "второй", "первый"]
    assert found(channel_id="tg") == ["второй"]
    assert found(conversation_id=company.conversation_id("1")) == ["четвёртый", "первый"]
    assert found(direction="out") == ["четвёртый"]
    assert found(since=noon(2), before=noon(4)) == ["третий", "второй"]
    assert company.named("irina", "дом", narrowed=Narrowed(channel_id="tg")) == []
    for nobodys in ({"channel_id": "x"}, {"conversation_id": company.conversation_id("x")}):
        assert found(**nobodys) == []


def test_pages_repeat_and_skip_nothing_while_messages_arrive(company: Company) -> None:
    for number in range(11):
        company.hear(f"дом {number // 2}", at=noon(number // 2))
    before = [item["external_id"] for item in company.search("irina", "дом")["items"]]
    found = []
    for page in company.pages("irina", "дом", limit=3):
        found += [item["external_id"] for item in page]
        company.hear("дом", at=noon(99))

    assert found == before
    assert len(set(before)) == 11


def test_every_question_goes_by_index_and_reads_what_it_finds(company: Company) -> None:
    for number in range(60):
        company.hear("дом" if number % 10 == 0 else "сад", str(100 + number % 20))
    company.follow()
    asked: dict[str, Any] = {
        **{"workspace_id": company.workspace, "kinds": ["direct", "group"], "q": "дом", "is_first": True},
        **dict.fromkeys(("channel_id", "conversation_id", "direction")),
        **{"since": noon() - timedelta(days=9), "before_at": noon(10**6), "before_position": 0},
        **{"limit": 50, "conversations": 10},
    }
    url = company.world.connection.info.dsn
    for employee in ("irina", "nina", "oleg"):
        with psycopg.connect(url, options=OPTIONS) as connection:
            connection.execute(company.questions.statements["page"], {**asked, "employee_id": employee})
            read = connection.execute(ROWS_READ).fetchall()
        assert {table for table, scans, _ in read if scans} == set()
        assert {table: rows for table, _, rows in read}.get("search.message", 0) <= 6


def test_what_was_built_anew_finds_the_same(company: Company) -> None:
    company.contact("ivan", "1")
    for number in range(6):
        message = company.hear("старый дом", at=noon(number * 20_000))
        if number % 2:
            company.edit(message, "новый дом")
        if number == 4:
            company.delete(message)
    company.hear("сад", "house", sender="9", kind="group", title="Дом")
    company.tell(ChatRenamed(ChatRef("house", title="Дача"), noon(9)))
    company.follow(1, 3)
    live = {table: rows for table, rows in company.world.rows().items() if table.startswith("search.")}

    assert company.world.rows_made_anew(["search"], cycle([2, 500, 1])) == live
    assert company.world.rows_made_anew(["search"], cycle([10_000])) == live
    counted = sum(row[0]["messages"] for row in live["search.span"])
    assert counted == len(live["search.message"]) > 6
