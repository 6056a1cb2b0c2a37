"""What an auditor takes away proves what it says, and no more than is signed can be had."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.merkle.leaf import leaf_hash
from adapters.merkle.tiles import Tail
from adapters.merkle.tree import is_consistent, is_included
from tests.api.client import Client, Server
from tests.api.proving import exported, record, signed_head, signing
from tests.databases import Databases

EVENTS = 300


@pytest.fixture(scope="module")
def signer(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a few hundred events, all signed."""
    url = databases.create()
    with signing(url, tmp_path_factory.mktemp("data")) as server:
        last = record(url, EVENTS)
        signed_head(server.client.with_token("auditor"), last)
        yield server
    databases.drop(url)


@pytest.fixture(scope="module")
def auditor(signer: Server) -> Client:
    return signer.client.with_token("auditor")


@pytest.fixture
def leaves(signer: Server, auditor: Client) -> list[bytes]:
    """Worked out from the log, without a question that would be recorded in it."""
    signed_head(auditor, signer.head)
    return [leaf_hash(json.loads(line)) for line in exported(signer.system.database_url)]


def root_of(leaves: list[bytes], size: int) -> bytes:
    tail = Tail()
    tail.extend(leaves[:size])
    return tail.root()


def test_a_tree_head_is_signed_over_everything_that_is_recorded(
    signer: Server, auditor: Client, leaves: list[bytes]
) -> None:
    answer, head = signed_head(auditor, signer.head)

    assert (answer["origin"], answer["size"]) == (head.origin, head.size) == ("log.example/1", signer.head)
    assert b64decode(answer["root_hash"]) == head.root_hash == root_of(leaves, head.size)


def test_the_note_itself_can_be_had_and_one_of_before(auditor: Client) -> None:
    answer, _ = signed_head(auditor)
    note = auditor.ask("GET", "/v1/audit/checkpoint", headers={"Accept": "text/plain"})

    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    assert note.text == answer["note"]
    assert 100 <= auditor.get("/v1/audit/checkpoint", size=100)["size"] <= answer["size"]


@pytest.mark.parametrize("position", [1, 2, 255, 256, 257, EVENTS])
def test_an_event_is_proven_to_be_in_the_tree(auditor: Client, leaves: list[bytes], position: int) -> None:
    for size in {position, 256, 290, EVENTS} - set(range(position)):
        proof = auditor.get("/v1/audit/proof/inclusion", position=position, size=size)
        path = [b64decode(each) for each in proof["audit_path"]]
        assert (proof["leaf_index"], proof["size"]) == (position - 1, size)
        assert b64decode(proof["leaf_hash"]) == leaves[position - 1]
        assert b64decode(proof["root_hash"]) == root_of(leaves, size)
        assert is_included(leaves[position - 1], position - 1, size, path, root_of(leaves, size))


def test_a_tree_is_proven_to_be_the_beginning_of_another(auditor: Client, leaves: list[bytes]) -> None:
    for former, latter in pairwise([1, 2, 3, 128, 255, 256, 257, 299, 300]):
        proof = auditor.get("/v1/audit/proof/consistency", **{"from": former, "to": latter})
        path = [b64decode(each) for each in proof["proof"]]
        assert is_consistent(former, latter, path, root_of(leaves, former), root_of(leaves, latter))
        assert b64decode(proof["to_root_hash"]) == root_of(leaves, latter)


def test_tiles_are_the_leaf_hashes(auditor: Client, leaves: list[bytes]) -> None:
    full = auditor.ask("GET", "/v1/audit/tile/0/0")
    part = auditor.ask("GET", "/v1/audit/tile/0/1?width=7")

    assert full.headers["content-type"] == "application/octet-stream"
    assert full.content == b"".join(leaves[:256])
    assert part.content == b"".join(leaves[256:263])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("checkpoint?size=100000", "not_signed"),
        ("proof/inclusion?position=100000", "invalid_request"),
        ("proof/inclusion?position=1&size=100000", "not_signed"),
        ("proof/inclusion?position=7&size=6", "invalid_request"),
        ("proof/inclusion?position=0", "invalid_request"),
        ("proof/inclusion", "invalid_request"),
        ("proof/consistency?from=1&to=100000", "not_signed"),
        ("proof/consistency?from=7&to=6", "invalid_request"),
        ("proof/consistency?from=0&to=6", "invalid_request"),
        ("proof/consistency", "invalid_request"),
        ("tile/0/100", "not_signed"),
        ("tile/0/1?width=256", "not_signed"),
        ("tile/7/0", "invalid_request"),
        ("log?after=-1", "invalid_request"),
    ],
)
def test_what_is_not_signed_is_refused(auditor: Client, path: str, code: str) -> None:
    answer = auditor.ask("GET", f"/v1/audit/{path}")

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert ("signed_size" in answer.json()) == (code == "not_signed")


def test_the_log_can_be_had_in_parts(signer: Server, auditor: Client) -> None:
    whole = auditor.ask("GET", "/v1/audit/log", params={"until": 10})
    parts = [
        auditor.ask("GET", "/v1/audit/log", params={"after": after, "until": after + 3}).text
        for after in (0, 3, 6)
    ]

    assert whole.headers["content-type"] == "application/x-ndjson"
    assert whole.headers["Chatledger-Position"] == "10"
    assert "".join(parts).splitlines() == whole.text.splitlines()[:9]
    assert (
        whole.text.splitlines() == [line.rstrip("\n") for line in exported(signer.system.database_url)][:10]
    )
    assert auditor.ask("GET", "/v1/audit/log", params={"after": 10_000_000}).text == ""


def test_of_another_company_only_hashes_are_handed_out(
    database_url: str, tmp_path: Path, leaves: list[bytes]
) -> None:
    from tests.api.test_access import issued_in

    with signing(database_url, tmp_path) as server:
        theirs = Client(server.client.http, issued_in(server, "other", ["admin", "auditor"]))
        record(database_url, 3, "a secret")
        theirs.put_contact("theirs")
        lines = theirs.ask("GET", "/v1/audit/log").text.splitlines()
        signed_head(theirs, server.head)
        proof = theirs.get("/v1/audit/proof/inclusion", position=1, size=len(lines))

    told = [json.loads(line) for line in lines]
    assert "secret" not in "".join(lines)
    assert [set(line) == {"position", "leaf_hash"} for line in told].count(False) == 2
    own = [bytes.fromhex(line["leaf_hash"]) if "leaf_hash" in line else leaf_hash(line) for line in told]
    assert root_of(own, len(own)) == b64decode(proof["root_hash"])
