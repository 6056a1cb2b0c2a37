"""Who sees which chat, as a table for the terminal, with what changed against the table before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from api.house import CHATS, POSTS, Reasons, Sight

TIES = {"responsible_for_contact": "client", "owns_deal": "deal"}
GAINED, LOST, CHANGED, SAME, NOTHING = "bold green", "bold red", "bold yellow", "", "dim"


def sight_table(sight: Sight, before: Sight) -> Table:
    """Rows are employees, columns chats, cells reasons.

    "+" and green is new, "-" and red is lost, "~" and yellow is seen for other reasons than before.
    """
    table = Table()
    table.add_column("employee", min_width=22)
    for chat_title in CHATS.values():
        table.add_column(chat_title, min_width=23)
    for employee_id in POSTS:
        cells = [_cell(sight[employee_id].get(chat), before[employee_id].get(chat)) for chat in CHATS]
        table.add_row(POSTS[employee_id], *cells)
    return table


def in_short(reasons: Reasons) -> list[str]:
    """Reasons in a few words; what ties somebody to one client stands together."""
    by_contact: dict[str, list[str]] = {}
    others = []
    for reason in reasons:
        if reason["kind"] in TIES:
            by_contact.setdefault(reason["contact_id"], []).append(TIES[reason["kind"]])
        else:
            others.append(_in_short(reason))
    ties = [f"{contact.title()}: {', '.join(sorted(ties))}" for contact, ties in by_contact.items()]
    return sorted(ties) + others


def audit_table(rows: Iterable[tuple[int, int, Mapping[str, Reasons]]]) -> Table:
    """One chat through time. rows: the step, its position, and who saw the chat then and why."""
    table = Table("step", "at", box=SIMPLE_HEAD, pad_edge=False)
    for employee_id in POSTS:
        table.add_column(employee_id.title())
    for number, position, saw in rows:
        cells = ("\n".join(in_short(saw.get(employee_id, []))) for employee_id in POSTS)
        table.add_row(str(number), str(position), *(cell or "[dim]·[/]" for cell in cells))
    return table


def _in_short(reason: dict[str, str]) -> str:
    match reason["kind"]:
        case "oversight":
            return "sees all"
        case "new_client":
            return "nobody's client"
        case "whole_team":
            return "shared channel"
        case kind:
            return kind.replace("_", " ")


def _cell(reasons: Reasons | None, before: Reasons | None) -> Text:
    now = in_short(reasons) if reasons else []
    then = in_short(before) if before else []
    if not now:
        return Text("- sees it no more", LOST) if then else Text("·", NOTHING)
    sign, style = ("+ ", GAINED) if not then else ("~ ", CHANGED) if now != then else ("  ", SAME)
    return Text(sign + "\n  ".join(now), style)
