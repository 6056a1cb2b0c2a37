"""A chat through time, ready to be drawn: lanes, bars, marks and changes, worked out of the API's answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from api.auditing.happenings import happened
from api.auditing.lanes import Lane, lanes, time_of
from api.auditing.moments import position_or_time
from api.auditing.speaker import Json, Speaker, plain

if TYPE_CHECKING:
    from api.auditing.asker import Asker

HANDOVERS = {"deal.reassigned", "contact.responsible_changed", "deal.status_changed"}
NUMBERED_CHANGES = 18
"""So many changes are numbered and explained; handovers first. All others are lines without a number."""

SENTENCES_PER_CHANGE = 3
ONE_MOMENT = timedelta(minutes=10)
"""The span of a picture of what happened at one moment."""

TAIL = 0.05
"""The last change shows what it changed: the picture goes on for this part of its span."""

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Story:
    """What the API answered about one chat. participants: as the transcript has them."""

    chat_id: str
    history: Sequence[Json]
    events: Sequence[Json]
    participants: Sequence[Json]
    begins: str | None = None
    ends: str | None = None
    """The span that was asked for: a position or a time."""


@dataclass(frozen=True)
class Change:
    """A request that changed who saw the chat. number: 0 where it is not explained."""

    at: datetime
    told: str
    number: int = 0


@dataclass(frozen=True)
class Timeline:
    title: str
    begin: datetime
    end: datetime
    lanes: Sequence[Lane] = ()
    changes: Sequence[Change] = ()


def collected(asker: Asker, chat_id: str, begins: str | None, ends: str | None) -> Story:
    """Everything that a picture of the chat needs."""
    span: dict[str, Any] = {"from": begins, "until": ends}
    transcript = asker.get("/v1/audit/transcript", chat_id=chat_id, limit=1, at=ends)
    return Story(
        chat_id,
        list(asker.items("/v1/audit/visibility/history", chat_id=chat_id, **span)),
        list(asker.items("/v1/audit/events", subject=f"chat:{chat_id}", at=ends)),
        transcript["participants"],
        begins,
        ends,
    )


def timeline(story: Story, speaker: Speaker) -> Timeline:
    """The picture of a story, on the recorded axis: what is drawn at a time was known here from then on."""
    told = replace(speaker, names={**_names(story), **speaker.names})
    events = [event for event in story.events if _within(event, story.begins, story.ends)]
    begin, end = _span(story, events)
    return Timeline(
        _title(story, told),
        begin,
        end,
        lanes(story.history, events, story.participants, (begin, end), told),
        _changes(story, told),
    )


def _names(story: Story) -> Mapping[str, str]:
    named = [
        *((f"employee:{item['employee_id']}", item.get("name")) for item in story.history),
        *(
            (f"contact:{each['contact_id']}", each["name"])
            for each in story.participants
            if each["contact_id"]
        ),
        *(
            (f"employee:{each['employee_id']}", each["name"])
            for each in story.participants
            if each["employee_id"]
        ),
    ]
    return {thing: name for thing, name in named if name}


def _within(event: Json, begins: str | None, ends: str | None) -> bool:
    return (begins is None or _reached(event, begins)) and (ends is None or not _beyond(event, ends))


def _reached(event: Json, moment: str) -> bool:
    mark = position_or_time(moment)
    return event["position"] >= mark if isinstance(mark, int) else time_of(event) >= mark


def _beyond(event: Json, moment: str) -> bool:
    mark = position_or_time(moment)
    return event["position"] > mark if isinstance(mark, int) else time_of(event) > mark


def _span(story: Story, events: Sequence[Json]) -> tuple[datetime, datetime]:
    """As asked for in times; otherwise from the first to the last that is to be seen, and what came of it."""
    asked = [position_or_time(each) if each else None for each in (story.begins, story.ends)]
    begins, ends = (each if isinstance(each, datetime) else None for each in asked)
    places = [place for item in story.history for place in (item["from"], item["to"]) if place]
    inside = [place for place in places if _within(_recorded(place), story.begins, story.ends)]
    times = [*(time_of(event) for event in events), *(_time(place["at"]) for place in inside)]
    begin = begins or min(times, default=ends or EPOCH)
    last = ends or max(times, default=begin)
    if last <= begin:
        return begin, begin + ONE_MOMENT
    return begin, last if ends else last + (last - begin) * TAIL


def _recorded(place: Json) -> Json:
    return {"position": place["position"], "recorded_at": place["at"]}


def _changes(story: Story, speaker: Speaker) -> list[Change]:
    """Requests that began or ended an interval; those that can't be numbered all, keep their lines."""
    ends = (place for item in story.history for place in (item["from"], item["to"]) if place)
    events = {place["position"]: place["event"] for place in ends if place.get("event")}
    shown = [events[position] for position in sorted(events)]
    shown = [event for event in shown if _within(event, story.begins, story.ends)]
    requests = [
        list(each) for _, each in groupby(shown, key=lambda event: event["causation"] or event["position"])
    ]
    ranked = sorted(requests, key=lambda request: not any(event["topic"] in HANDOVERS for event in request))
    chosen = sorted(ranked[:NUMBERED_CHANGES], key=lambda request: int(request[0]["position"]))
    numbers = {request[0]["position"]: number for number, request in enumerate(chosen, 1)}
    return [
        Change(time_of(request[0]), _told(request, speaker), numbers.get(request[0]["position"], 0))
        for request in requests
    ]


def _told(request: Sequence[Json], speaker: Speaker) -> str:
    sentences = list(dict.fromkeys(happened(event, speaker) for event in request))
    more = len(sentences) - SENTENCES_PER_CHANGE
    rest = [speaker.one_of(f"and {more} more", f"и ещё {more}")] if more > 0 else []
    return "; ".join((*sentences[:SENTENCES_PER_CHANGE], *rest))


def _title(story: Story, speaker: Speaker) -> str:
    titles = [
        event["private"]["title"]
        for event in story.events
        if event["topic"] in ("chat.opened", "chat.renamed") and (event["private"] or {}).get("title")
    ]
    name = plain(titles[-1] if titles else story.chat_id)
    return speaker.one_of(f"Who could see the chat “{name}”", f"Кто мог видеть чат «{name}»")


def _time(at: str) -> datetime:
    return datetime.fromisoformat(at)
