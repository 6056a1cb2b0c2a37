"""The daily report: what a team is told at ten about the day before, as data and as a bot writes it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from api.auditing.layout import short
from api.auditing.speaker import Language
from api.reporting.days import beginning
from api.reporting.people import Credited, credited
from api.reporting.words import ON_WEEKDAYS, WEEKDAYS, Words
from domain.definition import DEFAULT, Definition
from domain.figures import Figures
from projections.figures import NOTHING
from projections.report import LongestWait, Look, Traffic, Workspace
from projections.waits import Question, Settings, Told

if TYPE_CHECKING:
    from api.system import System

WEEKS_COMPARED = 4
"""How many days of the same name before say what is usual."""

PEOPLE_TOLD, NAME_CHARACTERS = 20, 60
"""A message to a team is short; Telegram takes 4,096 characters."""


@dataclass(frozen=True, slots=True)
class SameWeekday:
    """What is usual on this weekday. weeks: how many of the four before are not older than the first message.

    chats, chats_with_new_clients: a day; mean, median: seconds, of all waits of these days; None without any.
    """

    weeks: int
    chats: float | None
    chats_with_new_clients: float | None
    mean: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class DailyReport:
    """One day of a workspace, in its time zone.

    language: the workspace's. open_waits: those that began that day or before, and last until now.
    """

    date: date
    timezone: str
    language: Language
    definition: str
    position: int
    traffic: Traffic
    response: Figures
    goal_seconds: int
    employees: tuple[Credited, ...]
    open_waits: int
    longest: LongestWait | None
    same_weekday: SameWeekday

    @property
    def goal_met(self) -> bool | None:
        """Whether answers took no longer than the goal, on average; None without answers."""
        return None if self.response.mean is None else self.response.mean <= self.goal_seconds

    def body(self) -> dict[str, Any]:
        """As the API tells it."""
        longest = self.longest and self.longest._asdict() | {"opened_at": rfc3339(self.longest.opened_at)}
        return {
            "date": self.date.isoformat(),
            "timezone": self.timezone,
            "language": self.language,
            "definition": self.definition,
            "position": self.position,
            "chats": self.traffic.chats,
            "chats_with_new_clients": self.traffic.chats_with_new_clients,
            "messages": {"in": self.traffic.messages_in, "out": self.traffic.messages_out},
            "response": asdict(self.response),
            "goal": {"seconds": self.goal_seconds, "met": self.goal_met},
            "employees": [each.body() for each in self.employees],
            "open_waits": {"count": self.open_waits, "longest": longest},
            "same_weekday": asdict(self.same_weekday),
        }


async def daily_report(
    system: System, workspace_id: str, day: date, definition: Definition = DEFAULT
) -> DailyReport:
    """The report of one day. position: the lowest that any part of it was read at."""
    workspace, traffic, usual, (open_waits, longest) = await system.report.look(
        workspace_id, partial(_seen, day)
    )
    settings = Settings(workspace.timezone, workspace.goal_seconds)
    weeks_ago, *today = (
        beginning(each, settings.zone)
        for each in (day - timedelta(weeks=WEEKS_COMPARED), day, day + timedelta(days=1))
    )
    told = await system.waits.figures(Question(workspace_id, settings, definition, *today), "employee")
    before = Question(workspace_id, settings, definition, weeks_ago, today[0])
    return DailyReport(
        day,
        workspace.timezone,
        "ru" if workspace.language == "ru" else "en",
        str(definition),
        min(workspace.position, told.position),
        traffic,
        told.total.figures,
        workspace.goal_seconds,
        credited(told.groups, told.names),
        open_waits,
        longest,
        _same_weekday(usual, await system.waits.figures(before, "weekday"), day),
    )


async def _seen(
    day: date, look: Look
) -> tuple[Workspace, Traffic, list[Traffic], tuple[int, LongestWait | None]]:
    """Whose report it is, the day itself, what is usual, and who waits."""
    workspace = await look.workspace()
    zone = ZoneInfo(workspace.timezone)
    since, until = beginning(day, zone), beginning(day + timedelta(days=1), zone)
    usual = await _usual_traffic(look, day, zone)
    return workspace, await look.traffic(since, until), usual, await look.open_waits(until)


async def _usual_traffic(look: Look, day: date, zone: ZoneInfo) -> list[Traffic]:
    """Of the same weekdays before, those that are not older than the first message."""
    first = await look.first_message_at()
    days = [day - timedelta(weeks=weeks) for weeks in range(1, WEEKS_COMPARED + 1)]
    return [
        await look.traffic(beginning(each, zone), beginning(each + timedelta(days=1), zone))
        for each in days
        if first is not None and first.astimezone(zone).date() <= each
    ]


def _same_weekday(usual: list[Traffic], told: Told, day: date) -> SameWeekday:
    figures = next(
        (each.figures for each in told.groups if each.keys[0] == day.isoweekday()), NOTHING.figures
    )
    weeks = len(usual)
    return SameWeekday(
        weeks,
        round(sum(each.chats for each in usual) / weeks, 2) if weeks else None,
        round(sum(each.chats_with_new_clients for each in usual) / weeks, 2) if weeks else None,
        figures.mean,
        figures.median,
    )


def as_text(report: DailyReport, language: Language | None = None) -> str:
    """As a bot posts it to a team: plain text, a few short lines. language: None for the workspace's."""
    words = Words(language or report.language)
    paragraphs = (_traffic(report, words), _speed(report, words), _people(report, words))
    closing = (_waiting(report, words), _usual(report, words))
    told = ["\n".join(lines) for lines in (_title(report, words), *paragraphs, *closing)]
    return "\n\n".join(paragraph for paragraph in told if paragraph)


def _title(report: DailyReport, words: Words) -> Iterator[str]:
    weekday = WEEKDAYS[words.language][report.date.weekday()]
    yield words.one_of("Report for", "Отчёт за") + f" {weekday}, {words.day(report.date)}"


def _traffic(report: DailyReport, words: Words) -> Iterator[str]:
    traffic = report.traffic
    if not traffic.chats:
        yield words.one_of("Nobody wrote: there were no chats.", "Никто не писал: чатов не было.")
        return
    yield f"{_chats(traffic.chats, words)}, {_of_new_clients(traffic.chats_with_new_clients, words)}"
    told = words.counted(
        traffic.messages_in, ("message", "messages"), ("сообщение", "сообщения", "сообщений")
    )
    ours = words.number(traffic.messages_out)
    yield words.one_of(f"{told} from clients, {ours} from us", f"{told} от клиентов, {ours} от нас")


def _chats(count: float, words: Words) -> str:
    return words.counted(count, ("chat", "chats"), ("чат", "чата", "чатов"))


def _of_new_clients(count: float, words: Words) -> str:
    if not count:
        return words.one_of("none of them with a new client", "новых клиентов не было")
    told = words.number(count, 1)
    english = f"{told} of them with {words.form(count, ('a new client', 'new clients'), ('', '', ''))}"
    form = ("с новым клиентом", "с новыми клиентами", "с новыми клиентами")
    return words.one_of(english, f"из них {told} {words.form(count, ('', ''), form)}")


def _speed(report: DailyReport, words: Words) -> Iterator[str]:
    response = report.response
    if response.mean is None and report.traffic.chats:
        yield words.one_of("Nobody was answered.", "Ответов не было.")
    elif response.mean is not None:
        yield _answered(response.mean, response.median, words)
        yield _goal(report, response.within_goal, words)
    if response.over_cap:
        told = words.number(response.over_cap)
        yield words.one_of(f"Took too long to count: {told}", f"Слишком долгих, не в счёт: {told}")
    if response.dismissed:
        told = words.number(response.dismissed)
        yield words.one_of(f"Needed no answer: {told}", f"Не потребовали ответа: {told}")


def _answered(mean: float | None, median: float | None, words: Words) -> str:
    on_average, half = words.duration(mean), words.duration(median)
    return words.one_of(
        f"Answered in {on_average} on average, median {half}",
        f"Отвечали в среднем за {on_average}, медиана {half}",
    )


def _goal(report: DailyReport, within: float | None, words: Words) -> str:
    goal, share = words.duration(report.goal_seconds), words.share(within)
    told = words.one_of(
        f": at most {goal} on average. Within it: {share} of answers",
        f": в среднем не больше {goal}. Уложились в неё: {share} ответов",
    )
    if report.goal_met:
        return words.one_of("✅ Goal met", "✅ Цель выполнена") + told
    return words.one_of("❌ Goal missed", "❌ Цель не выполнена") + told


def _people(report: DailyReport, words: Words) -> Iterator[str]:
    """Who answered, the quickest first; of many, those who answered most."""
    answered = [each for each in report.employees if each.figures.mean is not None]
    told = sorted(answered, key=lambda each: -each.figures.n)[:PEOPLE_TOLD]
    if told:
        yield words.one_of("By employee, on average:", "По сотрудникам, в среднем:")
    for each in sorted(told, key=lambda each: each.figures.mean or 0.0):
        name = short(words.person(each.kind, each.person_id, each.name), NAME_CHARACTERS)
        count = words.counted(each.figures.n, ("answer", "answers"), ("ответ", "ответа", "ответов"))
        half = words.one_of("median", "медиана") + f" {words.duration(each.figures.median)}"
        yield f"• {name}: {words.duration(each.figures.mean)} ({half}, {count})"
    if len(answered) > len(told):
        yield words.one_of("and others: ", "и другие: ") + words.number(len(answered) - len(told))


def _waiting(report: DailyReport, words: Words) -> Iterator[str]:
    if not report.open_waits or report.longest is None:
        if report.traffic.chats:
            yield words.one_of("Nobody is waiting for an answer.", "Ответа никто не ждёт.")
        return
    count, since = report.open_waits, words.duration(report.longest.seconds)
    waiting = words.counted(
        count, ("client is", "clients are"), ("клиент ждёт", "клиента ждут", "клиентов ждут")
    )
    if count == 1:
        yield words.one_of(f"⏳ {waiting} still waiting, for {since}", f"⏳ {waiting} ответа уже {since}")
    else:
        yield words.one_of(
            f"⏳ {waiting} still waiting, the longest for {since}",
            f"⏳ {waiting} ответа, дольше всех — {since}",
        )


def _usual(report: DailyReport, words: Words) -> Iterator[str]:
    usual, weekday = report.same_weekday, report.date.weekday()
    if not usual.weeks or usual.chats is None:
        return
    weeks = words.counted(usual.weeks, ("week", "weeks"), ("неделю", "недели", "недель"))
    day = ON_WEEKDAYS[words.language][weekday]
    told = f"{_chats(usual.chats, words)}, {_of_new_clients(usual.chats_with_new_clients or 0, words)}"
    heading = words.one_of(
        f"Usual on {day} (average of {weeks}): ", f"Обычно по {day} (среднее за {weeks}): "
    )
    yield heading + told
    if usual.mean is not None:
        yield _answered(usual.mean, usual.median, words)


def rfc3339(at: datetime) -> str:
    """As PostgreSQL writes times for the API."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
