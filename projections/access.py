"""Who is let in: the tokens that were issued, and whether they still open anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projections.answer import Pool, all_rows, one_row
from projections.statements import Statements


@dataclass(frozen=True, slots=True)
class TokenRow:
    """digest: SHA-256 of the token, hex."""

    workspace_id: str
    token_id: str
    scopes: list[str]
    digest: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """What somebody opened something with. digest: SHA-256 of the token, hex."""

    token_id: str
    digest: str
    workspace_id: str
    employee_id: str


class Access:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("access")

    async def token(self, token_id: str) -> TokenRow | None:
        """The token of this id, revoked or not."""
        row = await one_row(self.pool, self.statements["token"], token_id=token_id)
        return TokenRow(*row) if row else None

    async def in_force(self, opened: Sequence[Opened]) -> dict[Opened, bool]:
        """Those of which the token is not revoked; and of each, whether the employee has not left."""
        rows = await all_rows(
            self.pool,
            self.statements["in_force"],
            token_ids=[each.token_id for each in opened],
            digests=[each.digest for each in opened],
            workspace_ids=[each.workspace_id for each in opened],
            employee_ids=[each.employee_id for each in opened],
        )
        return {opened[number - 1]: active for number, active in rows}
