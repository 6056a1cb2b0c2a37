"""Who speaks to the auditor: names, roles, reasons and moments, in Russian or English.

Russian declines nouns and bends past tenses by gender. So names stand in the nominative everywhere, after a
word of their kind (сделка «Дом») or a colon, and what people did is told by nouns and in the present tense.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal, get_args

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Json = Mapping[str, Any]
"""An object of an answer."""

NOT_PRINTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What moves a cursor, turns the direction of writing or is no character: a stranger wrote what we print."""

MONTHS: Mapping[Language, tuple[str, ...]] = {
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    "ru": (
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ),
}
WORDS: Mapping[str, tuple[str, str]] = {
    "employee": ("employee", "сотрудник"),
    "contact": ("contact", "контакт"),
    "deal": ("deal", "сделка"),
    "channel": ("channel", "канал"),
    "staff": ("external staff", "внешний сотрудник"),
    "client": ("client", "клиент"),
    "external_staff": ("external staff", "внешний сотрудник"),
    "automatic": ("automatic", "автоматически"),
    "unknown": ("unknown", "неизвестно кто"),
    "owner": ("owner", "владелец"),
    "responsible": ("responsible", "ответственный"),
    "holder": ("holder", "взял в работу"),
    "seller": ("seller", "продавец"),
    "supervisor": ("supervisor", "руководитель"),
    "quality_control": ("quality control", "контроль качества"),
    "open": ("open", "открыта"),
    "won": ("won", "выиграна"),
    "lost": ("lost", "проиграна"),
    "client_owners": ("those who answer for the client", "те, кто отвечает за клиента"),
    "whole_team": ("the whole team", "вся команда"),
    "incoming": ("incoming", "Входящие"),
    "in_progress": ("in progress", "В работе"),
    "snoozed": ("snoozed", "Отложенные"),
    "closed": ("closed", "Закрытые"),
    "asked": ("by request", "по просьбе"),
    "message": ("the client wrote", "клиент написал"),
    "time": ("the time came", "время пришло"),
    "lost_sight": ("no longer sees it", "больше не видит обращение"),
    "gone": ("its address is gone", "адреса больше нет"),
    "queued": ("queued", "в очереди"),
    "sent": ("sent", "отправлено"),
    "failed": ("failed", "не удалась"),
    "delivered": ("delivered", "доставлено"),
    "read": ("read", "прочитано"),
    "gains": ("gains", "получит"),
    "loses": ("loses", "потеряет"),
    "system": ("Chatledger itself", "сам Chatledger"),
    "connector": ("connector", "коннектор"),
    "admin": ("administrator", "администратор"),
    "auditor": ("auditor", "аудитор"),
    "analyst": ("analyst", "аналитик"),
}
"""What the stored words of the log are called, by language."""

REASONS: Mapping[str, tuple[str, str]] = {
    "responsible_for_contact": ("responsible for contact {contact}", "отвечает за контакт {contact}"),
    "owns_deal": (
        "owner of deal {deal}, with contact {contact}",
        "владеет сделкой {deal}, в ней контакт {contact}",
    ),
    "oversight": ("sees every chat ({role})", "видит все чаты ({role})"),
    "new_client": (
        "receives new clients, and nobody answers for a client in the chat",
        "получает новых клиентов, а за клиентов в чате никто не отвечает",
    ),
    "whole_team": ("channel {channel} is the whole team's", "канал {channel} открыт всей команде"),
    "thread_helper": (
        "helps in the hidden thread under message {message}",
        "помогает в скрытом обсуждении под сообщением {message}",
    ),
}
"""Why somebody sees a chat: fits after the name of who sees it, in the present and in the past."""

SHORT_ID = 8
"""Characters of a UUID that tell a person enough; the whole is in --json and --csv."""


def plain(text: object) -> str:
    """Text of strangers, safe to print: it moves no cursor and turns no writing round."""
    return NOT_PRINTED.sub("\N{REPLACEMENT CHARACTER}", str(text))


@dataclass(frozen=True)
class Speaker:
    """Speaks one language. names: id → name, or `noun:id` → name where ids of two nouns may be the same."""

    language: Language = "en"
    names: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC

    def one_of(self, english: str, russian: str) -> str:
        return russian if self.language == "ru" else english

    def word(self, stored: object) -> str:
        """A stored word as people say it; one that we do not know is told as it is."""
        return self.one_of(*WORDS.get(str(stored), (plain(stored), plain(stored))))

    def name(self, noun: str, thing_id: object) -> str:
        """What it is called; its id where we know no name."""
        told = self.names.get(f"{noun}:{thing_id}") or self.names.get(str(thing_id)) or str(thing_id)
        return plain(told)

    def quoted(self, noun: str, thing_id: object) -> str:
        """Its name in quotes, and its id where that says more."""
        name = self.name(noun, thing_id)
        told = self.one_of(f"“{name}”", f"«{name}»")
        return told if name.casefold() == str(thing_id).casefold() else f"{told} ({plain(thing_id)})"

    def reason(self, reason: Json) -> str:
        """Why somebody sees a chat, in a few words that fit after his name."""
        templates = REASONS.get(str(reason.get("kind")))
        if templates is None:
            return plain(reason.get("kind")).replace("_", " ")
        return self.one_of(*templates).format(
            contact=self.quoted("contact", reason.get("contact_id")),
            deal=self.quoted("deal", reason.get("deal_id")),
            channel=self.quoted("channel", reason.get("channel_id")),
            role=self.word(reason.get("role")),
            message=plain(reason.get("message_id"))[:SHORT_ID],
        )

    def actor(self, actor: str) -> str:
        """On whose word something happened: an employee by name, others by their token."""
        kind, _, actor_id = actor.partition(":")
        if kind == "employee":
            return self.name("employee", actor_id)
        return f"{self.word(kind)} {plain(actor_id)[:SHORT_ID]}".rstrip()

    def moment(self, at: str) -> str:
        """A time of an answer, in full words: 3 March 2026, 14:05:07 UTC."""
        time = self.local(at)
        month = MONTHS[self.language][time.month - 1]
        year = self.one_of(f"{time.year}", f"{time.year} г.")
        return f"{time.day} {month} {year}, {time:%H:%M:%S} {self.zone_name}"

    def day(self, at: str) -> str:
        time = self.local(at)
        return f"{time.day} {MONTHS[self.language][time.month - 1]} {time.year}"

    def month(self, at: datetime, *, of_day: bool) -> str:
        """Three letters; in Russian May differs after the number of a day."""
        month = MONTHS[self.language][at.month - 1][:3]
        return "май" if month == "мая" and not of_day else month

    def stamp(self, at: str | None) -> str:
        """A time of an answer, for a column: 2026-03-03 14:05:07."""
        return f"{self.local(at):%Y-%m-%d %H:%M:%S}" if at else ""

    def clock(self, at: str) -> str:
        return f"{self.local(at):%H:%M}"

    def place(self, place: Json | None) -> str:
        """A place in the log, for a column: its time and position."""
        return f"{self.stamp(place['at'])} #{place['position']}" if place else ""

    def local(self, at: str) -> datetime:
        return datetime.fromisoformat(at).astimezone(self.zone)

    @property
    def zone_name(self) -> str:
        return str(self.zone)
