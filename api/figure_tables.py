"""Figures of response times as a person, a program and a spreadsheet read them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from api.recounting import Handed, Moved, Period, Recounted, Settings
from domain.definition import Definition
from domain.figures import Figures
from projections.figures import Group

KEYS: Mapping[str, Sequence[str]] = {
    "all": (),
    "day": ("day",),
    "hour": ("hour",),
    "weekday": ("weekday",),
    "weekday_hour": ("weekday", "hour"),
    "employee": ("kind", "employee_id"),
    "channel": ("channel_id",),
}
"""What the keys of a grouping are called; a weekday is 1 to 7 from Monday on."""

HEADINGS = {"within_goal": "in goal", "over_cap": "capped", "open_waits": "open"}
WORD_COLUMNS = 10
SECONDS = ("mean", "median", "p90")
FIGURES = ("n", *SECONDS, "within_goal", "over_cap", "open_waits", "dismissed")
CREDIT_ROWS = 50
"""Of whose waits became whose, so many are shown; JSON has all."""

EVERYBODY: Mapping[str, Any] = {}
FIRST_DAY = date(1970, 1, 1)
NOTHING_ANSWERED = Figures(0, None, None, None, None, 0, 0, 0)


Beside = tuple[Mapping[str, Any], Figures, Figures]
"""The keys of a group, and its figures by two definitions."""


def keys_of(group: Group, by: str) -> dict[str, Any]:
    keys = dict(zip(KEYS[by], group.keys, strict=False))
    if by == "day":
        keys["day"] = (FIRST_DAY + timedelta(days=int(keys["day"]))).isoformat()
    return keys


def head_of(settings: Settings, period: Period, by: str, workspace_id: str, position: int) -> dict[str, Any]:
    """What all figures of an answer have in common."""
    return {
        "workspace_id": workspace_id,
        "position": position,
        "timezone": settings.timezone,
        "goal_seconds": settings.goal_seconds,
        "from": period.since.isoformat(),
        "to": period.until.isoformat(),
        "group_by": by,
    }


def told(form: str, head: Mapping[str, Any], recounted: Recounted, by: str) -> Iterator[str | Table | Text]:
    """In the form that is asked for: text, json or csv."""
    if form == "json":
        yield as_json(head, recounted, by)
    elif form == "csv":
        yield as_csv(recounted, by)
    else:
        yield _line(head)
        yield as_table(recounted, by)


def compared(
    form: str, head: Mapping[str, Any], former: Recounted, latter: Recounted, moved: Moved, by: str
) -> Iterator[str | Table | Text]:
    if form == "json":
        yield compared_json(head, former, latter, moved, by)
    elif form == "csv":
        yield compared_csv(former, latter, by)
    else:
        yield _line(head)
        yield from compared_tables(former, latter, moved, by)


def _line(head: Mapping[str, Any]) -> Text:
    since, until = (head[name][:16].replace("T", " ") for name in ("from", "to"))
    return Text(
        f"{head['workspace_id']}, position {head['position']:,}: waits from {since} to {until} UTC.\n"
        f"Times are seconds, days those of {head['timezone']}; the goal is {head['goal_seconds']:,} seconds."
    )


def as_json(head: Mapping[str, Any], recounted: Recounted, by: str) -> str:
    items = [{**keys_of(group, by), **asdict(group.figures)} for group in recounted.groups]
    told = {"definition": str(recounted.definition), **head, "total": asdict(recounted.total.figures)}
    return json.dumps({**told, "items": items if by != "all" else []}, indent=2, ensure_ascii=False)


def as_csv(recounted: Recounted, by: str) -> str:
    header = [*KEYS[by], *FIGURES]
    return _csv(header, ({**keys_of(group, by), **asdict(group.figures)} for group in recounted.groups))


def as_table(recounted: Recounted, by: str) -> Table:
    table = _table(str(recounted.definition), (by.replace("_", " "),), FIGURES)
    groups = [(keys_of(group, by), group.figures) for group in recounted.groups if by != "all"]
    for keys, figures in [*groups, (EVERYBODY, recounted.total.figures)]:
        table.add_row(_key(keys), *(_shown(name, getattr(figures, name)) for name in FIGURES))
    return table


def beside(former: Recounted, latter: Recounted, by: str) -> list[Beside]:
    """The groups of two definitions beside each other, and last all together."""
    groups: dict[tuple[Any, Any], list[Figures]] = {}
    named: dict[tuple[Any, Any], Mapping[str, Any]] = {}
    for nth, recounted in enumerate((former, latter)):
        for group in recounted.groups if by != "all" else ():
            named[group.keys] = keys_of(group, by)
            groups.setdefault(group.keys, [NOTHING_ANSWERED] * 2)[nth] = group.figures
    order = sorted(groups, key=lambda keys: [(key is None, str(type(key)), key) for key in keys])
    together = (EVERYBODY, former.total.figures, latter.total.figures)
    return [*((named[keys], groups[keys][0], groups[keys][1]) for keys in order), together]


def compared_json(
    head: Mapping[str, Any], former: Recounted, latter: Recounted, moved: Moved, by: str
) -> str:
    items = [
        {**keys, "old": asdict(old), "new": asdict(new)} for keys, old, new in beside(former, latter, by)
    ]
    told = {"old": str(former.definition), "new": str(latter.definition), **head}
    why = [
        {"why": reason, "waits": waits, "seconds": seconds}
        for reason, waits, seconds in reasons(former.definition, latter.definition, moved)
    ]
    credit = [asdict(handed) for handed in moved.credit]
    return json.dumps(
        {**told, "total": items[-1], "items": items[:-1], "moved": why, "credit": credit},
        indent=2,
        ensure_ascii=False,
    )


def compared_csv(former: Recounted, latter: Recounted, by: str) -> str:
    header = [*KEYS[by], *(f"{age}_{name}" for name in FIGURES for age in ("old", "new"))]
    rows = (
        {**keys, **{f"old_{name}": getattr(old, name) for name in FIGURES}}
        | {f"new_{name}": getattr(new, name) for name in FIGURES}
        for keys, old, new in beside(former, latter, by)
    )
    return _csv(header, rows)


def compared_tables(former: Recounted, latter: Recounted, moved: Moved, by: str) -> Iterator[Table]:
    title = f"{former.definition}, and beneath it {latter.definition} where it differs"
    table = _table(title, (by.replace("_", " "),), FIGURES)
    for keys, old, new in beside(former, latter, by):
        changes = (_change(name, getattr(old, name), getattr(new, name)) for name in FIGURES)
        table.add_row(_key(keys), *changes)
    yield table
    why = _table("what moved, and why", ("why",), ("waits", "seconds"))
    for reason, waits, seconds in reasons(former.definition, latter.definition, moved):
        why.add_row(reason, f"{waits:,}", "" if seconds is None else f"{seconds:+,.0f}")
    yield why
    if moved.credit:
        yield _credit_table(moved.credit)


def reasons(former: Definition, latter: Definition, moved: Moved) -> Iterator[tuple[str, int, float | None]]:
    """Why waits count in one only, or with another time: why, how many, and by how many seconds in all."""
    told = {
        "only_in_old": f"not in {latter}: a first answer of the conversation precedes",
        "only_in_new": f"only in {latter}: {former} counts first answers only",
        "capped_by_new": f"not in {latter}: over its cap",
        "capped_by_old": f"only in {latter}: over the cap of {former}",
        "longer": f"takes longer: {_another(former, latter)}",
        "shorter": f"takes less long: {_another(former, latter)}",
        "same": "counts in both, with the same time",
        "counts_in_none": "counts in none: open, dismissed or over both caps",
    }
    for why, text in told.items():
        if why in moved.waits:
            waits, us = moved.waits[why]
            yield text, waits, us / 1_000_000 if why in ("longer", "shorter") else None
    if moved.lost:
        yield f"meets the goal by {former} only", moved.lost, None
    if moved.gained:
        yield f"meets the goal by {latter} only", moved.gained, None


def _another(former: Definition, latter: Definition) -> str:
    ways = []
    if former.start != latter.start:
        ways.append(f"from the {latter.start} message, not the {former.start}")
    if former.hours != latter.hours:
        ways.append(f"hours are {latter.hours}, not {former.hours}".replace("_", " "))
    return " and ".join(ways)


def _credit_table(credit: Sequence[Handed]) -> Table:
    table = _table("whose waits became whose", ("from", "to"), ("waits",))
    for each in credit[:CREDIT_ROWS]:
        table.add_row(
            _somebody(each.former_kind, each.former_id),
            _somebody(each.latter_kind, each.latter_id),
            f"{each.waits:,}",
        )
    if len(credit) > CREDIT_ROWS:
        rest = credit[CREDIT_ROWS:]
        table.add_row(f"{len(rest):,} more", "", f"{sum(each.waits for each in rest):,}")
    return table


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """Narrow, so that it has room in 80 columns; what there is not is wrapped, never cut off."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for word in words:
        table.add_column(word, overflow="fold", min_width=WORD_COLUMNS)
    for number in numbers:
        table.add_column(HEADINGS.get(number, number), justify="right", overflow="fold")
    return table


def _key(keys: Mapping[str, Any]) -> Text:
    """How a group is called in a table."""
    if "employee_id" in keys:
        return _somebody(keys["kind"], keys["employee_id"])
    return Text(", ".join(str(key) for key in keys.values()) or "together")


def _somebody(kind: str | None, own_id: str | None) -> Text:
    if own_id is None:
        return Text("nobody" if kind is None else f"({kind.replace('_', ' ')}, nobody knows who)")
    return Text(own_id if kind == "employee" else f"{own_id} ({str(kind).replace('_', ' ')})")


def _shown(name: str, figure: float | None) -> str:
    if figure is None:
        return "–"
    if name == "within_goal":
        return f"{figure:.1%}"
    return f"{figure:,.1f}" if name in SECONDS else f"{figure:,}"


def _change(name: str, old: float | None, new: float | None) -> str:
    return _shown(name, old) if old == new else f"{_shown(name, old)}\n[bold]{_shown(name, new)}[/bold]"


def _csv(header: Sequence[str], rows: Iterator[Mapping[str, Any]]) -> str:
    text = StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
