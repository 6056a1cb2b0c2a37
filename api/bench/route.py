"""The limit for `ingest`: a route that parses the same body and inserts one row an event; nothing is decided.

Run as `python -m api.bench.route DATABASE_URL PORT`, on the same web server with the same settings.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI
from psycopg.types.json import Jsonb
from pydantic import BaseModel, Field

from adapters.postgres.database import create_async_pool
from adapters.settings import Settings
from api import limits, serving
from api.inbound import InboundEvent

CONNECTIONS = 8
"""As many as `chatledger serve` has for reads."""

INSERT = "INSERT INTO plain (event) VALUES (%s)"


class Batch(BaseModel):
    events: Annotated[list[InboundEvent], Field(max_length=limits.EVENTS_PER_BATCH)]


def create_app(url: str) -> FastAPI:
    pool = create_async_pool(url, max_size=CONNECTIONS, min_size=CONNECTIONS)

    @asynccontextmanager
    async def connected(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=connected)

    @app.post("/v1/channels/{channel_id}/events")
    async def receive(channel_id: str, body: Batch) -> dict[str, Any]:
        """All rows of a request in one commit."""
        rows = [(Jsonb(event.model_dump(mode="json")),) for event in body.events]
        async with pool.connection() as connection:
            await connection.cursor().executemany(INSERT, rows)
        return {"results": [{"status": "appended"} for _ in rows]}

    return app


def main() -> None:
    url, port = sys.argv[1:]
    with serving.listen(Settings(port=int(port))) as listening:
        serving.serve(create_app(url), listening)


if __name__ == "__main__":
    main()
