"""How long clients wait: the rule, pure. The projection `waits` says the same, and is tested against this.

Messages stand in the order of their times, ties by arrival. What a client writes until a human of the
company answers is a run. A wait opens at the first message of a run and ends with the answer; further
messages of the run are part of it. Somebody may say before the answer that none is needed (he closes the
conversation, or dismisses it): then the wait ends there, and what the client wrote and nobody had seen
then opens the next one. What a machine wrote, and what could not be delivered, answers nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands in time. position: the ledger's, which decides between things of one moment."""

    at: datetime
    position: int


class Outcome(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A message that matters to a wait: a client's, or what a human of the company wrote and was delivered.

    dismissed: where it was said, first by the ledger, that the client's message needs no answer; never
    before the message itself (`dismissed_at`).
    """

    place: Place
    asks: bool
    dismissed: Place | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """opened, last: the client's first message and the last that belongs to it; closed: None while open."""

    opened: Place
    last: Place
    outcome: Outcome
    closed: Place | None


def dismissed_at(message: Place, dismissal: Place) -> Place:
    """Where a dismissal counts for a message: a provider's clock may be ahead of ours."""
    return Place(max(message.at, dismissal.at), dismissal.position)


def waits_of(conversation: Iterable[Spoken]) -> list[Wait]:
    """The waits of one conversation, all of whose messages these are, in any order."""
    waits: list[Wait] = []
    run: list[Spoken] = []
    for message in sorted(conversation, key=lambda each: each.place):
        if message.asks:
            run.append(message)
        else:
            waits.extend(_waits_of_run(run, message.place))
            run = []
    return [*waits, *_waits_of_run(run, None)]


def _waits_of_run(run: list[Spoken], answer: Place | None) -> Iterator[Wait]:
    current: Wait | None = None
    for message in run:
        dismissed = message.dismissed
        if dismissed is not None and answer is not None and answer < dismissed:
            dismissed = None
        if current is None or _outlives(dismissed, current):
            if current is not None:
                yield current
            current = _begun(message.place, dismissed, answer)
        else:
            current = replace(current, last=message.place)
    if current is not None:
        yield current


def _outlives(dismissed: Place | None, current: Wait) -> bool:
    """Whether a message still waits when the current wait is dismissed."""
    if current.outcome is not Outcome.DISMISSED or current.closed is None:
        return False
    return dismissed is None or current.closed.at < dismissed.at


def _begun(opened: Place, dismissed: Place | None, answer: Place | None) -> Wait:
    if dismissed is not None:
        return Wait(opened, opened, Outcome.DISMISSED, dismissed)
    return Wait(opened, opened, Outcome.OPEN if answer is None else Outcome.ANSWERED, answer)
