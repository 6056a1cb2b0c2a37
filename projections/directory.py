"""The company and its clients as they are now."""

from __future__ import annotations

from projections.answer import Pool, one_row
from projections.statements import Statements


class Directory:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("directory")

    async def portfolio(self, workspace_id: str, employee_id: str) -> tuple[list[str], list[str]]:
        """What would be handed over with an employee: his deals, lost ones too, and his contacts."""
        row = await one_row(
            self.pool, self.statements["portfolio"], workspace_id=workspace_id, employee_id=employee_id
        )
        return (row[0], row[1]) if row else ([], [])
