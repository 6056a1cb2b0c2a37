"""What one process runs: the one application, the follower of its ledger, and the questions to read with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from adapters.settings import Settings
from api.tracing import Traces
from domain.application import Chatledger
from projections.access import Access
from projections.audit import Audit
from projections.directory import Directory
from projections.feed import Feed
from projections.follower import Follower
from projections.inbox import Inbox
from projections.notifications import Notifications
from projections.ownership import Ownership
from projections.preview import Preview
from projections.report import Report
from projections.search import Search
from projections.subjects import Subjects
from projections.tasks import Tasks
from projections.threads import Threads
from projections.timeline import Timeline
from projections.transcript import Transcript
from projections.visibility import Visibility
from projections.waits import Waits
from projections.webhooks import Webhooks


@dataclass(slots=True)
class Told:
    """Up to where connectors have been answered that their news is recorded: from then on it is known."""

    position: int = 0

    def note(self, position: int) -> None:
        self.position = max(self.position, position)


@dataclass(frozen=True, slots=True)
class System:
    """Made by `open_system`, ended by leaving it. `async_pool` is open while the HTTP server runs."""

    settings: Settings
    database_url: str
    application: Chatledger
    follower: Follower
    pool: ConnectionPool[Connection[Any]]
    async_pool: AsyncConnectionPool[AsyncConnection[Any]]
    instance: int
    """The number of this run, by whose lock others see that it lives."""
    secret: bytes = field(repr=False)
    """The installation's own, in the database; nobody outside knows it."""
    first_admin_token: str | None = field(repr=False)
    """Made at the very first start, where none was given; to be shown once."""
    access: Access
    directory: Directory
    inbox: Inbox
    search: Search
    timeline: Timeline
    visibility: Visibility
    threads: Threads
    tasks: Tasks
    notifications: Notifications
    webhooks: Webhooks
    feed: Feed
    subjects: Subjects
    transcript: Transcript
    audit: Audit
    ownership: Ownership
    preview: Preview
    report: Report
    waits: Waits
    traces: Traces | None = field(default=None, kw_only=True)
    """Where OpenTelemetry is asked for."""
    told: Told = field(default_factory=Told)
    keys: dict[tuple[str, ...], asyncio.Task[None] | None] = field(default_factory=dict)
    """The idempotency keys that this run is busy with; who lets one go, where that had to be put off."""


def running(request: Request) -> System:
    system: System = request.app.state.system
    return system
