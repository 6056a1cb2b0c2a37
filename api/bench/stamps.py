"""Events that were recorded once, stamped out for others: what named the one names the other.

A value of an event is replaced if it is, as a whole, one of the names; a `..._position` among its facts if it
is the position of another event of the same story.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import zip_longest
from secrets import token_hex
from typing import Any

from psycopg import Connection, Copy

from adapters.merkle.leaf import canonical
from adapters.postgres.mapper import SALT_BYTES, rfc3339

Names = dict[str, str]
"""What things are called in one conversation, by what they are."""

DIGEST, POSITION = "private_digest", "_position"
BARE_NUMBER = re.compile(r'"(%\(position_\d+\)s)"')

EVENTS = """
SELECT position, stream_id::text, version, topic, actor, causation, workspace_id, facts, private FROM ledger
WHERE position > %s AND position <= %s ORDER BY position
"""

COPY = """
COPY ledger (position, stream_id, version, topic, actor, occurred_at, recorded_at, facts, private,
             workspace_id, causation)
FROM STDIN
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One event of a story, with %(name)s where a name belongs. private: as its digest is made from it."""

    stream_id: str
    version: int
    topic: str
    actor: str
    facts: str
    private: str | None
    workspace_id: str
    causation: str


Story = Sequence[Stamp]


def story_of(connection: Connection[Any], after: int, until: int, names: Names) -> Story:
    """The events in (after, until] as stamps for conversations with other names."""
    rows = connection.execute(EVENTS, [after, until]).fetchall()
    marks = {value: f"%({name})s" for name, value in names.items()}
    places = {row[0]: f"%(position_{nth})s" for nth, row in enumerate(rows)}
    return [
        Stamp(
            marks[stream_id],
            version,
            topic,
            marks.get(actor, actor),
            BARE_NUMBER.sub(r"\1", canonical(_marked(_placed(facts, places), marks)).decode()),
            None if private is None else canonical(_marked(_unsalted(private), marks)).decode(),
            workspace_id,
            causation,
        )
        for _, stream_id, version, topic, actor, causation, workspace_id, facts, private in rows
    ]


def _placed(facts: Mapping[str, Any], places: Mapping[int, str]) -> dict[str, Any]:
    """Facts that name the story's own positions and digest, not those of the one that was recorded."""
    placed = {
        name: places.get(fact, fact) if name.endswith(POSITION) else fact for name, fact in facts.items()
    }
    return placed | {DIGEST: "%(digest)s"} if DIGEST in facts else placed


def _unsalted(private: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in private.items() if name != "salt"}


def _marked(value: Any, marks: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _marked(each, marks) for name, each in value.items()}
    if isinstance(value, list):
        return [_marked(each, marks) for each in value]
    if isinstance(value, str) and not value.startswith("%("):
        return marks.get(value, value.replace("%", "%%"))
    return value


class Press:
    """Writes stamped events behind a position, each at its moment, all recorded at another."""

    def __init__(
        self, copy: Copy, position: int, recorded_at: datetime, begun: datetime, apart: timedelta
    ) -> None:
        self.position = position
        self._copy, self._recorded_at, self._begun, self._apart = copy, recorded_at, begun, apart

    def write(self, conversations: Sequence[tuple[Story, Names]]) -> None:
        """Their events in turns: the first of each, the second of each, until all have had theirs."""
        for nth, stamps in enumerate(zip_longest(*(story for story, _ in conversations))):
            for stamp, (_, names) in zip(stamps, conversations, strict=True):
                if stamp is not None:
                    self._write(nth, stamp, names)

    def _write(self, nth: int, stamp: Stamp, names: Names) -> None:
        self.position += 1
        names[f"position_{nth}"] = str(self.position)
        private = None
        if stamp.private is not None:
            salt, plain = token_hex(SALT_BYTES), stamp.private % names
            names["digest"] = sha256(bytes.fromhex(salt) + plain.encode()).hexdigest()
            private = f'{plain[:-1]},"salt":"{salt}"}}'
        at = rfc3339(self._begun + self.position * self._apart)
        self._copy.write_row(
            (
                self.position,
                stamp.stream_id % names,
                stamp.version,
                stamp.topic,
                stamp.actor % names,
                at,
                self._recorded_at,
                stamp.facts % names,
                private,
                stamp.workspace_id,
                stamp.causation,
            )
        )
