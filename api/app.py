"""The composition root: the only place, beside the command line, that wires the parts together."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, nullcontext
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from psycopg import Connection
from psycopg_pool import ConnectionPool

from adapters.postgres.database import create_async_pool, create_pool, migrate
from adapters.postgres.embedded import EmbeddedPostgres
from adapters.postgres.recorder import LedgerRecorder
from adapters.settings import Settings
from api import (
    analytics,
    audit,
    conversations,
    daily_report,
    delivering,
    directory,
    erasure,
    feed,
    hashing,
    idempotency,
    inbox,
    late_readings,
    limits,
    links,
    messages,
    notifications,
    operations,
    preview,
    proofs,
    proving,
    receiving,
    records,
    relaying,
    search,
    tasks,
    threads,
    tokens,
    webhooks,
)
from api.access import issue_first_token
from api.description import DESCRIPTION, PROBLEM, TAGS, complete
from api.errors import answer_with_problems
from api.feeding import Feeds
from api.living import living, new_instance
from api.metrics import Measured, Metrics
from api.reporting import daily, sending
from api.routing import EncodedSlashes, methods_at
from api.system import System
from api.traced import TracedChatledger, TracedRequests
from api.tracing import Traces
from domain.application import Chatledger
from projections.access import Access
from projections.answer import Pool
from projections.audit import Audit
from projections.directory import Directory
from projections.feed import Feed
from projections.follower import Follower
from projections.inbox import Inbox
from projections.notifications import Notifications
from projections.ownership import Ownership
from projections.preview import Preview
from projections.reactions import Reactions
from projections.read_model import (
    LEADS,
    PLAN_SETTINGS,
    all_read_models,
    made_otherwise,
    note_definitions,
    record_definitions,
    table_definitions,
)
from projections.rebuild import CONNECTIONS, rebuilding
from projections.report import Report
from projections.search import Search
from projections.sharing import Partitions
from projections.subjects import Subjects
from projections.tasks import Tasks
from projections.threads import Threads
from projections.timeline import Timeline
from projections.transcript import Transcript
from projections.visibility import Visibility
from projections.waits import Waits
from projections.webhooks import Webhooks

log = logging.getLogger(__name__)

OWN_TABLES = (idempotency, late_readings, delivering, hashing, relaying)
"""Those who keep something beside the read models."""

FOLLOWING_CONNECTIONS = 5
"""One follows the ledger for good and one listens; the others are for looking how far it is."""

READ_TIMEOUT_S = 10.0
"""Longest time that one question may take in the database."""

NOUNS = (
    *(receiving, inbox, feed, messages, conversations, links, search, threads, tasks, notifications),
    *(directory, erasure, tokens, webhooks, audit, preview, records, proofs),
    *(analytics, daily_report, operations),
)
"""With routes, in the order in which they are asked for: a request is held against one after the other."""


@contextmanager
def open_system(
    settings: Settings, *, owner: str = "chatledger", traces: Traces | None = None
) -> Iterator[System]:
    """Everything that one process runs, on its own PostgreSQL or the given one, until the context is left.

    owner: what this process is, for those whom it keeps out of the data folder.

    Raises:
        DataFolderTaken: another living process owns the data folder.
    """
    with ExitStack() as stack:
        database_url = stack.enter_context(_database(settings, owner))
        application = stack.enter_context(application_over(database_url, settings, traces))
        pool = stack.enter_context(
            create_pool(database_url, max_size=FOLLOWING_CONNECTIONS, name="chatledger follower")
        )
        secret = make_tables(pool, database_url)
        leads = LEADS if settings.follow else ()
        follower = stack.enter_context(following(application, pool, settings, leads))
        if traces:
            follower.progress.on_note.append(traces.noted)
        instance = new_instance()
        stack.enter_context(living(database_url, instance, application.forget_private))
        accepted, token = issue_first_token(application, settings.admin_token)
        if settings.follow:
            follower.wait_for(accepted.position, limits.START_WAIT_S)
        asking = _asking(database_url, settings)
        yield System(
            settings,
            database_url,
            application,
            follower,
            pool,
            asking,
            instance,
            secret,
            token,
            *_questions(asking),
            traces=traces,
        )


def create_app(system: System) -> FastAPI:
    """The HTTP API over a running system."""
    app = FastAPIOffline(  # its page of docs needs nothing from outside
        title="Chatledger",
        description=DESCRIPTION,
        version="1",
        openapi_tags=TAGS,
        generate_unique_id_function=lambda route: route.name,
        responses=PROBLEM,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_reading,
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
        },  # there are our own
    )
    app.state.system, app.state.callers = system, {}
    app.state.metrics = _metrics(system)
    on_told = system.traces.told if system.traces else None
    app.state.feeds = Feeds(system.feed, system.access, system.follower, on_told)
    pages = list(app.router.routes)  # of docs
    for noun in NOUNS:
        app.include_router(noun.routes)
    app.include_router(operations.open_routes)
    app.router.routes[:] = [*app.router.routes[len(pages) :], *pages]
    answer_with_problems(app, methods_at(app))
    complete(app)
    app.add_middleware(EncodedSlashes)
    if system.traces:
        app.add_middleware(TracedRequests, traces=system.traces)
    app.add_middleware(Measured, metrics=app.state.metrics)
    return app


@asynccontextmanager
async def _reading(app: FastAPI) -> AsyncIterator[None]:
    """The connections for reads belong to the event loop that serves, and so does what it does by itself."""
    system = app.state.system
    async with (
        system.async_pool,
        app.state.feeds.running(),
        delivering.delivering(system, app.state.metrics),
        late_readings.recording(system),
        sending.sending(system, app.state.metrics, daily.daily_report),
        proving.proving(system.database_url, system.settings),
    ):
        yield


def _metrics(system: System) -> Metrics:
    recorder = system.application.recorder
    assert isinstance(recorder, LedgerRecorder)
    return Metrics((system.pool, system.async_pool, recorder.pool), recorder.commits)


def _database(settings: Settings, owner: str) -> AbstractContextManager[str]:
    if settings.database_url:
        return nullcontext(settings.database_url)
    return EmbeddedPostgres(settings.data, owner=owner)


def make_tables(pool: ConnectionPool[Connection[Any]], database_url: str) -> bytes:
    """Make what is not there, and build anew what another version made otherwise; returns the secret.

    Raises:
        RebuildRunning: another process is building it anew.
    """
    with pool.connection() as connection:
        migrate(connection, record_definitions())
        changed = made_otherwise(connection)
    if changed:
        log.warning("made by another version, and built anew first: %s", ", ".join(changed))
        with create_pool(database_url, max_size=CONNECTIONS, name="chatledger start") as many:
            with rebuilding(many, changed) as rebuild:
                rebuild.run(verify=False)
    with pool.connection() as connection:
        own_tables = [each.STATEMENTS["create"] for each in OWN_TABLES]
        migrate(connection, [*table_definitions(), *own_tables])
        note_definitions(connection)
        return idempotency.keep_secret(connection, secrets.token_bytes(32))


def _asking(database_url: str, settings: Settings) -> Pool:
    return create_async_pool(
        database_url,
        max_size=settings.read_connections,
        name="chatledger reads",
        statement_timeout_s=READ_TIMEOUT_S,
        settings=PLAN_SETTINGS,
    )


def _questions(asking: Pool) -> tuple[Any, ...]:
    """In the order in which `System` has them."""
    questions = (
        *(Access, Directory, Inbox, Search, Timeline, Visibility),
        *(Threads, Tasks, Notifications, Webhooks, Feed),
        *(Subjects, Transcript, Audit, Ownership, Preview, Report, Waits),
    )
    return tuple(question(asking) for question in questions)


@contextmanager
def application_over(
    database_url: str, settings: Settings, traces: Traces | None = None
) -> Iterator[Chatledger]:
    environment = {
        "PERSISTENCE_MODULE": "adapters.postgres.recorder",
        "LEDGER_DATABASE_URL": database_url,
        "LEDGER_READ_CONNECTIONS": str(settings.write_connections),
    }
    application = TracedChatledger(environment, traces) if traces else Chatledger(environment)
    try:
        yield application
    finally:
        application.close()


@contextmanager
def following(
    application: Chatledger,
    pool: ConnectionPool[Connection[Any]],
    settings: Settings,
    leads: Collection[str],
    partitions: Partitions | None = None,
) -> Iterator[Follower]:
    follower = Follower(
        pool,
        all_read_models(),
        Reactions(application),
        leads=leads,
        partitions=partitions,
        poll_interval_s=settings.poll_interval_s,
    )
    application.on_append.append(follower.appended)
    follower.start()
    try:
        yield follower
    finally:
        follower.stop()
