"""Tokens: issued, changed, revoked, issued again."""

import asyncio
from typing import Any

import pytest
from psycopg import Connection

from adapters.postgres.database import create_async_pool
from projections.access import Access, TokenRow
from tests.projections.history import History, follow


def token(url: str, token_id: str) -> TokenRow | None:
    async def ask() -> TokenRow | None:
        async with create_async_pool(url, max_size=1) as pool:
            return await Access(pool).token(token_id)

    return asyncio.run(ask())


def issue(history: History, token_id: str, digest: str, workspace_id: str = "main") -> int:
    return history.append(
        "token.issued",
        f"{workspace_id}/{token_id}",
        workspace_id=workspace_id,
        token_id=token_id,
        scopes=["connector", "employee:oleg"],
        label="a label",
        digest=digest,
    )


def revoke(history: History, token_id: str) -> int:
    return history.append("token.revoked", f"main/{token_id}", token_id=token_id)


def test_a_token_is_known_with_its_scopes(url: str, history: History, connection: Connection[Any]) -> None:
    follow(connection, issue(history, "t1", "abc"))

    assert token(url, "t1") == TokenRow("main", "t1", ["connector", "employee:oleg"], "abc", False)
    assert token(url, "t2") is None


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2)])
def test_the_last_word_about_a_token_counts(
    url: str, history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    issue(history, "gone", "abc")
    revoke(history, "gone")
    issue(history, "back", "abc")
    revoke(history, "back")
    follow(connection, issue(history, "back", "def"), [*cuts, *(cut + 2 for cut in cuts)])

    gone, back = token(url, "gone"), token(url, "back")
    assert gone is not None
    assert gone.revoked
    assert back == TokenRow("main", "back", ["connector", "employee:oleg"], "def", False)


@pytest.mark.parametrize("cuts", [(), (1,)])
def test_an_id_belongs_to_the_workspace_that_used_it_first(
    url: str, history: History, connection: Connection[Any], cuts: tuple[int, ...]
) -> None:
    issue(history, "t1", "theirs", workspace_id="z")
    follow(connection, issue(history, "t1", "ours", workspace_id="a"), cuts)

    found = token(url, "t1")
    assert found is not None
    assert found.digest == "theirs"
