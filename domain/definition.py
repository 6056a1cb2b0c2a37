"""What a response time is: definitions with a name and a version, as data.

They differ enough to flip a verdict, so a figure is never told without the definition that it follows. One
that was published never changes: what is found wrong gets the next version, and both can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import UnknownThing


class Start(StrEnum):
    """From which of the client's messages the time counts."""

    FIRST = "first"
    LAST = "last"


class Scope(StrEnum):
    """Which waits count: every one, or of each conversation only those up to its first answer."""

    EVERY = "every"
    FIRST_ANSWER = "first_answer"


class Hours(StrEnum):
    """Which hours count: all, or the business hours, as they were at the time or as they are now."""

    ALL = "all"
    BUSINESS_THEN = "business_then"
    BUSINESS_NOW = "business_now"


class Credit(StrEnum):
    """Whose figure a wait is: who answered, who held the chat, or who owned the client at its end."""

    REPLIER = "replier"
    HOLDER = "holder"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Definition:
    """cap_seconds: answers that took longer count apart, and not in the figures."""

    name: str
    version: int
    start: Start = Start.FIRST
    scope: Scope = Scope.EVERY
    hours: Hours = Hours.ALL
    credit: Credit = Credit.REPLIER
    cap_seconds: int | None = None

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


DEFAULT = Definition("first-of-run", 1)
DEFINITIONS = {
    str(each): each
    for each in (
        DEFAULT,
        Definition("last-of-run", 1, start=Start.LAST),
        Definition("first-answer", 1, scope=Scope.FIRST_ANSWER),
        Definition("business-hours", 1, hours=Hours.BUSINESS_THEN),
        Definition("business-hours-now", 1, hours=Hours.BUSINESS_NOW),
        Definition("by-holder", 1, credit=Credit.HOLDER),
        Definition("by-owner", 1, credit=Credit.OWNER),
        Definition("within-a-day", 1, cap_seconds=86_400),
    )
}


def definition(called: str | None) -> Definition:
    """The definition of a name like `first-of-run/1`; the default, where none is named.

    Raises:
        UnknownThing: there is none of this name and version.
    """
    if called is None:
        return DEFAULT
    if called not in DEFINITIONS:
        raise UnknownThing("definition", called)
    return DEFINITIONS[called]
