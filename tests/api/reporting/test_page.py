"""The page of charts: all are there, strangers' names are only text, and nothing comes from elsewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from api.auditing.speaker import LANGUAGES, Language
from api.reporting.overview import Overview, limits_s, spans
from api.reporting.page import keys, rendered
from api.reporting.people import Credited
from api.reporting.words import NO_BREAK, Words
from projections.report import Traffic
from tests.api.reporting import browser
from tests.api.reporting.made_up import NOTHING, RESPONSE, overview

CHARTS = ["by-hour", "by-duration", "by-person", "by-time", "by-folder"]
ELSEWHERE = re.compile(r"""\b(?:src|href|action|data|poster)\s*=\s*["'](?!\#)|url\((?!\#)|@import|https?:""")
NAMESPACES = ('xmlns="http://www.w3.org/2000/svg"', 'xmlns:xlink="http://www.w3.org/1999/xlink"')
BROWSER = browser.found()


class Page(HTMLParser):
    """What stands in it: attributes by tag, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def pages() -> dict[Language, str]:
    return {language: rendered(overview(), language) for language in LANGUAGES}


@pytest.fixture(scope="module")
def empty() -> Overview:
    """Days on which nothing happened at all."""
    return replace(
        overview(),
        figures=NOTHING,
        before=NOTHING,
        traffic=Traffic(0, 0, 0, 0),
        traffic_before=Traffic(0, 0, 0, 0),
        hours=(),
        lasted=[replace(each, answers=0) for each in overview().lasted],
        employees=(),
        waiting=[replace(each, average=0.0, worst=None) for each in overview().waiting],
        worst_day=None,
        folders=[(day, {}) for day, _ in overview().folders],
        waits_open=0,
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_is_there_and_tells_what_it_shows(pages: dict[Language, str], language: Language) -> None:
    page = Page(pages[language])
    charts = page.all("svg")

    assert [each["id"] for each in charts] == CHARTS
    assert all(each["role"] == "img" and len(each["aria-label"] or "") > 20 for each in charts)
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("details")) == 4, "employees have a table in the open"


def test_each_language_has_its_words_and_separators(pages: dict[Language, str]) -> None:
    russian, english = (set(Page(pages[language]).texts) for language in ("ru", "en"))

    assert {
        "Как мы отвечали",
        f"4{NO_BREAK}018",
        f"8{NO_BREAK}мин 32{NO_BREAK}с",
        f"92{NO_BREAK}%",
        "пн",
    } <= russian
    assert {"How we answered", "4,018", f"8{NO_BREAK}min 32{NO_BREAK}s", "92%", "Mon"} <= english
    assert not any(re.search("[А-Яа-я]", re.sub("Олег|Вера|Павел", "", text)) for text in english)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_needs_nothing_from_elsewhere(pages: dict[Language, str], language: Language) -> None:
    html = pages[language]
    for namespace in NAMESPACES:
        html = html.replace(namespace, "")

    assert ELSEWHERE.findall(html) == []
    assert not Page(html).all("script")
    policy = next(each["content"] for each in Page(html).all("meta") if "http-equiv" in each)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_names_of_strangers_are_only_text() -> None:
    evil = '</svg><script>alert("1")</script> $x^2$ \u202e'
    named = replace(overview(), employees=(Credited("employee", "</style>", evil, RESPONSE),))
    page = Page(rendered(named, "en"))

    assert not page.all("script")
    assert any(text.startswith('</svg><script>alert("1")</script> $x^2$ \ufffd') for text in page.texts)
    assert any(text.startswith("</svg><script>") and text.endswith("…") for text in page.texts), (
        "in the chart"
    )


def test_nothing_is_drawn_twice_under_one_name(pages: dict[Language, str]) -> None:
    ids = [each["id"] for _, each in Page(pages["ru"]).tags if "id" in each]

    assert len(ids) == len(set(ids))


def test_hours_with_few_answers_are_outlined_and_those_without_are_blank(pages: dict[Language, str]) -> None:
    cells = dict(re.findall(r'id="by-hour-(\d:\d+)">\s*<path [^>]*style="([^"]*)"', pages["ru"]))

    assert "fill: none" in cells["1:3"], "two answers"
    assert "fill: var(--heat-0)" in cells["1:13"]
    assert "1:0" not in cells


def test_the_goal_parts_what_was_quick_from_what_was_not() -> None:
    limits = limits_s(600)

    assert limits[0] == pytest.approx(9.375)
    assert 600.0 in limits
    assert spans([1.0, 2.0]) == [(None, 1.0), (1.0, 2.0), (2.0, None)]


def test_what_is_better_than_before_says_so() -> None:
    told = {key.name: (key.verdict, key.change) for key in keys(overview(), Words("en"))}

    assert told["Mean"] == ("better", "was 10 min 55 s, quicker by 22%")
    assert told["Median"] == ("worse", "was 58 s, slower by 4%")
    assert told["Within the goal"] == ("better", "was 90%")
    assert told["Chats"] == ("", "was 1,130, +7%")


@pytest.mark.parametrize("language", LANGUAGES)
def test_days_on_which_nothing_happened_are_drawn_too(empty: Overview, language: Language) -> None:
    page = Page(rendered(empty, language))

    assert [each["id"] for each in page.all("svg")] == CHARTS
    assert {"Nobody was answered in these days.", "За эти дни ответов не было."} & set(page.texts)
    assert {"Nobody had to wait.", "Никто не ждал."} & set(page.texts)


@pytest.mark.skipif(
    BROWSER is None, reason="no Chromium here: put one on PATH, or name it in CHATLEDGER_CHROMIUM"
)
def test_a_browser_shows_all_of_it_on_a_phone_and_fetches_nothing(
    pages: dict[Language, str], empty: Overview
) -> None:
    shown: dict[str, str] = {**{str(name): page for name, page in pages.items()}, "empty": rendered(empty)}
    seen = browser.looked_at(str(BROWSER), shown, width=390)

    assert {name: page["language"] for name, page in seen.items()} == {"en": "en", "ru": "ru", "empty": "ru"}
    for page in seen.values():
        assert list(page["charts"]) == CHARTS
        assert page["width"] <= 390, "nothing is wider than the phone"
        assert page["fetched"] == 0
        for chart in page["charts"].values():
            assert chart["width"] > 330
            assert chart["height"] > 60
            assert chart["labels"] > 3
            assert chart["beyond"] <= 3, "pixels by which a label reaches out of its chart"
