"""The lanes of a picture: one person each, with bars where he saw the chat or was in it, and marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from api.auditing.speaker import REASONS, Json, Speaker, plain

KINDS = tuple(REASONS)
"""Of reasons, in the order in which they are stacked."""

MARKS_ACROSS = 1_500
"""Marks of one lane that are still told apart; of those that would cover each other, the first is drawn."""


@dataclass(frozen=True)
class Bar:
    """For one reason in one stretch of time. part, parts: which of so many reasons of that stretch it is."""

    kind: str
    begin: datetime
    end: datetime
    part: int = 0
    parts: int = 1
    lasts: bool = False
    """He still sees it at the end of the picture."""


@dataclass(frozen=True)
class Lane:
    """One person. bars: of an employee, where he saw the chat; of others, where they were in it."""

    who: str
    name: str
    employee: bool
    bars: Sequence[Bar] = ()
    incoming: Sequence[datetime] = ()
    outgoing: Sequence[datetime] = ()
    joins: Sequence[datetime] = ()
    leaves: Sequence[datetime] = ()


@dataclass
class _Marks:
    incoming: list[datetime] = field(default_factory=list)
    outgoing: list[datetime] = field(default_factory=list)
    joins: list[datetime] = field(default_factory=list)
    leaves: list[datetime] = field(default_factory=list)


def lanes(
    history: Iterable[Json],
    events: Iterable[Json],
    participants: Sequence[Json],
    span: tuple[datetime, datetime],
    speaker: Speaker,
) -> list[Lane]:
    """Employees who ever saw the chat, then everybody else who was in it; each group by when."""
    phones = {
        _handle(each["address"]): f"employee:{each['employee_id']}"
        for each in participants
        if each["employee_id"]
    }
    marks = _marks(events, phones, (span[1] - span[0]) / MARKS_ACROSS)
    staff = [_staff_lane(who, list(each), marks, *span) for who, each in _by_employee(history)]
    guests = [
        _guest_lane(each, marks, span, speaker)
        for each in sorted(participants, key=lambda each: str(each["joined_at"]))
        if each["employee_id"] not in {lane.who for lane in staff}
    ]
    drawn = {f"employee:{lane.who}" for lane in staff} | {_handle(each["address"]) for each in participants}
    rest = [
        _lane_of(who, speaker.one_of("others", "прочие"), mark)
        for who, mark in marks.items()
        if who not in drawn
    ]
    return [*sorted(staff, key=_by_group_and_time), *guests, *rest]


def _by_group_and_time(lane: Lane) -> tuple[bool, datetime, str]:
    """Those who see every chat stand together, below those who saw this one for its own sake."""
    oversees = all(bar.kind == "oversight" for bar in lane.bars)
    return oversees, lane.bars[0].begin, lane.name


def _by_employee(history: Iterable[Json]) -> Iterable[tuple[str, Iterable[Json]]]:
    return groupby(
        sorted(history, key=lambda item: str(item["employee_id"])), key=lambda item: item["employee_id"]
    )


def _staff_lane(
    who: str, items: Sequence[Json], marks: Mapping[str, _Marks], begin: datetime, end: datetime
) -> Lane:
    seen = [
        (
            item["reason"]["kind"],
            datetime.fromisoformat(item["from"]["at"]),
            datetime.fromisoformat(item["to"]["at"]) if item["to"] else None,
        )
        for item in items
    ]
    names = [item["name"] for item in items if item.get("name")]
    bars = stacked([(kind, max(since, begin), until) for kind, since, until in seen], end)
    mark = marks.get(f"employee:{who}", _Marks())
    return replace(_lane_of(who, plain(names[-1] if names else who), mark), employee=True, bars=bars)


def stacked(seen: Sequence[tuple[str, datetime, datetime | None]], end: datetime) -> list[Bar]:
    """Stretches of time, cut wherever a reason begins or ends; the reasons of one share its height."""
    spans = [(kind, since, min(until or end, end)) for kind, since, until in seen]
    lasting = {kind for kind, _, until in seen if until is None or until > end}
    cuts = sorted({cut for _, since, until in spans for cut in (since, until)})
    stretches = [
        (
            begin,
            stop,
            tuple(kind for kind in KINDS if any(_covers(span, kind, begin, stop) for span in spans)),
        )
        for begin, stop in pairwise(cuts)
    ]
    bars = []
    for kinds, each in groupby(stretches, key=lambda stretch: stretch[2]):
        together = list(each)
        begin, stop = together[0][0], together[-1][1]
        for part, kind in enumerate(kinds):
            bars.append(Bar(kind, begin, stop, part, len(kinds), stop == end and kind in lasting))
    return bars or [Bar(spans[0][0], spans[0][1], spans[0][2])]


def _covers(span: tuple[str, datetime, datetime], kind: str, begin: datetime, stop: datetime) -> bool:
    return span[0] == kind and span[1] <= begin and stop <= span[2]


def _guest_lane(
    participant: Json, marks: Mapping[str, _Marks], span: tuple[datetime, datetime], speaker: Speaker
) -> Lane:
    who = _handle(participant["address"])
    name = f"{plain(participant['name'] or participant['address'])} ({speaker.word(participant['kind'])})"
    mark = marks.get(who, _Marks())
    joined_at = datetime.fromisoformat(participant["joined_at"] or span[0].isoformat())
    bars = _presence(mark, max(joined_at, span[0]), span[1], left=bool(participant["left_at"]))
    return replace(_lane_of(who, name, mark), bars=bars)


def _lane_of(who: str, name: str, mark: _Marks) -> Lane:
    return Lane(who, name, False, (), mark.incoming, mark.outgoing, mark.joins, mark.leaves)


def _presence(mark: _Marks, begin: datetime, end: datetime, *, left: bool) -> list[Bar]:
    """From each joining to the leaving after it; who is not seen joining was in it from the beginning."""
    turns = sorted([*((at, True) for at in mark.joins), *((at, False) for at in mark.leaves)])
    if not turns:
        return [] if left else [Bar("present", begin, end, lasts=True)]
    bars, since = [], None if turns[0][1] else begin
    for at, joins in turns:
        if joins:
            since = since or at
        elif since:
            bars.append(Bar("present", since, at))
            since = None
    return [*bars, Bar("present", since, end, lasts=True)] if since else bars


def _marks(events: Iterable[Json], phones: Mapping[str, str], apart: timedelta) -> dict[str, _Marks]:
    """What happened to whom: by employee and by address; nothing that would cover what is drawn already.

    phones: address → the employee whose it is.
    """
    marks: dict[str, _Marks] = {}
    for event in events:
        if event["topic"] in MARKED:
            who = _whose(event)
            times = MARKED[event["topic"]](event, marks.setdefault(phones.get(who, who), _Marks()))
            if not times or time_of(event) - times[-1] >= apart:
                times.append(time_of(event))
    return marks


def _message(event: Json, mark: _Marks) -> list[datetime]:
    return mark.incoming if event["facts"]["direction"] == "in" else mark.outgoing


MARKED: Mapping[str, Callable[[Json, _Marks], list[datetime]]] = {
    "message.received": _message,
    "message.queued": _message,
    "chat.participant_joined": lambda _, mark: mark.joins,
    "chat.participant_left": lambda _, mark: mark.leaves,
}


def _whose(event: Json) -> str:
    """In whose lane it is drawn: the author's if he is an employee, else the address's."""
    facts, private = event["facts"], event["private"] or {}
    if facts.get("author_kind") == "employee":
        return f"employee:{facts['author_id']}"
    return _handle(private.get("address") or private.get("sender_address"))


def _handle(address: str | None) -> str:
    """An address however it is written: +7 900 and 7900 are one. Nothing, where it was erased."""
    return "".join(character for character in address or "" if character.isalnum())


def time_of(event: Json) -> datetime:
    """When an event was recorded."""
    return datetime.fromisoformat(event["recorded_at"])
