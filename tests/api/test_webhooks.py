"""Webhooks over real HTTP: in order, at least once, signed, and without anything private."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from api import admin_answers
from tests.api.client import Client, Server, serving
from tests.api.receiver import SECRET, Receiver
from tests.api.telling import QUICK, deliveries, found, put, tell, wait_for_log, wait_until
from tests.databases import Databases

DOCUMENT = Path(__file__).parents[2] / "docs" / "webhooks.md"


@pytest.fixture(scope="module")
def url(databases: Databases, migrated: str) -> Iterator[str]:
    url = databases.create(template=migrated)
    yield url
    databases.drop(url)


@pytest.fixture(scope="module")
def server(url: str) -> Iterator[Server]:
    with serving(url, **QUICK, webhook_attempts=3) as server:
        found(server.client)
        yield server


@pytest.fixture
def hook(admin: Client, receiver: Receiver) -> Iterator[Callable[..., str]]:
    """Connects webhooks that are removed again."""
    known: list[str] = []

    def connect(path: str = "/told", **body: Any) -> str:
        webhook_id = f"hook {receiver.port} {path.strip('/')}"
        put(admin, webhook_id, receiver.url(path), **body)
        known.append(webhook_id)
        return webhook_id

    yield connect
    for webhook_id in known:
        admin.ask("DELETE", f"/v1/webhooks/{webhook_id}")


def test_a_strangers_library_accepts_what_is_told(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    webhook_id = hook()
    (position,) = tell(admin)

    (request,) = receiver.wait_for(1)

    told = Webhook(SECRET).verify(request.body, request.headers)
    assert told == request.told
    assert {"type": "notification", "position": position, "employee_ids": ["irina"]}.items() <= told.items()
    assert set(told) == {
        *("type", "position", "workspace_id", "conversation_id", "chat_id", "message_id"),
        *("channel_id", "employee_ids", "at"),
    }
    assert b"secret wish" not in request.body
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"irina", b"katya"), request.headers)
    (line,) = wait_for_log(admin, receiver, webhook_id, bool)
    assert line["delivery_id"] == request.headers["webhook-id"]
    assert (line["position"], line["attempts"], line["last_status_code"]) == (position, 1, 204)
    admin_answers.DeliveryPage.model_validate_json(
        admin.ask("GET", f"/v1/webhooks/{webhook_id}/deliveries").content
    )
    admin_answers.WebhookPage.model_validate_json(admin.ask("GET", "/v1/webhooks").content)


def test_the_ten_lines_of_the_documentation_verify_what_is_told(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    example: dict[str, Any] = {}
    exec(DOCUMENT.read_text().split("```python\n")[1].split("```")[0], example)
    hook()
    tell(admin)

    (request,) = receiver.wait_for(1)

    verified = example["verified"]
    assert verified(SECRET, request.headers, request.body)
    assert not verified(SECRET, request.headers, request.body + b" ")
    assert not verified("another secret of ours", request.headers, request.body)
    assert not verified(SECRET, request.headers | {"webhook-timestamp": "1700000000"}, request.body)


def test_a_plain_secret_signs_with_its_own_bytes(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    secret = "ключ от дома, не терять"
    hook(secret=secret)
    tell(admin)

    (request,) = receiver.wait_for(1)

    assert Webhook(secret.encode()).verify(request.body, request.headers)


def test_what_fails_is_tried_again_and_what_comes_later_waits(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    receiver.answers["/told"] = [500, 302]
    hook()
    hook("/other")
    positions = tell(admin, 3)

    receiver.wait_for(3)
    receiver.wait_for(3, "/other")

    first = [one for one in receiver.requests if one.path == "/told"]
    assert [one.told["position"] for one in first] == [positions[0], positions[0], *positions]
    assert len({one.headers["webhook-id"] for one in first}) == 3
    assert receiver.positions("/other") == positions
    assert not [one for one in receiver.requests if one.path == "/elsewhere"], "no redirect is followed"


def test_after_the_last_attempt_it_has_failed_and_the_next_goes_on(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    receiver.answers["/told"] = [500, 503, 400]
    webhook_id = hook()
    positions = tell(admin, 2)

    receiver.wait_for(1)

    assert receiver.positions() == positions[1:]
    log = wait_for_log(admin, receiver, webhook_id, lambda log: len(log) == 2)
    assert [(line["position"], line["status"], line["attempts"], line["last_error"]) for line in log] == [
        (positions[1], "delivered", 1, None),
        (positions[0], "failed", 3, "answered 400"),
    ]
    assert [line["position"] for line in deliveries(admin, webhook_id, status="failed")] == positions[:1]
    page = admin.get(f"/v1/webhooks/{webhook_id}/deliveries", limit=1)
    assert page["next_cursor"] == str(positions[1])
    assert deliveries(admin, webhook_id, cursor=page["next_cursor"])[0]["position"] == positions[0]


def test_a_slow_receiver_holds_up_nobody_else(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    hook("/slow")
    hook()
    positions = tell(admin, 3)

    receiver.wait_for(3)
    assert receiver.positions("/slow") == []
    receiver.held.set()
    receiver.wait_for(3, "/slow")

    assert receiver.positions() == receiver.positions("/slow") == positions


def test_who_is_gone_is_told_no_more(admin: Client, receiver: Receiver, hook: Callable[..., str]) -> None:
    receiver.answers["/told"] = [410]
    webhook_id = hook()
    tell(admin, 2)
    receiver.wait_for_attempts(1)
    wait_until(lambda: not admin.get(f"/v1/webhooks/{webhook_id}")["active"], receiver)

    replayed = admin.ask("POST", f"/v1/webhooks/{webhook_id}/replay", json={"from_position": 1})
    assert (replayed.status_code, replayed.json()["code"]) == (409, "webhook_inactive")
    hook()
    (position,) = tell(admin)
    receiver.wait_until(lambda: position in receiver.positions())


def test_a_replay_tells_everything_again_under_the_same_ids(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    webhook_id = hook()
    positions = tell(admin, 3)
    receiver.wait_for(3)

    admin.post(f"/v1/webhooks/{webhook_id}/replay", {"from_position": positions[1]})
    receiver.wait_for(5)
    later = tell(admin)
    receiver.wait_for(6)

    assert receiver.positions() == [*positions, *positions[1:], *later]
    ids = [one.headers["webhook-id"] for one in receiver.accepted()]
    assert ids[1:3] == ids[3:5]


def test_who_lost_sight_of_a_chat_is_named_in_no_attempt_after_that(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    admin.put_employee("katya", role="quality_control")
    hook("/slow")
    tell(admin)
    receiver.wait_until(lambda: receiver.at_once == 1)
    (position,) = tell(admin)
    admin.put_employee("katya", role="seller")
    receiver.held.set()

    later = receiver.wait_for(2, "/slow")[1]

    assert (later.told["position"], later.told["employee_ids"]) == (position, ["irina"])


def test_a_message_that_nobody_is_notified_of_is_told_to_nobody(
    admin: Client, receiver: Receiver, hook: Callable[..., str]
) -> None:
    irina = admin.with_token("employee:irina")
    hook()
    muted = irina.put("/v1/muted-hours", {"muted_hours": [{"from": "00:00", "to": "24:00"}]})
    assert irina.put("/v1/muted-hours", {"muted_hours": [{"from": "00:00", "to": "24:00"}]}) == muted
    tell(admin, 2)
    irina.put("/v1/muted-hours", {"muted_hours": []})
    positions = tell(admin)

    receiver.wait_for(1)

    assert receiver.positions() == positions
    assert [
        item["position"] for item in irina.get("/v1/notifications", after=muted["position"])["items"]
    ] == (positions)


def test_a_receiver_that_went_away_and_came_back_is_told_in_order(admin: Client) -> None:
    receiver = Receiver()
    with receiver.open():
        put(admin, "away", receiver.url())
    (position,) = tell(admin)
    wait_for_log(admin, receiver, "away", bool)
    assert deliveries(admin, "away")[0]["last_error"] == "no connection (ConnectError)"
    with receiver.open():
        admin.post("/v1/webhooks/away/replay", {"from_position": position})
        receiver.wait_for(1)
        assert receiver.positions() == [position]
        admin.ask("DELETE", "/v1/webhooks/away")
    assert admin.ask("GET", "/v1/webhooks/away").status_code == 404
    assert admin.ask("GET", "/v1/webhooks/away/deliveries").status_code == 404
    assert admin.ask("POST", "/v1/webhooks/away/replay", json={"from_position": 1}).status_code == 404
    assert admin.ask("DELETE", "/v1/webhooks/nobody").status_code == 404


def test_a_secret_is_in_no_ledger_no_answer_and_no_log(
    server: Server,
    admin: Client,
    receiver: Receiver,
    hook: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "the-very-secret-of-this-test"
    url = receiver.url().replace("http://", "http://chatledger:pa55word@")
    stated = {"url": url, "secret": secret, "label": "x"}
    webhook_id = hook()
    first = admin.ask("PUT", f"/v1/webhooks/{webhook_id}", json=stated)
    again = admin.ask("PUT", f"/v1/webhooks/{webhook_id}", json=stated)
    refused = admin.ask("PUT", f"/v1/webhooks/{webhook_id}", json=stated | {"events": ["x"]})
    tell(admin)
    receiver.wait_for(1)
    shown = [
        admin.ask("GET", f"/v1/webhooks{path}")
        for path in ("", f"/{webhook_id}", f"/{webhook_id}/deliveries")
    ]

    assert refused.status_code == 422
    assert first.json() == again.json(), "stated again, it is no news"
    assert not any(secret in answer.text for answer in (first, again, refused, *shown))
    assert secret not in caplog.text
    assert "pa55word" not in caplog.text
    with psycopg.connect(server.system.database_url) as connection:
        rows = connection.execute("SELECT facts::text, private::text, causation FROM ledger").fetchall()
        assert "pa55word" not in json.dumps([facts for facts, _, _ in rows])
        kept = connection.execute("SELECT count(*) FROM delivering.secret WHERE secret = %s", [secret])
        assert kept.fetchone() == (1,)
    assert secret not in json.dumps(rows)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "ftp://crm.example/"}, "url"),
        ({"url": "https:///told"}, "url"),
        ({"url": "crm.example"}, "url"),
        ({"secret": "too short"}, "secret"),
        ({"secret": "whsec_no base64 at all"}, "secret"),
        ({"secret": "whsec_c2hvcnQ="}, "secret"),
        ({"events": []}, "events"),
    ],
)
def test_a_webhook_that_can_not_be_meant_is_refused(
    server: Server, admin: Client, wrong: dict[str, Any], field: str
) -> None:
    before = server.head
    body = {"url": "https://crm.example/", "secret": SECRET} | wrong
    answer = admin.ask("PUT", "/v1/webhooks/wrong", json=body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert server.head == before
