"""Who is let in: the tokens that were issued, and whether they still open anything."""

from __future__ import annotations

from dataclasses import dataclass

from projections.answer import Pool, one_row
from projections.statements import Statements


@dataclass(frozen=True, slots=True)
class TokenRow:
    """digest: SHA-256 of the token, hex."""

    workspace_id: str
    token_id: str
    scopes: list[str]
    digest: str
    revoked: bool


class Access:
    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("access")

    async def token(self, token_id: str) -> TokenRow | None:
        """The token of this id, revoked or not."""
        row = await one_row(self.pool, self.statements["token"], token_id=token_id)
        return TokenRow(*row) if row else None
