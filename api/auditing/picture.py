"""A timeline as an SVG picture: time across, a lane a person, coloured bars, marks, numbered changes, a key.

Measures are inches. The colours are those of Okabe and Ito, which colour-blind people tell apart; hatches
make them differ in print too. Text stays text, and the same timeline gives the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.dates import AutoDateLocator, date2num, num2date
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from api.auditing.lanes import Lane
from api.auditing.layout import (
    BADGE_ROW,
    BAR_HEIGHT,
    LEGEND_COLUMNS,
    LINE,
    NAME_CHARACTERS,
    PRESENCE_HEIGHT,
    SIDE,
    TEXT_COLUMN,
    TIME_COLUMN,
    TITLE_CHARACTERS,
    WIDTH,
    Sheet,
    short,
)
from api.auditing.speaker import Speaker
from api.auditing.timelines import Timeline

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
    "font.size": 9,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "chatledger",
    "text.parse_math": False,
    "axes.unicode_minus": False,
}

COLOURS: Mapping[str, tuple[str, str]] = {
    "responsible_for_contact": ("#0072B2", ""),
    "owns_deal": ("#E69F00", "////"),
    "oversight": ("#BDBDBD", ""),
    "new_client": ("#009E73", "||||"),
    "whole_team": ("#56B4E9", "\\\\\\\\"),
    "thread_helper": ("#CC79A7", "xxxx"),
    "present": ("#6F6F6F", ""),
}
"""Kind of reason → colour and hatch."""

LEGEND: Mapping[str, tuple[str, str]] = {
    "responsible_for_contact": ("responsible for a client", "отвечает за клиента"),
    "owns_deal": ("owns a client's deal", "владеет сделкой клиента"),
    "oversight": ("supervisor, quality control", "руководитель, контроль качества"),
    "new_client": ("receives new clients", "получает новых клиентов"),
    "whole_team": ("channel of the whole team", "канал всей команды"),
    "thread_helper": ("helper in a thread", "помощник в обсуждении"),
    "present": ("is in the chat", "состоит в чате"),
    "incoming": ("message of a client", "сообщение клиента"),
    "outgoing": ("message of the company", "сообщение компании"),
    "joins": ("joins the chat", "вступает в чат"),
    "leaves": ("leaves the chat", "выходит из чата"),
    "change": ("changes who sees it", "меняет, кто видит"),
    "lasts": ("goes on", "продолжается"),
}
INK, FAINT, STRIPE, EDGE = "#1A1A1A", "#5A5A5A", "#F4F4F4", "#FFFFFF"
DASHED = (0, (4, 2))


def drawn(timeline: Timeline, speaker: Speaker) -> str:
    """The picture, as SVG."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
        metadata = {"Title": timeline.title, "Creator": "Chatledger", "Date": None}
        out = StringIO()
        FigureCanvasSVG(figure(timeline, speaker)).print_svg(out, metadata=metadata)
    return out.getvalue()


def figure(timeline: Timeline, speaker: Speaker) -> Figure:
    """The picture, for any canvas; drawn under STYLE."""
    sheet = Sheet(timeline, speaker)
    figure = Figure(figsize=(WIDTH, sheet.height), facecolor="white")
    axes = figure.add_axes(sheet.box())
    _lanes(axes, sheet)
    _axis(axes, sheet)
    _changes(axes, sheet)
    _heading(figure, sheet)
    _legend(figure, sheet)
    _key(figure, sheet)
    return figure


def _lanes(axes: Axes, sheet: Sheet) -> None:
    axes.set_xlim(_number(sheet.begin), _number(sheet.end))
    axes.set_ylim(max(len(sheet.rows), 1), 0)
    for row, lane in enumerate(sheet.rows):
        if isinstance(lane, str):
            behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
            place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "zorder": 5}
            axes.text(0, row + 0.55, lane, color=FAINT, style="italic", bbox=behind, **place)
        else:
            _lane(axes, row, lane, sheet)


def _lane(axes: Axes, row: int, lane: Lane, sheet: Sheet) -> None:
    begin, end = _number(sheet.begin), _number(sheet.end)
    if row % 2:
        axes.add_patch(Rectangle((begin, row), end - begin, 1, facecolor=STRIPE, edgecolor="none", zorder=0))
    place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center"}
    name = axes.text(-0.008, row + 0.5, short(lane.name, NAME_CHARACTERS), color=INK, **place)
    name.set_gid(f"lane:{lane.who}")
    whole = BAR_HEIGHT if lane.employee else PRESENCE_HEIGHT
    for number, bar in enumerate(lane.bars):
        colour, hatch = COLOURS[bar.kind]
        height = whole / bar.parts
        bottom = row + (1 - whole) / 2 + bar.part * height
        since, until = _number(bar.begin), _number(bar.end)
        patch = Rectangle((since, bottom), until - since, height, facecolor=colour, hatch=hatch, zorder=2)
        patch.set(edgecolor=EDGE, linewidth=0.4, gid=f"bar:{lane.who}:{bar.kind}:{number}")
        axes.add_patch(patch)
        if bar.lasts and bar.part == 0:
            _mark(axes, "lasts", [bar.end + (sheet.end - sheet.begin) * 0.006], row + 0.5, lane)
    for kind in ("joins", "leaves", "incoming", "outgoing"):
        _mark(axes, kind, getattr(lane, kind), row + 0.5, lane)


MARKS: Mapping[str, dict[str, Any]] = {
    "incoming": {"marker": "o", "markersize": 4.2, "markerfacecolor": INK, "markeredgecolor": "white"},
    "outgoing": {"marker": "D", "markersize": 4.2, "markerfacecolor": "white", "markeredgecolor": INK},
    "joins": {"marker": ">", "markersize": 6.5, "markerfacecolor": INK, "markeredgecolor": "white"},
    "leaves": {"marker": "X", "markersize": 6.5, "markerfacecolor": INK, "markeredgecolor": "white"},
    "lasts": {"marker": 9, "markersize": 5, "markerfacecolor": FAINT, "markeredgecolor": "none"},
}


def _mark(axes: Axes, kind: str, times: Sequence[datetime], y: float, lane: Lane) -> None:
    if times:
        numbers = [_number(time) for time in times]
        (line,) = axes.plot(numbers, [y] * len(numbers), linestyle="none", zorder=4, **MARKS[kind])
        line.set(markeredgewidth=0.6, clip_on=False, gid=f"{kind}:{lane.who}")


def _axis(axes: Axes, sheet: Sheet) -> None:
    locator = AutoDateLocator(tz=sheet.speaker.zone, minticks=4, maxticks=10)
    found = [num2date(tick, sheet.speaker.zone) for tick in locator.tick_values(sheet.begin, sheet.end)]
    ticks = [tick for tick in found if sheet.begin <= tick <= sheet.end]
    axes.set_xticks([_number(tick) for tick in ticks], list(_tick_labels(ticks, sheet.speaker)))
    axes.set_yticks([])
    axes.tick_params(axis="x", color=FAINT, labelcolor=INK, length=3)
    axes.grid(axis="x", color="#E2E2E2", linewidth=0.6, zorder=1)
    axes.set_axisbelow(True)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)


def _tick_labels(ticks: Sequence[datetime], speaker: Speaker) -> Iterator[str]:
    """Each as exact as the ticks are apart; a day is told where it begins, a year likewise."""
    step = min((later - earlier for earlier, later in pairwise(ticks)), default=timedelta(1))
    before: datetime | None = None
    for tick in ticks:
        month = speaker.month(tick, of_day=step < timedelta(days=27))
        if step >= timedelta(days=300):
            yield f"{tick.year}"
        elif step >= timedelta(days=1):
            upper = month if step >= timedelta(days=27) else f"{tick.day} {month}"
            yield upper if before and before.year == tick.year else f"{upper}\n{tick.year}"
        else:
            clock = _clock(tick, step)
            same_day = before and before.date() == tick.date()
            yield clock if same_day else f"{clock}\n{tick.day} {month} {tick.year}"
        before = tick


def _clock(tick: datetime, step: timedelta) -> str:
    if step >= timedelta(minutes=1):
        return f"{tick:%H:%M}"
    return f"{tick:%H:%M:%S}" if step >= timedelta(seconds=1) else f"{tick:%H:%M:%S.%f}"[:-3]


def _changes(axes: Axes, sheet: Sheet) -> None:
    """Thin lines through all lanes; the numbered ones carry their number on top, side by side."""
    for change in sheet.timeline.changes:
        at = _number(change.at)
        line = axes.axvline(
            at, color=INK, linewidth=0.7, zorder=3, linestyle=(0, (4, 2)) if change.number else ":"
        )
        line.set_gid(f"change:{change.number}")
        if not change.number:
            continue
        rise = (sheet.badge_rows[change.number] + 0.5) * BADGE_ROW / sheet.lane_height
        axes.plot([at, at], [0, -rise], color=INK, linewidth=0.7, clip_on=False, zorder=3)
        badge = {"boxstyle": "circle,pad=0.22", "facecolor": "white", "edgecolor": INK, "linewidth": 0.8}
        axes.text(at, -rise, str(change.number), ha="center", va="center", fontsize=7.5, bbox=badge, zorder=6)


def _heading(figure: Figure, sheet: Sheet) -> None:
    speaker, timeline = sheet.speaker, sheet.timeline
    days = dict.fromkeys(speaker.day(at.isoformat()) for at in (timeline.begin, timeline.end))
    times = speaker.one_of("times of recording", "время записи в журнал")
    left, title = sheet.across(SIDE), short(timeline.title, TITLE_CHARACTERS)
    figure.text(left, sheet.down(0.32), title, fontsize=14, weight="bold", color=INK)
    figure.text(left, sheet.down(0.56), f"{' – '.join(days)}; {times}, {speaker.zone_name}", color=FAINT)


def _legend(figure: Figure, sheet: Sheet) -> None:
    handles = [_handle(kind) for kind in sheet.shown]
    labels = [sheet.speaker.one_of(*LEGEND[kind]) for kind in sheet.shown]
    legend = figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(sheet.across(SIDE), sheet.down(sheet.legend_top)),
        ncols=LEGEND_COLUMNS,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        columnspacing=2.5,
        handlelength=2.2,
        labelcolor=INK,
    )
    legend.set_gid("legend")


def _handle(kind: str) -> Patch | Line2D:
    if kind in COLOURS:
        colour, hatch = COLOURS[kind]
        return Patch(facecolor=colour, hatch=hatch, edgecolor=EDGE, linewidth=0.4)
    if kind == "change":
        return Line2D([], [], color=INK, linewidth=0.7, linestyle=DASHED)
    return Line2D([], [], linestyle="none", markeredgewidth=0.6, **MARKS[kind])


def _key(figure: Figure, sheet: Sheet) -> None:
    """What each number means, under the legend."""
    for row, line in enumerate(sheet.key):
        y = sheet.down(sheet.key_top + row * LINE)
        style: dict[str, Any] = {"va": "top", "fontsize": 8.5, "color": INK}
        figure.text(sheet.across(SIDE + 0.15), y, line.number, ha="right", weight="bold", **style)
        figure.text(sheet.across(SIDE + TIME_COLUMN), y, line.at, **style)
        figure.text(sheet.across(SIDE + TEXT_COLUMN), y, line.told, **style)


def _number(at: datetime) -> float:
    return float(date2num(at))
