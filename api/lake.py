"""The log in Parquet files: written, held against the ledger, and told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row

from adapters.lake.exporting import NotTheLedger, Standing, Told, counted, export, roots_of
from adapters.lake.folder import Lake, Manifest
from adapters.lake.ledger import reading
from api.hashing import STATEMENTS, root_at
from projections.lake import QUESTIONS


@dataclass(frozen=True, slots=True)
class Exported:
    """hashed: over how many of the events the root is that of the tree; signed: and of a signed tree head."""

    manifest: Manifest
    standing: Standing
    hashed: int = 0
    signed: int = 0


def export_to(url: str, folder: Path, workspace_id: str | None, writing: Told, checking: Told) -> Exported:
    """Bring a folder up to the ledger, and hold all that it has against it.

    Raises:
        NotThisLake: it is of something else.
        NotTheLedger: what is in the files is not what is in the ledger.
    """
    lake = Lake(folder)
    with reading(url) as ledger:
        manifest, standing = export(ledger, lake, QUESTIONS, workspace_id, writing)
    with psycopg.connect(url, autocommit=True) as connection:
        _check_count(connection, lake, manifest)
        if workspace_id is not None:
            return Exported(manifest, standing)
        return Exported(manifest, standing, *_check_roots(connection, lake, manifest, standing, checking))


def _check_count(connection: Connection[Any], lake: Lake, manifest: Manifest) -> None:
    asked = {"until": manifest.position, "workspace_id": manifest.workspace_id}
    row = connection.execute(QUESTIONS["count"], asked).fetchone()
    expected, found = row[0] if row else 0, counted(lake, manifest)
    if found != expected:
        raise NotTheLedger(f"{lake.folder} has {found:,} events, and the ledger {expected:,}.")


def _check_roots(
    connection: Connection[Any], lake: Lake, manifest: Manifest, standing: Standing, checking: Told
) -> tuple[int, int]:
    hashed = min(standing.hashed, manifest.position)
    with connection.cursor(row_factory=dict_row) as cursor:
        head = cursor.execute(STATEMENTS["checkpoint"], {"size": None}).fetchone()
    signed = head["size"] if head and head["size"] and head["size"] <= manifest.position else 0
    roots = roots_of(lake, manifest, {hashed, signed}, checking)
    expected = {hashed: root_at(connection, hashed)} if hashed else {}
    if signed and head:
        expected[signed] = bytes(head["root_hash"])
    for size, root in expected.items():
        if roots[size] != root:
            raise NotTheLedger(f"The first {size:,} events in {lake.folder} are not those that were hashed.")
    return hashed, signed
