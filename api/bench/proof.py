"""How fast the ledger is hashed, and how fast something is proven of a large one.

ours            leaf hashes of messages, as they come from the ledger: facts as text, the rest beside them
limit:hashlib   SHA-256 over the same bytes, which somebody else has put together
ours            an inclusion or a consistency proof, with the roots, from tiles in PostgreSQL
limit:sql       the tiles of such a proof, and nothing made of them

Proofs are of positions and sizes all over the tree; their figures are milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from random import Random
from time import perf_counter
from typing import Any

import psycopg
from eventsourcing.persistence import JSONTranscoder
from psycopg import Connection

from adapters.merkle.leaf import LEAF_PREFIX, leaf_bytes, leaf_hash, read_json
from adapters.merkle.tiles import Place, Tail, node_of, tiles_for
from adapters.merkle.tree import Node, consistency_proof, inclusion_proof, root
from adapters.postgres.database import migrate
from adapters.postgres.mapper import FactMapper
from api.bench.append import received
from api.bench.measuring import OURS, Contender, Result, Watch, machine, measure, percentile, settings_of
from api.bench.servers import database, fresh_postgres
from api.hashing import STATEMENTS, tiles_at

LEAVES = 50_000
EVENTS = 10_000_000
QUESTIONS = 200
MADE_TOGETHER = 2**16
HASHLIB, SQL = "limit:hashlib", "limit:sql"
COPY_TILES = "COPY proof.tile (level, index, hashes) FROM STDIN (FORMAT binary)"

Proof = Callable[[Node], Any]


def run(
    rounds: int, watch: Watch, *, leaves: int = LEAVES, events: int = EVENTS, questions: int = QUESTIONS
) -> Result:
    """leaves: hashed in a round. events: in the tree of the proofs. questions: of each kind in a round."""
    with fresh_postgres() as url:
        own_url = database(url, "proof")
        with psycopg.connect(own_url, autocommit=True) as connection:
            migrate(connection, [STATEMENTS["create"]])
            make_tree(connection, events, watch)
            contenders = [*_hashing(leaves), *_proving(connection, events, questions)]
            rows = measure(contenders, rounds=rounds, watch=watch)
        settings = settings_of(url, leaves=leaves, events=events, questions=questions)
    result = Result("proof", machine(), dict(settings), rows)
    result.compare("leaves", HASHLIB)
    for kind in ("inclusion", "consistency"):
        result.compare(f"{kind} events={events}", SQL)
    return result


def make_tree(connection: Connection[Any], events: int, watch: Watch) -> None:
    """A tree of leaves that are as good as any."""
    tail, tiles = Tail(), dict[Place, bytes]()
    for begun in range(0, events, MADE_TOGETHER):
        numbers = range(begun, min(begun + MADE_TOGETHER, events))
        tiles |= tail.extend([sha256(number.to_bytes(8)).digest() for number in numbers])
        watch("tree", numbers.stop, events)
    with connection.cursor().copy(COPY_TILES) as copy:
        copy.set_types(["int2", "int8", "bytea"])
        for (level, index), hashes in tiles.items():
            copy.write_row((level, index, hashes))


def _hashing(leaves: int) -> Iterator[Contender]:
    row, facts = _message()
    text = leaf_bytes({**row, "facts": read_json(facts)})

    def ours() -> object:
        return leaf_hash({**row, "facts": read_json(facts)})

    def limit() -> object:
        return sha256(LEAF_PREFIX + text).digest()

    yield Contender(OURS, "leaves", "leaves/s", partial(_rate, ours, leaves))
    yield Contender(HASHLIB, "leaves", "leaves/s", partial(_rate, limit, leaves))


def _message() -> tuple[dict[str, Any], str]:
    """A message as the ledger has it: the columns, and the facts as text."""
    stored = FactMapper(JSONTranscoder()).to_stored_event(received())
    state = json.loads(stored.state)
    row = {
        "position": 4_711_000,
        "workspace_id": state["workspace_id"],
        "stream_id": str(stored.originator_id),
        "version": stored.originator_version,
        "topic": stored.topic,
        "actor": state["actor"],
        "occurred_at": state["occurred_at"],
        "recorded_at": state["occurred_at"],
        "causation": state["causation"],
    }
    return row, json.dumps(state["facts"], ensure_ascii=False)


def _rate(hash_one: Callable[[], object], leaves: int) -> float:
    begun = perf_counter()
    for _ in range(leaves):
        hash_one()
    return leaves / (perf_counter() - begun)


def _proving(connection: Connection[Any], events: int, questions: int) -> Iterator[Contender]:
    random = Random(1)

    def included() -> Proof:
        size = random.randint(1, events)
        index = random.randrange(size)
        return lambda node: (inclusion_proof(index, size, node), root(size, node))

    def consistent() -> Proof:
        latter = random.randint(1, events)
        former = random.randint(1, latter)
        return lambda node: (
            consistency_proof(former, latter, node),
            root(former, node),
            root(latter, node),
        )

    for kind, draw in (("inclusion", included), ("consistency", consistent)):
        case = f"{kind} events={events}"
        yield Contender(OURS, case, "p95 ms", partial(_p95_ms, connection, draw, questions, made=True))
        yield Contender(SQL, case, "p95 ms", partial(_p95_ms, connection, draw, questions, made=False))


def _p95_ms(connection: Connection[Any], draw: Callable[[], Proof], questions: int, *, made: bool) -> float:
    """made: whether the proof is made of the tiles, or these are only read."""
    latencies_ms = []
    for _ in range(questions):
        proof = draw()
        begun = perf_counter()
        tiles = tiles_at(connection, tiles_for(proof))
        if made:
            proof(node_of(partial(_tile, tiles)))
        latencies_ms.append((perf_counter() - begun) * 1_000)
    return percentile(sorted(latencies_ms), 95)


def _tile(tiles: dict[Place, bytes], level: int, index: int) -> bytes:
    return tiles[level, index]
