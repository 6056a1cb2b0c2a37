"""`chatledger relay`: a process that publishes the ledger to JetStream, and beside it, how it is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from rich.console import Console

from adapters.settings import Settings
from api.opening import Data, database, examples, settings_with

if TYPE_CHECKING:
    from api.relaying import Relay

EXAMPLES = examples(
    "relay --nats-url nats://127.0.0.1:4222", "relay --metrics-port 9102 --data /var/lib/chatledger"
)
STOPPED_BY = (signal.SIGINT, signal.SIGTERM)

console = Console()


class NoNats(Exception):
    """Nobody said where to publish."""

    def __init__(self) -> None:
        super().__init__("Where is NATS? Say it with --nats-url, or with CHATLEDGER_NATS_URL.")


def relay(
    nats_url: Annotated[str | None, typer.Option(help="nats://HOST:PORT, or several of a cluster.")] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(help="Port for /healthz, /readyz and /metrics; 0: any free one.", show_default="none"),
    ] = None,
    metrics_host: Annotated[str, typer.Option(help="Address of that port.")] = "127.0.0.1",
    data: Data = None,
) -> None:
    """Publish every event to NATS JetStream, once and in order, until Ctrl-C or SIGTERM.

    The subject is ledger.WORKSPACE.NOUN.EVENT.STREAM-ID, in the stream CHATLEDGER_NATS_STREAM, which is made
    where it is missing. Any number of relays may run: one publishes, and another goes on when it ends. Exit
    code 1: the stream holds what the ledger does not, and somebody has to look.
    """
    settings = settings_with(nats_url=nats_url, data=data)
    if settings.nats_url is None:
        raise NoNats
    import uvloop

    from api.logs import configure

    configure(settings.logs, secrets=settings.secrets)
    with database(settings, owner="chatledger relay") as url:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(url, settings, metrics_host, metrics_port))


async def _until_told(url: str, settings: Settings, metrics_host: str, metrics_port: int | None) -> None:
    from api.beside import beside
    from api.relaying import Relay

    relay = Relay(url, settings)
    for number in STOPPED_BY:
        asyncio.get_running_loop().add_signal_handler(number, relay.stop)
    with ExitStack() as stack:
        if metrics_port is not None:
            registry = CollectorRegistry()
            registry.register(OfRelay(relay))
            address = stack.enter_context(beside(metrics_port, relay.health, registry, host=metrics_host))
            console.print(f"  its numbers       {address}/metrics", highlight=False, soft_wrap=True)
        await relay.run()


class OfRelay(Collector):
    """For Prometheus: what only this process knows; how far behind the stream is, every server tells."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay

    def collect(self) -> Iterator[GaugeMetricFamily]:
        health = self.relay.health()
        publishes = health["publishes"]
        text = "1 where this process publishes."
        yield GaugeMetricFamily("chatledger_relay_publishes", text, value=publishes)
        if publishes:
            text = "Up to where this process knows the stream to go."
            yield GaugeMetricFamily("chatledger_relay_stored", text, value=health["position"])
