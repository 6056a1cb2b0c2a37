"""The limit for `feed`: a bare route that pushes a ready event to so many of its readers; nothing is decided.

Run as `python -m api.bench.sse PORT READERS SIZE`, on the same web server with the same settings. Each
message that is told goes to the first READERS - 1 who came, and to one of the others in turns.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from adapters.settings import Settings
from api import serving

Queue = asyncio.Queue[bytes]


def create_app(readers: int, size: int) -> Starlette:
    queues: list[Queue] = []

    async def stream(queue: Queue) -> AsyncIterator[bytes]:
        yield b":\n\n"
        try:
            while True:
                yield await queue.get()
        finally:
            queues.remove(queue)

    async def feed(_: Request) -> StreamingResponse:
        queues.append(asyncio.Queue())
        return StreamingResponse(stream(queues[-1]), media_type="text/event-stream")

    async def tell(request: Request) -> JSONResponse:
        told: dict[str, Any] = await request.json()
        for event in told["events"]:
            data = f'event: message\ndata: {{"external_id" : "{event["message"]["id"]}"'.encode()
            ready = data + b" " * max(0, size - len(data)) + b"}\n\n"
            others = queues[readers - 1 :]
            nth = int(event["message"]["id"].rpartition("-")[2])
            for queue in (*queues[: readers - 1], others[nth % len(others)]):
                queue.put_nowait(ready)
        return JSONResponse({"results": [], "position": 0})

    path = "/v1/channels/{channel_id}/events"
    return Starlette(routes=[Route("/v1/feed", feed), Route(path, tell, methods=["POST"])])


def main() -> None:
    port, readers, size = map(int, sys.argv[1:])
    with serving.listen(Settings(port=port)) as listening:
        serving.serve(create_app(readers, size), listening)


if __name__ == "__main__":
    main()
