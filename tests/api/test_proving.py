"""The tree is the ledger's, however often who makes it was cut off; what does not fit is not signed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from adapters.merkle.leaf import leaf_hash
from adapters.merkle.note import Verifier, read_checkpoint, signing_key
from adapters.merkle.tiles import Tail
from adapters.merkle.verifying import Kept
from adapters.settings import Settings
from api import limits
from api.proving import signer_of
from tests.api import commands
from tests.api.client import Client, Server, serving
from tests.api.proving import (
    SIGNED_AT_ONCE,
    by_superuser,
    eventually,
    exported,
    record,
    signed_head,
    signing,
    verified,
)
from tests.api.receiver import Receiver

END_LEAD = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'chatledger proof'
  AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
"""


def rows(database_url: str, question: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(question.encode(), values).fetchall()


def assert_tiles_are_the_ledgers(database_url: str) -> int:
    """All of them, worked out anew; returns over how many events."""
    ((size,),) = rows(database_url, "SELECT size FROM proof.head")
    tail = Tail()
    leaves = [leaf_hash(json.loads(line)) for line in exported(database_url)[:size]]
    expected = tail.extend(leaves)
    found = {(level, index): bytes(hashes) for level, index, hashes in _tiles(database_url)}
    assert found == expected
    for signed, root_hash in rows(database_url, "SELECT size, root_hash FROM proof.checkpoint"):
        before = Tail()
        before.extend(leaves[:signed])
        assert before.root() == root_hash
    return int(size)


def _tiles(database_url: str) -> list[tuple[Any, ...]]:
    return rows(database_url, "SELECT level, index, hashes FROM proof.tile")


def problem_of(auditor: Client) -> str:
    """Why nothing is signed, as soon as that is known."""

    def look() -> str:
        answer = auditor.ask("GET", "/v1/audit/checkpoint")
        return str(answer.json()["detail"]) if answer.status_code == 503 else ""

    return str(eventually(look))


def test_a_key_of_its_owners_is_made_and_used_again(database_url: str, tmp_path: Path) -> None:
    keys = set()
    for _ in range(2):
        with signing(database_url, tmp_path) as server:
            keys.add(signed_head(server.client.with_token("auditor"))[0]["public_key"])

    with psycopg.connect(database_url) as connection:
        signer = signer_of(connection, Settings(data=tmp_path, log_origin="log.example/1"))
    assert keys == {signer.verifier.vkey}
    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600
    ((private,),) = rows(database_url, "SELECT string_agg(tile::text, '') FROM proof.tile AS tile")
    assert signing_key(tmp_path / "signing.key").private_bytes_raw().hex() not in private


def test_after_so_many_events_one_is_signed_without_waiting(database_url: str, tmp_path: Path) -> None:
    with signing(database_url, tmp_path, checkpoint_interval_s=3600, checkpoint_events=20) as server:
        auditor = server.client.with_token("auditor")
        first, _ = signed_head(auditor)
        record(database_url, 25)
        eventually(lambda: signed_head(auditor)[0]["size"] >= first["size"] + 20)
        sizes = [size for (size,) in rows(database_url, "SELECT size FROM proof.checkpoint")]

    assert len(sizes) <= 4


def test_who_waits_for_a_position_has_it_signed_at_once(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(database_url, data=tmp_path, checkpoint_interval_s=3600) as server:
        auditor = server.client.with_token("auditor")
        last = record(database_url, 3)
        answer, _ = signed_head(auditor, last)
        with monkeypatch.context() as patched:
            patched.setattr(limits, "WAIT_S", 0.1)
            beyond = auditor.ask("GET", "/v1/audit/checkpoint", params={"min_position": limits.POSITION})
        again, head = signed_head(auditor, record(database_url, 3))
        before = rows(database_url, "SELECT xmin::text, size FROM proof.checkpoint ORDER BY size")
        signed_head(auditor, again["size"])  # nothing was appended, so nothing is signed
        assert rows(database_url, "SELECT xmin::text, size FROM proof.checkpoint ORDER BY size") == before

    ((log_id,),) = rows(database_url, "SELECT log_id FROM proof.head")
    assert head.origin == f"chatledger.local/{log_id}"
    assert last <= answer["size"] < again["size"]
    assert (beyond.status_code, beyond.json()["code"]) == (503, "position_not_reached")


def test_a_server_goes_on_where_the_one_before_was(database_url: str, tmp_path: Path) -> None:
    for count in (10, 250, 30):
        with signing(database_url, tmp_path) as server:
            last = record(database_url, count, f"client-of-{count}")
            signed_head(server.client.with_token("auditor"), last)

    assert assert_tiles_are_the_ledgers(database_url) >= last
    kept = Kept(tmp_path / "checkpoints")
    assert {int(name.removesuffix(".txt")) for name, _ in kept.notes() if name != "checkpoint"} <= {
        size for (size,) in rows(database_url, "SELECT size FROM proof.checkpoint")
    }


def test_of_two_servers_one_signs_and_the_other_takes_over(database_url: str, tmp_path: Path) -> None:
    with signing(database_url, tmp_path) as one, signing(database_url, tmp_path):
        auditor = one.client.with_token("auditor")
        signed_head(auditor, record(database_url, 20, "a"))
        assert rows(database_url, END_LEAD) == [(1,)]
        signed_head(auditor, record(database_url, 20, "b"))
        assert rows(database_url, END_LEAD) == [(1,)]
        last = record(database_url, 300, "c")
        signed_head(auditor, last)

    assert assert_tiles_are_the_ledgers(database_url) >= last
    ((epoch,),) = rows(database_url, "SELECT epoch FROM proof.head")
    assert epoch >= 3


def test_who_lost_the_lead_writes_nothing(database_url: str, tmp_path: Path) -> None:
    with signing(database_url, tmp_path) as server:
        auditor = server.client.with_token("auditor")
        signed_head(auditor, record(database_url, 5))
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("UPDATE proof.head SET epoch = epoch + 1")
            last = record(database_url, 5, "another")
            signed_head(auditor, last)  # by the next lead, which is this process's again

    assert assert_tiles_are_the_ledgers(database_url) >= last


def test_a_server_that_is_killed_while_it_hashes_loses_nothing(database_url: str, tmp_path: Path) -> None:
    with serving(database_url, data=tmp_path, **SIGNED_AT_ONCE) as server:
        record(database_url, 1)
    record(database_url, 8_000)
    with commands.serving(
        CHATLEDGER_DATABASE_URL=database_url,
        CHATLEDGER_DATA=str(tmp_path),
        CHATLEDGER_CHECKPOINT_INTERVAL_S="0.01",
        CHATLEDGER_LOG_ORIGIN="log.example/1",
        CHATLEDGER_CHECKPOINT_PLACES=str(tmp_path / "checkpoints"),
    ) as killed:
        before = eventually(lambda: hashed(database_url) > 1_000 and hashed(database_url))
        killed.process.kill()
        killed.process.communicate(timeout=commands.TIMEOUT_S)
    assert before <= hashed(database_url) < 8_000
    with signing(database_url, tmp_path) as server:
        answer, _ = signed_head(server.client.with_token("auditor"), server.head)

    assert assert_tiles_are_the_ledgers(database_url) >= 8_000
    assert verified(exported(database_url), answer["public_key"], tmp_path / "checkpoints").good


def hashed(database_url: str) -> int:
    return int(rows(database_url, "SELECT size FROM proof.head")[0][0])


def test_nothing_is_signed_over_what_is_no_longer_what_was_hashed(database_url: str, tmp_path: Path) -> None:
    with signing(database_url, tmp_path) as server:
        last = record(database_url, 10)
        answer, _ = signed_head(server.client.with_token("auditor"), last)
    with by_superuser(database_url) as connection:
        connection.execute("UPDATE ledger SET actor = 'nobody' WHERE position = %s", [last])
    with signing(database_url, tmp_path) as server:
        auditor = server.client.with_token("auditor")
        told = problem_of(auditor)
        metrics = server.client.ask("GET", "/metrics").text
        before = auditor.get("/v1/audit/checkpoint", size=1)
        record(database_url, 3, "another")

    assert told == f"the event at position {last} is not the one that was hashed"
    assert "chatledger_proof_broken 1.0" in metrics
    assert before["size"] >= 1
    ((signed,),) = rows(database_url, "SELECT max(size) FROM proof.checkpoint")
    assert signed <= answer["size"] + 2  # what was recorded before the server ended


def test_an_old_copy_of_the_database_is_known_by_what_is_kept_outside(
    database_url: str, tmp_path: Path, databases: Any
) -> None:
    with signing(database_url, tmp_path) as server:
        record(database_url, 10)
        signed_head(server.client.with_token("auditor"), server.head)
    copy = databases.create(template=database_url)
    with signing(database_url, tmp_path) as server:
        record(database_url, 10, "forgotten")
        answer, _ = signed_head(server.client.with_token("auditor"), server.head)
        folder = tmp_path / "checkpoints" / "checkpoints"
        eventually(lambda: (folder / f"{answer['size']}.txt").exists())
    with signing(copy, tmp_path) as server:
        auditor = server.client.with_token("auditor")
        short = problem_of(auditor)
    record(copy, 40, "told anew")
    with signing(copy, tmp_path) as server:
        other = problem_of(server.client.with_token("auditor"))

    assert "the ledger was cut off, or an old copy put in its place" in short
    assert other == f"the first {answer['size']} events are not those that were signed"


def test_a_place_that_is_down_keeps_no_other_waiting(
    database_url: str, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.keeping.FIRST_RETRY_S", 0.02)
    receiver.answers["/told"] = [503, 503]
    (tmp_path / "spoiled").write_text("no folder")
    places = [
        str(tmp_path / "folder"),
        receiver.url(),
        str(tmp_path / "spoiled"),
        f"git+file://{tmp_path}/git",
    ]
    with signing(database_url, tmp_path, checkpoint_places=",".join(places)) as server:
        auditor = server.client.with_token("auditor")
        answer, _ = signed_head(auditor, record(database_url, 5))
        receiver.wait_until(lambda: answer["note"] in [one.body.decode() for one in receiver.accepted()])
        for kept in ("folder", "git"):
            path = tmp_path / kept / "checkpoints" / f"{answer['size']}.txt"
            eventually(path.exists)
            assert path.read_text() == answer["note"]
        eventually(lambda: failing(server) == {str(tmp_path / "spoiled")})

    verifier = Verifier.of(answer["public_key"])
    sizes = [read_checkpoint(one.body.decode(), [verifier]).size for one in receiver.accepted()]
    assert sizes == sorted(set(sizes))
    assert receiver.requests[0].status == 503


def failing(server: Server) -> set[str]:
    """The places that did not take the last tree head, as operators are told."""
    lines = server.client.ask("GET", "/metrics").text.splitlines()
    name = "chatledger_checkpoint_place_failing"
    return {line.split('"')[1] for line in lines if line.startswith(name) and line.endswith(" 1.0")}


def test_a_place_that_was_away_gets_all_that_it_missed(database_url: str, tmp_path: Path) -> None:
    with signing(database_url, tmp_path, checkpoint_places="") as server:
        for number in range(3):
            signed_head(server.client.with_token("auditor"), record(database_url, 120, f"client-{number}"))
    with signing(database_url, tmp_path) as server:
        answer, _ = signed_head(server.client.with_token("auditor"))
        folder = tmp_path / "checkpoints"
        eventually(lambda: (folder / "checkpoints" / f"{answer['size']}.txt").exists())
    report = verified(exported(database_url), answer["public_key"], folder)

    assert report.good, report.faults
    assert report.kept_hashes == max(report.checkpoints) >= 360
    assert len(report.checkpoints) >= 3


def test_without_a_safe_key_nothing_is_signed_and_it_is_said(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    signing_key(path)
    path.chmod(0o644)
    with signing(database_url, tmp_path) as server:
        told = problem_of(server.client.with_token("auditor"))
        assert server.client.put_contact("still")["position"] > 0

    assert told == f"{path} can be read by others: chmod 600 {path}"
