"""The readers of the feed: who is slow, who goes and comes back, who is one too many. None misses a thing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from api import limits
from tests.api.client import Client, Server, serving
from tests.api.following import (
    READ_TIMEOUT_S,
    Follower,
    beating_often,
    following,
    lines_of,
    listed,
    slow_reader,
)
from tests.databases import Databases

ENDLESSLY = 1_000


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    return admin.with_token("employee:oleg")


@pytest.fixture(scope="module")
def irina(admin: Client) -> Client:
    return admin.with_token("employee:irina")


@pytest.fixture(scope="module", autouse=True)
def company(admin: Client, connector: Client) -> Iterator[None]:
    """Irina sees all that there is: a chat with the husband, who is Vera's."""
    admin.put_channel(visibility="client_owners")
    for name in ("oleg", "vera"):
        admin.put_employee(name)
    admin.put_employee("irina", "supervisor")
    admin.put_contact("husband", "+7 1", responsible_id="vera")
    connector.tell(connector.message("husband", "+7 1"))
    with beating_often():
        yield


def test_a_heartbeat_says_where_it_is(databases: Databases, migrated: str) -> None:
    url = databases.create(template=migrated)
    with serving(url) as server:
        server.client.put_employee("oleg")
        oleg = server.client.with_token("employee:oleg")
        with following(oleg) as feed:
            head = server.client.put_contact("nobody of his")["position"]
            while feed.last_id is None or feed.last_id < head:
                event = feed.next()
                assert (event.kind, event.data) == ("", None)
            revoked = oleg.token.split("_")[1]
            server.client.ask("DELETE", f"/v1/tokens/{revoked}")
            of_revoked = feed.rest()
        with following(server.client.with_token("employee:oleg")) as feed:
            server.client.put_employee("oleg", active=False)
            of_gone = feed.rest()
    databases.drop(url)

    assert [event.kind for event in of_revoked] == ["cut_off"], "his token was revoked"
    assert [event.kind for event in of_gone] == ["cut_off"], "he has left"


def test_who_reads_too_slowly_is_cut_off_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, connector: Client, irina: Client, server: Server
) -> None:
    monkeypatch.setattr(limits, "FEED_BYTES", 400_000)
    before = listed(irina)
    with slow_reader(irina) as reader:
        sent, (feed,) = 0, (feed for feed in server.feeds.open if feed.is_led)
        while not feed.over:
            sent += 1
            assert sent < ENDLESSLY, "what waits for him has no bound"
            told = connector.tell(connector.message("husband", "+7 1", "x" * 40_000))
            irina.get("/v1/inbox/counts", min_position=told["position"])
        received = Follower(lines_of(reader), before)
        events = received.rest()

    assert events[-1].kind == "cut_off"
    position = events[-1].data["position"]
    assert position == received.last_id
    assert position < server.head
    known = {event.data["message_id"] for event in events if event.is_message}
    with following(irina, last_id=position) as more:
        more.items = received.items
        rest = {event.data["message_id"] for event in more.until(server.head) if event.is_message}
    assert len(known | rest) == sent
    assert more.items == listed(irina)


def test_a_process_that_does_not_lead_tells_its_readers_too(
    connector: Client, irina: Client, server: Server
) -> None:
    with serving(server.system.database_url) as other:
        there = Client(other.client.http, irina.token)
        with following(there) as feed:
            told = connector.tell(connector.message("husband", "+7 1", "over there"))
            events = feed.until(told["position"])

    assert [event.kind for event in events] == ["conversation_changed", "message", "notification"]


def test_who_comes_and_goes_while_everything_moves_misses_nothing(
    admin: Client, connector: Client, oleg: Client, irina: Client, server: Server
) -> None:
    def bustle() -> None:
        for number in range(30):
            phone = f"+7 5{number % 4}"
            connector.tell(connector.message(f"chat{number % 4}", phone, f"{number}"))
            responsible = ("oleg", "vera", None)[number % 3]
            admin.put_contact(f"client{number % 4}", phone, responsible_id=responsible)
            if number % 7 == 6:
                admin.put_employee("oleg", "quality_control" if number % 2 else "seller")

    begun, bustling = server.head, threading.Thread(target=bustle)
    lists = {reader.token: (listed(reader), begun) for reader in (oleg, irina)}
    texts: set[str] = set()
    bustling.start()
    while bustling.is_alive() or any(last_id < server.head for _, last_id in lists.values()):
        going_on = bustling.is_alive()
        for reader in (oleg, irina):
            items, last_id = lists[reader.token]
            with following(reader, last_id=last_id) as feed:
                feed.items = dict(items)
                events = feed.until(last_id + 1 if going_on else server.head)
            assert feed.last_id is not None
            lists[reader.token] = feed.items, feed.last_id
            if reader is irina:
                texts |= {event.data["text"] for event in events if event.is_message}
    bustling.join()

    assert texts >= {str(number) for number in range(30)}
    for reader in (oleg, irina):
        assert lists[reader.token][0] == listed(reader)


def test_who_leaves_takes_no_place(oleg: Client, server: Server) -> None:
    with following(oleg):
        assert any(feed.opened.employee_id == "oleg" for feed in server.feeds.open)
        assert f"chatledger_open_feeds {len(server.feeds.open)}.0" in oleg.ask("GET", "/metrics").text

    assert soon(lambda: not server.feeds.open)


def test_it_goes_on_from_nothing_that_is_no_position(oleg: Client) -> None:
    for header, query in (("never", None), ("-1", None), (None, "never"), (str(2**63), None)):
        headers = {"Last-Event-ID": header} if header else {}
        answer = oleg.ask("GET", "/v1/feed", headers=headers, params={"after": query} if query else {})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_what_is_too_long_ago_is_refused(monkeypatch: pytest.MonkeyPatch, oleg: Client) -> None:
    monkeypatch.setattr(limits, "FEED_RESUME_EVENTS", 3)

    answer = oleg.ask("GET", "/v1/feed", params={"after": 1})

    assert (answer.status_code, answer.json()["code"]) == (410, "position_too_old")


def test_there_is_a_limit_to_open_feeds(monkeypatch: pytest.MonkeyPatch, oleg: Client) -> None:
    monkeypatch.setattr(limits, "FEEDS", 0)

    answer = oleg.ask("GET", "/v1/feed")

    assert (answer.status_code, answer.json()["code"]) == (503, "too_many_feeds")


def test_open_feeds_end_when_the_server_stops(databases: Databases, migrated: str) -> None:
    url = databases.create(template=migrated)
    with serving(url) as server:
        server.client.put_employee("oleg")
        stack = following(server.client.with_token("employee:oleg"))
        feed = stack.__enter__()
    events = feed.rest()
    databases.drop(url)

    assert [(event.kind, event.data["position"]) for event in events] == [("cut_off", feed.last_id)]


def soon(true: Callable[[], bool]) -> bool:
    """Whether it comes true within some seconds."""
    deadline = time.monotonic() + READ_TIMEOUT_S
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()
