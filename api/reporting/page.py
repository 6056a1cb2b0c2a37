"""The page of charts: one HTML file that needs nothing else, for a phone, a desk or paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from api.auditing.speaker import Language
from api.definitions import described
from api.reporting.overview import Overview
from api.reporting.telling import person_header, person_rows, told_charts
from api.reporting.words import NO_BREAK, Words


@dataclass(frozen=True, slots=True)
class Key:
    """A figure at the top. verdict: better, worse, or nothing, than in the days before."""

    name: str
    value: str
    change: str = ""
    verdict: str = ""


def rendered(overview: Overview, language: Language | None = None) -> str:
    """The page. language: None for the workspace's."""
    words = Words(language or overview.language, NO_BREAK)
    mean, goal = overview.figures.mean, words.duration(overview.goal_seconds)
    return _template().render(
        language=words.language,
        title=words.one_of("How we answered", "Как мы отвечали"),
        days=words.days(overview.first, overview.last),
        goal_met=None if mean is None else mean <= overview.goal_seconds,
        goal=_goal(overview, words, goal),
        keys=keys(overview, words),
        charts=[(each, Markup(each.svg)) for each in told_charts(overview, words)],
        people_title=words.one_of("All employees", "Все сотрудники"),
        people_header=person_header(words),
        people=person_rows(overview, words),
        as_table=words.one_of("As a table", "Таблицей"),
        notes=_notes(overview, words),
    )


@cache
def _template() -> Template:
    text = files(__package__).joinpath("page.html").read_text(encoding="utf-8")
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.from_string(text)


def _goal(overview: Overview, words: Words, goal: str) -> str:
    mean = overview.figures.mean
    if mean is None:
        return words.one_of("Nobody was answered in these days.", "За эти дни ответов не было.")
    told = words.duration(mean)
    if mean <= overview.goal_seconds:
        return words.one_of(
            f"Goal met: {told} on average, and the goal is {goal}.",
            f"Цель выполнена: в среднем {told} при цели {goal}.",
        )
    return words.one_of(
        f"Goal missed: {told} on average, and the goal is {goal}.",
        f"Цель не выполнена: в среднем {told} при цели {goal}.",
    )


def keys(overview: Overview, words: Words) -> list[Key]:
    """What matters most, each beside the same of the days before."""
    now, before = overview.figures, overview.before
    traffic, earlier = overview.traffic, overview.traffic_before
    say = words.one_of
    return [
        _duration(say("Mean", "В среднем"), now.mean, before.mean, words),
        _duration(say("Median", "Медиана"), now.median, before.median, words),
        _duration(say("90% took at most", "90 % не дольше"), now.p90, before.p90, words),
        _share(say("Within the goal", "В пределах цели"), now.within_goal, before.within_goal, words),
        _count(say("Answers", "Ответов"), now.n, before.n, words),
        _count(say("Chats", "Чатов"), traffic.chats, earlier.chats, words),
        _count(
            say("With new clients", "С новыми клиентами"),
            traffic.chats_with_new_clients,
            earlier.chats_with_new_clients,
            words,
        ),
        Key(say("Waiting now", "Ждут сейчас"), words.number(overview.waits_open), _needless(overview, words)),
    ]


def _needless(overview: Overview, words: Words) -> str:
    count = words.number(overview.figures.dismissed)
    return words.one_of(f"needed no answer: {count}", f"не потребовали ответа: {count}")


def _duration(name: str, now: float | None, before: float | None, words: Words) -> Key:
    if now is None or not before:
        return Key(name, words.duration(now), _no_earlier(words) if now is not None else "")
    part = (now - before) / before
    was = words.one_of("was", "было") + f" {words.duration(before)}"
    if abs(part) < 0.005:
        return Key(name, words.duration(now), was)
    told = words.share(abs(part))
    change = words.one_of("slower by", "дольше на") if part > 0 else words.one_of("quicker by", "быстрее на")
    return Key(name, words.duration(now), f"{was}, {change} {told}", "worse" if part > 0 else "better")


def _share(name: str, now: float | None, before: float | None, words: Words) -> Key:
    if now is None or before is None:
        return Key(name, words.share(now), _no_earlier(words) if now is not None else "")
    was = words.one_of("was", "было") + f" {words.share(before)}"
    apart = round(100 * now) - round(100 * before)
    return Key(name, words.share(now), was, "" if not apart else "better" if apart > 0 else "worse")


def _count(name: str, now: int, before: int, words: Words) -> Key:
    """More is neither better nor worse."""
    if not before:
        return Key(name, words.number(now), _no_earlier(words) if now else "")
    was = words.one_of("was", "было") + f" {words.number(before)}"
    part = (now - before) / before
    sign = "+" if part > 0 else "−"
    return Key(
        name, words.number(now), was if abs(part) < 0.005 else f"{was}, {sign}{words.share(abs(part))}"
    )


def _rule(overview: Overview, words: Words) -> str:
    """What the definition says, in words."""
    rules = {each["definition"]: each["in_words"] for each in described()}
    return str(rules[overview.definition][words.language])


def _no_earlier(words: Words) -> str:
    return words.one_of("none before", "раньше не было")


def _notes(overview: Overview, words: Words) -> list[str]:
    say: Callable[[str, str], str] = words.one_of
    made = words.moment(overview.made_at.astimezone(ZoneInfo(overview.timezone)))
    days = (overview.last - overview.first).days + 1
    told = words.counted(days, ("day", "days"), ("день", "дня", "дней"))
    notes = [
        say(f"Times are of {overview.timezone}.", f"Время — {overview.timezone}."),
        say("Response times by", "Время ответа по определению")
        + f" {overview.definition}. {_rule(overview, words)}",
        say(f"Compared with the {told} before.", f"Сравнение: {told} до этого."),
        say(f"Made on {made}, ledger position ", f"Составлено {made}, позиция журнала ")
        + f"{words.number(overview.position)}.",
    ]
    if overview.figures.over_cap:
        count = words.number(overview.figures.over_cap)
        notes.append(say(f"Took too long to count: {count}.", f"Слишком долгих, не в счёт: {count}."))
    return notes
