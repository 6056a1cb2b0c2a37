"""SQL in files beside the code, as named statements.

    -- name: message_edited
    -- on: message.edited, message.deleted
    UPDATE ...

A statement with `-- on:` writes: it is for ranges of the ledger that hold one of these topics, or for every
range with `-- on: *`. With `-- for: readers` it writes what the rows of the others tell at any time, so it
may be run once for a long stretch of the ledger; with `-- for: readers, while following` it only moves what
is there, and need not even be run then; with `-- for: readers, to show` it may be run again for any range.
Lines that are only a comment are not sent, so a percent sign in them is no parameter.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

EVERY_TOPIC = "*"
NAME = re.compile(r"^-- name:[ \t]*(\w+)[ \t]*$", re.MULTILINE)
ON = re.compile(r"^-- on:(.+)$", re.MULTILINE)
FOR_READERS = re.compile(r"^-- for: readers(?:, (while following|to show))?$", re.MULTILINE)
COMMENT_LINE = re.compile(r"^[ \t]*--.*\n?", re.MULTILINE)
PARTS = {
    "inbox": ("functions", "questions"),
    "transcript": ("functions",),
    "figures": ("live",),
    "waits": ("functions", "questions"),
    "audit": ("functions", "history", "explanation", "ownership", "preview"),
}
"""What is too much for one file."""

AS_WRITTEN: Mapping[str, str] = MappingProxyType({})


class StatementMissing(LookupError):
    """A file has no statement of this name; says which it has."""


@dataclass(frozen=True, slots=True)
class Statement:
    """topics: on which events it writes; empty for a question.

    for_readers: other statements do not read what it writes. at_once: it makes all of that from the rows.
    shows: it does so at any time, for the events of any range.
    """

    name: str
    sql: str
    topics: frozenset[str]
    for_readers: bool
    at_once: bool
    shows: bool


class Statements:
    """The statements of one file, in its order."""

    def __init__(self, file_name: str, text: str) -> None:
        """Take a file apart.

        Raises:
            ValueError: two statements have one name.
        """
        self.file_name, self.text = file_name, text
        self._by_name: dict[str, Statement] = {}
        _, *parts = NAME.split(text)
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if name in self._by_name:
                raise ValueError(f"{file_name} has two statements named {name!r}.")
            self._by_name[name] = _statement(name, body)

    @classmethod
    def load(cls, noun: str, schemas: Mapping[str, str] = AS_WRITTEN) -> Statements:
        """The file `noun`.sql of this package, and those of its parts, `noun`.PART.sql, where it has any.

        schemas: which other ones take the place of those it names.
        """
        folder = files(__package__)
        names = [f"{noun}.sql", *(f"{noun}.{part}.sql" for part in PARTS.get(noun, ()))]
        text = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
        return cls(names[0], in_schemas(text, schemas))

    def __getitem__(self, name: str) -> str:
        """The SQL of a statement.

        Raises:
            StatementMissing: the file has none of this name.
        """
        if name not in self._by_name:
            known = ", ".join(self._by_name)
            raise StatementMissing(f"{self.file_name} has no statement {name!r}; it has: {known}.")
        return self._by_name[name].sql

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._by_name.values())

    def writing(self, topics: Collection[str]) -> list[Statement]:
        """What writes on these topics, in the order of the file."""
        wanted = {EVERY_TOPIC, *topics}
        return [statement for statement in self if wanted & statement.topics]


def in_schemas(text: str, schemas: Mapping[str, str]) -> str:
    """The text with other schemas; one is known by the dot behind it, or by the end of CREATE SCHEMA."""
    if not schemas:
        return text
    return re.sub(rf"\b({'|'.join(schemas)})(?=\.\w|;)", lambda named: schemas[named[1]], text)


def _statement(name: str, body: str) -> Statement:
    sql, readers = COMMENT_LINE.sub("", body).strip(), FOR_READERS.search(body)
    kind = readers[1] if readers else None
    return Statement(
        name,
        sql,
        _topics(body),
        for_readers=readers is not None,
        at_once=readers is not None and kind != "while following",
        shows=kind == "to show",
    )


def _topics(body: str) -> frozenset[str]:
    return frozenset(topic.strip() for line in ON.findall(body) for topic in line.split(","))
