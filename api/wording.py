"""Why somebody sees a chat, why he lost it, or why he has never seen it, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any

from api.auditing.happenings import happened
from api.auditing.speaker import Json, Language, Speaker, plain

CAUSES: Mapping[str, tuple[str, str]] = {
    "not_registered": ("{who} was not registered as an employee.", "{who}: такого сотрудника ещё не было."),
    "inactive": ("{who} was not active.", "{who}: сотрудник отключён."),
    "answers_for_nobody_in_it": (
        "{who} answers for no client in the chat.",
        "{who} не отвечает ни за одного клиента в чате.",
    ),
    "not_receiving_new_clients": ("{who} receives no new clients.", "{who} не получает новых клиентов."),
    "no_oversight": (
        "{who} is neither supervisor nor quality control.",
        "{who}: роль не «руководитель» и не «контроль качества».",
    ),
    "no_helper": (
        "{who} was not asked for help in a hidden thread of the chat.",
        "{who}: не помощник в скрытых обсуждениях этого чата.",
    ),
    "channel_not_shared": (
        "The channel is not shared with the whole team{channel}.",
        "Канал не открыт всей команде{channel}.",
    ),
    "chat_not_open_yet": ("The chat was not there yet.", "Чата ещё не было."),
}
"""Code → why he has never seen the chat. A code that has no words here is told as it is."""


def in_words(explained: Json, names: Mapping[str, str], language: Language, zone: tzinfo = UTC) -> list[str]:
    """The answer of /v1/audit/explain as sentences, one for each reason, event and cause.

    names: id → name, or `noun:id` → name, which is looked up first.
    """
    return list(_sentences(explained, Speaker(language, names, zone)))


def happened_at(event: Json, speaker: Speaker) -> str:
    """An event with its place, what it says, and on whose word."""
    moment, what = speaker.moment(event["recorded_at"]), happened(event, speaker)
    by = speaker.one_of("on the word of", "источник") + ": " + speaker.actor(event["actor"])
    return speaker.one_of(
        f"Event {event['position']}, {moment}: {what} ({by}).",
        f"Событие {event['position']}, {moment}: {what} ({by}).",
    )


def _sentences(explained: Json, speaker: Speaker) -> Iterator[str]:
    who, at = speaker.name("employee", explained["employee_id"]), _at(explained.get("at"), speaker)
    if explained["visible"]:
        yield speaker.one_of(f"{who} sees this chat{at}.", f"{who} видит этот чат{at}.")
        for reason in explained["reasons"]:
            yield from _why(reason, speaker)
    elif lost := explained.get("lost"):
        yield speaker.one_of(f"{who} does not see this chat{at}.", f"{who} не видит этот чат{at}.")
        yield from _lost(who, lost, speaker)
    else:
        yield speaker.one_of(
            f"{who} has never seen this chat{_up_to(at)}.",
            f"{who}: этот чат ни разу не был виден{_up_to(at)}.",
        )
        for cause in (explained.get("never") or {}).get("because") or ():
            yield from _never(who, cause, speaker)


def _at(at: Any, speaker: Speaker) -> str:
    """At which position the answer holds; nothing is said of an answer that does not say it."""
    position = at.get("position") if isinstance(at, Mapping) else at
    return "" if position is None else speaker.one_of(f" at position {position}", f" на позиции {position}")


def _up_to(at: str) -> str:
    return at.replace(" at ", " up to ").replace(" на позиции ", " вплоть до позиции ")


def _why(reason: Json, speaker: Speaker) -> Iterator[str]:
    since = _place(reason["since"], speaker)
    yield speaker.one_of(
        f"Reason: {speaker.reason(reason)}, since {since}.", f"Причина: {speaker.reason(reason)}, с {since}."
    )
    for event in reason.get("events") or ():
        yield happened_at(event, speaker)


def _lost(who: str, lost: Json, speaker: Speaker) -> Iterator[str]:
    place = _place(lost, speaker)
    yield speaker.one_of(f"{who} lost it: {place}.", f"{who}: чат скрыт с {place}.")
    if event := lost.get("event"):
        yield happened_at(event, speaker)
    for reason in lost.get("reasons") or ():
        since, until = _place(reason["since"], speaker), _place(reason.get("until") or lost, speaker)
        yield speaker.one_of(
            f"Reason until then: {speaker.reason(reason)}, from {since} to {until}.",
            f"Причина до этого: {speaker.reason(reason)}, с {since} по {until}.",
        )
        told = {lost["position"]}
        yield from (
            happened_at(each, speaker) for each in reason.get("events") or () if each["position"] not in told
        )


def _never(who: str, cause: Json, speaker: Speaker) -> Iterator[str]:
    templates = CAUSES.get(cause["code"])
    if templates is None:
        yield speaker.one_of("Cause: ", "Причина: ") + plain(cause["code"]).replace("_", " ") + "."
    else:
        channel = f": {speaker.quoted('channel', cause['channel_id'])}" if "channel_id" in cause else ""
        yield speaker.one_of(*templates).format(who=who, channel=channel)
    if answering := cause.get("answering"):
        told = "; ".join(_answering(each, speaker) for each in answering)
        yield speaker.one_of(f"Those who answer: {told}.", f"Кто отвечает: {told}.")
    for event in cause.get("events") or ():
        yield happened_at(event, speaker)


def _answering(answering: Json, speaker: Speaker) -> str:
    who = speaker.name("employee", answering["employee_id"])
    contact = speaker.quoted("contact", answering["contact_id"])
    return speaker.one_of(f"{who}, for contact {contact}", f"{who}, контакт {contact}")


def _place(place: Json, speaker: Speaker) -> str:
    position = speaker.one_of("position", "позиция")
    return f"{speaker.moment(place['at'])} ({position} {place['position']})"
