"""Messages in time order: the same in the end, however late, early or often they are told."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

from adapters.postgres.database import create_async_pool
from domain.errors import Invalid, UnknownReference
from projections.answer import Answer
from projections.timeline import Timeline
from tests.projections.history import History, all_rows, follow, named, noon, rebuild

RANK = ["queued", "sent", "failed", "delivered", "read"]


def rfc3339(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else None


class Company:
    """A channel of the whole team with Oleg in it, and what happens in one of its chats."""

    def __init__(self, url: str, history: History, chat: str = "chat", kind: str = "direct") -> None:
        self.url = url
        self.history = history
        self.chat = chat
        if history.head == 0:
            self._found()
        history.append(
            "chat.opened",
            chat,
            private={"external_id": chat, "title": None},
            chat_id=named(chat),
            conversation_id=self.conversation_id,
            channel_id="wa",
            kind=kind,
        )

    def _found(self) -> None:
        self.history.append(
            "channel.connected", "wa", channel_id="wa", kind="whatsapp", title="", visibility="whole_team"
        )
        for name, role in (("oleg", "seller"), ("irina", "supervisor")):
            self.history.append(
                "employee.registered",
                name,
                private={"name": name.title()},
                employee_id=name,
                role=role,
                receives_new_clients=False,
                active=True,
            )

    @property
    def conversation_id(self) -> str:
        return named(f"conversation of {self.chat}")

    def facts(self, message: str) -> dict[str, Any]:
        return {"message_id": named(message), "chat_id": named(self.chat)}

    def receive(
        self,
        message: str,
        at: datetime,
        *,
        author: tuple[str, str | None] = ("client", None),
        sender: str | None = None,
        private: dict[str, Any] | None = None,
        **facts: Any,
    ) -> int:
        told = {"external_id": f"ext-{message}", "text": f"text of {message}", "sender_name": "Husband"}
        more = {"direction": "in" if author[0] == "client" else "out", "echo": False, "reply_to": None}
        return self.history.append(
            "message.received",
            message,
            at,
            {**told, "attachments": [], **(private or {})},
            **self.facts(message),
            conversation_id=self.conversation_id,
            channel_id="wa",
            delivery_id=delivery_of(f"ext-{message}"),
            author_kind=author[0],
            author_id=author[1],
            sender_id=sender and named(sender),
            **{**more, **facts},
        )

    def queue(self, message: str, at: datetime) -> int:
        return self.history.append(
            "message.queued",
            message,
            at,
            {"text": f"text of {message}", "attachments": [{"kind": "image"}]},
            **self.facts(message),
            conversation_id=self.conversation_id,
            channel_id="wa",
            delivery_id=delivery_of(named(message)),
            direction="out",
            author_kind="employee",
            author_id="oleg",
            reply_to=None,
        )

    def edit(self, message: str, at: datetime, text: str | None) -> int:
        return self.history.append("message.edited", message, at, {"text": text}, **self.facts(message))

    def delete(self, message: str, at: datetime) -> int:
        return self.history.append("message.deleted", message, at, **self.facts(message))

    def report(self, ref: str, status: str, at: datetime) -> int:
        told = {"delivery_id": delivery_of(ref), "channel_id": "wa", "status": status}
        return self.history.append("delivery.reported", told["delivery_id"], at, {"message_ref": ref}, **told)

    def link(self, contact: str, address: str, name: str) -> None:
        self.history.append(
            *("contact.registered", contact), private={"name": name}, contact_id=contact, responsible_id=None
        )
        facts: dict[str, Any] = {"contact_id": contact, "address_id": named(address), "kind": "phone"}
        self.history.append("contact.address_linked", f"{contact}", private={"address": address}, **facts)

    def follow(self) -> None:
        follow(self.history.connection, self.history.head)

    def messages(self, employee_id: str = "oleg", workspace_id: str = "main", **asked: Any) -> Answer:
        async def ask() -> Answer:
            async with create_async_pool(self.url, max_size=1) as pool:
                return await Timeline(pool).messages(workspace_id, employee_id, self.conversation_id, **asked)

        return asyncio.run(ask())

    def page(self, **asked: Any) -> dict[str, Any]:
        body = self.messages(**asked).body
        assert body is not None
        page: dict[str, Any] = json.loads(body)
        return page

    def texts(self, **asked: Any) -> list[str]:
        return [item["text"].removeprefix("text of ") for item in self.page(**asked)["items"]]


@pytest.fixture
def company(url: str, history: History) -> Company:
    return Company(url, history)


def test_a_message_is_shown_as_the_contract_says(company: Company) -> None:
    attachments = [{"kind": "image", "url": "https://example.org/1", "name": None, "mime": None, "size": 3}]
    private = {"attachments": attachments, "text": "да — 100% 'ok'"}
    position = company.receive("m1", noon(0.25), private=private, reply_to=named("m0"))
    company.follow()

    answer = company.messages()
    assert answer.position == position
    assert json.loads(answer.body or "") == {
        "items": [
            {
                "message_id": named("m1"),
                "chat_id": named("chat"),
                "channel_id": "wa",
                "external_id": "ext-m1",
                "direction": "in",
                "author": {"kind": "unknown", "id": None, "name": "Husband"},
                "text": "да — 100% 'ok'",
                "attachments": attachments,
                "reply_to": named("m0"),
                "sent_at": "2026-03-01T12:00:00.250000Z",
                "edited_at": None,
                "deleted_at": None,
                "delivery": None,
                "position": position,
                "thread": {"replies": 0},
            }
        ],
        "next_cursor": None,
    }


def test_an_author_is_named_as_he_is_known_now(company: Company) -> None:
    company.receive("of client", noon(1), sender="shared")
    company.receive("of stranger", noon(2), sender="other")
    company.receive("of oleg", noon(3), author=("employee", "oleg"))
    company.receive("of a phone", noon(4), author=("employee", None), echo=True)
    company.receive("of arkady", noon(5), author=("external_staff", "arkady"))
    company.queue("of oleg here", noon(6))
    company.link("wife", "shared", "Wife")
    company.link("husband", "shared", "Husband")
    company.history.append("staff.registered", "arkady", private={"name": "Arkady"}, staff_id="arkady")
    company.history.append("contact.renamed", "husband", private={"name": "Ivan"}, contact_id="husband")
    company.follow()

    assert [item["author"] for item in company.page()["items"]] == [
        {"kind": "client", "id": "husband", "name": "Ivan"},
        {"kind": "unknown", "id": None, "name": "Husband"},
        {"kind": "employee", "id": "oleg", "name": "Oleg"},
        {"kind": "employee", "id": None, "name": "Husband"},
        {"kind": "external_staff", "id": "arkady", "name": "Arkady"},
        {"kind": "employee", "id": "oleg", "name": "Oleg"},
    ]


def test_the_furthest_delivery_counts(company: Company) -> None:
    company.report(named("m1"), "delivered", noon(9))
    company.queue("m1", noon(1))
    company.report(named("m1"), "failed", noon(10))
    company.queue("m2", noon(2))
    company.receive("m3", noon(3), author=("employee", None), echo=True)
    company.receive("m4", noon(4), author=("employee", None), echo=True)
    company.report("ext-m4", "read", noon(11))
    company.receive("m5", noon(5))
    company.follow()

    deliveries = [item["delivery"] for item in company.page()["items"]]
    assert deliveries == ["delivered", "queued", "sent", "read", None]


def test_pages_go_forwards_and_backwards_without_a_gap(company: Company) -> None:
    names = [f"m{number}" for number in range(7)]
    for name in reversed(names):
        company.receive(name, noon(int(name[1:]) // 2))  # two at a moment: the later one came first
    company.follow()
    in_order = ["m1", "m0", "m3", "m2", "m5", "m4", "m6"]

    assert company.texts() == in_order
    assert pages(company) == [in_order[:3], in_order[3:6], in_order[6:]]
    assert pages(company, before=noon(99)) == [in_order[4:], in_order[1:4], in_order[:1]]
    assert pages(company, limit=7) == [in_order]


def pages(company: Company, *, limit: int = 3, **asked: Any) -> list[list[str]]:
    found, cursor = [], None
    for _ in range(9):
        page = company.page(limit=limit, cursor=cursor, **asked)
        found.append([item["text"].removeprefix("text of ") for item in page["items"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found
    raise AssertionError("the pages have no end")


def test_a_page_begins_at_a_message_a_position_or_a_time(company: Company) -> None:
    late = [company.receive(f"m{number}", noon(number)) for number in (1, 2, 3, 5)]
    company.receive("m4", noon(4))
    company.follow()

    assert company.texts(after=named("m3")) == ["m4", "m5"]
    assert company.texts(before=UUID(named("m3"))) == ["m1", "m2"]
    assert company.texts(before=named("m4"), limit=2) == ["m2", "m3"]
    assert company.texts(after=str(late[-1])) == ["m4"]
    assert company.texts(before=late[-1]) == ["m1", "m2", "m3"]
    assert company.texts(after="2026-03-01T12:00:04Z") == ["m5"]
    assert company.texts(before="2026-03-01T15:00:02+03:00") == ["m1"]
    assert company.texts(after=named("m1"), before=named("m5"), limit=2) == ["m2", "m3"]
    assert pages(company, limit=1, after=named("m1"), before=named("m4")) == [["m2"], ["m3"]]


@pytest.mark.parametrize("mark", ["yesterday", "2026-03-01T12:00:00", "-1", "9" * 30])
def test_a_mark_that_is_nothing_is_refused(company: Company, mark: str) -> None:
    with pytest.raises(Invalid) as refused:
        company.messages(after=mark)
    assert refused.value.field == "after"


@pytest.mark.parametrize("cursor", ["", "before", "x~2026-03-01T12:00:00Z~1", "after~now~1", "after~~"])
def test_a_cursor_that_is_none_of_ours_is_refused(company: Company, cursor: str) -> None:
    with pytest.raises(Invalid) as refused:
        company.messages(cursor=cursor)
    assert refused.value.field == "cursor"


def test_a_message_of_another_conversation_is_no_mark(company: Company) -> None:
    other = Company(company.url, company.history, "other chat")
    other.receive("theirs", noon())
    company.follow()

    with pytest.raises(UnknownReference):
        company.messages(before=named("theirs"))
    assert company.messages("stranger", before=named("theirs")).body is None


def test_who_does_not_see_the_chat_gets_nothing(company: Company) -> None:
    group = Company(company.url, company.history, "group", kind="group")
    company.receive("m1", noon())
    group.receive("m2", noon())
    company.follow()

    assert company.texts() == ["m1"]
    assert company.messages("stranger").body is None
    assert company.messages(workspace_id="another").body is None
    assert group.messages("oleg").body is None
    assert group.texts(employee_id="irina") == ["m2"]


@pytest.mark.parametrize("surface", ["deal_card", "open_line"])
def test_a_group_chat_is_not_on_a_deal_card_or_open_line(company: Company, surface: str) -> None:
    group = Company(company.url, company.history, "group", kind="group")
    group.receive("m1", noon())
    company.follow()

    assert group.messages("irina", surface=surface).body is None
    assert group.messages("irina", surface="crm_widget").body is not None
    assert company.messages("oleg", surface=surface).body is not None


def test_what_is_only_known_by_its_edit_waits(company: Company) -> None:
    company.edit("m1", noon(5), "new")
    company.delete("m1", noon(6))
    company.follow()
    assert company.page() == {"items": [], "next_cursor": None}

    company.receive("m1", noon(1))
    company.follow()
    assert [(item["text"], item["edited_at"], item["deleted_at"]) for item in company.page()["items"]] == [
        ("new", rfc3339(noon(5)), rfc3339(noon(6)))
    ]


@pytest.mark.parametrize("apart", [False, True])
def test_of_two_edits_of_one_moment_the_later_one_counts(company: Company, apart: bool) -> None:
    company.receive("m1", noon())
    company.edit("m1", noon(1), "first")
    if apart:
        company.follow()
    company.edit("m1", noon(1), "second")
    company.follow()

    assert company.texts() == ["second"]


@dataclass(frozen=True)
class Told:
    """One event of a random history: what, about which of two messages, when, and how."""

    what: str
    message: int
    second: int
    how: str


tellings = st.lists(
    st.builds(
        Told,
        st.sampled_from(
            ["received", "echoed", "queued", "edited", "deleted", "reported", "reported outside"]
        ),
        st.integers(0, 1),
        st.integers(0, 1),
        st.sampled_from(RANK),
    ),
    max_size=14,
)


def tell(company: Company, told: Told) -> int:
    name, at = f"{company.chat}-{told.message}", noon(told.second)
    match told.what:
        case "received":
            return company.receive(name, at)
        case "echoed":
            return company.receive(name, at, author=("employee", None), echo=True)
        case "queued":
            return company.queue(name, at)
        case "edited":
            return company.edit(name, at, told.how)
        case "deleted":
            return company.delete(name, at)
        case "reported":
            return company.report(named(name), told.how, at)
        case _:
            return company.report(f"ext-{name}", told.how, at)


def delivery_of(message_ref: str) -> str:
    return named(f"delivery of {message_ref}")


def expected(chat: str, history: list[tuple[int, Told]]) -> list[dict[str, Any]]:
    """What the page must show, by the rules and nothing else."""
    items = []
    for message in range(2):
        mine = [(position, told) for position, told in history if told.message == message]
        written = [one for one in mine if one[1].what in ("received", "echoed", "queued")]
        if not written:
            continue
        position, first = written[0]
        edits = sorted((told.second, at, told.how) for at, told in mine if told.what == "edited")
        deletions = [told.second for _, told in mine if told.what == "deleted"]
        heard = "reported" if first.what == "queued" else "reported outside"
        reports = ["queued" if first.what == "queued" else "sent"]
        reports += [told.how for _, told in mine if told.what == heard]
        items.append(
            {
                "message_id": named(f"{chat}-{message}"),
                "text": edits[-1][2] if edits else f"text of {chat}-{message}",
                "sent_at": rfc3339(noon(first.second)),
                "edited_at": rfc3339(noon(edits[-1][0])) if edits else None,
                "deleted_at": rfc3339(noon(min(deletions))) if deletions else None,
                "delivery": None if first.what == "received" else max(reports, key=RANK.index),
                "position": position,
            }
        )
    return sorted(items, key=lambda item: (item["sent_at"], item["position"]))


def test_the_timeline_is_the_same_however_it_was_told_and_rebuilt(
    url: str, history: History, connection: Connection[Any]
) -> None:
    chats = (f"chat-{number}" for number in count())

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(tellings, st.sets(st.integers(0, 14)))
    def check(told: list[Told], cuts: set[int]) -> None:
        company = Company(url, history, next(chats))
        began = history.head
        once = [one for nth, one in enumerate(told) if not (writes(one) and any(map(same(one), told[:nth])))]
        happened = [(tell(company, one), one) for one in once]
        follow(connection, history.head, [began + cut for cut in cuts])

        items = company.page()["items"]
        wanted = expected(company.chat, happened)
        assert [{key: item[key] for key in wanted[0]} for item in items] == wanted if wanted else items == []

    def writes(told: Told) -> bool:
        return told.what in ("received", "echoed", "queued")

    def same(one: Told) -> Any:
        return lambda other: writes(other) and other.message == one.message

    check()

    live = all_rows(connection, "directory", "access", "timeline")
    rebuild(url, verify=False)
    assert all_rows(connection, "directory", "access", "timeline") == live
    assert sum(map(len, live.values())) > 20
