"""What makes the spans of a trace: requests, commands and appends, where traces are wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, cast
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import NO_ROUTE, REQUEST_ID
from api.tracing import Traces
from domain.application import Chatledger
from domain.deciding import Accepted, Answer, Append, Command
from domain.decision import Decision, Ledger
from domain.fact import By

UNTRACED: Final = frozenset({"/healthz", "/readyz", "/metrics", "/v1/feed"})
"""Asked every few seconds, or open for hours."""

FAULT = 500
PROPAGATOR = TraceContextTextMapPropagator()
COMMANDING: ContextVar[str] = ContextVar("workspace of the command at hand")


class TracedRequests:
    """A span for every request, under the one that its `traceparent` names. No path and no query is in it."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self.app, self.traces = app, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            return await self.app(scope, receive, send)
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        asked = {"http.request.method": scope["method"], "chatledger.request_id": scope[REQUEST_ID]}
        options = {"context": PROPAGATOR.extract(told), "kind": SpanKind.SERVER, "attributes": asked}
        with self.traces.span(scope["method"], **options) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = getattr(scope.get("route"), "path", NO_ROUTE)
                    span.update_name(f"{scope['method']} {route}")
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= FAULT:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self.app(scope, receive, noting)


class TracedLedger:
    """The ledger, with a span around each append, which is followed from then on."""

    def __init__(self, ledger: Ledger, traces: Traces) -> None:
        self._ledger, self._traces = ledger, traces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        with self._traces.span("append") as span:
            position = self._ledger.append(events, guards)
            self._traces.appended(span, COMMANDING.get(""), position, len(events))
            return position

    async def append_async(self, events: Sequence[StoredEvent], guards: Mapping[UUID, int]) -> int:
        with self._traces.span("append") as span:
            position = await self._ledger.append_async(events, guards)
            self._traces.appended(span, COMMANDING.get(""), position, len(events))
            return position


class TracedChatledger(Chatledger):
    """Every command, with a span around it. A command that goes on in a thread is still the one."""

    def __init__(self, env: Mapping[str, str], traces: Traces) -> None:
        super().__init__(env)
        self.traces = traces
        self._traced_ledger = TracedLedger(super().ledger, traces)

    @property
    def ledger(self) -> Ledger:
        return cast(Ledger, self._traced_ledger)

    def decide(
        self,
        by: By,
        command: Command[Answer],
        *,
        attempts: Iterable[int] | None = None,
        append: Append | None = None,
    ) -> tuple[Answer, Accepted]:
        more: dict[str, Any] = {} if attempts is None else {"attempts": attempts}
        with self._commanding(by, command):
            return super().decide(by, command, append=append, **more)

    async def decide_async(self, by: By, command: Command[Answer]) -> tuple[Answer, Accepted]:
        with self._commanding(by, command):
            return await super().decide_async(by, command)

    def carry_out(self, by: By, command: Callable[[Decision], None]) -> Accepted:
        with self._commanding(by, command):
            return super().carry_out(by, command)

    @contextmanager
    def _commanding(self, by: By, command: Callable[..., Any]) -> Iterator[None]:
        if COMMANDING.get(""):
            yield
            return
        told = {"chatledger.workspace": by.workspace_id, "chatledger.causation": by.causation}
        token = COMMANDING.set(by.workspace_id)
        try:
            with self.traces.span(f"command {named(command)}", attributes=told):
                yield
        finally:
            COMMANDING.reset(token)


def named(command: Callable[..., Any]) -> str:
    """What a command is called: after the method that it is written in."""
    method = getattr(command, "__qualname__", type(command).__qualname__).partition(".<locals>")[0]
    return str(method).rpartition(".")[2].strip("_")
