"""What Prometheus reads: how many requests, how long they took, and all that `api/gauges.py` looks at."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from uuid import uuid4

from fastapi import Request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.postgres.group_commit import Commits
from api.gauges import AnyPool, OfCommits, OfDatabase, OfPools
from api.logs import bind
from api.open_feed import OpenFeed
from api.status import Status

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
REQUEST_ID, REQUEST_ID_HEADER = "chatledger.request_id", b"x-request-id"
NO_ROUTE = "none"
"""Where a path matches no route: paths as such would hold ids, and never end."""


class Metrics:
    """The numbers of one process."""

    def __init__(self, pools: Iterable[AnyPool] = (), commits: Commits | None = None) -> None:
        """pools: of connections; commits: what was written by this process. Both are looked at when asked."""
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
        self.reports_waiting = Gauge(
            "chatledger_daily_reports_waiting",
            "Daily reports that did not reach their destination and are tried again; of who sends.",
            registry=self.registry,
        )
        self.feeds = Gauge("chatledger_open_feeds", "Feeds that are followed.", registry=self.registry)
        self.feeds_behind = Gauge(
            "chatledger_feeds_behind", "Those of them that ask by themselves.", registry=self.registry
        )
        self.of_database = OfDatabase()
        for each in (self.of_database, OfPools(pools), OfCommits(commits or Commits())):
            self.registry.register(each)
        ProcessCollector(registry=self.registry)

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        kind = scope["method"], getattr(scope.get("route"), "path", NO_ROUTE), status
        if kind not in self._kinds:  # looking labels up takes longer than counting
            self._kinds[kind] = self.requests.labels(*kind), self.seconds.labels(*kind[:2])
        requests, durations = self._kinds[kind]
        requests.inc()
        durations.observe(seconds)

    def render(self, status: Status | None, feeds: Collection[OpenFeed]) -> bytes:
        """Everything in Prometheus' text format. status: None where the database does not answer."""
        self.of_database.status = status
        self.feeds.set(len(feeds))
        self.feeds_behind.set(sum(feed.behind for feed in feeds))
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
                message["headers"] = [*message.get("headers", ()), (REQUEST_ID_HEADER, request_id.encode())]
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
