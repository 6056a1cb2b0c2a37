"""What a response time is by each definition, in English and in Russian."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.definition import DEFAULT, DEFINITIONS, Credit, Definition, Hours, Scope, Start

ENGLISH: Mapping[Any, str] = {
    Start.FIRST: "The time counts from the first message that a client wrote since he was last answered.",
    Start.LAST: "The time counts from the last message that a client wrote before he was answered.",
    Scope.EVERY: "Every wait counts.",
    Scope.FIRST_ANSWER: "Of each conversation only the waits up to its first answer count.",
    Hours.ALL: "All hours count, by night and on holidays too.",
    Hours.BUSINESS_THEN: "Only business hours count, as the workspace had stated them at the time.",
    Hours.BUSINESS_NOW: "Only business hours count, as the workspace states them now.",
    Credit.REPLIER: "A wait is the figure of who answered.",
    Credit.HOLDER: "A wait is the figure of who held the chat when it ended.",
    Credit.OWNER: "A wait is the figure of who owned the client's deal when it ended.",
}
RUSSIAN: Mapping[Any, str] = {
    Start.FIRST: "Время идёт с первого сообщения клиента после предыдущего ответа ему.",
    Start.LAST: "Время идёт с последнего сообщения клиента перед ответом.",
    Scope.EVERY: "Считается каждое ожидание.",
    Scope.FIRST_ANSWER: "В каждом обращении считаются только ожидания до первого ответа.",
    Hours.ALL: "Считаются все часы, также ночью и в праздники.",
    Hours.BUSINESS_THEN: "Считаются только рабочие часы, какими они были заданы тогда.",
    Hours.BUSINESS_NOW: "Считаются только рабочие часы, какими они заданы сейчас.",
    Credit.REPLIER: "Ожидание относится к тому, кто ответил.",
    Credit.HOLDER: "Ожидание относится к тому, у кого чат был в работе, когда оно закончилось.",
    Credit.OWNER: "Ожидание относится к ответственному за сделку клиента, когда оно закончилось.",
}


def described() -> list[dict[str, Any]]:
    """All that were published, the default first."""
    return [_described(each) for each in DEFINITIONS.values()]


def _described(definition: Definition) -> dict[str, Any]:
    return {
        "definition": str(definition),
        "name": definition.name,
        "version": definition.version,
        "default": definition == DEFAULT,
        "start": definition.start,
        "scope": definition.scope,
        "hours": definition.hours,
        "credit": definition.credit,
        "cap_seconds": definition.cap_seconds,
        "in_words": {"en": _said(definition, ENGLISH), "ru": _said(definition, RUSSIAN)},
    }


def _said(definition: Definition, words: Mapping[Any, str]) -> str:
    parts = [definition.start, definition.scope, definition.hours, definition.credit]
    said = [words[part] for part in parts]
    if definition.cap_seconds is not None:
        hours = f"{definition.cap_seconds / 3600:g}"
        said.append(
            f"Answers that took longer than {hours} hours are counted apart."
            if words is ENGLISH
            else f"Ответы, которые заняли больше {hours} ч, считаются отдельно."
        )
    return " ".join(said)
