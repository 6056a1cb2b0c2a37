"""A process that brings read models up to the ledger and serves no API; beside it, how it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from rich.console import Console

from adapters.nats.waking import hearing
from adapters.postgres.database import create_pool
from adapters.settings import Settings
from api.app import FOLLOWING_CONNECTIONS, application_over, following, make_tables
from api.beside import beside
from api.gauges import AskedOfDatabase, OfPools
from api.living import living, new_instance
from api.logs import configure
from projections.checkpoints import PARKED, statuses
from projections.follower import Follower
from projections.sharing import Partitions, share_out

LOOK_TIMEOUT_S = 5


def follow_until_told(
    console: Console,
    database_url: str,
    settings: Settings,
    leads: Collection[str],
    partitions: Partitions | None,
    metrics_host: str,
    metrics_port: int | None,
) -> None:
    """Follow until SIGINT or SIGTERM. metrics_port: None for no answers about itself, 0 for any free one."""
    configure(settings.logs, secrets=settings.secrets)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        follower = stack.enter_context(open_follower(database_url, settings, leads, partitions))
        some = f", {len(partitions.numbers)} of {partitions.of} partitions" if partitions else ""
        console.print(f"Chatledger follows with {', '.join(leads)}{some}", highlight=False, soft_wrap=True)
        if metrics_port is not None:
            registry = CollectorRegistry()
            for each in (AskedOfDatabase(database_url), OfPools((follower.pool,)), Led(follower)):
                registry.register(each)
            ProcessCollector(registry=registry)
            address = stack.enter_context(
                beside(metrics_port, lambda: health(database_url, follower), registry, host=metrics_host)
            )
            console.print(f"  its numbers       {address}/metrics", highlight=False, soft_wrap=True)
        Event().wait()


@contextmanager
def open_follower(
    database_url: str, settings: Settings, leads: Collection[str], partitions: Partitions | None = None
) -> Iterator[Follower]:
    """Follow until the context is left. leads: what it may lead; partitions: which of them.

    Raises:
        NotLevel: it is led in another number of partitions, which do not come to one position.
    """
    with ExitStack() as stack:
        application = stack.enter_context(application_over(database_url, settings))
        pool = stack.enter_context(
            create_pool(database_url, max_size=FOLLOWING_CONNECTIONS, name="chatledger follow")
        )
        make_tables(pool, database_url)
        if partitions:
            for name in leads:
                share_out(pool, name, partitions.of)
        stack.enter_context(living(database_url, new_instance(), application.forget_private))
        follower = stack.enter_context(following(application, pool, settings, leads, partitions))
        if settings.nats_url:
            stack.enter_context(hearing(settings.nats_url, settings.nats_stream, follower.heard))
        yield follower


def health(database_url: str, follower: Follower) -> dict[str, Any]:
    """Ready is who leads or stands by, over a database that answers, with nothing parked of what it leads."""
    led = follower.led
    parked = [one["name"] for one in _statuses(database_url) if one["state"] == PARKED and one["name"] in led]
    return {"status": "parked" if parked else "ok", "leads": led, "parked": parked}


class Led(Collector):
    """Which read models this process leads."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower

    def collect(self) -> Iterator[Metric]:
        led = GaugeMetricFamily(
            "chatledger_read_model_led_here", "1 where this process leads it.", labels=["name"]
        )
        for name in self.follower.led:
            led.add_metric([name], 1)
        yield led


def _statuses(database_url: str) -> list[dict[str, Any]]:
    with psycopg.connect(database_url, autocommit=True, connect_timeout=LOOK_TIMEOUT_S) as connection:
        return statuses(connection)
