"""Read models that several processes lead at once, each some partitions; every one has a checkpoint.

Which streams are of a partition follows from their ids, as `share.of` in checkpoints.sql has it. Whoever
takes a range over for some partitions reads the ledger through a view of its name, `share.ledger`, in which
only their streams are. The read model is as far as the last of its partitions.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from projections.meeting import meeting
from projections.read_model import CHECKPOINTS

PARTITIONED = ("timeline", "subjects")
"""Whose rows each come of the events of one stream, or of one event.

All others have rows that move between conversations, that are counted, or that come of several streams: each
of them is led whole.
"""

MOST_PARTITIONS = 256
NUMBERS = re.compile(r"(\d{1,3})(?:-(\d{1,3}))?/(\d{1,3})")
ATTEMPTS, PAUSE_S = 50, 0.1


class PartitionsUnclear(ValueError):
    """Which partitions somebody means."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} are no partitions: say 0-7/16 for the first eight of sixteen, or 3/16 for one of them;"
            f" there may be up to {MOST_PARTITIONS}."
        )


class NotLevel(Exception):
    """The partitions that there are stand at different positions, so no others can be made of them."""

    def __init__(self, name: str, partitions: int) -> None:
        super().__init__(
            f"{name} can't be led in {partitions} partitions, as those that there are do not come together:"
            " let somebody lead all of them until they are at one position."
        )


@dataclass(frozen=True, slots=True)
class Partitions:
    """Some of so many."""

    numbers: frozenset[int]
    of: int

    @classmethod
    def told(cls, text: str) -> Partitions:
        """From `0-7/16`, or `3/16` for one.

        Raises:
            PartitionsUnclear: it says something else.
        """
        if not (match := NUMBERS.fullmatch(text)):
            raise PartitionsUnclear(text)
        first, of = int(match[1]), int(match[3])
        last = int(match[2] or first)
        if not first <= last < of <= MOST_PARTITIONS:
            raise PartitionsUnclear(text)
        return cls(frozenset(range(first, last + 1)), of)


def share_name(name: str, number: int, of: int) -> str:
    """What the checkpoint of a partition is called."""
    return f"{name}#{number}/{of}"


def whole_name(name: str) -> str:
    """The read model that this is a partition of, or is."""
    return name.partition("#")[0]


def number_of(name: str) -> tuple[int, int]:
    """Which partition a checkpoint is of, and of how many."""
    number, _, of = name.partition("#")[2].partition("/")
    return int(number), int(of)


@contextmanager
def reading_shares(connection: Connection[Any], names: Collection[str]) -> Iterator[None]:
    """Within a transaction: as long as the block lasts the ledger holds what is of these partitions."""
    numbers = sorted(number_of(name)[0] for name in names)
    (of,) = {number_of(name)[1] for name in names}
    connection.execute(CHECKPOINTS["read_shares"], {"numbers": numbers, "of": of})
    yield
    connection.execute(CHECKPOINTS["read_all"])


def share_out(pool: ConnectionPool[Connection[Any]], name: str, partitions: int) -> None:
    """Have a read model led in so many partitions from now on, 0: whole. Whoever leads it is told off.

    Raises:
        NotLevel: the partitions that there are do not come to one position.
    """
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_S if attempt else 0)
        with pool.connection() as connection:
            known = {"name": name, "names": [name], "partitions": partitions}
            if _row(connection, "partitions_of", known)[0] == partitions:
                return
            with meeting(pool, [name]), connection.transaction():
                level, position = _row(connection, "hold_shares", known)
                if level:
                    shares = [share_name(name, number, partitions) for number in range(partitions)]
                    connection.execute(CHECKPOINTS["remove_shares"], known)
                    connection.execute(
                        CHECKPOINTS["add_shares"], {**known, "shares": shares, "position": position}
                    )
    raise NotLevel(name, partitions)


def _row(connection: Connection[Any], statement: str, values: dict[str, Any]) -> Any:
    row = connection.execute(CHECKPOINTS[statement], values).fetchone()
    assert row is not None, f"{statement}: {values}"
    return row
