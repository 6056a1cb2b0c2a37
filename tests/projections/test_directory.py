"""The directory as it is now, whatever was said before and however the ranges are cut."""

import asyncio
from typing import Any

import pytest
from psycopg import Connection

from adapters.postgres.database import create_async_pool
from projections.directory import Directory
from tests.projections.history import History, follow, named


def portfolio(url: str, employee_id: str) -> tuple[list[str], list[str]]:
    async def ask() -> tuple[list[str], list[str]]:
        async with create_async_pool(url, max_size=1) as pool:
            return await Directory(pool).portfolio("main", employee_id)

    return asyncio.run(ask())


def row(connection: Connection[Any], question: str) -> Any:
    return connection.execute(question).fetchone()


CUTS = [(), (1, 2, 3, 4, 5, 6, 7, 8), (3,), (2, 5)]


@pytest.mark.parametrize("cuts", CUTS)
def test_an_employee_is_what_was_said_last(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def standing(role: str, receives: bool, active: bool) -> dict[str, Any]:
        return {"employee_id": "oleg", "role": role, "receives_new_clients": receives, "active": active}

    history.append("employee.registered", "oleg", private={"name": "Oleg"}, **standing("seller", True, True))
    history.append("employee.addresses_stated", "oleg", employee_id="oleg", address_ids=["a", "b"])
    history.append("employee.renamed", "oleg", private={"name": "Oleg P."}, employee_id="oleg")
    history.append("employee.deactivated", "oleg", **standing("seller", True, False))
    history.append("employee.role_changed", "oleg", **standing("supervisor", True, False))
    history.append("employee.renamed", "oleg", private={"name": "Oleg Petrov"}, employee_id="oleg")
    history.append("employee.addresses_stated", "oleg", employee_id="oleg", address_ids=["b"])
    follow(connection, history.head, cuts)

    assert row(connection, "SELECT * FROM directory.employee") == (
        *("main", "oleg", "Oleg Petrov", "supervisor", True, False, ["b"]),
    )


@pytest.mark.parametrize("cuts", CUTS)
def test_a_setting_that_is_not_given_stays(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def configure(**settings: Any) -> None:
        names = ("timezone", "language", "response_goal_seconds", "business_hours", "visibility_policy")
        history.append("workspace.configured", "main", **{**dict.fromkeys(names), **settings})

    configure(timezone="Europe/Moscow", language="ru", daily_report={"file": True})
    configure(response_goal_seconds=300)
    configure(language="en", business_hours={"monday": ["10:00", "19:00"]}, holidays={"country": "RU"})
    configure(language="ru", daily_report={})
    follow(connection, history.head, cuts)

    assert row(connection, "SELECT * FROM directory.workspace") == (
        *("main", "Europe/Moscow", "ru", 300, {"monday": ["10:00", "19:00"]}, "client_owners"),
        *({"country": "RU"}, None),
    )


@pytest.mark.parametrize("cuts", CUTS)
def test_a_channel_is_what_was_said_last(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    history.append(
        "channel.connected",
        "wa",
        channel_id="wa",
        kind="whatsapp",
        title="Sales",
        visibility="client_owners",
    )
    history.append("channel.renamed", "wa", channel_id="wa", title="Orders")
    history.append(
        "channel.visibility_changed",
        "wa",
        channel_id="wa",
        from_visibility="client_owners",
        to_visibility="whole_team",
    )
    history.append("channel.renamed", "wa", channel_id="wa", title="Support")
    history.append("channel.kind_changed", "wa", channel_id="wa", kind="telegram")
    follow(connection, history.head, cuts)

    assert row(connection, "SELECT * FROM directory.channel") == (
        *("main", "wa", "telegram", "Support", "whole_team"),
    )


@pytest.mark.parametrize("cuts", CUTS)
def test_an_address_belongs_to_the_person_who_got_it_last(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def assign(address: str, kind: str, person_id: str) -> None:
        history.append(
            "address.assigned",
            address,
            private={"address": "+7 999"},
            address_id=named(address),
            kind="phone",
            person_kind=kind,
            person_id=person_id,
        )

    def unassign(address: str, kind: str, person_id: str) -> None:
        facts: dict[str, Any] = {"address_id": named(address), "person_kind": kind, "person_id": person_id}
        history.append("address.unassigned", address, **facts)

    assign("one", "employee", "oleg")
    assign("two", "employee", "oleg")
    assign("one", "external_staff", "arkady")
    unassign("two", "employee", "oleg")
    assign("three", "employee", "vera")
    unassign("three", "employee", "vera")
    assign("three", "employee", "pavel")
    follow(connection, history.head, cuts)

    persons = connection.execute(
        "SELECT address_id, person_kind, person_id, address FROM directory.person_address ORDER BY person_id"
    ).fetchall()
    assert persons == [
        (named("one"), "external_staff", "arkady", "+7 999"),
        (named("three"), "employee", "pavel", "+7 999"),
    ]


@pytest.mark.parametrize("cuts", CUTS)
def test_a_contact_has_the_addresses_that_are_linked_to_it(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def link(contact: str, address: str) -> None:
        facts: dict[str, Any] = {"contact_id": contact, "address_id": named(address), "kind": "phone"}
        history.append("contact.address_linked", contact, private={"address": address}, **facts)

    def unlink(contact: str, address: str) -> None:
        history.append("contact.address_unlinked", contact, contact_id=contact, address_id=named(address))

    link("wife", "shared")
    link("husband", "shared")
    link("wife", "own")
    unlink("wife", "shared")
    link("husband", "old")
    unlink("husband", "old")
    link("wife", "shared")
    follow(connection, history.head, cuts)

    links = connection.execute(
        "SELECT contact_id, address FROM directory.contact_address ORDER BY contact_id, address"
    ).fetchall()
    assert links == [("husband", "shared"), ("wife", "own"), ("wife", "shared")]


@pytest.mark.parametrize("cuts", CUTS)
def test_a_portfolio_is_what_a_handover_would_hand_over(
    url: str, history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def open_deal(deal: str, owner: str) -> None:
        history.append("deal.opened", deal, deal_id=deal, owner_id=owner, status="open", private={})

    history.append("contact.registered", "c1", contact_id="c1", responsible_id="oleg", private={})
    history.append("contact.registered", "c2", contact_id="c2", responsible_id=None, private={})
    open_deal("house", "oleg")
    open_deal("flat", "vera")
    open_deal("shed", "oleg")
    history.append(
        *("contact.responsible_changed", "c2"), contact_id="c2", from_id=None, to_id="oleg", reason="r"
    )
    history.append(
        *("deal.reassigned", "house"),
        deal_id="house",
        from_id="oleg",
        to_id="vera",
        reason="r",
        status="open",
    )
    history.append(
        *("deal.status_changed", "shed"),
        deal_id="shed",
        from_status="open",
        to_status="lost",
        owner_id="oleg",
    )
    follow(connection, history.head, cuts)

    assert portfolio(url, "oleg") == (["shed"], ["c1", "c2"])
    assert portfolio(url, "vera") == (["flat", "house"], [])
    assert portfolio(url, "nobody") == ([], [])
    assert row(connection, "SELECT status FROM directory.deal WHERE deal_id = 'shed'") == ("lost",)


@pytest.mark.parametrize("cuts", CUTS)
def test_a_deal_has_the_contacts_that_were_added_and_not_removed(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    def change(topic: str, contact: str) -> None:
        history.append(topic, "house", deal_id="house", contact_id=contact)

    history.append("deal.opened", "house", deal_id="house", owner_id="oleg", status="open", private={})
    change("deal.contact_added", "husband")
    change("deal.contact_added", "wife")
    change("deal.contact_removed", "husband")
    change("deal.contact_removed", "wife")
    change("deal.contact_added", "wife")
    history.append("deal.renamed", "house", private={"title": "The house"}, deal_id="house")
    follow(connection, history.head, cuts)

    assert connection.execute("SELECT contact_id FROM directory.deal_contact").fetchall() == [("wife",)]
    assert row(connection, "SELECT title FROM directory.deal") == ("The house",)


@pytest.mark.parametrize("cuts", CUTS)
def test_external_staff_has_a_name(
    history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    history.append("staff.registered", "arkady", private={"name": "Arkady"}, staff_id="arkady")
    history.append("staff.addresses_stated", "arkady", staff_id="arkady", address_ids=["a"])
    history.append("staff.renamed", "arkady", private={"name": "Arkady A."}, staff_id="arkady")
    follow(connection, history.head, cuts)

    assert row(connection, "SELECT * FROM directory.staff") == ("main", "arkady", "Arkady A.", ["a"])
