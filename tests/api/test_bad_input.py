"""Every write with something wrong in it: a problem answer, and a ledger that did not move."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from api import limits
from tests.api.client import Client, Server
from tests.api.good_requests import CALLS, CHAT, EVENTS, TELL, Call

MAY_BE_NULL = frozenset(
    {"kind", "title", "name", "text", "reply_to", "url", "mime", "size", "error", "by", "attachments"}
    | {"echo", "automatic"}
)

WRONG_TEXTS: list[Any] = [1, True, 1.5, [], {}, "\x00", "\ud800", "x" * (limits.TEXT_CHARACTERS + 1)]
WRONG: dict[type, list[Any]] = {
    str: WRONG_TEXTS,
    bool: [0, 1, "true", [], {}],
    int: ["1", True, 1.5, [], {}, -1, 2**63, 10**30],
    list: ["x", 1, True, {}, [None], [[]]],
    dict: ["x", 1, True, [], {"unknown": 1}],
}


def spoiled(value: Any, optional: frozenset[str], field: str = "") -> Iterator[Any]:
    """The value with one thing in it wrong, in every way."""
    yield from WRONG[type(value)]
    if field not in optional:
        yield None
    if isinstance(value, dict):
        yield {**value, "unknown": 1}
        for name, part in value.items():
            yield from ({**value, name: bad} for bad in spoiled(part, optional, name))
    if isinstance(value, list):
        yield from ([bad] for bad in spoiled(value[0], optional, field))


@dataclass(frozen=True)
class House:
    server: Server
    clients: dict[str, Client]
    conversation: str

    def send(self, call: Call, body: Any, *, who: str | None = None) -> httpx.Response:
        """As bytes that any client might send, also those that no JSON library would."""
        return self.clients[who or call.who].ask(
            call.method,
            call.path.replace("CONVERSATION", self.conversation),
            content=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )


@pytest.fixture(scope="module")
def house(server: Server, admin: Client, connector: Client) -> House:
    admin.put_channel()
    for employee_id in ("oleg", "vera"):
        admin.put_employee(employee_id, receives_new_clients=True)
    admin.put_contact("husband", "+7 999 1", responsible_id="oleg")
    admin.put_deal("house", "oleg", "husband")
    oleg = admin.with_token("employee:oleg")
    connector.tell(connector.message("chat", "+7 999 1"))
    auditor = admin.with_token("auditor")
    clients = {"admin": admin, "connector": connector, "oleg": oleg, "auditor": auditor}
    return House(server, clients, oleg.conversation_with("chat"))


def refused(house: House, answer: httpx.Response, before: int) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert 400 <= answer.status_code < 500
    assert problem["status"] == answer.status_code
    assert house.server.head == before
    return problem


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_body_with_anything_wrong_changes_nothing(house: House, call: Call) -> None:
    before = house.server.head
    for body in spoiled(call.body, call.optional):
        if body is None or body == [] or (body == {} and not call.body):
            continue  # for a call that needs no body
        problem = refused(house, house.send(call, body), before)
        assert problem["status"] == 422, (body, problem)
        assert problem["errors"][0]["field"], (body, problem)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_required_field_that_is_missing_is_named(house: House, call: Call) -> None:
    before = house.server.head
    answer = house.send(call, {"unknown": 1})

    fields = {error["field"] for error in refused(house, answer, before)["errors"]}
    assert "unknown" in fields


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_token_of_another_kind_changes_nothing(house: House, call: Call) -> None:
    before = house.server.head
    strangers = {"admin": "oleg", "connector": "oleg", "oleg": "connector", "auditor": "oleg"}

    assert refused(house, house.send(call, call.body, who=strangers[call.who]), before)["status"] == 403


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["type"])
def test_an_event_with_anything_wrong_is_rejected_alone(house: House, event: dict[str, Any]) -> None:
    before = house.server.head
    bad = [one for one in spoiled(event, MAY_BE_NULL) if not _says_by_whom_in_short(one)]
    answer = house.send(TELL, {"events": bad})

    assert answer.status_code == 200, answer.text
    for one, result in zip(bad, answer.json()["results"], strict=True):
        assert (result["status"], result["position"]) == ("rejected", None), one
        assert result["error"]["errors"][0]["field"], one
    assert house.server.head == before


def _says_by_whom_in_short(event: Any) -> bool:
    return isinstance(event, dict) and event.get("by") == "x"


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"events": {}},
        {"events": None},
        {"events": [], "more": 1},
        {"events": [{}] * (limits.EVENTS_PER_BATCH + 1)},
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(house: House, body: Any) -> None:
    before = house.server.head

    assert refused(house, house.send(TELL, body), before)["status"] == 422


@pytest.mark.parametrize(
    "path", ["/v1/deals/%00", "/v1/deals/" + "x" * 129, "/v1/deals/a%0Ab", "/v1/deals/%7F"]
)
def test_an_id_in_the_path_has_bounds(house: House, path: str) -> None:
    before = house.server.head
    call = Call("connector", "PUT", path, {"owner_id": "oleg"})

    assert refused(house, house.send(call, call.body), before)["errors"][0]["field"] == "deal_id"


@pytest.mark.parametrize("conversation", ["00000000-0000-0000-0000-000000000000", "nonsense", "%00", "{}"])
@pytest.mark.parametrize(
    "call", [call for call in CALLS if "CONVERSATION" in call.path], ids=lambda call: call.name
)
def test_a_conversation_that_is_not_seen_is_not_there(house: House, call: Call, conversation: str) -> None:
    before = house.server.head
    call = replace(call, path=call.path.replace("CONVERSATION", conversation))

    assert refused(house, house.send(call, call.body), before)["status"] == (
        422 if conversation == "%00" else 404
    )


@pytest.mark.parametrize(
    "time",
    [
        *("2025-03-01", "2025-03-01T10:00:00", "2025-02-30T10:00:00Z", "2025-03-01T25:00:00Z"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1740823200", "now", ""),
        *("2025-03-01T10:00:00+3", "2025-03-01T10:00:00Z\n", "٢٠٢٥-03-01T10:00:00Z"),
    ],
)
def test_a_time_is_a_moment_of_our_age(house: House, time: str) -> None:
    before = house.server.head
    event = {"type": "chat_renamed", "chat": CHAT, "at": time}
    result = house.send(TELL, {"events": [event]}).json()["results"][0]

    assert (result["status"], result["error"]["errors"][0]["field"]) == ("rejected", "at")
    assert house.server.head == before
