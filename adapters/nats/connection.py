"""One connection to NATS, from its making to its loss: it does not come back by itself.

Whoever lost it makes another one and looks at the stream first. A connection that came back by itself would
publish what it had kept meanwhile, to a stream that may be another one by then.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client

CONNECT_TIMEOUT_S = 5
PING_INTERVAL_S = 2
PINGS_UNANSWERED = 2
"""A server that is silent for longer than these together is lost."""

logger = logging.getLogger(__name__)


class ConnectionToNatsLost(Exception):
    """The server ended, or has not been heard of for too long."""


@asynccontextmanager
async def connected(url: str, *, name: str) -> AsyncIterator[Client]:
    """url: one or several servers of a cluster, separated by commas. name: for the server's list of clients.

    Raises:
        OSError, nats.errors.Error: there is nobody, or he does not let us in.
    """
    client = Client()
    try:
        await client.connect(
            url.split(","),
            name=name,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # it tries each server so often before it says that there is none
            reconnect_time_wait=0,
            connect_timeout=CONNECT_TIMEOUT_S,
            ping_interval=PING_INTERVAL_S,
            max_outstanding_pings=PINGS_UNANSWERED,
            skip_subject_validation=True,  # they are made by `subject`, which lets nothing wrong through
            error_cb=_note,
        )
        yield client
    finally:  # also of what was not made to its end
        await client.close()


async def _note(error: Exception) -> None:
    """Whoever uses the connection is told by what he asks for; here it is only for those who look closely."""
    logger.debug("NATS: %s", error)
