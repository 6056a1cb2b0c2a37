"""Each command has four outcomes: it happened, it was refused, it was done already, somebody was first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import Any

import pytest

from domain.application import Chatledger
from domain.errors import (
    AlreadyHeld,
    ChatKindMissing,
    DealLost,
    Invalid,
    ReadOnlyRole,
    Refused,
    SnoozeInThePast,
    UnknownReference,
    UnknownThing,
    WebhookInactive,
)
from domain.ids import derive, message_id
from domain.inbound import (
    ChatRef,
    ChatRenamed,
    MessageArrived,
    MessageEdited,
    ParticipantJoined,
    ParticipantLeft,
)
from domain.message import Message
from domain.muted_hours import MutedHours
from domain.webhook import WebhookStatement
from tests.domain.conftest import BY, CHAT, GROUP, at, message, phone, put_employee, topics

Command = Callable[[Chatledger], Any]

WEBHOOK = WebhookStatement("https://crm.example/", ["notification"], "Our CRM", "digest")

HAPPENS: dict[str, tuple[Command, list[str]]] = {
    "configure_workspace": (
        lambda app: app.configure_workspace(timezone="Europe/Berlin", by=BY),
        ["workspace.configured"],
    ),
    "issue_token": (
        lambda app: app.issue_token("t", scopes=["admin"], label="", digest="ab", by=BY),
        ["token.issued"],
    ),
    "put_channel": (
        lambda app: app.put_channel("wa", kind="whatsapp", title="Sales", visibility="whole_team", by=BY),
        ["channel.renamed", "channel.visibility_changed"],
    ),
    "put_employee": (
        lambda app: put_employee(app, "oleg", role="supervisor", phones="7"),
        [
            "employee.role_changed",
            "employee.new_clients_switched",
            "employee.addresses_stated",
            "address.assigned",
        ],
    ),
    "put_staff": (
        lambda app: app.put_staff("arkady", name="Arkady", addresses=[phone("8")], by=BY),
        ["staff.registered", "staff.addresses_stated", "address.assigned"],
    ),
    "put_contact": (
        lambda app: app.put_contact(
            "husband", name="The husband", responsible_id="vera", addresses=[phone("2")], by=BY
        ),
        [
            "contact.renamed",
            "contact.responsible_changed",
            "contact.address_unlinked",
            "contact.address_linked",
        ],
    ),
    "put_deal": (
        lambda app: app.put_deal(
            "house", title="House 2", owner_id="vera", status="won", contact_ids=[], by=BY
        ),
        ["deal.renamed", "deal.status_changed", "deal.reassigned", "deal.contact_removed"],
    ),
    "reassign_deal": (
        lambda app: app.reassign_deal("house", "vera", reason="holiday", with_contacts=True, by=BY),
        ["deal.reassigned", "contact.responsible_changed"],
    ),
    "hand_over": (
        lambda app: app.hand_over(
            "oleg", "vera", deal_ids=["house"], contact_ids=["husband"], reason="", by=BY
        ),
        ["deal.reassigned", "contact.responsible_changed"],
    ),
    "link_address": (
        lambda app: app.link_address("son", phone("3"), name="Son", responsible_id="vera", by=BY),
        ["contact.registered", "contact.address_linked"],
    ),
    "unlink_address": (
        lambda app: app.unlink_address("husband", phone("1"), by=BY),
        ["contact.address_unlinked"],
    ),
    "receive a message": (
        lambda app: app.receive("wa", [message("second", "2")], by=BY)[1],
        ["chat.participant_joined", "message.received"],
    ),
    "receive an edit": (
        lambda app: app.receive("wa", [MessageEdited(GROUP, "first", at(1), "hi")], by=BY)[1],
        ["message.edited"],
    ),
    "receive a leave": (
        lambda app: app.receive("wa", [ParticipantLeft(GROUP, "1", at(9))], by=BY)[1],
        ["chat.participant_left"],
    ),
    "receive a title": (
        lambda app: app.receive("wa", [ChatRenamed(ChatRef("family", title="Villa"), at(9))], by=BY)[1],
        ["chat.renamed"],
    ),
    "send_message": (
        lambda app: app.send_message(
            CHAT,
            derive("message", "one"),
            author_id="oleg",
            text="yes",
            attachments=[],
            reply_to=str(message_id(CHAT, "first")),
            by=BY,
        ),
        ["message.queued"],
    ),
    "claim": (lambda app: app.claim([CHAT], "oleg", by=BY), ["conversation.claimed"]),
    "assign": (lambda app: app.assign([CHAT], "vera", "oleg", by=BY), ["conversation.assigned"]),
    "close": (
        lambda app: app.close_conversation([CHAT], "oleg", seen_position=99, by=BY),
        ["conversation.closed"],
    ),
    "dismiss": (lambda app: app.dismiss([CHAT], "oleg", seen_position=9, by=BY), ["conversation.dismissed"]),
    "snooze": (
        lambda app: app.snooze([CHAT], "oleg", at(60), seen_position=9, by=BY),
        ["conversation.snoozed"],
    ),
    "read_up_to": (lambda app: app.read_up_to("one", [CHAT], "katya", 5, by=BY)[0], ["reading.advanced"]),
    "mute_hours": (
        lambda app: app.mute_hours("oleg", [MutedHours(frozenset({"sat"}), "22:00", "08:00")], by=BY),
        ["employee.hours_muted"],
    ),
    "put_webhook": (
        lambda app: app.put_webhook("crm", WEBHOOK, active=True, by=BY),
        ["webhook.configured", "webhook.activated"],
    ),
    "note_report_sent": (
        lambda app: app.note_report_sent(
            date(2026, 3, 1), "file", definition="first-of-run/1", position=7, by=BY
        ),
        ["report.sent"],
    ),
}


@pytest.mark.parametrize("name", HAPPENS)
def test_a_command_happens_once_and_sent_again_it_is_done_already(house: Chatledger, name: str) -> None:
    command, expected = HAPPENS[name]
    before = house.head()

    first = command(house)
    assert topics(house, before) == expected
    assert first is None or (first.position, first.recorded) == (house.head(), len(expected))

    again = command(house)
    assert topics(house, before) == expected
    assert again is None or (again.position, again.recorded) == (house.head(), 0)


REFUSED: dict[str, tuple[Command, type[Refused]]] = {
    "a token nobody knows": (lambda app: app.revoke_token("no", by=BY), UnknownThing),
    "a contact of nobody": (
        lambda app: app.put_contact("x", name="X", responsible_id="no", addresses=[], by=BY),
        UnknownReference,
    ),
    "a deal of nobody": (
        lambda app: app.put_deal("x", title="", owner_id="no", status="open", contact_ids=[], by=BY),
        UnknownReference,
    ),
    "a deal with a stranger": (
        lambda app: app.put_deal("x", title="", owner_id="oleg", status="open", contact_ids=["no"], by=BY),
        UnknownReference,
    ),
    "handing over no deal": (
        lambda app: app.reassign_deal("no", "vera", reason="", with_contacts=False, by=BY),
        UnknownThing,
    ),
    "handing a deal to nobody": (
        lambda app: app.reassign_deal("house", "no", reason="", with_contacts=True, by=BY),
        UnknownReference,
    ),
    "a channel nobody connected": (lambda app: app.receive("no", [message("1")], by=BY), UnknownThing),
    "quality control answering": (
        lambda app: app.send_message(
            CHAT, derive("m"), author_id="katya", text="x", attachments=[], reply_to=None, by=BY
        ),
        ReadOnlyRole,
    ),
    "quality control claiming": (lambda app: app.claim([CHAT], "katya", by=BY), ReadOnlyRole),
    "giving it to quality control": (lambda app: app.assign([CHAT], "oleg", "katya", by=BY), Invalid),
    "answering a message elsewhere": (
        lambda app: app.send_message(
            CHAT, derive("m"), author_id="oleg", text="x", attachments=[], reply_to="no", by=BY
        ),
        UnknownReference,
    ),
    "a snooze into the past": (
        lambda app: app.snooze([CHAT], "oleg", at(0), seen_position=1, by=BY),
        SnoozeInThePast,
    ),
    "muting the hours of nobody": (lambda app: app.mute_hours("no", [], by=BY), UnknownReference),
    "replaying no webhook": (lambda app: app.replay_webhook("no", 1, by=BY), UnknownThing),
    "removing no webhook": (lambda app: app.remove_webhook("no", by=BY), UnknownThing),
    "unlinking from nobody": (lambda app: app.unlink_address("no", phone("1"), by=BY), UnknownReference),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_records_nothing(house: Chatledger, name: str) -> None:
    command, refusal = REFUSED[name]
    before = house.head()

    with pytest.raises(refusal):
        command(house)

    assert house.head() == before


def test_a_webhook_is_switched_replayed_and_removed(house: Chatledger) -> None:
    before = house.head()
    house.put_webhook("crm", WEBHOOK, active=True, by=BY)
    house.replay_webhook("crm", 1, by=BY)
    for _ in range(2):
        house.deactivate_webhook("crm", by=BY)
    with pytest.raises(WebhookInactive):
        house.replay_webhook("crm", 1, by=BY)
    house.put_webhook("crm", replace(WEBHOOK, url="https://crm.example/2"), active=False, by=BY)
    for _ in range(2):
        house.remove_webhook("crm", by=BY)
    house.put_webhook("crm", WEBHOOK, active=False, by=BY)

    assert topics(house, before) == [
        *("webhook.configured", "webhook.activated", "webhook.replayed", "webhook.deactivated"),
        *("webhook.configured", "webhook.removed", "webhook.configured"),
    ]


def test_a_lost_deal_is_not_handed_over(house: Chatledger) -> None:
    house.put_deal("house", title="House", owner_id="oleg", status="lost", contact_ids=["husband"], by=BY)

    with pytest.raises(DealLost):
        house.reassign_deal("house", "vera", reason="", with_contacts=False, by=BY)


def test_the_first_who_claims_holds_it_and_the_other_is_told_who_won(house: Chatledger) -> None:
    house.claim([CHAT], "oleg", by=BY)

    with pytest.raises(AlreadyHeld) as refusal:
        house.claim([CHAT], "vera", by=BY)

    assert refusal.value.values["holder_id"] == "oleg"


def test_one_bad_item_is_refused_and_the_others_go_in(house: Chatledger) -> None:
    before = house.head()
    stranger = MessageArrived(ChatRef("new one"), "1", at(0), "1")

    results, accepted = house.receive("wa", [message("a"), stranger, message("a"), message("b")], by=BY)

    assert [result.status for result in results] == ["appended", "rejected", "duplicate", "appended"]
    assert isinstance(results[1].refusal, ChatKindMissing)
    assert [result.position for result in results] == [before + 1, None, before + 2, before + 2]
    assert accepted.position == before + 2


def test_a_title_that_is_told_late_is_recorded_and_one_that_is_only_mentioned_is_not(
    house: Chatledger,
) -> None:
    house.receive("wa", [ChatRenamed(ChatRef("family", title="Villa"), at(9))], by=BY)
    before = house.head()

    late = ChatRenamed(ChatRef("family", title="Hut"), at(5))
    house.receive("wa", [late, late, message("mentions", minute=7)], by=BY)

    assert topics(house, before) == ["chat.renamed", "message.received"]


def test_a_clients_message_brings_a_closed_conversation_back(house: Chatledger) -> None:
    house.close_conversation([CHAT], "oleg", seen_position=house.head(), by=BY)
    before = house.head()

    house.receive("wa", [message("again", minute=5)], by=BY)

    assert topics(house, before) == ["message.received", "conversation.reopened"]


def test_a_clients_message_wakes_a_snoozed_conversation(house: Chatledger) -> None:
    house.snooze([CHAT], "oleg", at(60), seen_position=house.head(), by=BY)
    before = house.head()

    house.receive("wa", [message("again", minute=5)], by=BY)

    assert topics(house, before) == ["message.received", "conversation.woken"]


def test_what_the_company_writes_leaves_a_closed_conversation_closed(house: Chatledger) -> None:
    put_employee(house, "oleg", phones="7")
    house.close_conversation([CHAT], "oleg", seen_position=house.head(), by=BY)
    before = house.head()

    house.receive("wa", [message("x", "7", 5), message("y", "1", 6, echo=True)], by=BY)

    assert topics(house, before) == ["chat.participant_joined", "message.received", "message.received"]


def test_what_a_machine_wrote_is_nobodys_whoever_its_sender_is(house: Chatledger) -> None:
    put_employee(house, "oleg", phones="7")
    before = house.head()

    told = [message("x", "7", 5, automatic=True), message("y", "1", 6, automatic=True, echo=True)]
    house.receive("wa", told, by=BY)

    for each in ("x", "y"):
        (wrote,) = house.events.get(message_id(CHAT, each))
        assert isinstance(wrote, Message.Received)
        assert (wrote.direction, wrote.author_kind, wrote.author_id) == ("out", "automatic", None)
    head = house.head()
    assert "conversation.reopened" not in topics(house, before)
    house.receive("wa", told, by=BY)
    assert house.head() == head


def test_an_address_of_two_employees_is_the_latters(house: Chatledger) -> None:
    put_employee(house, "oleg", phones="7")
    put_employee(house, "vera", phones="7")
    put_employee(house, "oleg")
    house.receive("wa", [message("x", "7")], by=BY)

    (received,) = house.events.get(message_id(CHAT, "x"))
    assert isinstance(received, Message.Received)
    assert received.author_id == "vera"


def test_somebody_who_left_is_back_when_he_writes_again(house: Chatledger) -> None:
    house.receive("wa", [ParticipantLeft(GROUP, "1", at(5))], by=BY)
    before = house.head()

    house.receive("wa", [message("old", minute=4), message("new", minute=6)], by=BY)

    assert topics(house, before) == ["message.received", "chat.participant_joined", "message.received"]


def test_of_many_who_claim_at_once_exactly_one_wins(house: Chatledger) -> None:
    for name in "abcdefgh":
        put_employee(house, name)
    together = Barrier(8)

    def claim(name: str) -> str:
        together.wait()
        try:
            house.claim([CHAT], name, by=BY)
        except AlreadyHeld as refusal:
            return str(refusal.values["holder_id"])
        return name

    with ThreadPoolExecutor(8) as pool:
        winners = set(pool.map(claim, "abcdefgh"))

    assert len(winners) == 1


def test_a_message_that_crosses_the_closing_is_never_left_in_closed(house: Chatledger) -> None:
    """Whichever is first in the ledger: a message after the closing is followed by a reopening."""
    for number in range(50):
        seen = house.head()
        together = Barrier(2)

        def close(seen: int = seen, together: Barrier = together) -> None:
            together.wait()
            house.close_conversation([CHAT], "oleg", seen_position=seen, by=BY)

        def write(number: int = number, together: Barrier = together) -> None:
            together.wait()
            house.receive("wa", [message(f"race {number}", minute=number)], by=BY)

        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(close), pool.submit(write)]:
                future.result()

        last = [topic for topic in topics(house, seen) if not topic.startswith("chat.")]
        assert last in (
            ["conversation.closed", "message.received", "conversation.reopened"],
            ["message.received", "conversation.closed"],
        )
        house.reopen([CHAT], "oleg", by=BY)


def test_a_join_that_is_told_twice_is_noted_once(house: Chatledger) -> None:
    join = ParticipantJoined(GROUP, "2", at(1), "Wife")

    results, _ = house.receive("wa", [join, join], by=BY)

    assert [result.status for result in results] == ["appended", "duplicate"]
