"""How long clients waited: figures of a period by a definition, the waits behind them, and their events."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain.calendar import calendar, zone_offsets
from domain.definition import Definition, Hours
from domain.errors import Invalid
from projections.answer import Answer, Pool, all_rows, ask, one_row
from projections.figures import ALWAYS, NOTHING, Asked, Group, among, figures_by, live
from projections.statements import Statements
from projections.workspaces import Workspaces

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

CURSOR = re.compile("([0-9]{1,16})~([0-9]{1,16})", re.ASCII)

Credited = tuple[str | None, str | None]
"""Kind and id of whose figure a wait is: nobody's is (None, None)."""


class Settings(NamedTuple):
    """What a workspace has stated that figures are told with."""

    timezone: str
    goal_s: int

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True)
class Question:
    """Which waits, by which definition: those that were opened in [since, until)."""

    workspace_id: str
    settings: Settings
    definition: Definition
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """Which of the waits of a question; None: all. day: since 1970-01-01; weekday: Monday is 1.

    counted: whether they are among the n of the figures; answers that took longer than the cap are not.
    """

    day: int | None = None
    hour: int | None = None
    weekday: int | None = None
    channel_id: str | None = None
    credited: Credited | None = None
    outcome: str | None = None
    counted: bool | None = None


ALL_OF_THEM = Filters()


@dataclass(frozen=True, slots=True)
class Told:
    """Figures as of one position. names: what is called how, by kind and id, of what the groups' keys are."""

    position: int
    total: Group
    groups: list[Group]
    names: Mapping[Credited, str | None]


class Waits:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("waits")
        self.workspaces = Workspaces(pool)

    async def settings(self, workspace_id: str) -> Settings:
        (row,) = await all_rows(self.pool, self.statements["settings"], workspace_id=workspace_id)
        return Settings(*row)

    async def position(self) -> int:
        """Up to where the waits have the ledger."""
        row = await one_row(self.pool, self.statements["position"])
        return int(row[0]) if row else 0

    async def figures(self, question: Question, by: str | None = None) -> Told:
        """The figures of all waits of a question, and of the groups that have any, by their keys.

        by: one of `projections.figures.GROUPINGS`; None: no groups.
        """
        rows = await all_rows(self.pool, figures_by(by), **await self._values(question))
        told = [(is_group, Group.of(row)) for _, is_group, *row in rows if is_group is not None]
        total = next((group for is_group, group in told if not is_group), NOTHING)
        groups = [group for is_group, group in told if is_group]
        names = await self._names(question.workspace_id, by, groups)
        return Told(rows[0][0] if rows else 0, total, groups, names)

    async def durations(self, question: Question, limits_us: Sequence[int]) -> list[int]:
        """How many answers took up to each of these, and more than the one before; last, how many took more.

        limits_us: in microseconds, in order.
        """
        values = await self._values(question) | {"limits_us": [*limits_us]}
        counts = dict(await all_rows(self.pool, among("durations"), **values))
        return [counts.get(nth, 0) for nth in range(len(limits_us) + 1)]

    async def single(
        self,
        question: Question,
        filters: Filters = ALL_OF_THEM,
        *,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Answer:
        """A page of the waits behind a figure, in the order in which they were opened.

        body: `{items, next_cursor}`.

        Raises:
            Invalid: the cursor is none of ours.
        """
        after_us, after_position = _read_cursor(cursor) if cursor else (-1, 0)
        kind, credited_id = filters.credited or (None, None)
        values = await self._values(question) | {
            "day": filters.day,
            "hour": filters.hour,
            "weekday": filters.weekday,
            "channel_id": filters.channel_id,
            "outcome": filters.outcome,
            "counted": None if filters.counted is None else int(filters.counted),
            "of_somebody": filters.credited is not None,
            "credited_kind": kind,
            "credited_id": credited_id,
            "now": datetime.now(UTC),
            "limit": limit,
        }
        since = max(question.since, EPOCH + after_us * MICROSECOND)
        place = {"after_us": after_us, "after_position": after_position, "since": since}
        return await ask(self.pool, among("single_waits"), **(values | place))

    async def events(
        self, workspace_id: str, opened_position: int, *, cursor: str | None = None, limit: int = 50
    ) -> Answer:
        """A page of the messages and moves of a wait, by the position at which it was opened.

        body: `{items, next_cursor}`; None where no wait of the workspace was opened there.

        Raises:
            Invalid: the cursor is none of ours.
        """
        after_us, position = _read_cursor(cursor) if cursor else (-1, 0)
        return await ask(
            self.pool,
            self.statements["events"],
            workspace_id=workspace_id,
            opened_position=opened_position,
            after_at=EPOCH + after_us * MICROSECOND,
            after_position=position,
            limit=limit,
        )

    async def asked(self, question: Question) -> Asked:
        """What the statements need to know of the workspace's clocks, and of its business hours."""
        settings, since, until = question.settings, question.since, question.until
        return Asked(
            question.definition,
            microseconds(since),
            microseconds(until),
            settings.goal_s * 1_000_000,
            await asyncio.to_thread(zone_offsets, settings.timezone, since, until),
            ALWAYS if question.definition.hours is Hours.ALL else await self._calendar(question),
        )

    async def _calendar(self, question: Question) -> list[tuple[int, int, int]]:
        """Over all of these waits, up to the last that was closed."""
        row = await one_row(
            self.pool,
            self.statements["last_closing"],
            workspace_id=question.workspace_id,
            since=question.since,
            until=question.until,
        )
        until = max(question.until, row[0]) if row and row[0] else question.until
        stated = await self.workspaces.configurations(question.workspace_id)
        as_it_was = question.definition.hours is Hours.BUSINESS_THEN
        return [
            *await asyncio.to_thread(
                calendar, stated, question.since, until + MICROSECOND, as_it_was=as_it_was
            )
        ]

    async def _values(self, question: Question) -> dict[str, Any]:
        return live(await self.asked(question)) | {
            "workspace_id": question.workspace_id,
            "since": question.since,
            "until": question.until,
            "channel_id": None,
            "outcome": None,
            "credit": str(question.definition.credit),
        }

    async def _names(
        self, workspace_id: str, by: str | None, groups: Iterable[Group]
    ) -> dict[Credited, str | None]:
        if by not in ("employee", "channel"):
            return {}
        things = [each.keys if by == "employee" else ("channel", each.keys[0]) for each in groups]
        rows = await all_rows(
            self.pool,
            self.statements["names"],
            workspace_id=workspace_id,
            kinds=[kind for kind, _ in things],
            ids=[thing_id for _, thing_id in things],
        )
        return {(kind, thing_id): name for kind, thing_id, name in rows}


def microseconds(at: datetime) -> int:
    """Since 1970."""
    return (at - EPOCH) // MICROSECOND


def _read_cursor(cursor: str) -> tuple[int, int]:
    """Microseconds since 1970, and a position."""
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise Invalid(f"{cursor!r} is none of our cursors.", field="cursor")
    return int(found[1]), int(found[2])
