import io
import json
import re
from typing import Any

import psycopg
import pytest

from api import limits, operations
from projections.inbox import Inbox
from projections.read_model import READ_MODELS
from tests.api.client import Client, Server


def parked(_: Any) -> list[dict[str, Any]]:
    return [{"name": "inbox", "state": "parked", "lag_events": 3}]


def behind(_: Any) -> list[dict[str, Any]]:
    return [{"name": "inbox", "state": "following", "lag_events": limits.READY_LAG_EVENTS + 1}]


def test_every_read_model_tells_how_far_it_is(server: Server, admin: Client) -> None:
    position = admin.put_contact("k")["position"]
    items = admin.get("/v1/projections", min_position=position)["items"]

    assert {item["name"] for item in items} >= set(READ_MODELS)
    for item in items:
        assert item["head"] == server.head
        assert item["lag_events"] == item["head"] - item["position"]
        assert (item["state"], item["parked"]) == ("following", None)


@pytest.mark.parametrize(("state", "field"), [(parked, "parked"), (behind, "behind")])
def test_a_process_that_can_not_go_on_is_not_ready(
    admin: Client, monkeypatch: pytest.MonkeyPatch, state: Any, field: str
) -> None:
    monkeypatch.setattr(operations, "_statuses", state)
    answer = admin.http.get("/readyz")

    assert (answer.status_code, answer.json()["code"], answer.json()[field]) == (503, "not_ready", ["inbox"])
    assert admin.http.get("/healthz").status_code == 200


def test_metrics_count_requests_by_route_and_never_by_id(admin: Client) -> None:
    admin.put_contact("a-secret-id")
    admin.ask("GET", "/nowhere/a-secret-path")
    text = admin.http.get("/metrics").text

    assert 'chatledger_requests_total{method="PUT",route="/v1/contacts/{contact_id}",status="200"}' in text
    assert 'chatledger_request_seconds_count{method="PUT",route="/v1/contacts/{contact_id}"}' in text
    assert 'chatledger_read_model_lag_events{name="inbox"}' in text
    assert 'chatledger_pool_connections{pool="chatledger reads",state="idle"}' in text
    assert 'chatledger_commit_events_bucket{le="1.0"}' in text
    assert "chatledger_ledger_position " in text
    assert "a-secret" not in text


def test_the_description_has_every_call_with_its_problems(admin: Client) -> None:
    described = admin.http.get("/openapi.json").json()

    assert described["info"]["title"] == "Chatledger"
    assert admin.http.get("/docs").status_code == 200
    for path, calls in described["paths"].items():
        for method, call in calls.items():
            assert call["summary"], path
            assert call["description"], f"{method} {path}"
            problem = call["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"]
            assert problem.rpartition("/")[2] in described["components"]["schemas"]


def test_every_read_takes_min_position_and_every_list_a_limit(admin: Client) -> None:
    paths = admin.http.get("/openapi.json").json()["paths"]
    reads = {
        path: calls["get"] for path, calls in paths.items() if "get" in calls and path.startswith("/v1/")
    }

    for path, call in reads.items():
        names = {parameter["name"] for parameter in call["parameters"]}
        assert "min_position" in names, path
        assert "Chatledger-Position" in call["responses"]["200"]["headers"]
    for path in ("/v1/inbox", "/v1/conversations/{conversation_id}/messages"):
        assert {"limit", "cursor"} <= {parameter["name"] for parameter in reads[path]["parameters"]}


def test_the_page_of_docs_needs_nothing_from_outside(admin: Client) -> None:
    page = admin.http.get("/docs").text
    needed = re.findall(r'(?:src|href)="([^"]+)"', page)

    assert len(needed) >= 3
    for path in needed:
        assert path.startswith("/")
        assert admin.http.get(path).status_code == 200


def test_a_request_is_found_by_one_id_in_its_answer_and_in_the_ledger(server: Server, admin: Client) -> None:
    answer = admin.ask("PUT", "/v1/contacts/found", json={"name": "Found"})
    with psycopg.connect(server.system.database_url) as connection:
        row = connection.execute(
            "SELECT causation FROM ledger WHERE position = %s", (answer.json()["position"],)
        ).fetchone()

    assert row == (f"request:{answer.headers['x-request-id']}",)


def test_what_fails_is_logged_with_the_request_and_the_company(
    server: Server, admin: Client, monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the safe is open")

    employee = admin.with_token("employee:somebody")
    monkeypatch.setattr(Inbox, "counts", fail)
    body = employee.ask("GET", "/v1/inbox/counts").json()

    (line,) = map(json.loads, logged.getvalue().splitlines())
    assert (line["request_id"], line["workspace"], line["level"]) == (body["number"], "main", "error")
    assert "the safe is open" in line["exception"]
