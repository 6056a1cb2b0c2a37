"""A company whose log is signed at once, and short ways to ask for what was signed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from adapters.merkle.note import Checkpoint, Verifier, read_checkpoint
from adapters.merkle.verifying import Kept, Report, Verification
from adapters.postgres.mapper import private_digest
from api.exporting import OfDatabase
from tests.api.client import Client, Json, serving

SIGNED_AT_ONCE: dict[str, Any] = {"checkpoint_interval_s": 0.01, "log_origin": "log.example/1"}
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.02
CHANGEABLE = "ALTER TABLE ledger DISABLE TRIGGER refuse_change, DISABLE TRIGGER erase_only"
UNCHANGEABLE = "ALTER TABLE ledger ENABLE ALWAYS TRIGGER refuse_change, ENABLE ALWAYS TRIGGER erase_only"


def signing(database_url: str, data: Path, **settings: Any) -> Any:
    """A server that signs as soon as there is something to sign, and keeps it in a folder."""
    chosen = {**SIGNED_AT_ONCE, "data": data, "checkpoint_places": str(data / "checkpoints"), **settings}
    return serving(database_url, **chosen)


APPEND = """
INSERT INTO ledger (position, workspace_id, stream_id, version, topic, actor, occurred_at, causation, facts,
                    private)
SELECT head.position + number, 'main', gen_random_uuid(), 1, 'thing.happened', 'system', clock_timestamp(),
       'a test', jsonb_build_object('number', number, 'private_digest', digest), private
FROM unnest(%s::text[], %s::jsonb[]) WITH ORDINALITY AS event (digest, private, number),
     (SELECT ledger_lock() AS position) AS head
"""


def record(database_url: str, count: int, word: str = "hello") -> int:
    """So many events that mean nothing to anybody, each with something private; the position of the last."""
    private = [{"text": f"{word} {number} 😀"} for number in range(count)]
    digests = [private_digest("c0ffee", each) for each in private]
    with psycopg.connect(database_url) as connection:
        connection.execute(APPEND, [digests, [Jsonb({**each, "salt": "c0ffee"}) for each in private]])
        ((head,),) = connection.execute("SELECT position FROM ledger_head").fetchall()
    return int(head)


def signed_head(auditor: Client, min_position: int | None = None) -> tuple[Json, Checkpoint]:
    """The latest tree head, as it is answered and as its note says."""
    asked = {} if min_position is None else {"min_position": min_position}
    answer = auditor.get("/v1/audit/checkpoint", **asked)
    return answer, read_checkpoint(answer["note"], [Verifier.of(answer["public_key"])])


@contextmanager
def by_superuser(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may change everything, and does."""
    with psycopg.connect(database_url) as connection:
        connection.execute(CHANGEABLE)
        yield connection
        connection.execute(UNCHANGEABLE)


def exported(database_url: str) -> list[str]:
    """The whole ledger as it is now, whether or not anything of it is signed."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        parts = OfDatabase(connection, None).lines(0, 2**53 - 1)
        return [part.decode() for part in parts]


def verified(lines: list[str], vkey: str, folder: Path, *former: str) -> Report:
    """By what a third party has: the lines, the key and the folder. former: keys of its names before."""
    kept = Kept(folder)
    verification = Verification([Verifier.of(each) for each in (vkey, *former)], kept.leaf_tile)
    for name, note in kept.notes():
        verification.add_checkpoint(name, note)
    return verification.read(lines)


def eventually(reached: Callable[[], Any]) -> Any:
    """What it answers as soon as that is something."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := reached()):
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(LOOK_AGAIN_S)
    return found
