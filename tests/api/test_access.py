import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from adapters.settings import Settings
from api.access import digest_of, issue_first_token, token_text
from api.app import create_app, open_system
from domain.fact import By
from tests.api.client import ADMIN_TOKEN, Client, Server, serving

WITHOUT_TOKEN = {"GET /healthz", "GET /readyz", "GET /metrics"}
ADMIN, DIRECTORY = {"admin"}, {"admin", "connector"}
CONNECTOR, EMPLOYEE, AUDITOR = {"connector"}, {"employee:oleg"}, {"auditor"}
ANALYST = {"analyst"}
SCOPES = {"admin", "connector", "employee:oleg", "auditor", "analyst"}
CONVERSATION = "/v1/conversations/{conversation_id}"
NEEDS = {
    "POST /v1/tokens": ADMIN,
    "DELETE /v1/tokens/{token_id}": ADMIN,
    "PUT /v1/workspace": ADMIN,
    "PUT /v1/channels/{channel_id}": DIRECTORY,
    "PUT /v1/employees/{employee_id}": DIRECTORY,
    "PUT /v1/staff/{staff_id}": DIRECTORY,
    "PUT /v1/contacts/{contact_id}": DIRECTORY,
    "GET /v1/contacts/{contact_id}/erasure": ADMIN,
    "POST /v1/contacts/{contact_id}/erasure": ADMIN,
    "PUT /v1/deals/{deal_id}": DIRECTORY,
    "POST /v1/deals/{deal_id}/reassign": DIRECTORY,
    "POST /v1/handover": DIRECTORY,
    "POST /v1/channels/{channel_id}/events": CONNECTOR,
    "GET /v1/inbox": EMPLOYEE,
    "GET /v1/inbox/counts": EMPLOYEE,
    "GET /v1/feed": EMPLOYEE,
    f"GET {CONVERSATION}": EMPLOYEE,
    f"GET {CONVERSATION}/messages": EMPLOYEE,
    f"POST {CONVERSATION}/messages": EMPLOYEE,
    **{
        f"POST {CONVERSATION}/{action}": EMPLOYEE
        for action in (
            *("claim", "release", "close", "reopen", "dismiss", "snooze", "assign", "read"),
            *("link", "unlink"),
        )
    },
    "POST /v1/conversations/bulk": EMPLOYEE,
    f"GET {CONVERSATION}/messages/{{message_id}}/thread": EMPLOYEE,
    f"POST {CONVERSATION}/messages/{{message_id}}/thread": EMPLOYEE,
    f"GET {CONVERSATION}/tasks": EMPLOYEE,
    f"POST {CONVERSATION}/tasks": EMPLOYEE,
    "GET /v1/tasks": EMPLOYEE,
    "PUT /v1/tasks/{task_id}": EMPLOYEE,
    "POST /v1/tasks/{task_id}/done": EMPLOYEE,
    "POST /v1/tasks/{task_id}/reopen": EMPLOYEE,
    "GET /v1/notifications": EMPLOYEE,
    "GET /v1/muted-hours": EMPLOYEE,
    "PUT /v1/muted-hours": EMPLOYEE,
    "GET /v1/webhooks": ADMIN,
    "GET /v1/webhooks/{webhook_id}": ADMIN,
    "PUT /v1/webhooks/{webhook_id}": ADMIN,
    "DELETE /v1/webhooks/{webhook_id}": ADMIN,
    "GET /v1/webhooks/{webhook_id}/deliveries": ADMIN,
    "POST /v1/webhooks/{webhook_id}/replay": ADMIN,
    "GET /v1/search": EMPLOYEE,
    "GET /v1/audit/visibility": AUDITOR,
    "GET /v1/audit/events": AUDITOR,
    "GET /v1/audit/transcript": AUDITOR,
    "GET /v1/audit/questions": AUDITOR,
    "GET /v1/audit/visibility/history": AUDITOR,
    "GET /v1/audit/explain": AUDITOR,
    "GET /v1/audit/ownership": AUDITOR,
    "POST /v1/audit/preview": AUDITOR,
    "GET /v1/audit/checkpoint": AUDITOR,
    "GET /v1/audit/proof/inclusion": AUDITOR,
    "GET /v1/audit/proof/consistency": AUDITOR,
    "GET /v1/audit/tile/{level}/{index}": AUDITOR,
    "GET /v1/audit/log": AUDITOR,
    "GET /v1/analytics/definitions": ANALYST,
    "GET /v1/analytics/response-times": ANALYST,
    "GET /v1/analytics/response-times/waits": ANALYST,
    "GET /v1/analytics/response-times/waits/{position}/events": ANALYST,
    "GET /v1/analytics/daily-report": ANALYST,
    "GET /v1/projections": ADMIN,
}


SPOILED = {"GET /v1/feed": "?after=never", "GET /v1/audit/log": "?after=never"}
"""A stream would not end, and JSON lines are no JSON: asked for in a way that is refused to whoever may."""


@pytest.fixture(scope="module")
def clients(admin: Client) -> dict[str, Client]:
    return {scope: admin.with_token(scope) for scope in SCOPES}


@pytest.fixture(scope="module")
def routes(server: Server) -> set[str]:
    app = create_app(server.system)
    return {
        f"{method} {route.path}"
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute) and route.original_route.include_in_schema
        for method in route.methods or ()
    }


def test_the_table_above_names_every_route(routes: set[str]) -> None:
    assert routes == set(NEEDS) | WITHOUT_TOKEN


@pytest.mark.parametrize("route", NEEDS)
def test_a_route_is_open_to_its_scopes_and_no_other(clients: dict[str, Client], route: str) -> None:
    method, path = route.split()
    path = re.sub(r"\{\w+\}", "nobody", path) + SPOILED.get(route, "")
    refused = set()
    for scope, client in clients.items():
        answer = client.ask(method, path)
        assert answer.status_code != 401
        if answer.json().get("code") == "scope_missing":
            refused.add(scope)

    assert SCOPES - refused == NEEDS[route]


@pytest.mark.parametrize("route", NEEDS)
def test_a_route_is_closed_without_a_token(admin: Client, route: str) -> None:
    method, path = route.split()

    assert admin.http.request(method, path).status_code == 401


@pytest.mark.parametrize("route", sorted(WITHOUT_TOKEN))
def test_whether_all_is_well_is_told_to_anybody(admin: Client, route: str) -> None:
    method, path = route.split()

    assert admin.http.request(method, path).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Basic dGVzdA==",
        f"Token {ADMIN_TOKEN}",
        "Bearer " + "x" * 5_000,
        "Bearer wrong",
    ],
)
def test_a_wrong_header_opens_nothing(admin: Client, authorization: str) -> None:
    answer = admin.http.get("/v1/projections", headers={"Authorization": authorization})

    assert answer.status_code == 401


def test_a_known_id_with_another_secret_opens_nothing(admin: Client) -> None:
    issued = admin.post("/v1/tokens", {"scopes": ["admin"]})
    forged = Client(admin.http, token_text(issued["token_id"], "guessed"))

    assert forged.ask("GET", "/v1/projections").status_code == 401


def test_a_token_opens_nothing_from_the_answer_to_its_revocation_on(admin: Client) -> None:
    issued = admin.post("/v1/tokens", {"scopes": ["admin"], "label": "short"})
    client = Client(admin.http, issued["token"])
    assert client.ask("GET", "/v1/projections").status_code == 200

    assert client.ask("DELETE", f"/v1/tokens/{issued['token_id']}").status_code == 200

    assert client.ask("GET", "/v1/projections").status_code == 401


def test_a_token_that_is_not_there_can_not_be_revoked(admin: Client) -> None:
    assert admin.ask("DELETE", "/v1/tokens/nobodys").json()["code"] == "not_found"


def test_secrets_are_compared_in_constant_time_also_where_there_is_no_token(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str, known: Callable[[str, str], bool] = hmac.compare_digest) -> bool:
        compared.append((one, other))
        return known(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    admin.http.get("/v1/inbox", headers={"Authorization": "Bearer cl_nobody_x"})

    assert [len(digest) for pair in compared for digest in pair] == [64] * 4  # its own id, and bootstrap


def test_the_ledger_knows_no_token(server: Server, admin: Client) -> None:
    issued = admin.post("/v1/tokens", {"scopes": ["auditor"]}, key="kept")
    secret = issued["token"].rpartition("_")[2]

    with psycopg.connect(server.system.database_url) as connection:
        for table in ("ledger", "access.token", "idempotency.answer"):
            rows = connection.execute(f"SELECT row_to_json(t)::text FROM {table} AS t".encode()).fetchall()
            assert rows
            assert not any(secret in row[0] or ADMIN_TOKEN in row[0] for row in rows)


@pytest.mark.parametrize(
    "scopes",
    [
        [],
        ["root"],
        ["employee:"],
        ["employee"],
        ["employee:oleg", "employee:vera"],
        ["admin", 1],
        "admin",
        None,
    ],
)
def test_scopes_that_nobody_can_have_are_refused(server: Server, admin: Client, scopes: Any) -> None:
    before = server.head
    answer = admin.ask("POST", "/v1/tokens", json={"scopes": scopes, "label": "x"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("scopes")
    assert server.head == before


def test_a_token_may_have_several_scopes(admin: Client) -> None:
    both = admin.with_token("employee:oleg", "auditor")

    assert both.ask("GET", "/v1/inbox").status_code == 200
    assert both.ask("GET", "/v1/audit/visibility").status_code == 422
    assert both.ask("GET", "/v1/projections").status_code == 403


def test_the_actor_is_who_holds_the_token(server: Server, admin: Client) -> None:
    issued = admin.post("/v1/tokens", {"scopes": ["connector", "admin"]})
    position = Client(admin.http, issued["token"]).put_contact("acted")["position"]

    with psycopg.connect(server.system.database_url) as connection:
        row = connection.execute("SELECT actor FROM ledger WHERE position = %s", (position,)).fetchone()
    assert row == (f"connector:{issued['token_id']}",)


def test_nothing_crosses_from_one_workspace_to_another(server: Server, admin: Client) -> None:
    theirs = Client(
        admin.http, issued_in(server, "other", ["admin", "connector", "auditor", "employee:irina"])
    )
    admin.put_channel("shared")
    admin.put_employee("irina", role="supervisor")
    ours = admin.with_token("connector", "employee:irina", "auditor")
    ours.tell(ours.message("secret", "+7999"), channel_id="shared")
    conversation = ours.conversation_with("secret")
    before = server.head

    assert theirs.inbox() == []
    assert theirs.ask("GET", f"/v1/conversations/{conversation}").status_code == 404
    assert theirs.ask("GET", f"/v1/conversations/{conversation}/messages").status_code == 404
    assert theirs.act(conversation, "claim").status_code == 404
    assert theirs.ask("GET", f"/v1/audit/visibility?conversation_id={conversation}").status_code == 404
    told = theirs.ask("POST", "/v1/channels/shared/events", json={"events": [theirs.message("a", "+7998")]})
    assert told.json()["code"] == "not_found"
    assert theirs.ask("PUT", "/v1/deals/d", json={"owner_id": "irina"}).json()["code"] == "unknown_reference"
    assert server.head == before + 1, "what their auditor asked"


def issued_in(server: Server, workspace_id: str, scopes: list[str]) -> str:
    """A token of another company, as the command line issues the first one."""
    by = By(workspace_id, "system", datetime.now(UTC), "a test")
    token = token_text(f"of-{workspace_id}", "secret")
    accepted = server.system.application.issue_token(
        f"of-{workspace_id}", scopes=scopes, label="", digest=digest_of(token), by=by
    )
    assert server.system.follower.wait_for(accepted.position, 5)
    return token


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, admin_token=None)


def test_the_first_token_is_made_once_and_shown_once(settings: Settings) -> None:
    with open_system(settings) as system:
        first = system.first_admin_token
    with open_system(settings) as system:
        second = system.first_admin_token

    assert first is not None
    assert first.startswith("cl_bootstrap_")
    assert second is None


def test_another_first_token_takes_the_place_of_the_one_before(database_url: str) -> None:
    with serving(database_url) as server:
        accepted, shown = issue_first_token(server.system.application, "another-admin-token")
        server.system.follower.wait_for(accepted.position, 5)

        assert shown is None
        assert server.client.ask("GET", "/v1/projections").status_code == 401
        assert Client(server.client.http, "another-admin-token").get("/v1/projections")


def test_the_same_first_token_is_no_news(server: Server) -> None:
    accepted, shown = issue_first_token(server.system.application, ADMIN_TOKEN)

    assert (accepted.recorded, shown) == (0, None)
