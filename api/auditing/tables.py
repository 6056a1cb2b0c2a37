"""Answers as tables that a person likes to read; what a table leaves out is in --json and --csv."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from api.auditing.happenings import happened
from api.auditing.speaker import Json, Speaker, plain

DIM, GAINS, LOSES, HEADING = "dim", "green", "red", "bold"

HEADINGS: Mapping[str, tuple[str, str]] = {
    "employee": ("employee", "сотрудник"),
    "role": ("role", "роль"),
    "as": ("as", "в роли"),
    "reasons": ("why", "почему"),
    "since": ("since", "с какого момента"),
    "chat": ("chat", "чат"),
    "from": ("from", "с"),
    "until": ("until", "по"),
    "position": ("position", "позиция"),
    "recorded": ("recorded", "записано"),
    "what": ("what happened", "что произошло"),
    "by": ("on whose word", "источник"),
    "change": ("", ""),
    "question": ("question", "вопрос"),
    "asked for": ("about what", "о чём"),
}
NOT_ASKED = {"question_id", "private_digest", "salt", "limit", "cursor"}
"""What the record of a question has beside what was asked about."""

ID_WIDTH = 36
"""Columns; an id is copied, and so stays in one piece."""

NOTHING = ("nothing", "ничего")


def who(answer: Json, speaker: Speaker) -> RenderableType:
    """Who saw a chat, as what, why, and since when without a break."""
    table = _table(speaker, "employee", "role", "reasons", "since")
    for item in answer["items"]:
        table.add_row(
            _employee(item, speaker),
            speaker.word(item["role"]) if item.get("role") else "",
            _lines(speaker.reason(reason) for reason in item["reasons"]),
            _place(item["since"], speaker),
        )
    told = speaker.one_of(
        f"Who could see it at position {_position(answer)}", f"Кто мог видеть на позиции {_position(answer)}"
    )
    return _captioned(table, told, speaker)


def seen(items: Sequence[Json], employee_id: str, speaker: Speaker) -> RenderableType:
    """Everything that an employee could see, chat by chat, with the interval of each reason."""
    chats: dict[str, list[Json]] = {}
    for item in items:
        chats.setdefault(item["chat_id"], []).append(item)
    tables: list[RenderableType] = []
    places = [place for item in items for place in (item["from"], item["to"]) if place]
    width = max((_place(place, speaker).cell_len for place in places), default=0)
    for chat_id, intervals in chats.items():
        table = _table(speaker, "reasons", "from", "until")
        table.show_header, table.expand, table.columns[0].ratio = not tables, True, 1
        for column in table.columns[1:]:
            column.width = width
        for each in intervals:
            reason = Text(speaker.reason(each["reason"]))
            table.add_row(reason, _place(each["from"], speaker), _end(each["to"], speaker))
        tables += [Text(f"\n{speaker.one_of(*HEADINGS['chat'])} {plain(chat_id)}", HEADING), table]
    named = [item["name"] for item in items if item.get("name")]
    name = plain(named[-1] if named else speaker.name("employee", employee_id))
    told = speaker.one_of(f"What {name} could see: chats", f"Что мог видеть сотрудник {name}: чатов")
    return Group(_caption(f"{told} {len(chats)}", speaker), *tables)


def why(sentences: Sequence[str]) -> RenderableType:
    """What `wording.in_words` says: the first sentence answers, events stand under what they explain."""
    lines = [Text(sentences[0], HEADING)]
    return Group(
        *lines, *(Padding(Text(plain(each)), (0, 0, 0, _depth(each)), expand=False) for each in sentences[1:])
    )


def owner(answer: Json, speaker: Speaker) -> RenderableType:
    """Who owned, answered for or held it, from when to when."""
    table = _table(speaker, "employee", "as", "from", "until")
    for item in answer["items"]:
        table.add_row(
            _employee(item, speaker),
            _ownership(item, answer["subject"], speaker),
            _place(item["from"], speaker),
            _end(item["to"], speaker),
        )
    noun, _, thing_id = answer["subject"].partition(":")
    return _captioned(table, f"{speaker.word(noun)} {speaker.quoted(noun, thing_id)}", speaker)


def events(items: Iterable[Json], speaker: Speaker) -> RenderableType:
    """Events in words, in the order of the log."""
    table = _table(speaker, "position", "recorded", "what", "by")
    table.columns[0].justify = "right"
    for event in items:
        table.add_row(
            str(event["position"]),
            speaker.stamp(event["recorded_at"]),
            Text(happened(event, speaker)),
            Text(speaker.actor(event["actor"]), DIM),
        )
    return _captioned(table, speaker.one_of("Events", "События"), speaker)


def questions(items: Iterable[Json], speaker: Speaker) -> RenderableType:
    """Who asked what, and about what."""
    table = _table(speaker, "recorded", "by", "question", "asked for")
    for event in items:
        asked = {**event["facts"], **(event["private"] or {})}
        question = asked.pop("question", event["topic"])
        table.add_row(
            _place({"at": event["recorded_at"], "position": event["position"]}, speaker),
            Text(speaker.actor(event["actor"])),
            Text(plain(question)),
            Text(plain(" ".join(_pairs(asked))), overflow="fold"),
        )
    return _captioned(table, speaker.one_of("Who asked what", "Кто что спрашивал"), speaker)


def preview(answer: Json, speaker: Speaker) -> RenderableType:
    """Who would gain and who would lose which chats."""
    table = _table(speaker, "change", "employee", "chat", "reasons")
    table.columns[2].no_wrap, table.columns[2].min_width = True, ID_WIDTH
    for item in answer["items"]:
        gains = item["change"] == "gains"
        change = Text(("+ " if gains else "− ") + speaker.word(item["change"]), GAINS if gains else LOSES)
        reasons = _lines(speaker.reason(reason) for reason in item["reasons"])
        table.add_row(change, _employee(item, speaker), Text(plain(item["chat_id"])), reasons)
    gains, loses = answer["counts"]["gains"], answer["counts"]["loses"]
    told = speaker.one_of(
        f"What would happen (nothing has): chats gained {gains}, lost {loses}",
        f"Что произойдёт (пока ничего не сделано): чатов откроется {gains}, скроется {loses}",
    )
    return Group(Text(told, HEADING), table)


def show(console: Console, rendered: RenderableType) -> None:
    console.print(rendered, highlight=False, markup=False)


def _table(speaker: Speaker, *headings: str) -> Table:
    return Table(
        *(speaker.one_of(*HEADINGS[heading]) for heading in headings),
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )


def _captioned(table: Table, told: str, speaker: Speaker) -> Group:
    """The table under a line that says what it is; an empty one says so."""
    empty = Text(speaker.one_of(*NOTHING), DIM)
    return Group(_caption(told, speaker), table if table.row_count else empty)


def _caption(told: str, speaker: Speaker) -> Text:
    """What it is, and by which clock."""
    zone = speaker.one_of(f"times in {speaker.zone_name}", f"время: {speaker.zone_name}")
    return Text.assemble((plain(told), HEADING), (f" · {zone}", DIM))


def _employee(item: Json, speaker: Speaker) -> Text:
    if item["employee_id"] is None:
        return Text(speaker.one_of("nobody", "никто"), DIM)
    return Text(plain(item.get("name") or speaker.name("employee", item["employee_id"])))


def _ownership(item: Json, subject: str, speaker: Speaker) -> Text:
    """The role; and by which deal or contact, where that is not what was asked about."""
    told = [speaker.word(item["role"])]
    for noun in ("deal", "contact"):
        thing_id = item.get(f"{noun}_id")
        if thing_id is not None and subject != f"{noun}:{thing_id}":
            told.append(f"{speaker.word(noun)} {speaker.quoted(noun, thing_id)}")
    return Text(": ".join(told))


def _place(place: Json, speaker: Speaker) -> Text:
    return Text.assemble(speaker.stamp(place["at"]), (f" #{place['position']}", DIM))


def _end(place: Json | None, speaker: Speaker) -> Text:
    return _place(place, speaker) if place else Text(speaker.one_of("still", "по сей день"), DIM)


def _position(answer: Json) -> object:
    at = answer["at"]
    return at["position"] if isinstance(at, Mapping) else at


def _lines(told: Iterable[str]) -> Text:
    """One under the other, told apart where there are several."""
    lines = list(told)
    return Text("\n".join(f"• {line}" for line in lines) if len(lines) > 1 else "".join(lines))


def _depth(sentence: str) -> int:
    return 4 if sentence.startswith(("Event ", "Событие ")) else 2


def _pairs(asked: Mapping[str, object]) -> Iterator[str]:
    """`chat_id=4175… at=15`: what was asked about, wherever in the event it stands."""
    for name, value in asked.items():
        if isinstance(value, Mapping):
            yield from _pairs(value)
        elif value is not None and name not in NOT_ASKED:
            yield f"{name}={value}"
