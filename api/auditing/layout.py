"""Where everything goes in a picture: inches from the top left corner of a page as high as it has to be."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from api.auditing.lanes import KINDS, Lane
from api.auditing.speaker import Speaker
from api.auditing.timelines import Timeline

WIDTH, SIDE, LANE, LANE_OF_MANY, MANY_LANES = 13.0, 0.3, 0.36, 0.27, 24
TITLE, BADGE_ROW, AXIS, LINE, GAP = 0.72, 0.24, 0.52, 0.19, 0.16
BAR_HEIGHT, PRESENCE_HEIGHT = 0.74, 0.16
"""Of a lane."""

TITLE_CHARACTERS, NAME_CHARACTERS, LABEL_CHARACTERS = 95, 34, 145
INCH_PER_CHARACTER = 0.078
"""Of 9 points DejaVu Sans, on the safe side: it is wider than what stands in for it."""

BADGE_WIDTH, LEGEND_COLUMNS = 0.28, 4
TIME_COLUMN, TEXT_COLUMN = 0.34, 1.75
"""Of the key, behind its numbers."""

MARGIN = 0.02
"""Of the span, left free on both sides."""


class Line(NamedTuple):
    """Of the key; of a change that takes several, the first has its number and time."""

    number: str
    at: str
    told: str


class Sheet:
    """Where everything goes: inches from the top left corner."""

    def __init__(self, timeline: Timeline, speaker: Speaker) -> None:
        self.timeline, self.speaker = timeline, speaker
        margin = (timeline.end - timeline.begin) * MARGIN
        self.begin, self.end = timeline.begin - margin, timeline.end + margin
        lanes = timeline.lanes
        self.rows = list(_rows(lanes, speaker))
        longest = max((len(short(each.name, NAME_CHARACTERS)) for each in lanes), default=0)
        self.left = SIDE + max(longest * INCH_PER_CHARACTER, 1.0)
        self.lanes_width = WIDTH - self.left - 2 * SIDE
        self.lane_height = LANE if len(lanes) <= MANY_LANES else LANE_OF_MANY
        self.badge_rows = badge_rows(timeline, self.lanes_width)
        self.top = TITLE + (max(self.badge_rows.values(), default=-1) + 1) * BADGE_ROW
        self.lanes_height = len(self.rows) * self.lane_height
        self.shown = _shown(timeline)
        self.key = list(_key(timeline, speaker))
        self.legend_top = self.top + self.lanes_height + AXIS
        legend_rows = -(-len(self.shown) // LEGEND_COLUMNS)
        self.key_top = self.legend_top + legend_rows * LINE * 1.25 + GAP
        self.height = self.key_top + len(self.key) * LINE + GAP

    def box(self) -> tuple[float, float, float, float]:
        """Of the lanes, as parts of the figure."""
        bottom = self.height - self.top - self.lanes_height
        return (
            self.left / WIDTH,
            bottom / self.height,
            self.lanes_width / WIDTH,
            self.lanes_height / self.height,
        )

    def across(self, inches: float) -> float:
        return inches / WIDTH

    def down(self, inches: float) -> float:
        return 1 - inches / self.height


def _rows(lanes: Sequence[Lane], speaker: Speaker) -> Iterator[Lane | str]:
    """Lanes under the headings of their groups."""
    staff = [lane for lane in lanes if lane.employee]
    others = [lane for lane in lanes if not lane.employee]
    if staff:
        yield speaker.one_of("Employees: where they could see it", "Сотрудники: когда чат был виден")
        yield from staff
    if others:
        yield speaker.one_of("In the chat", "В чате")
        yield from others


def badge_rows(timeline: Timeline, width: float) -> dict[int, int]:
    """Number → how far up it stands, so that no badge covers another or is cut by another's line."""
    span, ends = (timeline.end - timeline.begin).total_seconds() * (1 + 2 * MARGIN), [-BADGE_WIDTH]
    rows: dict[int, int] = {}
    for change in timeline.changes:
        if change.number:
            at = (change.at - timeline.begin).total_seconds() / span * width
            row = next((row for row, end in enumerate(ends) if at - BADGE_WIDTH >= end), len(ends))
            ends[row : row + 1] = [at]
            rows[change.number] = row
    return rows


def _shown(timeline: Timeline) -> list[str]:
    """What the legend has to explain: what is drawn, and nothing else."""
    bars = {bar.kind for lane in timeline.lanes for bar in lane.bars}
    marks = [kind for kind in ("incoming", "outgoing", "joins", "leaves") if _any(timeline, kind)]
    lasts = ["lasts"] if any(bar.lasts for lane in timeline.lanes for bar in lane.bars) else []
    changes = ["change"] if timeline.changes else []
    return [*(kind for kind in (*KINDS, "present") if kind in bars), *marks, *changes, *lasts]


def _any(timeline: Timeline, kind: str) -> bool:
    return any(getattr(lane, kind) for lane in timeline.lanes)


def _key(timeline: Timeline, speaker: Speaker) -> Iterator[Line]:
    """What each number means, and how many changes have none."""
    for change in timeline.changes:
        if change.number:
            first, *rest = textwrap.wrap(change.told, LABEL_CHARACTERS) or [""]
            yield Line(str(change.number), speaker.stamp(change.at.isoformat()), first)
            yield from (Line("", "", line) for line in rest)
    if more := sum(not change.number for change in timeline.changes):
        told = speaker.one_of("more changes, the dotted lines", "других изменений: линии из точек")
        yield Line("", "", f"{more} {told}")


def short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
