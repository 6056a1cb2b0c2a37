import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from starlette.requests import ClientDisconnect

from api import limits
from api.errors import PROBLEMS, answer_to, describe, status_and_title
from domain import errors
from domain.errors import AlreadyHeld, Refused
from projections.follower import Follower
from projections.inbox import Inbox
from tests.api.client import Client, Server

DOCS = Path(__file__).parents[2] / "docs" / "errors.md"


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    admin.put_employee("oleg", receives_new_clients=True)
    return admin.with_token("employee:oleg")


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body["type"] == f"/errors/{code}"
    assert body["title"]
    assert body["detail"]
    return body


def refusals(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    for refusal in kind.__subclasses__():
        yield refusal
        yield from refusals(refusal)


def test_every_code_is_documented_and_nothing_else() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", DOCS.read_text(), re.MULTILINE))
    refused = {refusal.code: status_and_title(refusal)[0] for refusal in refusals()}
    known = {code: status for code, (status, _) in PROBLEMS.items()} | refused

    assert {code: int(status) for code, status in documented.items()} == known


def test_a_refusal_says_who_was_first() -> None:
    body = describe(AlreadyHeld("c1", "vera"))

    assert (body["status"], body["holder_id"]) == (409, "vera")
    assert body["title"] == "Another employee took the conversation first"


def test_every_refusal_of_the_domain_has_a_code_of_its_own_or_its_kinds() -> None:
    codes = [refusal.code for refusal in refusals() if refusal is not errors.UnknownThing]

    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "no_such_route"),
        ("GET", "/", 404, "no_such_route"),
        ("GET", "/v1/inbox/", 404, "no_such_route"),
        ("DELETE", "/v1/inbox", 405, "method_not_allowed"),
        ("GET", "/v1/deals/1/reassign", 405, "method_not_allowed"),
    ],
)
def test_what_matches_no_route_is_a_problem(
    admin: Client, method: str, path: str, status: int, code: str
) -> None:
    problem(admin.ask(method, path), status, code)


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/v1/inbox", "GET"),
        ("/v1/conversations/1/messages", "GET, POST"),
        ("/v1/conversations/bulk", "POST"),
        ("/v1/deals/a%2Fb", "PUT"),
        ("/docs", "GET"),
    ],
)
def test_a_method_that_is_not_taken_is_answered_with_those_that_are(
    admin: Client, path: str, taken: str
) -> None:
    assert admin.ask("PATCH", path).headers["allow"] == taken


def test_a_token_that_is_missing_or_unknown_is_challenged(admin: Client) -> None:
    missing = admin.http.get("/v1/inbox")
    unknown = admin.http.get("/v1/inbox", headers={"Authorization": "Bearer cl_x_y"})

    problem(missing, 401, "unauthorized")
    problem(unknown, 401, "unauthorized")
    assert missing.headers["www-authenticate"].startswith("Bearer ")
    assert 'error="invalid_token"' in unknown.headers["www-authenticate"]


def test_a_scope_that_is_missing_is_named(admin: Client) -> None:
    assert problem(admin.ask("GET", "/v1/inbox"), 403, "scope_missing")["needs"] == ["employee"]


@pytest.mark.parametrize("content", ["{", "", "[1,", '{"name": NaN}', '{"name": 1e', "\xff", "[" * 100_000])
def test_a_body_that_is_no_json_is_unprocessable(admin: Client, content: str) -> None:
    response = admin.ask(
        "PUT",
        "/v1/contacts/c1",
        content=content.encode("latin-1"),
        headers={"Content-Type": "application/json"},
    )

    assert response.status_code == 422
    assert problem(response, 422, response.json()["code"])["errors"]


def test_a_number_that_no_machine_reads_is_unprocessable(admin: Client) -> None:
    response = admin.ask(
        "POST",
        "/v1/handover",
        content=b'{"reason": ' + b"9" * 5_000 + b"}",
        headers={"Content-Type": "application/json"},
    )

    problem(response, 422, "malformed_json")


def test_a_body_of_another_type_is_refused(admin: Client) -> None:
    problem(admin.ask("PUT", "/v1/contacts/c1", data={"name": "x"}), 415, "unsupported_media_type")


def test_a_body_without_a_type_is_taken_for_json(admin: Client) -> None:
    assert admin.ask("PUT", "/v1/contacts/c1", content=b'{"name": "x"}').status_code == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused_while_it_comes(admin: Client, announced: bool) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(10):
            yield b" " * (limits.BODY_BYTES // 8)

    content = b"".join(chunks()) if announced else chunks()
    response = admin.ask(
        "POST", "/v1/handover", content=content, headers={"Content-Type": "application/json"}
    )

    problem(response, 413, "body_too_large")


def test_a_wrong_field_is_named_from_the_top(admin: Client) -> None:
    body = {
        "name": "x",
        "addresses": [{"kind": "whatsapp", "address": "1"}, {"kind": "WhatsApp", "address": 7}],
    }
    found = problem(admin.ask("PUT", "/v1/contacts/c1", json=body), 422, "invalid_request")["errors"]

    assert [error["field"] for error in found] == ["addresses.1.kind", "addresses.1.address"]


def test_a_wrong_parameter_is_named(oleg: Client) -> None:
    response = oleg.ask("GET", "/v1/inbox?limit=201&folder=lost")

    fields = [error["field"] for error in problem(response, 422, "invalid_request")["errors"]]
    assert sorted(fields) == ["folder", "limit"]


def test_a_fault_of_ours_tells_nothing_but_a_number(
    oleg: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the colour of the safe is green")

    monkeypatch.setattr(Inbox, "counts", fail)

    body = problem(oleg.ask("GET", "/v1/inbox/counts"), 500, "internal")

    assert "green" not in str(body)
    assert body["number"] in caplog.text


@pytest.mark.parametrize("error", [psycopg.OperationalError("gone"), psycopg.errors.QueryCanceled("slow")])
def test_a_database_that_does_not_answer_is_no_fault_of_the_request(
    oleg: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Inbox, "counts", fail)
    response = oleg.ask("GET", "/v1/inbox/counts")

    problem(response, 503, "unavailable")
    assert int(response.headers["retry-after"]) >= 1


def test_a_position_that_is_not_reached_in_time(oleg: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAIT_S", 0.05)
    response = oleg.ask("GET", "/v1/inbox?min_position=1000000")

    assert problem(response, 503, "position_not_reached")["position"] == 1_000_000
    assert "retry-after" in response.headers


def test_a_write_that_is_not_effective_in_time_says_that_it_is_recorded(
    server: Server, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(Follower, "wait_for_async", never)
    before = server.head
    response = admin.ask("PUT", "/v1/contacts/late", json={"name": "Late"})

    assert problem(response, 503, "not_yet_effective")["position"] == before + 1 == server.head


def test_whoever_hangs_up_is_no_fault() -> None:
    assert answer_to(ClientDisconnect()).status_code == 400
