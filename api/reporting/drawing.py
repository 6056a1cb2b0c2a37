"""What all charts of the page have in common: how large they are, how they look, and how they become SVG.

A chart is as wide as a phone shows it, and larger pages put several side by side, so text is legible on both.
Its colours are names that the page's style sheet explains, for light and dark screens and for paper.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

WIDTH = 360
"""Pixels; a unit of the picture is one."""

PER_INCH = 72

INK, FAINT, GRID, PAPER = "#000001", "#000002", "#000003", "#000004"
WITHIN, OVER, WASH = "#000005", "#000006", "#000007"
HEAT = ("#000010", "#000011", "#000012", "#000013", "#000014", "#000015")
ON_HEAT = ("#000020", "#000021", "#000022", "#000023", "#000024", "#000025")
"""Text upon it."""

VARIABLES = {
    INK: "ink",
    FAINT: "faint",
    GRID: "grid",
    PAPER: "paper",
    WITHIN: "within",
    OVER: "over",
    WASH: "wash",
    **{colour: f"heat-{number}" for number, colour in enumerate(HEAT)},
    **{colour: f"on-heat-{number}" for number, colour in enumerate(ON_HEAT)},
}
"""Colours that nothing else has stand for a variable of the style sheet."""

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.linewidth": 0.8,
    "xtick.major.width": 0.8,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
}
NO_METADATA: Any = dict.fromkeys(("Date", "Creator", "Format", "Type"))
PROLOGUE = re.compile(r"^.*?(?=<svg )", re.DOTALL)
OPENING = re.compile(r'<svg [^>]*viewBox="([^"]*)"[^>]*>')
DEFAULTS = re.compile(r"\s*<style type=\"text/css\">.*?</style>", re.DOTALL)
FONT = re.compile(r" font-family: [^;]*;")
ID = re.compile(r'(?<=\bid=")(?=[^"]*")|(?<=url\(#)|(?<=href="#)')
DRAWING = threading.Lock()
"""The style that is drawn under is the process's."""

COLOUR = re.compile(rf"(?<=: )({'|'.join(VARIABLES)})\b")


@dataclass(frozen=True, slots=True)
class Sheet:
    """Where the axes are: margins in pixels."""

    height: int
    left: int = 34
    right: int = 8
    top: int = 12
    bottom: int = 22

    def figure(self) -> tuple[Figure, Axes]:
        figure = self.blank()
        return figure, self.axes(figure, self.top, self.bottom)

    def blank(self) -> Figure:
        return Figure(figsize=(WIDTH / PER_INCH, self.height / PER_INCH), facecolor="none")

    def axes(self, figure: Figure, top: float, bottom: float) -> Axes:
        """Axes of the whole width, this far from the edges."""
        across, down = (WIDTH - self.left - self.right) / WIDTH, (self.height - top - bottom) / self.height
        axes = figure.add_axes((self.left / WIDTH, bottom / self.height, across, down), facecolor="none")
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        return axes


def drawn(name: str, described: str, draw: Callable[[], Figure]) -> str:
    """A chart as SVG to stand in a page. name: begins its ids; described: what is told instead of shown."""
    with DRAWING, matplotlib.rc_context(STYLE | {"svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's fonts draw the text
        out = StringIO()
        FigureCanvasSVG(draw()).print_svg(out, metadata=NO_METADATA)
    told = f'role="img" id="{name}" aria-label="{escape(described)}"'
    svg = DEFAULTS.sub("", PROLOGUE.sub("", out.getvalue(), count=1))
    svg = ID.sub(f"{name}-", svg)
    svg = OPENING.sub(rf'<svg class="chart" viewBox="\1" {_literally(told)}>', svg, count=1)
    svg = FONT.sub("", svg)
    return COLOUR.sub(lambda found: f"var(--{VARIABLES[found[0]]})", svg)


def _literally(text: str) -> str:
    """For a pattern's replacement."""
    return text.replace("\\", r"\\")
