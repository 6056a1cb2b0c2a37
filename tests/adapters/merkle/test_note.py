"""Tree heads are signed notes as others write and read them, and the key is its owner's alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.merkle.note import (
    BadNote,
    KeyNotSafe,
    Signer,
    Verifier,
    open_note,
    read_checkpoint,
    signing_key,
)

KNOWN_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
KNOWN_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
KNOWN_NOTE = (
    f"{KNOWN_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
    "ngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of Go's package `note`, from which the specification was made."""

ROOT = bytes(range(32))


def signer(name: str = "log.example/1", seed: int = 1) -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def test_a_note_of_others_is_read() -> None:
    known = Verifier.of(KNOWN_KEY)

    assert known.vkey == KNOWN_KEY
    assert open_note(KNOWN_NOTE, [known]) == (KNOWN_TEXT, {"PeterNeumann"})
    with pytest.raises(BadNote, match="is not that of this text"):
        open_note(KNOWN_NOTE.replace("answer", "anwser"), [known])


def test_what_is_signed_is_read_again_with_the_key_as_it_is_told() -> None:
    head = read_checkpoint(signer().sign(42, ROOT), [Verifier.of(signer().verifier.vkey)])

    assert (head.origin, head.size, head.root_hash) == ("log.example/1", 42, ROOT)


@pytest.mark.parametrize(
    ("told", "instead"),
    [("42", "43"), ("log.example/1\n", "log.example/2\n"), ("AAEC", "AAED"), ("— log", "- log")],
)
def test_nothing_in_it_can_be_changed(told: str, instead: str) -> None:
    with pytest.raises(BadNote):
        read_checkpoint(signer().sign(42, ROOT).replace(told, instead, 1), [signer().verifier])


def test_another_key_vouches_for_nothing() -> None:
    note = signer().sign(42, ROOT)

    with pytest.raises(BadNote, match=r"no known key of log.example/1"):
        read_checkpoint(note, [signer(seed=2).verifier, signer(name="log.example/2").verifier])


def test_a_witness_may_sign_too_but_a_wrong_signature_of_a_known_key_spoils_all() -> None:
    note, witness = signer().sign(42, ROOT), signer("witness", 2)
    strange = note + witness.sign(1, ROOT).splitlines()[-1] + "\n"

    assert read_checkpoint(strange, [signer().verifier]).size == 42
    with pytest.raises(BadNote, match="the signature of witness"):
        read_checkpoint(strange, [signer().verifier, witness.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "no signature\n",
        "text\n\n",
        "text\n\nno dash\n",
        "text\n\n— name %%%\n",
        "tex\tt\n\n— name AAAA\n",
        "text\n\n" + "— name AAAA\n" * 101,
        "x" * (2**20 + 1),
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        read_checkpoint(note, [signer().verifier])


@pytest.mark.parametrize(
    "vkey", ["", "name", "name+12345678+AAAA", KNOWN_KEY.replace("c74", "c75"), "a b+1+A"]
)
def test_what_is_no_key_is_refused(vkey: str) -> None:
    with pytest.raises(BadNote):
        Verifier.of(vkey)


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signing.key"
    made = signing_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(path).private_bytes_raw() == made.private_bytes_raw()
    assert list(path.parent.iterdir()) == [path]


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    signing_key(path)
    path.chmod(0o640)

    with pytest.raises(KeyNotSafe, match=r"can be read by others"):
        signing_key(path)


def test_a_file_that_holds_no_key_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_text("something dear")
    path.chmod(0o600)

    with pytest.raises(KeyNotSafe, match="holds no private key"):
        signing_key(path)
    assert path.read_text() == "something dear"
