"""One trace of a request: what was decided and appended, when the read models had it, when feeds told of it.

    PUT /v1/deals/{deal_id}          the request; continues the trace of a `traceparent`
    └ command put_deal               a decision, with all its attempts
      └ append                       from the queue of the group commit to the disk
        ├ project                    until read models had the last event, as it was seen here
        │ └ feed                     until readers were told
        └ react                      until what follows was done

Ranges and feeds hold events of many traces, so what is known of one is kept by position in memory, from the
append until read models and feeds are past it. Other processes do not have it: whoever leads or tells there
makes no span, and the process that appended sees when read models were there. A trace is followed further by
the ledger: `chatledger.request_id` is the causation of what was recorded.

No span names a person or holds what somebody wrote. Without the variables of OpenTelemetry nothing of this
is made, and nothing is asked of it.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, StatusCode, Tracer, set_span_in_context

from domain.errors import Refused
from projections.checkpoints import Standing
from projections.read_model import REACTIONS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

FOLLOWED: Final = 1_000
"""Appends that are followed at once; of more the oldest are let go, and their traces end with the append."""

FOLLOWED_S = 60
"""So long an append is followed, at most: a read model that is parked holds no trace."""

FEED_WITHIN_S = 5
"""So long after the read models have an event a feed may tell of it."""

SHOWN_BY = "inbox"
"""The read model that feeds are told from."""

ENABLING = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class UnknownExporter(Exception):
    """OTEL_TRACES_EXPORTER names one that is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"OTEL_TRACES_EXPORTER is {name}: there are otlp (over HTTP), console and none.")


@dataclass(slots=True)
class Appended:
    """An append that is followed. shown: the span under which feeds tell of it."""

    workspace_id: str
    position: int
    append: Context
    shown: Context
    ended_ns: int


class Traces:
    """Makes the spans, and knows which trace a position belongs to."""

    def __init__(self, tracer: Tracer) -> None:
        self.tracer = tracer
        self._followed: OrderedDict[int, Appended] = OrderedDict()
        self._in_use = Lock()
        self._known: Mapping[str, int] = {}
        self._noted_ns = 0

    @contextmanager
    def span(self, name: str, **options: Any) -> Iterator[Span]:
        """A span around the block; of what goes wrong it says the kind and no more."""
        options |= {"record_exception": False, "set_status_on_exception": False}
        with self.tracer.start_as_current_span(name, **options) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__qualname__)
                if not isinstance(error, Refused):
                    span.set_status(StatusCode.ERROR)
                raise

    def appended(self, span: Span, workspace_id: str, position: int, events: int) -> None:
        """Follow what was appended, to the read models and the feeds."""
        span.set_attribute("chatledger.position", position)
        span.set_attribute("chatledger.events", events)
        if span.is_recording():
            context, now_ns = set_span_in_context(NonRecordingSpan(span.get_span_context())), time.time_ns()
            each = Appended(workspace_id, position, context, context, now_ns)
            with self._in_use:
                self._followed[position] = each
                if len(self._followed) > FOLLOWED:
                    self._followed.popitem(last=False)
                # Read models may have been woken by somebody else's append, and be there already.
                self._project(
                    each, [name for name, at in self._known.items() if at >= position], now_ns, now_ns
                )

    def noted(self, standing: Standing) -> None:
        """Read models are there; called with every standing that this process comes to know."""
        now_ns = time.time_ns()
        known = {name: one.position for name, one in standing.checkpoints.items()}
        with self._in_use:
            before, self._known = self._known, known
            since_ns, self._noted_ns = self._noted_ns, now_ns
            for each in self._followed.values():
                passed = [name for name, at in known.items() if before.get(name, at) < each.position <= at]
                self._project(each, passed, max(since_ns, each.ended_ns), now_ns)
            self._let_go(min(known.values(), default=0), now_ns)

    def told(self, workspace_id: str, after: int, until: int, readers: int, begun_ns: int) -> None:
        """So many readers of feeds were told what happened in (after, until]."""
        with self._in_use:
            followed = list(self._followed.values())
        for each in followed:
            if each.workspace_id == workspace_id and after < each.position <= until:
                span = self.tracer.start_span("feed", each.shown, start_time=begun_ns)
                span.set_attribute("chatledger.readers", readers)
                span.end()

    def _project(self, each: Appended, names: Sequence[str], begun_ns: int, ended_ns: int) -> None:
        if not names:
            return
        name = "react" if list(names) == [REACTIONS] else "project"
        span = self.tracer.start_span(name, each.append, start_time=min(begun_ns, ended_ns))
        span.set_attribute("chatledger.read_models", sorted(names))
        span.end(ended_ns)
        if SHOWN_BY in names:
            each.shown = set_span_in_context(NonRecordingSpan(span.get_span_context()))

    def _let_go(self, everywhere: int, now_ns: int) -> None:
        """Feeds may be told a little after the read models are there, so not at once."""
        for position, each in list(self._followed.items()):
            waited_s = (now_ns - each.ended_ns) / 1e9
            if waited_s > FOLLOWED_S or (position <= everywhere and waited_s > FEED_WITHIN_S):
                del self._followed[position]


@contextmanager
def tracing() -> Iterator[Traces | None]:
    """Traces for as long as the block lasts, if the variables of OpenTelemetry ask for them.

    Sampling, batches, headers and the names of this process are as these variables say, too.

    Raises:
        UnknownExporter: they ask for one that is not there.
    """
    exporter = exporter_asked_for(os.environ)
    if exporter is None:
        yield None
        return
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = {} if "OTEL_SERVICE_NAME" in os.environ else {SERVICE_NAME: "chatledger"}
    provider = TracerProvider(resource=Resource.create(named))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield Traces(provider.get_tracer("chatledger"))
    finally:
        provider.shutdown()


def exporter_asked_for(environment: Mapping[str, str]) -> SpanExporter | None:
    """Where spans go, by OTEL_TRACES_EXPORTER; without it over HTTP, where an endpoint of OTLP is named."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    default = "otlp" if any(map(environment.get, ENABLING)) else "none"
    match environment.get("OTEL_TRACES_EXPORTER", default):
        case "none" | "":
            return None
        case "console":
            from opentelemetry.sdk.trace.export import ConsoleSpanExporter

            return ConsoleSpanExporter()
        case "otlp":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter()
        case other:
            raise UnknownExporter(other)
