"""Answers as flat rows for spreadsheets and scripts: one header, one row an item, by RFC 4180.

Cells are exact: nothing is shortened or put into words. Texts of strangers are among them, which some
programs take for formulas where they begin with `=`: import them as text.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO

from api.auditing.speaker import Json

PLACES = ("from.position", "from.at", "from.event.topic", "to.position", "to.at", "to.event.topic")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "who": ("employee_id", "name", "role", "reasons", "since.position", "since.at", "chat_ids"),
    "seen": ("employee_id", "name", "chat_id", "conversation_id", "reason", *PLACES),
    "why": (
        *("employee_id", "chat_id", "visible", "part", "because", "since.position", "since.at"),
        *("until.position", "until.at", "event.position", "event.topic", "event.recorded_at", "event.actor"),
    ),
    "owner": ("employee_id", "name", "role", "deal_id", "contact_id", *PLACES),
    "transcript": (
        *(
            "message_id",
            "chat_id",
            "channel_id",
            "position",
            "sent_at",
            "direction",
            "author.kind",
            "author.id",
        ),
        *(
            "author.name",
            "text",
            "reply_to",
            "edited_at",
            "deleted_at",
            "delivery",
            "attachments",
            "versions",
        ),
        *("read_by", "thread", "helpers"),
    ),
    "events": (
        *("position", "recorded_at", "occurred_at", "topic", "actor", "workspace_id", "stream_id", "version"),
        *("causation", "facts", "private"),
    ),
    "preview": ("change", "employee_id", "name", "chat_id", "conversation_id", "reasons"),
}
"""Question → paths into an item of its answer; a dot in a path is an underscore in the header."""

IDS = ("contact_id", "deal_id", "role", "channel_id", "message_id")
REASONS = {"reasons", "reason", "because"}
"""Columns that hold reasons or causes, told by their kind and ids."""


def write(question: str, items: Iterable[Json], out: TextIO) -> None:
    """Items as CSV, each as it comes."""
    writer, columns = csv.writer(out), COLUMNS[question]
    writer.writerow(column.replace(".", "_") for column in columns)
    writer.writerows([_cell(column, _at(item, column)) for column in columns] for item in items)


def explained(answer: Json) -> Iterator[Json]:
    """Why somebody saw a chat, lost it or never saw it: a row an event, or a cause without one."""
    common = {name: answer[name] for name in ("employee_id", "chat_id", "visible")}
    lost = answer.get("lost") or {}
    end = {name: lost.get(name) for name in ("position", "at")}
    if lost:
        yield {**common, "part": "lost", "until": end, "event": lost.get("event")}
    parts = (
        *(("reason", reason, reason["since"], None) for reason in answer["reasons"]),
        *(
            ("lost", reason, reason["since"], reason.get("until") or end)
            for reason in lost.get("reasons") or ()
        ),
        *(("never", cause, None, None) for cause in (answer.get("never") or {}).get("because") or ()),
    )
    for part, because, since, until in parts:
        row = {**common, "part": part, "because": because, "since": since, "until": until}
        yield from ({**row, "event": event} for event in because.get("events") or [None])


def _at(item: Json, path: str) -> object:
    found: object = item
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _cell(column: str, value: Any) -> str | int:
    if value is None or value == []:
        return ""
    if column in REASONS:
        return "; ".join(_short(each) for each in (value if isinstance(value, list) else [value]))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    told: str | int = value
    return told


def _short(reason: Json) -> str:
    """A reason or cause: owns_deal(contact_id=husband deal_id=house)."""
    told = " ".join(f"{name}={reason[name]}" for name in IDS if reason.get(name) is not None)
    name = str(reason.get("kind") or reason.get("code"))
    return f"{name}({told})" if told else name
