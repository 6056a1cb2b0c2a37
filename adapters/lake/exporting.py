"""Writes the ledger into a folder of Parquet files, and holds what is there against the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from adapters.lake.folder import EventFile, Lake, Manifest, event_path
from adapters.lake.ledger import Ledger
from adapters.lake.rows import CHATS, LEAF_HASH, OWNERS, with_facts
from adapters.merkle.tree import Frontier

STRETCH_EVENTS = 122_880
"""So many positions are in memory at a time, some 200 MB; and as many rows DuckDB has one thread read."""

DAY_US = 86_400_000_000

Told = Callable[[int, int], object]
"""Is told how many of how many events."""


class NotTheLedger(Exception):
    """What is in the files is not what is in the ledger."""


@dataclass(frozen=True, slots=True)
class Standing:
    """head: of the ledger, whose log_id it is. position: up to where read models can say how things are.

    hashed: how far the tree is.
    """

    head: int
    position: int
    log_id: str
    hashed: int


def export(
    ledger: Ledger, lake: Lake, questions: Mapping[str, str], workspace_id: str | None, told: Told
) -> tuple[Manifest, Standing]:
    """Go on writing from where the folder is up to where the ledger stands now.

    questions: `standing`, `events`, `chats` and `owners` of projections/lake.sql.

    Raises:
        NotThisLake: the folder is of something else.
        NotTheLedger: it is further than the ledger.
    """
    standing = standing_of(ledger, questions)
    as_of = {
        name: ledger.table(questions[name], workspace_id=workspace_id).cast(schema)
        for name, schema in (("chats", CHATS), ("owners", OWNERS))
    }
    ledger.move_on()
    manifest = lake.begun(standing.log_id, workspace_id)
    if manifest.position > standing.position:
        raise NotTheLedger(
            f"{lake.folder} is at position {manifest.position}, and the ledger at {standing.position}."
        )
    while manifest.position < standing.position:
        after = manifest.position
        until = min(standing.position, (after // STRETCH_EVENTS + 1) * STRETCH_EVENTS)
        read = ledger.table(questions["events"], after=after, until=until, workspace_id=workspace_id)
        manifest.files += _written(lake, with_facts(read))
        manifest.position = until
        lake.keep(manifest)
        told(until, standing.position)
    manifest.chats, manifest.owners = (
        lake.write(f"as_of/{name}-{standing.position}.parquet", rows) for name, rows in as_of.items()
    )
    manifest.as_of = standing.position
    lake.keep(manifest)
    return manifest, standing


def standing_of(ledger: Ledger, questions: Mapping[str, str]) -> Standing:
    (row,) = ledger.table(questions["standing"]).to_pylist()
    return Standing(**row)


def _written(lake: Lake, rows: pa.Table) -> list[EventFile]:
    """A file for each company and each day on which something was recorded."""
    days = pc.divide(rows["recorded_us"], DAY_US)
    rows = rows.append_column("day", days)
    files = []
    for key in rows.group_by(["workspace_id", "day"], use_threads=False).aggregate([]).to_pylist():
        chosen = pc.and_(
            pc.equal(rows["workspace_id"], key["workspace_id"]), pc.equal(rows["day"], key["day"])
        )
        part = rows.filter(chosen).drop_columns(["day"])
        first, last = part["position"][0].as_py(), part["position"][-1].as_py()
        day = part["recorded_at"][0].as_py()[:10]
        path = lake.write_events(event_path(key["workspace_id"], day, first, last), part)
        files.append(EventFile(path, key["workspace_id"], first, last, part.num_rows))
    return files


def roots_of(lake: Lake, manifest: Manifest, sizes: set[int], told: Told) -> dict[int, bytes]:
    """The root of the tree over the leaf hashes in the files, at each of these sizes that they reach.

    Raises:
        NotTheLedger: a position is missing, or there twice.
    """
    tree, roots = Frontier(), {}
    for rows in _in_order(lake, manifest):
        for position, leaf in zip(rows["position"].to_pylist(), rows[LEAF_HASH].to_pylist(), strict=True):
            if position != tree.size + 1:
                raise NotTheLedger(f"Behind position {tree.size} the files have {position}.")
            tree.append(leaf)
            if position in sizes:
                roots[position] = tree.root()
        told(tree.size, manifest.position)
    if tree.size != manifest.position:
        raise NotTheLedger(f"The files end at position {tree.size}, and not at {manifest.position}.")
    return roots


def counted(lake: Lake, manifest: Manifest) -> int:
    """How many positions there are in the files of a company, each once.

    Raises:
        NotTheLedger: one is there twice, or out of order.
    """
    last = count = 0
    for rows in _in_order(lake, manifest):
        positions = rows["position"]
        if rows.num_rows and (
            positions[0].as_py() <= last
            or pc.any(pc.less_equal(pc.pairwise_diff(positions.combine_chunks()), 0)).as_py()
        ):
            raise NotTheLedger(f"Behind position {last} the files have one twice.")
        last = positions[-1].as_py() if rows.num_rows else last
        count += rows.num_rows
    return count


def _in_order(lake: Lake, manifest: Manifest) -> Iterator[pa.Table]:
    """Positions and leaf hashes, a stretch at a time: between the rows of a file are those of others."""
    by_stretch: dict[int, list[str]] = {}
    for file in manifest.files:
        by_stretch.setdefault((file.first - 1) // STRETCH_EVENTS, []).append(str(lake.folder / file.path))
    for stretch in sorted(by_stretch):
        columns = ["position", LEAF_HASH]
        tables = [pq.read_table(path, columns=columns, partitioning=None) for path in by_stretch[stretch]]
        yield pa.concat_tables(tables).sort_by("position")
