"""The rule of who sees a chat reads like the requirements G1 to G5 and P1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.employee import Standing
from domain.visibility import ChatFacts, DealFacts, DirectoryFacts, Reason, who_sees

SELLER = Standing("seller", True, True)
PROJECT_LEAD = Standing("seller", False, True)
EMPLOYEES = {
    "oleg": SELLER,
    "vera": SELLER,
    "pavel": PROJECT_LEAD,
    "irina": Standing("supervisor", False, True),
    "katya": Standing("quality_control", False, True),
}
OVERSIGHT = {
    ("irina", Reason("oversight", role="supervisor")),
    ("katya", Reason("oversight", role="quality_control")),
}


def group(*participants: str) -> ChatFacts:
    return ChatFacts("group", "wa", "client_owners", frozenset(participants))


def company(**facts: object) -> DirectoryFacts:
    return DirectoryFacts(**{"employees": EMPLOYEES, "links": {"husband": {"1"}}, **facts})  # type: ignore[arg-type]


def test_a_seller_sees_a_group_while_a_participant_is_his_client() -> None:
    directory = company(responsible={"husband": "oleg"})

    assert who_sees(group("1", "2"), directory) - OVERSIGHT == {
        ("oleg", Reason("responsible_for_contact", contact_id="husband"))
    }


@pytest.mark.parametrize(("status", "sees"), [("open", True), ("won", True), ("lost", False)])
def test_the_owner_of_a_deal_answers_for_its_contacts_until_it_is_lost(status: str, sees: bool) -> None:
    directory = company(deals={"house": DealFacts("pavel", status, frozenset({"husband"}))})

    assert ("pavel" in {who for who, _ in who_sees(group("1"), directory)}) is sees


def test_two_deals_of_one_client_with_two_owners_show_the_chat_to_both() -> None:
    deals = {
        "house": DealFacts("oleg", "open", frozenset({"husband"})),
        "garden": DealFacts("vera", "won", frozenset({"husband"})),
    }

    assert {who for who, _ in who_sees(group("1"), company(deals=deals)) - OVERSIGHT} == {"oleg", "vera"}


def test_supervisors_and_quality_control_see_every_group() -> None:
    assert who_sees(group("9"), company()) >= OVERSIGHT


def test_a_chat_that_nobody_answers_for_is_seen_by_all_who_receive_new_clients() -> None:
    assert who_sees(group("9"), company()) - OVERSIGHT == {
        ("oleg", Reason("new_client")),
        ("vera", Reason("new_client")),
    }


def test_an_employee_who_is_gone_answers_for_nobody() -> None:
    employees = EMPLOYEES | {"oleg": Standing("seller", True, False)}
    directory = company(employees=employees, responsible={"husband": "oleg"})

    assert who_sees(group("1"), directory) - OVERSIGHT == {("vera", Reason("new_client"))}


def test_a_supervisor_who_answers_for_a_client_keeps_it_from_the_new_client_sellers() -> None:
    directory = company(responsible={"husband": "irina"})

    assert who_sees(group("1"), directory) == OVERSIGHT | {
        ("irina", Reason("responsible_for_contact", contact_id="husband"))
    }


def test_everybody_sees_the_direct_chats_of_a_channel_of_the_whole_team() -> None:
    chat = ChatFacts("direct", "shop", "whole_team", frozenset({"1"}))

    assert who_sees(chat, company()) == {(who, Reason("whole_team", channel_id="shop")) for who in EMPLOYEES}


def test_a_group_on_a_channel_of_the_whole_team_follows_the_clients_owners() -> None:
    chat = ChatFacts("group", "shop", "whole_team", frozenset({"1"}))

    assert {who for who, _ in who_sees(chat, company(responsible={"husband": "pavel"}))} == {
        "pavel",
        "irina",
        "katya",
    }


def helped(chat: ChatFacts, *helpers: str) -> ChatFacts:
    """The chat, with employees who help under the message "what color"."""
    return replace(chat, helpers=frozenset((helper, "what color") for helper in helpers))


@pytest.mark.parametrize("policy", ["client_owners", "whole_team"])
@pytest.mark.parametrize("kind", ["direct", "group"])
def test_a_helper_sees_the_chat_beside_those_who_see_it_anyway(kind: str, policy: str) -> None:
    chat = ChatFacts(kind, "shop", policy, frozenset({"1"}))
    directory = company(responsible={"husband": "oleg"})
    helping = {(who, Reason("thread_helper", message_id="what color")) for who in ("pavel", "oleg")}

    assert who_sees(helped(chat, "pavel", "oleg"), directory) == who_sees(chat, directory) | helping


def test_a_helper_answers_for_nobody() -> None:
    seen = who_sees(helped(group("9"), "pavel"), company())

    assert {who for who, reason in seen if reason.kind == "new_client"} == {"oleg", "vera"}


def test_a_helper_who_is_gone_sees_nothing() -> None:
    employees = EMPLOYEES | {"pavel": Standing("seller", False, False)}

    assert "pavel" not in {
        who for who, _ in who_sees(helped(group("1"), "pavel"), company(employees=employees))
    }
