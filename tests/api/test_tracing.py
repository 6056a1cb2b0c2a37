"""What happened to a request is one trace, from HTTP to the feed that tells of it; or nothing is traced."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import INVALID_SPAN

from api.traced import TracedChatledger
from api.tracing import FOLLOWED, Traces, UnknownExporter, exporter_asked_for, tracing
from projections.checkpoints import Checkpoint, Standing
from tests.api.client import Client, Server, serving
from tests.api.following import following
from tests.api.proving import eventually
from tests.databases import Databases

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
PRIVATE = "what a client wrote"


class Spans:
    """What was traced, by name; of a name that comes more than once the first."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.traces = Traces(self.provider.get_tracer("tests"))

    def of(self, trace_id: str) -> dict[str, ReadableSpan]:
        spans = [span for span in self.exporter.get_finished_spans() if trace_of(span) == trace_id]
        return {span.name: span for span in reversed(spans)}


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def is_under(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context is not None
    return span.parent is not None and span.parent.span_id == parent.context.span_id


def told(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


@pytest.fixture(scope="module")
def spans() -> Spans:
    return Spans()


@pytest.fixture(scope="module")
def server(databases: Databases, migrated: str, spans: Spans) -> Iterator[Server]:
    url = databases.create(template=migrated)
    with serving(url, traces=spans.traces) as server:
        yield server
    databases.drop(url)


@pytest.fixture(scope="module")
def irina(admin: Client) -> Client:
    admin.put_channel()
    admin.put_employee("irina", role="supervisor")
    return admin.with_token("employee:irina")


def test_a_message_is_one_trace_from_its_webhook_to_an_open_screen(
    irina: Client, connector: Client, spans: Spans
) -> None:
    event = connector.message("c1", "+7 999 000-00-01", text=PRIVATE)
    with following(irina) as reader:
        answer = connector.ask(
            "POST", "/v1/channels/phone/events", json={"events": [event]}, headers=TRACEPARENT
        )
        while not reader.next().is_message:
            pass
        eventually(lambda: {"feed", "react"} <= spans.of(TRACE).keys())
    found = spans.of(TRACE)
    request = found["POST /v1/channels/{channel_id}/events"]

    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT
    assert is_under(found["command hearing"], request)
    assert is_under(found["append"], found["command hearing"])
    assert is_under(found["project"], found["append"])
    assert is_under(found["react"], found["append"])
    assert is_under(found["feed"], found["project"])
    assert told(found["append"])["chatledger.position"] == answer.json()["position"]
    assert told(found["project"])["chatledger.read_models"]
    assert told(found["feed"])["chatledger.readers"] == 1
    assert told(request)["chatledger.request_id"] == answer.headers["x-request-id"]
    assert (
        told(found["command hearing"])["chatledger.causation"] == f"request:{answer.headers['x-request-id']}"
    )


def test_no_span_holds_what_people_wrote_or_who_they_are(
    admin: Client, irina: Client, connector: Client, spans: Spans
) -> None:
    connector.tell(connector.message("c2", "+7 999 000-00-02", text=PRIVATE))
    irina.ask("GET", "/v1/search", params={"q": PRIVATE})
    admin.ask("PUT", "/v1/contacts/private-id", json={"name": PRIVATE, "addresses": "none"})
    everything = "".join(span.to_json() for span in spans.exporter.get_finished_spans())

    assert everything
    for private in (PRIVATE, "000-00-02", "private-id", admin.token):
        assert private not in everything


def test_a_command_that_goes_on_in_a_thread_is_one_span_and_a_refusal_no_fault(
    admin: Client, spans: Spans
) -> None:
    spans.exporter.clear()
    refused = admin.ask("POST", "/v1/deals/nowhere/reassign", json={"owner_id": "nobody", "reason": "a test"})
    commands = [span for span in spans.exporter.get_finished_spans() if span.name.startswith("command ")]

    assert refused.status_code == 404
    assert [span.name for span in commands] == ["command reassign_deal"]
    assert (told(commands[0])["error.type"], commands[0].status.is_ok) == ("UnknownThing", True)


def test_what_is_asked_every_few_seconds_or_open_for_hours_is_no_request_to_trace(
    admin: Client, spans: Spans
) -> None:
    spans.exporter.clear()
    for path in ("/healthz", "/readyz", "/metrics"):
        admin.http.get(path)

    assert not spans.exporter.get_finished_spans()


def test_without_the_variables_nothing_of_it_is_there(databases: Databases, migrated: str) -> None:
    assert not any(name.startswith("OTEL_") for name in os.environ)
    url = databases.create(template=migrated)
    with tracing() as traces, serving(url, traces=traces) as server:
        assert traces is None
        assert not isinstance(server.system.application, TracedChatledger)
        assert server.system.follower.progress.on_note == []
        assert server.feeds.on_told is None
    databases.drop(url)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:4318"}, None),
        ({"OTEL_TRACES_EXPORTER": "console"}, ConsoleSpanExporter),
        ({"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_the_variables_say_where_spans_go(environment: dict[str, str], expected: type | None) -> None:
    exporter = exporter_asked_for(environment)

    assert exporter is None if expected is None else isinstance(exporter, expected)


def test_an_endpoint_alone_switches_it_on_and_an_unknown_exporter_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")

    with tracing() as traces:
        assert traces is not None
    with pytest.raises(UnknownExporter, match="jaeger"):
        exporter_asked_for({"OTEL_TRACES_EXPORTER": "jaeger"})


def standing(position: int) -> Standing:
    return Standing(position, {name: Checkpoint(position, 1, "following") for name in ("inbox", "waits")})


def test_no_more_is_followed_than_memory_holds_and_nothing_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    spans = Spans()
    spans.traces.noted(standing(0))
    for position in range(1, FOLLOWED + 2):
        with spans.traces.span("append") as span:
            spans.traces.appended(span, "main", position, 1)
    spans.traces.noted(standing(1))
    assert "project" not in {
        span.name for span in spans.exporter.get_finished_spans()
    }  # the oldest was let go

    monkeypatch.setattr("api.tracing.FEED_WITHIN_S", -1)
    spans.traces.noted(standing(FOLLOWED + 1))
    spans.exporter.clear()
    spans.traces.told("main", 0, FOLLOWED + 1, 1, 0)

    assert not spans.exporter.get_finished_spans()


def test_what_is_not_sampled_is_not_followed() -> None:
    traces = Traces(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests"))
    with traces.span("append") as span:
        traces.appended(span, "main", 1, 1)
    traces.noted(standing(0))
    traces.noted(standing(1))

    assert span is not INVALID_SPAN
    assert not span.is_recording()
