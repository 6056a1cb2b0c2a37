"""What an event says, in a sentence of Russian or English; who said it stands beside it.

A sentence names its people and things in slots, which are filled from the event's facts and private fields:
{deal}, {contact}, {who}, {from_who}, {to_who}, {by_who}, {channel}, {address}, {name}, {text} and the rest as
they are stored. What was erased reads as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.auditing.speaker import SHORT_ID, Json, Speaker, plain
from domain.message import AuthorKind

TEXT_CHARACTERS = 120
"""Of a text that is quoted in a sentence; all of it is in --json and --csv."""

HAPPENINGS: Mapping[str, tuple[str, str]] = {
    "workspace.configured": ("the workspace's settings were changed", "изменены настройки компании"),
    "token.issued": ("a token was issued: {label}", "выдан токен: {label}"),
    "token.revoked": ("a token was revoked", "отозван токен"),
    "channel.connected": (
        "channel {channel} was connected; its direct chats are seen by: {visibility}",
        "подключён канал {channel}; его личные чаты видят: {visibility}",
    ),
    "channel.renamed": ("the channel is called {title} now", "канал теперь называется: {title}"),
    "channel.visibility_changed": (
        "the direct chats of channel {channel} are seen by: {to_visibility}; before by: {from_visibility}",
        "личные чаты канала {channel} теперь видят: {to_visibility}; до этого: {from_visibility}",
    ),
    "channel.kind_changed": ("channel {channel} is of {kind}", "мессенджер канала {channel}: {kind}"),
    "employee.registered": ("employee {who} was registered: {role}", "новый сотрудник {who}: {role}"),
    "employee.renamed": ("employee {who} is called {name} now", "новое имя сотрудника: {name}"),
    "employee.role_changed": ("role of employee {who}: {role}", "новая роль, сотрудник {who}: {role}"),
    "employee.new_clients_switched": (
        "employee {who} receives new clients: {receives}",
        "сотрудник {who} получает новых клиентов: {receives}",
    ),
    "employee.activated": ("employee {who} is active again", "сотрудник {who} снова работает"),
    "employee.deactivated": ("employee {who} was deactivated", "сотрудник {who} отключён"),
    "employee.addresses_stated": ("addresses of employee {who} stated", "указаны адреса, сотрудник {who}"),
    "employee.hours_muted": ("quiet hours of employee {who}", "тихие часы, сотрудник {who}"),
    "staff.registered": ("external staff {name} was registered", "новый внешний сотрудник: {name}"),
    "staff.renamed": ("external staff is called {name} now", "новое имя внешнего сотрудника: {name}"),
    "staff.addresses_stated": ("addresses of external staff stated", "указаны адреса внешнего сотрудника"),
    "address.assigned": (
        "address {address} belongs to {person_kind} {person} now",
        "адрес {address} теперь принадлежит: {person_kind} {person}",
    ),
    "address.unassigned": (
        "an address no longer belongs to {person_kind} {person}",
        "адрес больше не принадлежит: {person_kind} {person}",
    ),
    "contact.registered": (
        "contact {contact} was made; responsible: {responsible}",
        "создан контакт {contact}; ответственный: {responsible}",
    ),
    "contact.renamed": ("contact {contact} is called {name} now", "новое имя контакта: {name}"),
    "contact.responsible_changed": (
        "contact {contact} was handed over; responsible before: {from_who}, now: {to_who}",
        "передача контакта {contact}; прежний ответственный: {from_who}, новый: {to_who}",
    ),
    "contact.address_linked": (
        "address {address} was linked to contact {contact}",
        "адрес {address} привязан к контакту {contact}",
    ),
    "contact.address_unlinked": (
        "an address was unlinked from contact {contact}",
        "от контакта {contact} отвязан адрес",
    ),
    "contact.erased": ("personal data were erased", "персональные данные стёрты"),
    "deal.opened": (
        "deal {deal} was opened ({status}); owner: {owner}",
        "новая сделка {deal} ({status}); владелец: {owner}",
    ),
    "deal.renamed": ("deal {deal} is called {title} now", "новое название сделки {deal}: {title}"),
    "deal.contact_added": (
        "contact {contact} was added to deal {deal}",
        "контакт {contact} добавлен в сделку {deal}",
    ),
    "deal.contact_removed": (
        "contact {contact} was removed from deal {deal}",
        "контакт {contact} убран из сделки {deal}",
    ),
    "deal.reassigned": (
        "deal {deal} was handed over; owner before: {from_who}, now: {to_who}",
        "передача сделки {deal}; прежний владелец: {from_who}, новый: {to_who}",
    ),
    "deal.status_changed": (
        "status of deal {deal}: {to_status}; before: {from_status}",
        "статус сделки {deal}: {to_status}; прежний: {from_status}",
    ),
    "chat.opened": ("the chat appeared: {title}", "появился чат: {title}"),
    "chat.renamed": ("the chat is called {title} now", "новое название чата: {title}"),
    "chat.participant_joined": ("{name} is in the chat", "{name} теперь в чате"),
    "chat.participant_left": ("{name} is no longer in the chat", "{name} больше не в чате"),
    "message.received": ("{name}: {text}", "{name}: {text}"),
    "message.queued": ("{author} answers: {text}", "{author}, ответ: {text}"),
    "message.edited": ("a message was edited: {text}", "сообщение изменено: {text}"),
    "message.deleted": ("a message was deleted", "сообщение удалено"),
    "delivery.reported": ("delivery of a message: {status}", "доставка сообщения: {status}"),
    "conversation.claimed": ("{holder} took it into work", "в работе, ведёт: {holder}"),
    "conversation.assigned": ("given to {holder} to work on", "передано в работу: {holder}"),
    "conversation.released": ("no longer held by {holder}: {cause}", "больше не ведёт: {holder} ({cause})"),
    "conversation.snoozed": ("snoozed until {until}", "отложено до: {until}"),
    "conversation.woken": ("returned from snooze: {cause}", "вернулось из отложенных: {cause}"),
    "conversation.closed": ("closed", "закрыто"),
    "conversation.reopened": ("reopened: {cause}", "открыто снова: {cause}"),
    "conversation.dismissed": ("no answer needed", "ответ не нужен"),
    "reading.advanced": ("{who} read up to position {read_position}", "{who}: прочитано до {read_position}"),
    "thread.replied": ("{author}, hidden from clients: {text}", "{author}, скрыто от клиентов: {text}"),
    "thread.helper_added": (
        "{who} was asked for help in a hidden thread",
        "в скрытое обсуждение добавлен помощник: {who}",
    ),
    "thread.helper_removed": (
        "{who} is no longer asked for help in a hidden thread",
        "из скрытого обсуждения убран помощник: {who}",
    ),
    "thread.help_moved": (
        "what {who} sees as a helper moved with the conversation",
        "обращение изменилось, и с ним то, что видит помощник: {who}",
    ),
    "task.created": ("task for {assignee}: {text}", "задача, исполнитель {assignee}: {text}"),
    "task.reworded": ("task reworded: {text}", "новый текст задачи: {text}"),
    "task.reassigned": (
        "task handed over; before: {from_who}, now: {to_who}",
        "передача задачи; прежний исполнитель: {from_who}, новый: {to_who}",
    ),
    "task.rescheduled": ("task due: {due_at}", "срок задачи: {due_at}"),
    "task.done": ("task done", "задача выполнена"),
    "task.reopened": ("task reopened", "задача снова открыта"),
    "webhook.configured": ("webhook configured: {label}", "настроен вебхук: {label}"),
    "webhook.activated": ("webhook switched on", "вебхук включён"),
    "webhook.deactivated": ("webhook switched off: {cause}", "вебхук отключён: {cause}"),
    "webhook.replayed": (
        "webhook replayed from position {from_position}",
        "повтор вебхука с позиции {from_position}",
    ),
    "webhook.removed": ("webhook removed", "вебхук удалён"),
    "report.sent": (
        "daily report of {date} sent: {destination}",
        "отправлен отчёт за {date}: {destination}",
    ),
    "audit.asked": ("an auditor asked: {question}", "вопрос аудитора: {question}"),
}
"""Topic → what happened, in English and Russian; the connecting words keep every name in the nominative."""

AUTOMATIC = "automatic message: {text}", "автоматическое сообщение: {text}"
"""What a message is called that a machine of the company wrote."""

STORED_WORDS = {
    "cause",
    "role",
    "status",
    "from_status",
    "to_status",
    "visibility",
    "from_visibility",
    "to_visibility",
}


def happened(event: Json, speaker: Speaker) -> str:
    """The event as a sentence; a topic that has none is told by its stored name."""
    by_machine = event["facts"].get("author_kind") == AuthorKind.AUTOMATIC
    templates = AUTOMATIC if by_machine else HAPPENINGS.get(event["topic"])
    if templates is None:
        return plain(event["topic"])
    return speaker.one_of(*templates).format_map(_Slots(event, speaker))


class _Slots(dict[str, str]):
    """The slots of an event's sentence, each filled when it is asked for."""

    def __init__(self, event: Json, speaker: Speaker) -> None:
        super().__init__()
        self.facts: Json = event["facts"]
        self.private: Json | None = event["private"]
        self.speaker = speaker

    def __missing__(self, slot: str) -> str:
        filled = getattr(self, f"_{slot}", None)
        return filled() if filled else self._stored(slot)

    def _who(self) -> str:
        return self._employee("employee_id")

    def _from_who(self) -> str:
        return self._employee("from_id")

    def _to_who(self) -> str:
        return self._employee("to_id")

    def _owner(self) -> str:
        return self._employee("owner_id")

    def _holder(self) -> str:
        return self._employee("holder_id")

    def _author(self) -> str:
        return self._employee("author_id")

    def _assignee(self) -> str:
        return self._employee("assignee_id")

    def _responsible(self) -> str:
        return self._employee("responsible_id")

    def _deal(self) -> str:
        return self._thing("deal", "title")

    def _contact(self) -> str:
        return self._thing("contact", "name")

    def _channel(self) -> str:
        return self._thing("channel", "title")

    def _person(self) -> str:
        return self.speaker.name(self.facts["person_kind"], self.facts["person_id"])

    def _person_kind(self) -> str:
        return self.speaker.word(self.facts["person_kind"])

    def _receives(self) -> str:
        return self.speaker.one_of(*(("yes", "да") if self.facts["receives_new_clients"] else ("no", "нет")))

    def _name(self) -> str:
        """Of whom the event tells: as it says itself, else by his handle."""
        said = self.private or {}
        named = (
            said.get("name") or said.get("sender_name") or said.get("address") or said.get("sender_address")
        )
        return plain(named) if named else self._nobody()

    def _text(self) -> str:
        text = self._private("text")
        return text if len(text) <= TEXT_CHARACTERS else f"{text[: TEXT_CHARACTERS - 1]}…"

    def _until(self) -> str:
        return self.speaker.moment(self.facts["until"])

    def _employee(self, field: str) -> str:
        employee_id = self.facts.get(field)
        return self.speaker.name("employee", employee_id) if employee_id else self._nobody()

    def _thing(self, noun: str, named_by: str) -> str:
        """By the name that is known, else by the one that the event itself gives."""
        thing_id = self.facts[f"{noun}_id"]
        said = {**self.facts, **(self.private or {})}.get(named_by)
        names = {**({thing_id: said} if said else {}), **self.speaker.names}
        return Speaker(self.speaker.language, names).quoted(noun, thing_id)

    def _stored(self, slot: str) -> str:
        if slot not in self.facts:
            return self._private(slot)
        value: Any = self.facts[slot]
        return self.speaker.word(value) if slot in STORED_WORDS else plain(value)

    def _private(self, slot: str) -> str:
        if self.private is None:
            return self.speaker.one_of("(erased)", "(стёрто)")
        value = self.private.get(slot)
        return "—" if value is None else plain(value).replace("\n", " ")

    def _nobody(self) -> str:
        if self.private is None and "address_id" in self.facts:
            return f"{plain(self.facts['address_id'])[:SHORT_ID]} {self._private('')}"
        return self.speaker.one_of("nobody", "никто")
