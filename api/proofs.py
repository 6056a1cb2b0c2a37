"""What an auditor takes away so that he need not trust us: signed tree heads, proofs, and the log itself.

What is here is as good as the hashes in it, whoever handed it out; so asking for it is not recorded, but for
the log.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response, Security
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.security import SecurityScopes
from psycopg.rows import dict_row

from adapters.merkle.tiles import TILE_HASHES, Place, node_of, tiles_for
from adapters.merkle.tree import HASH_BYTES, Node, consistency_proof, inclusion_proof, root
from api import limits
from api.access import AUDITOR, Caller, InHeader, allowed
from api.audit_answers import ConsistencyProof, InclusionProof, SignedHead
from api.errors import RETRY_AFTER, Problem, invalid
from api.exporting import line_of
from api.hashing import STATEMENTS
from api.reading import DESCRIBED, POSITION_HEADER, AuditorRead, MinPosition
from api.routing import router
from api.system import System, running
from projections.answer import all_rows, one_row

routes = router("audit")

LOOK_AGAIN_S = 0.05
BEYOND_THE_TREE = "must not be beyond the size of the tree"
PLAIN = "text/plain"

AN_EVENT_EACH = {"description": "Each line is an event object, or `{position, leaf_hash}`."}
LEAF_EXAMPLE = '{"position": 1, "workspace_id": "main", …}\n'
LINES: dict[int | str, dict[str, Any]] = {
    200: {
        **DESCRIBED[200],
        "content": {"application/x-ndjson": {"schema": AN_EVENT_EACH, "example": LEAF_EXAMPLE}},
    }
}
TILE: dict[int | str, dict[str, Any]] = {
    200: {
        **DESCRIBED[200],
        "content": {"application/octet-stream": {"schema": {"type": "string"}, "example": "…"}},
    }
}

Position = Annotated[int, Query(ge=1, le=limits.POSITION, description="Of the event.", examples=[1])]
Size = Annotated[
    int | None,
    Query(
        ge=1, le=limits.POSITION, description="Of the tree, in events; left out, of the latest signed one."
    ),
]
From = Annotated[
    int, Query(alias="from", ge=1, le=limits.POSITION, description="Size of the former tree.", examples=[1])
]
To = Annotated[
    int | None,
    Query(ge=1, le=limits.POSITION, description="Size of the latter; left out, of the latest signed one."),
]


@dataclass(frozen=True, slots=True)
class Proofs:
    """Who asks for proofs, and of what. text: he wants a note as it is."""

    system: System
    caller: Caller
    min_position: int | None
    text: bool

    async def head(self, size: int | None = None) -> dict[str, Any]:
        """The latest signed tree head, or the first of at least this size; problem: why no later one.

        Raises:
            Problem: there is none.
        """
        async with self.system.async_pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = await (await cursor.execute(STATEMENTS["checkpoint"], {"size": size})).fetchone()
        if row is None or (row["size"] is None and size is not None):
            raise beyond(row["signed_size"] or 0 if row else 0)
        return row

    async def prove(self, *proofs: Callable[[Node], Any]) -> list[Any]:
        """Make roots and proofs from the tiles that they need, which are read at once."""
        places = set[Place]().union(*(tiles_for(proof) for proof in proofs))
        asked = {"levels": [level for level, _ in places], "indexes": [index for _, index in places]}
        rows = await all_rows(self.system.async_pool, STATEMENTS["tiles"], **asked)
        tiles = {(level, index): bytes(hashes) for level, index, hashes in rows}
        node = node_of(lambda level, index: tiles[level, index])
        return [proof(node) for proof in proofs]


async def proving_to(
    request: Request, needed: SecurityScopes, _: InHeader, min_position: MinPosition = None
) -> Proofs:
    """Let a caller ask for proofs; which position he waits for is seen to where it matters."""
    text = PLAIN in request.headers.get("accept", "")
    return Proofs(running(request), allowed(request, needed.scopes), min_position, text)


ProofRead = Annotated[Proofs, Security(proving_to, scopes=[AUDITOR])]


@routes.get("/audit/checkpoint", response_model=SignedHead, responses=DESCRIBED)
async def show_checkpoint(proofs: ProofRead, size: Size = None) -> Response:
    """The latest signed tree head, or the first over at least `size` events.

    It is a C2SP checkpoint; with `Accept: text/plain` the answer is the note itself. With `min_position` a
    tree head is signed at once, if there is none that reaches so far.
    """
    head = await proofs.head(size)
    if size is None:
        head = await _waited_for(proofs, head)
    headers = {POSITION_HEADER: str(head["size"])}
    if proofs.text:
        return Response(head["note"], headers=headers, media_type=PLAIN)
    origin, _, _ = head["note"].partition("\n")
    body = {
        "origin": origin,
        "size": head["size"],
        "root_hash": encoded(head["root_hash"]),
        "note": head["note"],
        "signed_at": head["signed_at"],
        "public_key": head["vkey"],
    }
    return JSONResponse(body, headers=headers)


@routes.get("/audit/proof/inclusion", response_model=InclusionProof, responses=DESCRIBED)
async def prove_inclusion(proofs: ProofRead, position: Position, size: Size = None) -> Response:
    """That an event is in the tree of so many events: an audit path of RFC 9162, section 2.1.3.

    The leaf's index is `position` − 1. All hashes are base64.
    """
    size = await _within_signed(proofs, size)
    if position > size:
        raise invalid([{"field": "position", "message": BEYOND_THE_TREE}])
    index = position - 1
    leaf, path, root_hash = await proofs.prove(
        lambda node: node(0, index),
        lambda node: inclusion_proof(index, size, node),
        lambda node: root(size, node),
    )
    body = {
        "position": position,
        "leaf_index": index,
        "leaf_hash": encoded(leaf),
        "size": size,
        "root_hash": encoded(root_hash),
        "audit_path": [encoded(each) for each in path],
    }
    return JSONResponse(body, headers={POSITION_HEADER: str(size)})


@routes.get("/audit/proof/consistency", response_model=ConsistencyProof, responses=DESCRIBED)
async def prove_consistency(proofs: ProofRead, former: From, to: To = None) -> Response:
    """That a tree is the beginning of another: a consistency proof of RFC 9162, section 2.1.4."""
    to = await _within_signed(proofs, to)
    if former > to:
        raise invalid([{"field": "from", "message": BEYOND_THE_TREE}])
    former_root, latter_root, proof = await proofs.prove(
        lambda node: root(former, node),
        lambda node: root(to, node),
        lambda node: consistency_proof(former, to, node),
    )
    body = {
        "from": former,
        "to": to,
        "from_root_hash": encoded(former_root),
        "to_root_hash": encoded(latter_root),
        "proof": [encoded(each) for each in proof],
    }
    return JSONResponse(body, headers={POSITION_HEADER: str(to)})


@routes.get("/audit/tile/{level}/{index}", response_class=Response, responses=TILE)
async def show_tile(
    proofs: ProofRead,
    level: Annotated[int, Path(ge=0, le=limits.TILE_LEVEL, description="0: of leaf hashes.", examples=[0])],
    index: Annotated[int, Path(ge=0, le=limits.POSITION, description="Of the tile in it.", examples=[0])],
    width: Annotated[
        int | None, Query(ge=1, le=TILE_HASHES, description="How many hashes; left out, all there are.")
    ] = None,
) -> Response:
    """Up to 256 hashes of the tree, 32 bytes each, one behind the other: a tile of C2SP tlog-tiles."""
    head = await proofs.head()
    asked = {"levels": [level], "indexes": [index]}
    row = await one_row(proofs.system.async_pool, STATEMENTS["tiles"], **asked)
    hashes = bytes(row[2])[: (width or TILE_HASHES) * HASH_BYTES] if row else b""
    if not hashes or len(hashes) < (width or 0) * HASH_BYTES:
        raise beyond(head["signed_size"] or 0)
    headers = {POSITION_HEADER: str(head["signed_size"] or 0)}
    return Response(hashes, headers=headers, media_type="application/octet-stream")


@routes.get("/audit/log", response_class=StreamingResponse, responses=LINES)
async def export_log(
    read: AuditorRead,
    after: Annotated[int, Query(ge=0, le=limits.POSITION, description="Begin behind this position.")] = 0,
    until: Annotated[
        int | None,
        Query(ge=0, le=limits.POSITION, description="End with this position; left out, with the last."),
    ] = None,
) -> Response:
    """The ledger itself as JSON lines, in order; of other companies' events only the leaf hash."""
    row = await one_row(read.system.async_pool, STATEMENTS["look"])
    head = row[0] if row else 0
    until = head if until is None else min(until, head)
    lines = _lines(read.system, read.caller.workspace_id, after, until)
    return StreamingResponse(lines, headers={POSITION_HEADER: str(until)}, media_type="application/x-ndjson")


async def _lines(system: System, workspace_id: str, after: int, until: int) -> AsyncIterator[bytes]:
    while after < until:
        asked = {
            "workspace_id": workspace_id,
            "after": after,
            "until": until,
            "limit": limits.EXPORT_EVENTS,
        }
        async with system.async_pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            rows = await (await cursor.execute(STATEMENTS["log"], asked)).fetchall()
        if not rows:
            return
        yield b"".join(map(line_of, rows))
        after = rows[-1]["position"]


async def _waited_for(proofs: Proofs, head: dict[str, Any]) -> dict[str, Any]:
    """The latest tree head, when it is where the caller wants it; there is always one in the end.

    Raises:
        Problem: no more are signed, or not in time.
    """
    wanted = max(proofs.min_position or 0, 1)
    deadline = monotonic() + limits.WAIT_S
    while head["problem"] or (head["size"] or 0) < wanted:
        if head["problem"]:
            signed = head["signed_size"] or 0
            raise Problem("not_signing", head["problem"], headers=RETRY_AFTER, signed_size=signed)
        if monotonic() > deadline:
            detail = f"No tree head over {wanted} events was signed within {limits.WAIT_S:g} s."
            raise Problem("position_not_reached", detail, headers=RETRY_AFTER, position=wanted)
        async with proofs.system.async_pool.connection() as connection:
            await connection.execute(STATEMENTS["want"], {"size": wanted})
        await asyncio.sleep(LOOK_AGAIN_S)
        head = await proofs.head()
    return head


async def _within_signed(proofs: Proofs, size: int | None) -> int:
    """A size of which there is a signed tree, or a larger one.

    Raises:
        Problem: it is beyond.
    """
    head = await proofs.head()
    if head["size"] is None:  # right after the very first start
        head = await _waited_for(proofs, head)
    signed = head["signed_size"]
    if (size or 1) > signed:
        raise beyond(signed)
    return size or signed


def beyond(signed_size: int) -> Problem:
    detail = f"The largest signed tree head is over {signed_size} events."
    return Problem("not_signed", detail, signed_size=signed_size)


def encoded(value: bytes) -> str:
    return b64encode(value).decode()
