"""What each chart of the page tells, in words and as a table: for whoever can't see it, and to look it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from api.reporting import charts
from api.reporting.drawing import drawn
from api.reporting.overview import FEW_ANSWERS, FOLDERS, Overview
from api.reporting.people import quickest_first
from api.reporting.words import ON_WEEKDAYS, SHORT_WEEKDAYS, Words

Cells = Sequence[str]

MANY = 100
"""From then on tenths say nothing."""


@dataclass(frozen=True, slots=True)
class Chart:
    """legend: (class of the mark, what it means). rows: the first cell of each is its heading."""

    name: str
    title: str
    told: str
    svg: str
    legend: Sequence[tuple[str, str]]
    header: Cells
    rows: Sequence[Cells]


Drawing = Callable[[Overview, Words], Figure]


def told_charts(overview: Overview, words: Words) -> list[Chart]:
    """All of them, in the order of the page."""
    return [each(overview, words) for each in (_by_hour, _by_duration, _by_person, _by_time, _by_folder)]


def _by_hour(overview: Overview, words: Words) -> Chart:
    legend = [*_heat_legend(overview.goal_seconds, words), ("few", _few(words))]
    medians = {(each.weekday, each.hour): each for each in overview.hours}
    rows = []
    for hour in range(24):
        told = [medians.get((weekday, hour)) for weekday in range(1, 8)]
        cells = [
            "" if each is None else f"{words.duration(each.median)} ({words.number(each.answers)})"
            for each in told
        ]
        rows.append([f"{hour}:00", *cells])
    title = words.one_of("By hour and weekday", "По часам и дням недели")
    header = [
        words.one_of("Hour: median (answers)", "Час: медиана (ответов)"),
        *SHORT_WEEKDAYS[words.language],
    ]
    return _chart(
        "by-hour", title, _hours(overview, words), charts.by_hour, overview, words, legend, header, rows
    )


def _few(words: Words) -> str:
    return words.one_of(f"fewer than {FEW_ANSWERS} answers", f"меньше {FEW_ANSWERS} ответов")


def _heat_legend(goal_s: int, words: Words) -> list[tuple[str, str]]:
    limits = [words.duration(goal_s * limit) for limit in charts.HEAT_OF_GOAL]
    upto = [(f"heat-{number}", f"≤ {limit}") for number, limit in enumerate(limits)]
    return [*upto, (f"heat-{len(limits)}", f"> {limits[-1]}")]


def _hours(overview: Overview, words: Words) -> str:
    counted = [(each.median, each) for each in overview.hours if each.median is not None]
    telling = [pair for pair in counted if pair[1].answers >= FEW_ANSWERS]
    if not telling:
        return words.one_of(
            "Too few answers to compare hours.", "Ответов слишком мало, чтобы сравнивать часы."
        )
    (quick, best), (slow, worst) = (
        min(telling, key=lambda pair: pair[0]),
        max(telling, key=lambda pair: pair[0]),
    )
    on = ON_WEEKDAYS[words.language]
    return words.one_of(
        f"Median quickest on {on[best.weekday - 1]} at {best.hour}:00 ({words.duration(quick)}), "
        f"slowest on {on[worst.weekday - 1]} at {worst.hour}:00 ({words.duration(slow)}).",
        f"Медиана меньше всего по {on[best.weekday - 1]} в {best.hour}:00 ({words.duration(quick)}), "
        f"больше всего по {on[worst.weekday - 1]} в {worst.hour}:00 ({words.duration(slow)}).",
    )


def _by_duration(overview: Overview, words: Words) -> Chart:
    goal, lasted = overview.goal_seconds, overview.lasted
    within = sum(each.answers for each in lasted if each.at_most is not None and each.at_most <= goal)
    longer = sum(each.answers for each in lasted) - within
    goal_told = words.duration(goal)
    answers = words.counted(within, ("answer", "answers"), ("ответ", "ответа", "ответов"))
    told = words.one_of(
        f"{answers} took at most {goal_told}, {words.number(longer)} took longer.",
        f"Не дольше {goal_told}: {answers}, дольше: {words.number(longer)}.",
    )
    rows = [[_span(each.over, each.at_most, words), words.number(each.answers)] for each in lasted]
    title = words.one_of("How long answers took", "Сколько ждали ответа")
    legend = [
        ("within", words.one_of("within the goal", "в пределах цели")),
        ("over", words.one_of("longer", "дольше")),
    ]
    header = [words.one_of("Time to answer", "Время ответа"), words.one_of("Answers", "Ответов")]
    return _chart("by-duration", title, told, charts.by_duration, overview, words, legend, header, rows)


def _span(over: float | None, at_most: float | None, words: Words) -> str:
    if over is None:
        return f"≤ {words.duration(at_most)}"
    if at_most is None:
        return f"> {words.duration(over)}"
    return f"{words.duration(over)} – {words.duration(at_most)}"


def _by_person(overview: Overview, words: Words) -> Chart:
    people = quickest_first(overview.employees)
    legend = [("median", words.one_of("median", "медиана")), ("mean", words.one_of("mean", "среднее"))]
    told = words.one_of("Nobody answered.", "Никто не отвечал.")
    if people:
        first = words.person(people[0].kind, people[0].person_id, people[0].name)
        quickest = words.duration(people[0].figures.median)
        told = words.one_of(
            f"Quickest by the median: {first} ({quickest}). At the right, the number of answers.",
            f"Меньше всего медиана: {first} ({quickest}). Справа — число ответов.",
        )
    title = words.one_of("By employee", "По сотрудникам")
    return _chart(
        "by-person", title, told, charts.by_person, overview, words, legend, person_header(words), ()
    )


def person_header(words: Words) -> Cells:
    """Of the table of all employees, which stands in the open."""
    english = ("Employee", "Answers", "Median", "Mean", "90th percentile", "Within goal", "Waiting")
    russian = ("Сотрудник", "Ответов", "Медиана", "Среднее", "90-й перцентиль", "В цели", "Ждут")
    return russian if words.language == "ru" else english


def person_rows(overview: Overview, words: Words) -> list[Cells]:
    """Everybody, also who has only waits that nobody answered: those last."""
    answered = quickest_first(overview.employees)
    others = [each for each in overview.employees if each.figures.median is None]
    return [
        (
            words.person(each.kind, each.person_id, each.name),
            words.number(each.figures.n),
            words.duration(each.figures.median),
            words.duration(each.figures.mean),
            words.duration(each.figures.p90),
            words.share(each.figures.within_goal),
            words.number(each.figures.open_waits),
        )
        for each in (*answered, *others)
    ]


def _by_time(overview: Overview, words: Words) -> Chart:
    busiest = max(overview.waiting, key=lambda each: each.average, default=None)
    told = words.one_of("Nobody had to wait.", "Никто не ждал.")
    if busiest is not None and busiest.average:
        average = words.number(busiest.average, 1 if busiest.average < MANY else 0)
        told = words.one_of(
            f"Most clients wait at {clock(busiest.minute)}: {average} on average.",
            f"Больше всего клиентов ждёт в {clock(busiest.minute)}: в среднем {average}.",
        )
    legend = [("average", words.one_of("average day", "в среднем"))]
    if overview.worst_day is not None:
        day = words.short_day(overview.worst_day)
        legend.append(("worst", words.one_of(f"worst day, {day}", f"худший день, {day}")))
    header = [
        words.one_of("Time", "Время"),
        words.one_of("Average", "В среднем"),
        words.one_of("Worst day", "Худший день"),
    ]
    rows = [
        [
            clock(each.minute),
            words.number(each.average, 1),
            "" if each.worst is None else words.number(each.worst),
        ]
        for each in overview.waiting
    ]
    title = words.one_of("Clients waiting over the day", "Сколько клиентов ждёт в течение дня")
    return _chart("by-time", title, told, charts.by_time, overview, words, legend, header, rows)


def clock(minute: int) -> str:
    return f"{minute // 60}:{minute % 60:02}"


def _by_folder(overview: Overview, words: Words) -> Chart:
    names = [words.one_of(*charts.FOLDER_NAMES[folder]) for folder in FOLDERS]
    last = overview.folders[-1][1] if overview.folders else {}
    counts = [
        f"{name} {words.number(last.get(folder, 0))}" for folder, name in zip(FOLDERS, names, strict=True)
    ]
    told = words.one_of("Chats at the end of the last day", "Чатов на конец последнего дня")
    rows = [
        [words.short_day(day), *(words.number(chats.get(folder, 0)) for folder in FOLDERS)]
        for day, chats in overview.folders
    ]
    title = words.one_of("Chats by folder, at each day's end", "Чаты по папкам на конец дня")
    header = [words.one_of("Day", "День"), *names]
    told = f"{told}: {', '.join(counts)}."
    return _chart("by-folder", title, told, charts.by_folder, overview, words, [], header, rows)


def _chart(
    name: str,
    title: str,
    told: str,
    draw: Drawing,
    overview: Overview,
    words: Words,
    legend: Sequence[tuple[str, str]],
    header: Cells,
    rows: Sequence[Cells],
) -> Chart:
    svg = drawn(name, f"{title}. {told}", lambda: draw(overview, words))
    return Chart(name, title, told, svg, legend, header, rows)
