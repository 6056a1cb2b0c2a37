"""A conversation as it was, to be read like a chat: days, names, times, texts; and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from api.auditing.speaker import Json, Speaker, plain

DIM, STRUCK, HEADING, INCOMING, OUTGOING, HIDDEN = (
    "dim",
    "strike dim",
    "bold",
    "bold cyan",
    "bold green",
    "yellow",
)
UNDER_TEXT = 9
"""Columns, so that what is said about a message stands under its text."""


def transcript(answer: Json, speaker: Speaker) -> RenderableType:
    """answer: the first page, with the messages of all pages in time order."""
    return Group(*_heading(answer, speaker), *_messages(answer["items"], speaker))


def _heading(answer: Json, speaker: Speaker) -> Iterator[RenderableType]:
    conversation = speaker.one_of("Conversation", "Обращение")
    yield Text(f"{conversation} {plain(answer.get('conversation_id'))}", HEADING)
    at = answer["at"]
    position = at["position"] if isinstance(at, Mapping) else at
    known = speaker.one_of(f"as known at position {position}", f"по данным на позиции {position}")
    happened = answer.get("valid_at")
    by = speaker.one_of("what had happened by", "что произошло к моменту")
    valid = f"; {by} {speaker.stamp(happened)}" if happened else ""
    zone = speaker.one_of(f"times in {speaker.zone_name}", f"время: {speaker.zone_name}")
    yield Text(f"{known}{valid}; {zone}", DIM)
    folder = speaker.word(answer["folder"]) if answer.get("folder") else ""
    if answer.get("holder_id"):
        held = speaker.one_of("held by", "ведёт:")
        folder += f", {held} {speaker.name('employee', answer['holder_id'])}"
    if folder:
        yield Text(folder)
    yield Text.assemble(
        (speaker.one_of("In it: ", "Участники: "), DIM),
        "; ".join(_participant(each, speaker) for each in answer.get("participants", [])) or "—",
    )


def _participant(participant: Json, speaker: Speaker) -> str:
    told = f"{plain(participant['name'] or participant['address'])}, {speaker.word(participant['kind'])}"
    if participant.get("left_at"):
        left = speaker.one_of("left", "до")
        told += f", {left} {speaker.stamp(participant['left_at'])}"
    return told


def _messages(items: Sequence[Json], speaker: Speaker) -> Iterator[RenderableType]:
    day, several_chats = "", len({item["channel_id"] for item in items}) > 1
    for item in items:
        if day != (day := speaker.day(item["sent_at"])):
            yield Rule(Text(day, HEADING), style=DIM)
        yield _message(item, speaker, several_chats)
        for line in (*_what_became(item, speaker), *_hidden(item, speaker)):
            yield Padding(line, (0, 0, 0, UNDER_TEXT), expand=False)
    if not items:
        yield Text(speaker.one_of("no messages", "сообщений нет"), DIM)


def _message(item: Json, speaker: Speaker, several_chats: bool) -> Text:
    incoming, author = item["direction"] == "in", item["author"]
    name = plain(author.get("name") or author.get("id") or speaker.word(author["kind"]))
    kind = (
        f" ({speaker.word(author['kind'])})"
        if author["kind"] != ("client" if incoming else "employee")
        else ""
    )
    channel = f" [{plain(item['channel_id'])}]" if several_chats else ""
    return Text.assemble(
        (speaker.clock(item["sent_at"]), DIM),
        (" → " if incoming else " ← ", DIM),
        (name, INCOMING if incoming else OUTGOING),
        (f"{kind}{channel}: ", DIM),
        (_text(item, speaker), STRUCK if item["deleted_at"] else ""),
    )


def _text(item: Json, speaker: Speaker) -> str:
    if item.get("erased"):
        return speaker.one_of("(erased)", "(стёрто)")
    files = [f"📎 {plain(each.get('name') or each.get('kind'))}" for each in item.get("attachments") or ()]
    return " ".join([*([plain(item["text"])] if item["text"] else []), *files]) or "—"


def _what_became(item: Json, speaker: Speaker) -> Iterator[Text]:
    """Earlier texts, and when it was deleted and read."""
    for version in item.get("versions", [])[:-1]:
        before = speaker.one_of("before the edit: ", "до правки: ")
        yield Text.assemble((before, DIM), (plain(version["text"] or "—"), STRUCK))
    if item["edited_at"]:
        yield Text(speaker.one_of("edited ", "изменено ") + speaker.stamp(item["edited_at"]), DIM)
    if item["deleted_at"]:
        yield Text(speaker.one_of("deleted ", "удалено ") + speaker.stamp(item["deleted_at"]), DIM)
    if readers := item.get("read_by"):
        read = ", ".join(
            f"{plain(each['name'] or each['employee_id'])} {speaker.stamp(each['at'])}" for each in readers
        )
        yield Text(speaker.one_of("read by: ", "прочитано: ") + read, DIM)


def _hidden(item: Json, speaker: Speaker) -> Iterator[Text]:
    """The thread among employees, which never reaches the client, and who was asked for help in it."""
    if helpers := item.get("helpers"):
        names = ", ".join(plain(each["name"] or each["employee_id"]) for each in helpers)
        yield Text.assemble(("┊ ", HIDDEN), (speaker.one_of("helpers: ", "помощники: ") + names, DIM))
    for reply in item.get("thread") or ():
        author = plain(reply["author"].get("name") or reply["author"].get("id"))
        when = speaker.stamp(reply["at"])
        told = plain(reply["text"]) if reply["text"] is not None else speaker.one_of("(erased)", "(стёрто)")
        yield Text.assemble(("┊ ", HIDDEN), (f"{when} ", DIM), (author, HIDDEN), f": {told}")
