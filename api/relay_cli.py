"""`chatledger relay`: a process that publishes the ledger to JetStream."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from adapters.settings import Settings
from api.opening import Data, database, examples, settings_with

EXAMPLES = examples("relay --nats-url nats://127.0.0.1:4222", "relay --data /var/lib/chatledger")
STOPPED_BY = (signal.SIGINT, signal.SIGTERM)


class NoNats(Exception):
    """Nobody said where to publish."""

    def __init__(self) -> None:
        super().__init__("Where is NATS? Say it with --nats-url, or with CHATLEDGER_NATS_URL.")


def relay(
    nats_url: Annotated[str | None, typer.Option(help="nats://HOST:PORT, or several of a cluster.")] = None,
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

    with database(settings, owner="chatledger relay") as url:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_told(url, settings))


async def _until_told(url: str, settings: Settings) -> None:
    from api.relaying import Relay

    relay = Relay(url, settings)
    for number in STOPPED_BY:
        asyncio.get_running_loop().add_signal_handler(number, relay.stop)
    await relay.run()
