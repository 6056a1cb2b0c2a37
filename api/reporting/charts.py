"""The charts of the page, each as wide as a phone."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from api.auditing.layout import short
from api.reporting.drawing import (
    FAINT,
    GRID,
    HEAT,
    INK,
    ON_HEAT,
    OVER,
    PAPER,
    WASH,
    WITHIN,
    Sheet,
)
from api.reporting.overview import FEW_ANSWERS, FOLDERS, Hour, Overview
from api.reporting.people import Credited, quickest_first
from api.reporting.words import SHORT_WEEKDAYS, Words

TICKS_S = (10, 60, 600, 3_600, 21_600, 86_400, 259_200)
"""Durations that people know, from seconds to days."""

HEAT_OF_GOAL = (0.1, 1 / 3, 1, 3, 12)
"""Where one colour of an hour ends and the next begins, in goals."""

PEOPLE_SHOWN = 20
NAME_CHARACTERS = 15
HOUR_HEIGHT, PERSON_HEIGHT, PANEL_HEIGHT = 17, 26, 62
FOLDER_NAMES = {
    "incoming": ("Incoming", "Входящие"),
    "in_progress": ("In progress", "В работе"),
    "snoozed": ("Snoozed", "Отложенные"),
    "closed": ("Closed", "Закрытые"),
}
CENTRED: Any = {"ha": "center", "va": "center"}


def by_hour(overview: Overview, words: Words) -> Figure:
    """Hours down, weekdays across, in each the median; outlined where few were answered."""
    sheet = Sheet(24 * HOUR_HEIGHT + 24, left=40, top=20, bottom=4)
    figure, axes = sheet.figure()
    axes.set_xlim(0, 7)
    axes.set_ylim(24, 0)
    for each in overview.hours:
        if each.median is not None:
            _hour(axes, each, each.median, overview.goal_seconds, words)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.tick_top()
    axes.set_xticks([day + 0.5 for day in range(7)], SHORT_WEEKDAYS[words.language])
    axes.set_yticks([hour + 0.5 for hour in range(24)], [f"{hour}:00" for hour in range(24)])
    axes.tick_params(length=0, pad=3)
    return figure


def _hour(axes: Axes, each: Hour, median: float, goal_s: int, words: Words) -> None:
    heat = heat_of(median, goal_s)
    few = each.answers < FEW_ANSWERS
    cell = Rectangle((each.weekday - 1 + 0.03, each.hour + 0.05), 0.94, 0.9, zorder=1)
    cell.set(facecolor="none" if few else HEAT[heat], edgecolor=GRID if few else "none", linewidth=1)
    cell.set_gid(f"{each.weekday}:{each.hour}")
    axes.add_patch(cell)
    colour = FAINT if few else ON_HEAT[heat]
    place = {"fontsize": 9.5, "color": colour, **CENTRED}
    axes.text(each.weekday - 0.5, each.hour + 0.52, words.brief(median), **place)


def heat_of(median: float, goal_s: int) -> int:
    """Which colour an hour has: the first three are within the goal."""
    return sum(median > goal_s * limit for limit in HEAT_OF_GOAL)


def by_duration(overview: Overview, words: Words) -> Figure:
    """How many answers took how long, in steps that double; the goal is one of them."""
    sheet = Sheet(232, left=46, top=26)
    figure, axes = sheet.figure()
    begin = overview.lasted[0].at_most or 1.0
    for number, each in enumerate(overview.lasted):
        within = each.at_most is not None and each.at_most <= overview.goal_seconds
        bar = Rectangle((number + 0.04, 0), 0.92, each.answers, zorder=2, gid=f"bar:{number}")
        bar.set(facecolor=WITHIN if within else OVER, edgecolor="none")
        axes.add_patch(bar)
    axes.set_xlim(0, len(overview.lasted))
    _counts(axes, max(each.answers for each in overview.lasted), words)
    ticks = [each for each in TICKS_S if 0.3 <= 1 + log2(each / begin) <= len(overview.lasted) - 0.3]
    axes.set_xticks([1 + log2(each / begin) for each in ticks], [words.duration(each) for each in ticks])
    _goal(axes, 1 + log2(overview.goal_seconds / begin), overview, words)
    return figure


def _goal(axes: Axes, at: float, overview: Overview, words: Words) -> None:
    """Marked through the whole height, and named above it."""
    line = axes.axvline(at, color=INK, linewidth=1.2, linestyle=(0, (4, 2)), zorder=3)
    line.set_gid("goal")
    told = words.one_of("goal", "цель") + f" {words.duration(overview.goal_seconds)}"
    place: Any = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    axes.annotate(told, (at, 1), (0, 5), color=INK, fontsize=10, annotation_clip=False, **place)


def _counts(axes: Axes, most: float, words: Words) -> None:
    """From none to the most, with lines at round numbers and room above."""
    step = round_step(most)
    ticks = [step * number for number in range(int(most / step) + 2)]
    axes.set_ylim(0, max(most * 1.06, step))
    shown = [tick for tick in ticks if tick <= axes.get_ylim()[1]]
    axes.set_yticks(shown, [words.number(tick, 1) for tick in shown])
    axes.grid(axis="y", zorder=0)
    axes.set_axisbelow(True)


def round_step(most: float, lines: int = 4) -> float:
    """A round number, a few of which make the most: 1, 2 or 5 and zeros; never less than one."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if step * factor * (lines + 1) >= most:
                return step * factor
        step *= 10


def by_person(overview: Overview, words: Words) -> Figure:
    """Each who answered, the quickest first: median and mean on one axis, and how often."""
    people = quickest_first(overview.employees)[:PEOPLE_SHOWN]
    sheet = Sheet(max(len(people), 1) * PERSON_HEIGHT + 44, left=112, right=44, top=22)
    figure, axes = sheet.figure()
    times = [time for each in people for time in (each.figures.median, each.figures.mean) if time]
    low, high = min([10.0, *times]), max([overview.goal_seconds * 2, *times])
    axes.set_xscale("log", base=2)
    axes.set_xlim(max(low, 1) * 0.8, high * 1.25)
    axes.set_ylim(max(len(people), 1), 0)
    for row, each in enumerate(people):
        _person(axes, row + 0.5, each, words)
    ticks = _apart([tick for tick in (1, *TICKS_S) if low * 0.8 <= tick <= high * 1.25], low, high)
    axes.set_xticks(ticks, [words.duration(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_yticks([])
    axes.grid(axis="x", zorder=0)
    _goal(axes, overview.goal_seconds, overview, words)
    return figure


def _apart(ticks: Sequence[float], low: float, high: float) -> list[float]:
    """Those that have room for their label."""
    room = log2(high / max(low, 1)) / 4.2
    kept: list[float] = []
    for tick in ticks:
        if not kept or log2(tick / kept[-1]) >= room:
            kept.append(tick)
    return kept


def _person(axes: Axes, y: float, each: Credited, words: Words) -> None:
    median, mean = each.figures.median or 0.0, each.figures.mean or 0.0
    axes.plot([max(median, 1), max(mean, 1)], [y, y], color=FAINT, linewidth=1.4, zorder=2)
    edged: Any = {"linestyle": "none", "zorder": 4, "clip_on": False}
    axes.plot([max(mean, 1)], [y], marker="D", markersize=6, color=PAPER, markeredgecolor=INK, **edged)
    (dot,) = axes.plot([max(median, 1)], [y], marker="o", markersize=8, color=WITHIN, **edged)
    dot.set(markeredgecolor=PAPER, gid=f"person:{each.kind}:{each.person_id}")
    place: Any = {"transform": axes.get_yaxis_transform(), "va": "center", "clip_on": False}
    name = short(words.person(each.kind, each.person_id, each.name), NAME_CHARACTERS)
    axes.text(-0.03, y, name, ha="right", **place)
    axes.text(1.17, y, words.number(each.figures.n), ha="right", color=FAINT, fontsize=10, **place)


def by_time(overview: Overview, words: Words) -> Figure:
    """How many clients wait at each time of the day: on average, and on the worst day."""
    figure, axes = Sheet(220, left=46, right=18, top=10).figure()
    hours = [each.minute / 60 for each in overview.waiting]
    average = [each.average for each in overview.waiting]
    worst = [each.worst or 0 for each in overview.waiting]
    axes.fill_between(hours, average, color=WASH, linewidth=0, zorder=1)
    (line,) = axes.plot(hours, average, color=WITHIN, linewidth=2, zorder=3)
    line.set_gid("average")
    if overview.worst_day is not None:
        (line,) = axes.step(hours, worst, where="post", color=OVER, linewidth=1.4, zorder=2)
        line.set(linestyle=(0, (4, 2)), gid="worst")
    axes.set_xlim(0, 24)
    _counts(axes, max([1, *average, *worst]), words)
    axes.set_xticks([0, 6, 12, 18, 24], [f"{hour}:00" for hour in (0, 6, 12, 18, 24)])
    return figure


def by_folder(overview: Overview, words: Words) -> Figure:
    """A panel for each folder, each with a scale of its own: closed chats would hide the others."""
    sheet = Sheet(len(FOLDERS) * PANEL_HEIGHT + 24, left=46, top=0)
    figure = sheet.blank()
    days = [day for day, _ in overview.folders]
    for number, folder in enumerate(FOLDERS):
        top = number * PANEL_HEIGHT + 20
        axes = sheet.axes(figure, top, sheet.height - (number + 1) * PANEL_HEIGHT)
        counts = [chats.get(folder, 0) for _, chats in overview.folders]
        axes.fill_between(range(len(days)), counts, color=WASH, linewidth=0, step="mid", zorder=1)
        (line,) = axes.step(range(len(days)), counts, where="mid", color=WITHIN, linewidth=1.6, zorder=2)
        line.set_gid(f"folder:{folder}")
        _panel(axes, words.one_of(*FOLDER_NAMES[folder]), counts, words)
        _days(axes, overview, words, named=folder == FOLDERS[-1])
    return figure


def _panel(axes: Axes, name: str, counts: Sequence[int], words: Words) -> None:
    place: Any = {"transform": axes.transAxes, "va": "bottom"}
    axes.text(0, 1.1, name, color=INK, weight="bold", **place)
    axes.text(1, 1.1, words.number(counts[-1]), ha="right", color=INK, **place)
    axes.set_ylim(0, max(1, *counts) * 1.02)
    most = max(counts)
    axes.set_yticks([0, most] if most else [0], ["0", words.number(most)] if most else ["0"])


def _days(axes: Axes, overview: Overview, words: Words, *, named: bool) -> None:
    count = len(overview.folders)
    axes.set_xlim(-0.5, max(count - 0.5, 0.5))
    shown = sorted({round(part * (count - 1) / 3) for part in range(4)})
    labels = [words.short_day(overview.folders[place][0]) if named else "" for place in shown]
    axes.set_xticks(shown, labels)
    if count > 3:
        first, *_, last = axes.get_xticklabels()
        first.set(horizontalalignment="left")
        last.set(horizontalalignment="right")
