"""Endpoints are called past FastAPI, from the signature that it describes: what they take and refuse."""

from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.routing import Route
from tests.api.client import Client, Server


@pytest.fixture(scope="module")
def oleg(admin: Client) -> Client:
    admin.put_channel()
    admin.put_employee("oleg")
    return admin.with_token("employee:oleg")


def wrong(client: Client, method: str, path: str, **options: Any) -> set[str]:
    answer = client.ask(method, path, **options)
    assert answer.status_code == 422, answer.text
    return {error["field"] for error in answer.json()["errors"]}


def test_all_that_is_wrong_is_told_at_once(admin: Client, oleg: Client) -> None:
    asked = {"limit": 0, "folder": "nowhere", "waiting": "perhaps", "min_position": -1}
    assert wrong(oleg, "GET", "/v1/inbox", params=asked) == {"limit", "folder", "waiting", "min_position"}
    stated = {"name": 5, "color": "red"}
    path = "/v1/deals/" + "x" * 1_000
    assert wrong(admin, "PUT", path, json=stated) == {"deal_id", "name", "color", "owner_id"}


def test_of_a_parameter_that_is_given_twice_the_last_counts(oleg: Client) -> None:
    assert oleg.ask("GET", "/v1/inbox?limit=0&limit=5").status_code == 200
    assert wrong(oleg, "GET", "/v1/inbox?limit=5&limit=0") == {"limit"}


def test_what_is_needed_in_the_query_is_missed(admin: Client) -> None:
    assert wrong(admin.with_token("auditor"), "GET", "/v1/audit/events") == {"subject"}


def test_what_nobody_asks_for_is_passed_over(oleg: Client) -> None:
    assert oleg.ask("GET", "/v1/inbox?color=red").status_code == 200


@pytest.mark.parametrize("body", [b"", b"null"])
def test_a_body_is_missing_or_may_be_left_out(admin: Client, oleg: Client, body: bytes) -> None:
    assert wrong(admin, "POST", "/v1/handover", content=body) == {"body"}
    path = "/v1/conversations/00000000-0000-0000-0000-000000000000/claim"
    assert oleg.ask("POST", path, content=body).status_code == 404


def test_whose_token_does_not_reach_is_told_nothing_about_his_request(oleg: Client) -> None:
    answer = oleg.ask("POST", "/v1/handover", content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_every_route_that_needs_a_token_is_called_so(server: Server) -> None:
    routes = {
        each.path or "": each.original_route for each in iter_route_contexts(create_app(server.system).routes)
    }
    asked = {path: route for path, route in routes.items() if path.startswith("/v1/")}
    assert len(asked) > 20
    assert [path for path, route in asked.items() if not isinstance(route, Route)] == []
