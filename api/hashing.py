"""The Merkle tree as it is kept in the database, and whoever may add to it."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from adapters.merkle.leaf import leaf_hash, read_json
from adapters.merkle.tiles import TILE_HASHES, Place, Tail, last_tiles, node_of, tiles_for
from adapters.merkle.tree import HASH_BYTES, root
from api.keeping import LeadLost
from projections.statements import Statements

STATEMENTS = Statements("proving.sql", files("api").joinpath("proving.sql").read_text("utf-8"))

AT_A_STRETCH_EVENTS = 64
"""Hashing so many takes half a millisecond; then whoever waits for the interpreter may go on."""

GIVE_WAY_S = 0.0005
DURABLE = b"SET LOCAL synchronous_commit = on"


class NotAsSigned(Exception):
    """The ledger, or its tree, is not what was signed; nothing more may be."""


class Lead:
    """The right to hash and to sign, over the connection that has it."""

    def __init__(self, connection: Connection[Any], epoch: int) -> None:
        self.connection = connection
        self.epoch = epoch

    def row(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        return self.connection.execute(STATEMENTS[statement], values).fetchone()

    def rows(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(STATEMENTS[statement], values).fetchall()

    def write(self, statement: str, **values: Any) -> None:
        """Write something down.

        Raises:
            LeadLost: nothing was written.
        """
        with self.connection.transaction():
            if not self.row("mine", epoch=self.epoch):
                raise LeadLost
            self.connection.execute(DURABLE)
            self.connection.execute(STATEMENTS[statement], {"epoch": self.epoch, **values})

    def grow(self, tail: Tail, leaves: list[bytes]) -> None:
        """Add leaves to the tree, in the database too.

        Raises:
            LeadLost: nothing was written.
        """
        after = tail.size
        changed = tail.extend(leaves)
        places = list(changed)
        with self.connection.transaction():
            cursor = self.connection.execute(
                STATEMENTS["grow"], {"epoch": self.epoch, "after": after, "until": tail.size}
            )
            if cursor.rowcount != 1:
                raise LeadLost
            self.connection.execute(
                STATEMENTS["keep_tiles"],
                {
                    "levels": [level for level, _ in places],
                    "indexes": [index for _, index in places],
                    "hashes": list(changed.values()),
                },
            )

    def tiles(self, places: set[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        return tiles_at(self.connection, places)

    def root(self, size: int) -> bytes:
        """Of the tree as it was when it had this size.

        Raises:
            NotAsSigned: not all of its tiles are there.
        """
        return root_at(self.connection, size)


def standing(lead: Lead) -> Tail:
    """The tree as far as it is, held against the last events that it was made from.

    Raises:
        NotAsSigned: it is not theirs.
    """
    look = lead.row("look")
    ledger_head, size = (look[0], look[2]) if look else (0, 0)
    if ledger_head < size:
        raise NotAsSigned(f"the ledger ends at position {ledger_head}, and {size} events were hashed")
    widths = {(level, index): width for level, index, width in last_tiles(size)}
    last_full = (0, (size - 1) // TILE_HASHES)
    tiles = lead.tiles({*widths, last_full} if size else set())
    begin = last_full[1] * TILE_HASHES
    for number, leaf in enumerate(leaves_after(lead.connection, begin, size - begin) if size else []):
        if tiles.get(last_full, b"")[number * HASH_BYTES : (number + 1) * HASH_BYTES] != leaf:
            raise NotAsSigned(f"the event at position {begin + number + 1} is not the one that was hashed")
    try:
        return Tail(
            size, {place[0]: tiles.get(place, b"")[: width * HASH_BYTES] for place, width in widths.items()}
        )
    except ValueError as error:
        raise NotAsSigned(str(error)) from None


def leaves_after(connection: Connection[Any], after: int, limit: int) -> list[bytes]:
    """The leaf hashes of the next events.

    Raises:
        NotAsSigned: a position is missing.
        Unhashable: an event has no leaf.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        events = cursor.execute(STATEMENTS["leaves"], {"after": after, "limit": limit}).fetchall()
    leaves: list[bytes] = []
    for number, event in enumerate(events, start=1):
        if event["position"] != after + number:
            raise NotAsSigned(f"position {after + number} is missing in the ledger")
        leaves.append(leaf_hash({**event, "facts": read_json(event["facts"])}))
        if number % AT_A_STRETCH_EVENTS == 0:
            time.sleep(GIVE_WAY_S)
    return leaves


def tiles_at(connection: Connection[Any], places: set[Place]) -> dict[Place, bytes]:
    """Those of these tiles that there are."""
    asked = {"levels": [level for level, _ in places], "indexes": [index for _, index in places]}
    rows = connection.execute(STATEMENTS["tiles"], asked)
    return {(level, index): bytes(hashes) for level, index, hashes in rows}


def root_at(connection: Connection[Any], size: int) -> bytes:
    """Of the tree as it was when it had this size.

    Raises:
        NotAsSigned: not all of its tiles are there.
    """
    places = tiles_for(lambda node: root(size, node))
    found = tiles_at(connection, places)
    if places - found.keys():
        raise NotAsSigned(f"tiles of the tree of {size} events are missing")
    return root(size, node_of(lambda level, index: found[level, index]))
