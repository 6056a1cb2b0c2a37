"""What Prometheus reads: how many requests, how long they took, and how far the read models are."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from fastapi import Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import bind

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST_ID, REQUEST_ID_HEADER = "chatledger.request_id", b"x-request-id"
NO_ROUTE = "none"
"""Where a path matches no route: paths as such would hold ids, and never end."""

MODELS = {
    "position": "Up to where a read model has taken the ledger over.",
    "lag_events": "How many events it is behind.",
    "lag_seconds": "How old the first event is that it has not taken over.",
    "parked": "1 where it stands at an event that it can't take over.",
}
PROOF = {
    "size": "How many events are in the Merkle tree.",
    "signed_size": "How many events the latest signed tree head is over.",
    "broken": "1 where nothing is signed: the ledger is not what was signed, or no key is there.",
}
PLACES = {
    "size": "How many events the latest tree head is over that a place outside has.",
    "failing": "1 where it did not take the last one.",
}


class Metrics:
    """The numbers of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        asked = ("method", "route", "status")
        self.requests = Counter("chatledger_requests", "Requests answered.", asked, registry=self.registry)
        self.seconds = Histogram(
            "chatledger_request_seconds",
            "Time until the last byte of the answer.",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._kinds: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.head = Gauge(
            "chatledger_ledger_position", "The last position in the ledger.", registry=self.registry
        )
        self.deliveries = Counter(
            "chatledger_webhook_deliveries",
            "Attempts to tell a webhook: delivered, pending (to be tried again) or failed.",
            ("outcome",),
            registry=self.registry,
        )
        self.reports = Counter(
            "chatledger_daily_reports",
            "Attempts to send a daily report, by the kind of its destination: sent or failed.",
            ("destination", "outcome"),
            registry=self.registry,
        )
        self.proof = self._gauges("proof", PROOF)
        self.places = self._gauges("checkpoint_place", PLACES, "place")
        self.feeds = Gauge("chatledger_open_feeds", "Feeds that are followed.", registry=self.registry)
        self.models = self._gauges("read_model", MODELS, "name")

    def _gauges(self, thing: str, texts: Mapping[str, str], *labels: str) -> dict[str, Gauge]:
        """A number for each of these fields."""
        return {
            field: Gauge(f"chatledger_{thing}_{field}", text, labels, registry=self.registry)
            for field, text in texts.items()
        }

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        kind = scope["method"], getattr(scope.get("route"), "path", NO_ROUTE), status
        if kind not in self._kinds:  # looking labels up takes longer than counting
            self._kinds[kind] = self.requests.labels(*kind), self.seconds.labels(*kind[:2])
        requests, durations = self._kinds[kind]
        requests.inc()
        durations.observe(seconds)

    def note_proof(self, status: Mapping[str, Any]) -> None:
        """How far hashing and signing are, and the places outside; as `api/proving.py` tells it."""
        for field, gauge in self.proof.items():
            gauge.set(status[field])
        for place in status["places"]:
            self.places["size"].labels(place["name"]).set(place["size"])
            self.places["failing"].labels(place["name"]).set(place["error"] is not None)

    def render(self, statuses: Iterable[Mapping[str, Any]], *, open_feeds: int) -> bytes:
        """Everything in Prometheus' text format, with the read models and feeds as they are now."""
        self.feeds.set(open_feeds)
        for status in statuses:
            self.head.set(status["head"])
            for field, gauge in self.models.items():
                value = status["state"] == "parked" if field == "parked" else status[field]
                gauge.labels(status["name"]).set(value)
        return generate_latest(self.registry)


class Measured:
    """Gives every request an id that nobody outside chooses, and notes how it went."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun, status = time.perf_counter(), 500
        request_id = scope[REQUEST_ID] = str(uuid4())
        bind(request_id=request_id)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID_HEADER, request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self.metrics.note(scope, status, time.perf_counter() - begun)


def request_id(request: Request) -> str:
    """By which a request is found in the log, and what it recorded in the ledger."""
    return str(request.scope[REQUEST_ID])


def collected(request: Request) -> Metrics:
    metrics: Metrics = request.app.state.metrics
    return metrics
