"""How a report says numbers, times and days, and what a bot writes of a day."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from api.auditing.speaker import Json, Language
from api.reporting.daily import as_text
from api.reporting.people import Credited
from api.reporting.words import NO_BREAK, Words
from domain.figures import Figures
from projections.report import Traffic
from tests.api.reporting.made_up import DAILY, EMPTY_DAILY

DOCS = Path(__file__).parents[3] / "docs"
RUSSIAN, ENGLISH = Words("ru"), Words("en")
CHATS = ("chat", "chats"), ("чат", "чата", "чатов")


@pytest.mark.parametrize(
    ("count", "russian", "english"),
    [
        (0, "0 чатов", "0 chats"),
        (1, "1 чат", "1 chat"),
        (2, "2 чата", "2 chats"),
        (5, "5 чатов", "5 chats"),
        (11, "11 чатов", "11 chats"),
        (12, "12 чатов", "12 chats"),
        (21, "21 чат", "21 chats"),
        (22, "22 чата", "22 chats"),
        (111, "111 чатов", "111 chats"),
        (38.5, "38,5 чата", "38.5 chats"),
        (1234, f"1{NO_BREAK}234 чата", "1,234 chats"),
    ],
)
def test_what_is_counted_is_declined(count: float, russian: str, english: str) -> None:
    assert RUSSIAN.counted(count, *CHATS) == russian
    assert ENGLISH.counted(count, *CHATS) == english


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (None, "–", "–"),
        (0, "0 с", "0 s"),
        (0.4, "<1 с", "<1 s"),
        (47.4, "47 с", "47 s"),
        (167, "2 мин 47 с", "2 min 47 s"),
        (600, "10 мин", "10 min"),
        (3599.6, "1 ч", "1 h"),
        (3_601, "1 ч", "1 h"),
        (3_630, "1 ч 1 мин", "1 h 1 min"),
        (5_400, "1 ч 30 мин", "1 h 30 min"),
        (86_399, "1 д", "1 d"),
        (985_492, "11 д 10 ч", "11 d 10 h"),
    ],
)
def test_times_are_told_in_their_two_largest_units(seconds: float | None, russian: str, english: str) -> None:
    assert RUSSIAN.duration(seconds) == russian
    assert ENGLISH.duration(seconds) == english


def test_days_are_told_in_as_few_words_as_say_them() -> None:
    assert RUSSIAN.days(date(2026, 11, 1), date(2026, 11, 30)) == "1–30 ноября 2026"
    assert ENGLISH.days(date(2026, 10, 27), date(2026, 11, 25)) == "27 October – 25 November 2026"
    assert ENGLISH.days(date(2025, 12, 31), date(2026, 1, 1)) == "31 December 2025 – 1 January 2026"


@pytest.mark.parametrize(
    ("language", "file_name", "names"),
    [("ru", "report.ru.md", {}), ("en", "report.md", {"Олег": "Oleg", "Вера": "Vera"})],
)
def test_a_bot_writes_what_the_documents_show(language: Language, file_name: str, names: Json) -> None:
    told = as_text(DAILY, language).replace(NO_BREAK, " ")
    for name, latin in names.items():
        told = told.replace(name, latin)

    assert (DOCS / file_name).read_text(encoding="utf-8").split("```\n")[1] == told + "\n"


def test_a_bot_writes_it_in_english() -> None:
    told = as_text(replace(DAILY, response=replace(DAILY.response, mean=780.0), open_waits=1), "en")
    assert told.splitlines()[:7] == [
        "Report for Wednesday, 25 November 2026",
        "",
        "41 chats, 7 of them with new clients",
        "1,210 messages from clients, 190 from us",
        "",
        "Answered in 13 min on average, median 1 min 1 s",
        "❌ Goal missed: at most 10 min on average. Within it: 92% of answers",
    ]
    assert "⏳ 1 client is still waiting, for 1 h 30 min" in told


def test_where_there_is_nothing_it_says_so() -> None:
    assert as_text(EMPTY_DAILY) == "Report for Sunday, 29 November 2026\n\nNobody wrote: there were no chats."
    assert "Никто не писал: чатов не было." in as_text(EMPTY_DAILY, "ru")


def test_a_day_without_answers_says_who_waits() -> None:
    nothing = Figures(0, None, None, None, None, 0, 1, 0)
    told = as_text(
        replace(DAILY, traffic=Traffic(1, 0, 1, 0), response=nothing, employees=(), open_waits=1), "ru"
    )
    assert "1 чат, новых клиентов не было\n1 сообщение от клиентов, 0 от нас" in told
    assert "Ответов не было." in told
    assert "⏳ 1 клиент ждёт ответа уже 1 ч 30 мин" in told
    assert "Цель" not in told
    assert "По сотрудникам" not in told


def test_a_name_of_several_lines_stays_in_one() -> None:
    person = replace(DAILY.employees[1], name="Oleg\n\u202e<b>")
    assert "• Oleg \ufffd<b>: 2 min 47 s" in as_text(replace(DAILY, employees=(person,)), "en")


def test_of_many_those_are_told_who_answered_most() -> None:
    """So that it fits into a message of Telegram, however the people are called."""
    crowd = tuple(
        Credited("employee", str(n), f"{n} {'x' * 100}", Figures(n, 6_000.0 - n, 60.0, 60.0, 1.0, 0, 0, 0))
        for n in range(1, 201)
    )
    told = as_text(replace(DAILY, employees=crowd), "ru")

    assert len(told) < 4_096
    assert "и другие: 180" in told
    named = [line.split()[1] for line in told.splitlines() if line.startswith("•")]
    assert named == [str(n) for n in range(200, 180, -1)]
