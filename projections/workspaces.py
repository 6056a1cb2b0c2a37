"""What workspaces have stated of themselves: which hours counted when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from domain.calendar import UNSTATED, Configuration
from domain.ids import derive
from projections.answer import Pool, all_rows
from projections.statements import Statements

CONFIGURATIONS: Final = 10_000
"""Of one workspace; what it stated before these is not asked for."""

Stated = tuple[datetime, str | None, Mapping[str, Any] | None, Mapping[str, Any] | None]
"""When, and timezone, business_hours and holidays; None: as it was before."""


class Workspaces:
    """Questions that the ledger answers itself, so there is nothing to wait for."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("workspaces")

    async def configurations(self, workspace_id: str) -> list[Configuration]:
        """What counted from when on, oldest first; what counts from the beginning, before all of them."""
        rows = await all_rows(
            self.pool,
            self.statements["configurations"],
            stream_id=derive("workspace", workspace_id),
            limit=CONFIGURATIONS,
        )
        return configured(reversed(rows))


def configured(stated: Iterable[Stated]) -> list[Configuration]:
    """The configurations that follow from what was stated, oldest first; an empty object takes back."""
    known = [UNSTATED]
    for at, timezone, business_hours, holidays in stated:
        last = known[-1]
        known.append(
            Configuration(
                at,
                timezone or last.timezone,
                last.business_hours if business_hours is None else business_hours or None,
                last.holidays if holidays is None else holidays or None,
            )
        )
    return known
