"""What every event and every noun of Chatledger has in common.

A noun is a stream of facts. It starts blank, at version 0, and its facts make it what it is;
so registering a thing and changing it are one command, and there is no "created" event to special-case.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import AggregateEvent, BaseAggregate

T = TypeVar("T")

PRIVATE = "private"
Private = Annotated[T, PRIVATE]
"""A field that identifies or quotes a person: stored apart from the facts, so that it can be erased."""


@dataclass(frozen=True, slots=True)
class By:
    """On whose word a command acts.

    actor: `employee:<id>`, `connector:<token id>`, `admin:<token id>`, `auditor:<token id>` or `system`.
    at: when it happened, by the provider's clock where there is one; aware.
    causation: the request, webhook or file line that it came from.
    """

    workspace_id: str
    actor: str
    at: datetime
    causation: str


class Fact(AggregateEvent):
    """Something that happened; `timestamp` is when, by the clock of whoever saw it."""

    workspace_id: str
    actor: str
    causation: str

    noun: ClassVar[type[Noun]]

    erased: ClassVar[bool] = False
    """Whether what was private of it is gone; then its private fields are None, whatever their types say."""

    def mutate(self, aggregate: Any) -> Any:
        """The noun after this fact; the first fact of a stream begins it."""
        return super().mutate(self.noun.blank(self.originator_id) if aggregate is None else aggregate)


class Noun(BaseAggregate[UUID]):
    """A thing that facts happen to. Commands decide and may refuse; facts apply and never do."""

    cached: ClassVar[bool] = True
    """Whether the next decision is likely to need it again."""

    class Event(Fact):
        """What the library derives this noun's events from."""

    def __init__(self) -> None:
        """Set what is true of the noun before its first fact."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for event_class in cls.events():
            event_class.noun = cls

    @classmethod
    def events(cls) -> Iterator[type[Fact]]:
        """The events of this noun, in the order in which they are written down."""
        for name, value in vars(cls).items():
            if isinstance(value, type) and issubclass(value, Fact) and name != "Event":
                yield value

    @classmethod
    def blank(cls, noun_id: UUID) -> Self:
        """The noun before its first fact."""
        noun = cls.__new__(cls)
        noun.__base_init__(noun_id, 0, cast(datetime, None))
        noun.__init__()  # type: ignore[misc]
        return noun

    @property
    def exists(self) -> bool:
        """Whether anything has ever happened to it."""
        return self.version > 0

    def record(self, event_class: type[Fact], by: By, **facts: Any) -> None:
        """Note that something happened, on somebody's word."""
        self.trigger_event(
            event_class,
            workspace_id=by.workspace_id,
            actor=by.actor,
            causation=by.causation,
            timestamp=by.at,
            **facts,
        )
