"""The API does what its description says, whoever asks for whatever: schemathesis asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from copy import deepcopy
from itertools import count
from typing import Any
from zoneinfo import available_timezones

import httpx
import pytest
import schemathesis
from hypothesis import strategies
from jsonschema_rs import validator_for
from requests import Session
from schemathesis.checks import load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from adapters.webhooks import Outcome, Sender
from api import limits
from api.app import create_app
from api.examples import CONVERSATION_ID, NAMED
from api.feeding import Feeds
from api.open_feed import OpenFeed, marked
from domain.errors import Invalid
from tests.api.client import Client, Json, Server, done
from tests.api.test_access import NEEDS, WITHOUT_TOKEN
from tests.api.test_errors import refusals

OPERATIONS = [*NEEDS, *sorted(WITHOUT_TOKEN)]

FUZZED_EXAMPLES = 2
LINES = "application/x-ndjson"
"""JSON in each line, so no JSON as a whole."""

SEED = 1
ERASURES = 8
"""In one of so many requests for an erasure somebody is there to be erased, since that takes long."""

POSITIONS = {"min_position", "at", "from", "until", "after", "Last-Event-ID"}
"""Parameters that may name a ledger position."""

STORY = [
    "PUT /v1/workspace",
    "PUT /v1/channels/{channel_id}",
    "PUT /v1/employees/{employee_id}",
    "PUT /v1/staff/{staff_id}",
    "PUT /v1/contacts/{contact_id}",
    "PUT /v1/deals/{deal_id}",
    "POST /v1/channels/{channel_id}/events",
    "PUT /v1/webhooks/{webhook_id}",
]
"""What the examples of the other operations speak of."""

RULES = {refusal.code for refusal in refusals(Invalid)} | {
    Invalid.code,
    "idempotency_key_reused",
    "not_signed",
}
"""Refusals of a request that is well formed, for what there is in the workspace."""

OF_WHAT_THERE_IS = {
    "must end after they begin",
    "must be the next_cursor of a page of this list",
    "give exactly one of chat_id and conversation_id",
    "give exactly one of chat_id and employee_id",
    "give exactly one of conversation_id, deal_id, contact_id and chat_id",
    "must not be beyond the size of the tree",
    "is nobody's who takes part in this conversation",
    "does not go with mine=true",
    "must be later than from",
    f"must be at most {limits.PERIOD_DAYS} days after from",
    "give at most one of employee_id, staff_id and credited",
    "must name nobody who is added",
    "must not end when they begin; a whole day is 00:00 to 24:00",
    "must be the code (ISO 3166-1) of a country with known holidays",
    "must be a subdivision of the country",
    "must be a URL",
    "must be a URL that begins with http:// or https:// and a host",
}
"""The same, among the refusals of a field."""

schemathesis.openapi.format("timezone", strategies.sampled_from(sorted(available_timezones())))


@pytest.fixture(scope="module", autouse=True)
def nothing_leaves_and_all_ends() -> Iterator[None]:
    """What webhooks are told stays here, wherever they are said to be; a feed ends after its first words."""

    async def send(*_: object) -> Outcome:
        return Outcome(200)

    async def say_where_he_is(_: Feeds, feed: OpenFeed) -> AsyncIterator[bytes]:
        yield b"".join(marked((), feed.level))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Sender, "send", send)
        patched.setattr(Feeds, "stream", say_where_he_is)
        yield


@pytest.fixture(scope="module")
def document(server: Server) -> Json:
    return create_app(server.system).openapi()


@pytest.fixture(scope="module")
def caller(admin: Client) -> Client:
    """Somebody who may do everything, so that each operation gets to its own work."""
    return admin.with_token("admin", "connector", "employee:oleg", "auditor", "analyst")


@pytest.fixture
def house(document: Json, admin: Client, caller: Client) -> None:
    """The story that the examples tell, as it is before each test."""
    for employee_id, role in (("pavel", "seller"), ("irina", "supervisor")):
        admin.put_employee(employee_id, role)
    for operation in STORY:
        done(send_example(document, caller, operation))
    done(caller.act(CONVERSATION_ID, "assign", {"employee_id": "oleg"}))


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


@pytest.fixture
def ids(caller: Client, house: None) -> dict[str, str]:
    """What the story calls its things, and a token that may be revoked."""
    told = {name: values[-1] for name, values in NAMED.items() if name.endswith("_id")}
    task = caller.post(f"/v1/conversations/{CONVERSATION_ID}/tasks", {"text": "Send the plan"})
    token = caller.post("/v1/tokens", {"scopes": ["auditor"]})
    period = {"from": "2025-03-01", "to": "2025-03-01"}
    wait = caller.get("/v1/analytics/response-times/waits", **period)["items"][0]
    of_their_own = {"task_id": task["task_id"], "position": str(wait["opened"]["position"])}
    return told | of_their_own | {"token_id": token["token_id"]}


def send_example(document: Json, caller: Client, operation: str, **instead: str) -> httpx.Response:
    method, path = operation.split()
    described = document["paths"][path][method.lower()]
    given = [each for each in described["parameters"] if "example" in each]
    query = {each["name"]: each["example"] for each in given if each["in"] == "query"}
    in_path = {each["name"]: each["example"] for each in given if each["in"] == "path"} | instead
    (body,) = examples_of(document, described["requestBody"]) if "requestBody" in described else [None]
    return caller.ask(method, path.format(**in_path), params=query, json=body)


def examples_of(document: Json, part: Json) -> list[Any]:
    """Of a body, or of an answer."""
    contents = part["content"].values()
    named = [code for content in contents for code in content.get("examples", {})]
    shared = document["components"]["examples"]
    own = [content["example"] for content in contents if "example" in content]
    return own + [shared[code]["value"] for code in named]


@pytest.fixture(scope="module")
def described(server: Server, document: Json, caller: Client) -> BaseSchema:
    load_all_checks()
    config = schemathesis.Config.from_dict(
        {
            "base-url": server.url,
            "seed": SEED,
            "auth": {"openapi": {"HTTPBearer": {"bearer": caller.token}}},
            "generation": {"deterministic": True, "database": "none", "no-shrink": True},
            "phases": {
                "coverage": {"unexpected-methods": ["OPTIONS"]},
                "fuzzing": {"generation": {"max-examples": FUZZED_EXAMPLES}},
            },
        }
    )
    return schemathesis.openapi.from_dict(with_one_key(document), config=config)


def with_one_key(document: Json) -> Json:
    """One call keeps it: with the same key in each request, all bodies but the first are refused for that."""
    lean: Json = deepcopy(document)
    for path, operations in lean["paths"].items():
        if path != "/v1/handover":
            for each in operations.values():
                each["parameters"] = [one for one in each["parameters"] if one["name"] != "Idempotency-Key"]
    return lean


def off_the_description(response: Response) -> list[Any]:
    """The check that an answer is not held to, because it says of what there is what no schema can."""
    is_json = response.content and "json" in response.headers["content-type"][0]
    answer = response.json() if is_json and LINES not in response.headers["content-type"] else {}
    if response.status_code == 422 and (answer["code"] in RULES or says_of_what_there_is(answer)):
        return [positive_data_acceptance]
    if response.status_code == 200 and any(
        item["status"] == "rejected" for item in answer.get("results", [])
    ):
        return [negative_data_rejection]
    return []


def refused_items(response: Response) -> set[str]:
    """The codes with which items of a good request were refused, each by itself."""
    is_object = response.content[:1] == b"{" and LINES not in response.headers["content-type"]
    results = response.json().get("results", []) if is_object else []
    return {item["error"]["code"] for item in results if item["error"]}


def says_of_what_there_is(problem: Json) -> bool:
    return (
        problem["code"] == "invalid_request"
        and {error["message"] for error in problem["errors"]} <= OF_WHAT_THERE_IS
    )


def ask_for_what_is_there(case: schemathesis.Case[Any], ids: Mapping[str, str], head: int) -> None:
    """In good requests: ids that are drawn are nobody's, and positions are not reached (tested elsewhere)."""
    if case.meta and case.meta.generation.mode.is_positive:
        case.path_parameters |= {name: ids[name] for name in case.path_parameters if name in ids}
    for asked in (case.query, case.headers):
        asked.update({name: reached(asked[name], head) for name in POSITIONS & asked.keys()})


def reached(asked: Any, head: int) -> Any:
    """A position that is there, in the place of one that may come."""
    if isinstance(asked, list):
        return [reached(each, head) for each in asked]
    if re.fullmatch("[0-9]{1,16}", str(asked)) and head < int(asked) <= limits.POSITION:
        return type(asked)(int(asked) % (head + 1))
    return asked


# The server is in this process, and what it draws in its threads hypothesis takes for drawn by the test.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_example_works_and_whatever_is_asked_is_answered_as_described(
    described: BaseSchema,
    server: Server,
    caller: Client,
    ids: dict[str, str],
    session: Session,
    operation: str,
) -> None:
    asked, statuses = count(), set[int]()
    every = ERASURES if operation.endswith("/erasure") else 2

    def ask(case: schemathesis.Case[Any]) -> None:
        ask_for_what_is_there(case, ids if next(asked) % every == 0 else {}, server.head)
        response = case.call(session=session)
        excluded = off_the_description(response) + [ignored_auth] * (200 in statuses)
        statuses.add(response.status_code)
        case.validate_response(response, excluded_checks=excluded)
        if case.meta and case.meta.generation.mode.is_positive:
            assert "invalid_request" not in refused_items(response)

    method, path = operation.split()
    document = described.raw_schema
    example = send_example(document, caller, operation, **ids)
    assert str(example.status_code) in document["paths"][path][method.lower()]["responses"], example.text

    asking = build_operation_test(
        config=described.config,
        operation=described[path][method],
        test_func=ask,
        given_kwargs={},
        feedback=FeedbackSources(),
    )
    asking()
    assert next(asked) > 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_is_described_completely(document: Json, operation: str) -> None:
    method, path = operation.split()
    described = document["paths"][path][method.lower()]
    success, default = described["responses"].values()

    assert described["summary"]
    assert described["description"]
    assert {tag["name"] for tag in document["tags"]} >= set(described["tags"])
    assert ("security" in described) == (operation in NEEDS)
    assert all(parameter["description"] for parameter in described["parameters"])
    assert all("example" in parameter for parameter in described["parameters"] if parameter["required"])
    for part in (success, default, *([described["requestBody"]] if "requestBody" in described else [])):
        for media_type, content in part["content"].items():
            fits = validator_for(
                {**content["schema"], "components": document["components"]}, validate_formats=True
            )
            examples = examples_of(document, {"content": {media_type: content}})
            assert examples
            assert [example for example in examples if not fits.is_valid(example)] == []


def test_what_all_operations_of_a_kind_have_is_declared_for_each(document: Json) -> None:
    described = {each: document["paths"][each.split()[1]][each.split()[0].lower()] for each in NEEDS}
    with_key = {
        operation
        for operation, each in described.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in each["parameters"])
    }
    with_position = {
        operation
        for operation, each in described.items()
        if "Chatledger-Position" in next(iter(each["responses"].values())).get("headers", {})
    }

    assert with_key == {operation for operation in NEEDS if operation.startswith("POST")}
    assert with_position == {operation for operation in NEEDS if operation.startswith("GET")}
