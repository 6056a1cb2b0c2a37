"""Words, as they are read: every reason, every cause, every event, in both languages."""

import re
from datetime import UTC
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api import catalogue
from api.auditing.happenings import HAPPENINGS, happened
from api.auditing.speaker import LANGUAGES, WORDS, Language, Speaker, plain
from api.catalogue import NOUNS
from api.wording import in_words
from domain.channel import ChannelVisibility
from domain.conversation import Cause, Folder
from domain.deal import DealStatus
from domain.delivery import DeliveryStatus
from domain.employee import Role
from domain.fact import Noun
from domain.message import AuthorKind
from domain.webhook import Switch
from tests.api.auditing import house

SPEAKERS = {language: Speaker(language, house.NAMES, UTC) for language in LANGUAGES}
REASONS: list[tuple[dict[str, Any], str, str]] = [
    (
        house.responsible("husband"),
        "responsible for contact “Husband”",
        "отвечает за контакт «Husband»",
    ),
    (
        house.owns("husband"),
        "owner of deal “A house in Lime Street 12” (house), with contact “Husband”",
        "владеет сделкой «A house in Lime Street 12» (house), в ней контакт «Husband»",
    ),
    (
        {"kind": "oversight", "role": "supervisor"},
        "sees every chat (supervisor)",
        "видит все чаты (руководитель)",
    ),
    (
        house.NEW_CLIENT,
        "receives new clients, and nobody answers for a client in the chat",
        "получает новых клиентов, а за клиентов в чате никто не отвечает",
    ),
    (
        {"kind": "whole_team", "channel_id": "house-whatsapp"},
        "channel “The house builders” (house-whatsapp) is the whole team's",
        "канал «The house builders» (house-whatsapp) открыт всей команде",
    ),
    (
        {"kind": "thread_helper", "message_id": "0a1b2c3d-0000-4000-8000-000000000000"},
        "helps in the hidden thread under message 0a1b2c3d",
        "помогает в скрытом обсуждении под сообщением 0a1b2c3d",
    ),
    ({"kind": "something_new"}, "something new", "something new"),
]
CAUSES: list[tuple[dict[str, Any], list[str], list[str]]] = [
    (
        {"code": "not_registered"},
        ["Pavel was not registered as an employee."],
        ["Pavel: такого сотрудника ещё не было."],
    ),
    ({"code": "inactive"}, ["Pavel was not active."], ["Pavel: сотрудник отключён."]),
    (
        {
            "code": "answers_for_nobody_in_it",
            "answering": [
                {"employee_id": "oleg", "contact_id": "husband"},
                {"employee_id": "vera", "contact_id": "son"},
            ],
        },
        [
            "Pavel answers for no client in the chat.",
            "Those who answer: Oleg, for contact “Husband”; Vera, for contact “Son”.",
        ],
        [
            "Pavel не отвечает ни за одного клиента в чате.",
            "Кто отвечает: Oleg, контакт «Husband»; Vera, контакт «Son».",
        ],
    ),
    (
        {"code": "not_receiving_new_clients"},
        ["Pavel receives no new clients."],
        ["Pavel не получает новых клиентов."],
    ),
    (
        {"code": "channel_not_shared", "channel_id": "house-whatsapp"},
        ["The channel is not shared with the whole team: “The house builders” (house-whatsapp)."],
        ["Канал не открыт всей команде: «The house builders» (house-whatsapp)."],
    ),
    ({"code": "chat_not_open_yet"}, ["The chat was not there yet."], ["Чата ещё не было."]),
    ({"code": "out_of_luck"}, ["Cause: out of luck."], ["Причина: out of luck."]),
]


@pytest.mark.parametrize(("reason", "english", "russian"), REASONS, ids=[each[0]["kind"] for each in REASONS])
def test_a_reason(reason: dict[str, Any], english: str, russian: str) -> None:
    assert (SPEAKERS["en"].reason(reason), SPEAKERS["ru"].reason(reason)) == (english, russian)


@pytest.mark.parametrize(("cause", "english", "russian"), CAUSES, ids=[each[0]["code"] for each in CAUSES])
def test_why_he_has_never_seen_it(cause: dict[str, Any], english: list[str], russian: list[str]) -> None:
    never = {**house.NEVER, "never": {"because": [cause]}}
    assert in_words(never, house.NAMES, "en") == [
        "Pavel has never seen this chat up to position 41.",
        *english,
    ]
    assert in_words(never, house.NAMES, "ru") == [
        "Pavel: этот чат ни разу не был виден вплоть до позиции 41.",
        *russian,
    ]


def test_why_he_sees_it() -> None:
    assert in_words(house.SEES, house.NAMES, "en") == [
        "Oleg sees this chat at position 41.",
        "Reason: owner of deal “A house in Lime Street 12” (house), with contact “Husband”, "
        "since 3 March 2026, 14:05:07 UTC (position 31).",
        "Event 31, 3 March 2026, 14:05:07 UTC: Husband is in the chat (on the word of: connector 8c0e31a2).",
    ]
    assert in_words(house.SEES, house.NAMES, "ru", ZoneInfo("Europe/Moscow")) == [
        "Oleg видит этот чат на позиции 41.",
        "Причина: владеет сделкой «A house in Lime Street 12» (house), в ней контакт «Husband», "
        "с 3 марта 2026 г., 17:05:07 Europe/Moscow (позиция 31).",
        "Событие 31, 3 марта 2026 г., 17:05:07 Europe/Moscow: Husband теперь в чате "
        "(источник: коннектор 8c0e31a2).",
    ]


def test_why_he_lost_it() -> None:
    assert in_words(house.LOST, house.NAMES, "en")[:4] == [
        "Oleg does not see this chat at position 45.",
        "Oleg lost it: 12 March 2026, 16:45:00 UTC (position 43).",
        "Event 43, 12 March 2026, 16:45:00 UTC: contact “Husband” was handed over; responsible before: Oleg, "
        "now: Pavel (on the word of: connector 8c0e31a2).",
        "Reason until then: owner of deal “A house in Lime Street 12” (house), with contact “Husband”, "
        "from 3 March 2026, 14:05:07 UTC (position 31) to 12 March 2026, 16:45:00 UTC (position 42).",
    ]
    assert in_words(house.LOST, house.NAMES, "ru")[:3] == [
        "Oleg не видит этот чат на позиции 45.",
        "Oleg: чат скрыт с 12 марта 2026 г., 16:45:00 UTC (позиция 43).",
        "Событие 43, 12 марта 2026 г., 16:45:00 UTC: передача контакта «Husband»; "
        "прежний ответственный: Oleg, новый: Pavel (источник: коннектор 8c0e31a2).",
    ]


def test_an_event_is_told_on_the_word_of_an_employee_by_name() -> None:
    lost = {**house.place(house.SON_LINKED), "event": house.SON_LINKED, "reasons": []}
    told = in_words({**house.LOST, "lost": lost}, house.NAMES, "en")[-1]
    assert told == (
        "Event 49, 23 March 2026, 10:15:00 UTC: address +7 900 111-00-03 was linked to contact “Son” "
        "(on the word of: Vera)."
    )


def facts_of(noun: type[Noun]) -> list[Any]:
    return [each for each in vars(noun).values() if isinstance(each, type) and "TOPIC" in vars(each)]


def test_every_event_has_words() -> None:
    topics = {fact.TOPIC for noun in NOUNS for fact in facts_of(noun)}
    assert topics - set(HAPPENINGS) == set(), "say in api/auditing/happenings.py what these events say"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: noun.__name__)
def test_every_slot_of_every_sentence_is_filled_from_the_event(noun: type[Noun], language: Language) -> None:
    for fact in facts_of(noun):
        fields = dict.fromkeys((name for name, _, _ in catalogue.fields(fact)), "2026-01-01T00:00:00Z")
        event = house.event(1, "01T00:00:00", fact.TOPIC, fields)
        told = happened({**event, "private": fields}, SPEAKERS[language])
        assert not {"—", "{", "nobody", "никто"} & set(re.findall(r"\w+|[—{]", told)), told


@pytest.mark.parametrize(
    "words", [Folder, Cause, Switch, DeliveryStatus, DealStatus, Role, ChannelVisibility, AuthorKind]
)
def test_every_stored_word_has_one_that_people_say(words: type[StrEnum]) -> None:
    assert {str(word) for word in words} <= set(WORDS)


def test_what_was_erased_reads_as_such() -> None:
    gone = {**house.EVENTS[4], "private": None}
    assert happened(gone, SPEAKERS["en"]) == "nobody: (erased)"
    assert happened({**house.WIFE_LINKED, "private": None}, SPEAKERS["ru"]) == (
        "адрес (стёрто) привязан к контакту «Wife»"
    )


def test_a_message_that_a_machine_wrote_is_told_as_such() -> None:
    facts = {"author_kind": "automatic", "author_id": None, "direction": "out"}
    greeting = house.event(1, "01T00:00:00", "message.received", facts, {"text": "Hello!"})
    assert happened(greeting, SPEAKERS["en"]) == "automatic message: Hello!"
    assert happened(greeting, SPEAKERS["ru"]) == "автоматическое сообщение: Hello!"


def test_an_unknown_event_is_told_by_its_stored_name() -> None:
    assert happened(house.event(1, "01T00:00:00", "moon.landed", {}), SPEAKERS["ru"]) == "moon.landed"


def test_ids_of_two_nouns_may_be_the_same() -> None:
    speaker = Speaker("en", {"deal:7": "House", "contact:7": "Husband", "8": "Wife"})
    assert speaker.quoted("deal", "7") == "“House” (7)"
    assert speaker.quoted("contact", "7") == "“Husband” (7)"
    assert speaker.quoted("contact", "8") == "“Wife” (8)"
    assert speaker.quoted("contact", "9") == "“9”"


def test_texts_of_strangers_move_no_cursor() -> None:
    assert plain("a\x1b[2Jb\u202ec\r\x9bd\ne\t") == "a\ufffd[2Jb\ufffdc\ufffd\ufffdd\ne\t"
