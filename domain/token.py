"""A token: what a caller shows to be let in. The ledger knows its digest only."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from domain.errors import Unauthorized
from domain.fact import By, Fact, Noun
from domain.ids import derive


@dataclass(frozen=True, slots=True)
class Shown:
    """A token as its holder showed it, to act in one of its scopes. digest: as in `Token.Issued`."""

    token_id: str
    digest: str
    scope: str

    def id_in(self, workspace_id: str) -> UUID:
        return derive("token", workspace_id, self.token_id)


class Token(Noun):
    TOPIC = "token"

    class Issued(Fact):
        """A token with these scopes is good from now on. digest: SHA-256 of the token, hex."""

        TOPIC = "token.issued"
        token_id: str
        scopes: list[str]
        label: str
        digest: str

        def apply(self, token: Token) -> None:
            token.digest, token.scopes, token.revoked = self.digest, self.scopes, False

    class Revoked(Fact):
        """The token opens nothing any more."""

        TOPIC = "token.revoked"
        token_id: str

        def apply(self, token: Token) -> None:
            token.revoked = True

    def __init__(self) -> None:
        self.digest = ""
        self.scopes: list[str] = []
        self.revoked = False

    def admit(self, shown: Shown) -> None:
        """Raises Unauthorized: what was shown does not open this scope, or no longer."""
        if self.revoked or shown.digest != self.digest or shown.scope not in self.scopes:
            raise Unauthorized(shown.token_id)

    def issue(self, token_id: str, *, scopes: list[str], label: str, digest: str, by: By) -> None:
        if self.revoked or (self.digest, self.scopes) != (digest, scopes):
            self.record(Token.Issued, by, token_id=token_id, scopes=scopes, label=label, digest=digest)

    def revoke(self, token_id: str, *, by: By) -> None:
        if not self.revoked:
            self.record(Token.Revoked, by, token_id=token_id)
